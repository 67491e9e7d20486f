"""Notices when the event loop does not turn, and names the plugin that holds it up."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ucv.plugins.places import plugin_of
from ucv.plugins.quarantine import PluginFault

_log = logging.getLogger(__name__)

#: Seconds between two looks at a loop that is held up.
_LOOK = 0.02
#: Seconds after which a block that has not ended is logged; again after twice as long, and so on.
_LASTING = 5.0


@dataclass(frozen=True, slots=True)
class Blocked:
    """A plugin held up the event loop.

    ``seconds`` is how long at the least; ``file``, ``line`` and ``function`` are the innermost code
    of the plugin that was seen running meanwhile.
    """

    plugin: str
    file: str
    line: int
    function: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"The plugin {self.plugin} held up the hub for {self.seconds:.1f} s "
            f"at {Path(self.file).name}:{self.line} ({self.function})"
        )

    def as_fault(self) -> PluginFault:
        """Return it as an exception that points into the plugin's code."""
        return PluginFault(f"It held up the hub for {self.seconds:.1f} s.", self.file, self.line)


@dataclass(frozen=True, slots=True)
class _Place:
    plugin: str
    file: str
    line: int
    function: str


class LoopWatchdog:
    """Watches the event loop that it is started on, from a thread of its own.

    ``paths`` returns the file or folder of each plugin by name; it is called from that thread.
    ``on_block`` is called on the loop, after a block of ``limit`` seconds or more during which a
    plugin's code was seen running.

    The loop leaves a mark several times a second, and the thread looks only when one is overdue;
    on an idle hub both together cost less than a thousandth of a core.
    """

    def __init__(
        self,
        paths: Callable[[], Mapping[str, str]],
        *,
        limit: float = 0.25,
        on_block: Callable[[Blocked], object] = lambda _blocked: None,
    ) -> None:
        self._paths = paths
        self._limit = limit
        self._on_block = on_block
        self._period = limit / 2
        # When the loop last left its mark, and when it should again: monotonic seconds. Replaced
        # as one, since the thread reads both.
        self._mark = (0.0, 0.0)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch the running loop; must be called on it."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._ended.clear()
        self._leave_mark()
        self._thread = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End watching; harmless when it was not started."""
        thread, self._thread = self._thread, None
        if self._timer is not None:
            self._timer.cancel()
        self._ended.set()
        if thread is not None:
            thread.join()

    def _leave_mark(self) -> None:
        now = time.monotonic()
        self._mark = (now, now + self._period)
        self._timer = self._loop.call_later(self._period, self._leave_mark)

    # --- in the thread ------------------------------------------------------------------------

    def _watch(self) -> None:
        while True:
            # Not before the next mark can be overdue: an idle thread costs its wake-ups.
            overdue = self._mark[1] + self._limit
            if self._ended.wait(max(overdue - time.monotonic(), 0.001)):
                return
            mark = self._mark
            if time.monotonic() - mark[1] >= self._limit:
                self._follow(mark)

    def _follow(self, mark: tuple[float, float]) -> None:
        """Stay with one block until it ends, and report it."""
        place: _Place | None = None
        tell_after = _LASTING
        while self._mark is mark:
            seen = place or self._look()
            # What ran after the block is not to blame.
            if self._mark is mark:
                place = seen
            if time.monotonic() - mark[1] >= tell_after:
                _log.warning(
                    "%s holds up the hub for %.0f s and has not ended",
                    f"The plugin {place.plugin} at {Path(place.file).name}:{place.line}"
                    f" ({place.function})"
                    if place
                    else "Something that is no plugin",
                    time.monotonic() - mark[1],
                )
                tell_after *= 2
            if self._ended.wait(_LOOK):
                return
        seconds = self._mark[0] - mark[1]
        if place is None:
            _log.debug("The event loop did not turn for %.2f s, through no plugin", seconds)
            return
        blocked = Blocked(place.plugin, place.file, place.line, place.function, seconds)
        try:
            self._loop.call_soon_threadsafe(self._report, blocked)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            _log.warning("%s", blocked)

    def _look(self) -> _Place | None:
        """Return the innermost code of a plugin that the loop's thread is in."""
        try:
            paths = self._paths()
        except Exception as error:  # the loop's thread may change what is read here; look again
            _log.debug("The plugins' paths could not be read: %s", error)
            return None
        frame = sys._current_frames().get(self._loop_thread)
        while frame is not None:
            file = frame.f_code.co_filename
            if (plugin := plugin_of(file, paths)) is not None:
                return _Place(plugin, file, frame.f_lineno or 0, frame.f_code.co_name)
            frame = frame.f_back
        return None

    # --- on the loop again --------------------------------------------------------------------

    def _report(self, blocked: Blocked) -> None:
        _log.warning("%s", blocked)
        self._on_block(blocked)
