"""Notices when the event loop does not turn, and names the plugin that holds it up."""

from __future__ import annotations

import asyncio
import logging
import selectors
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from ucv.plugins.places import plugin_of
from ucv.plugins.quarantine import PluginFault

_log = logging.getLogger(__name__)

#: Seconds between two looks at a loop that owes an answer.
_LOOK = 0.03
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

    def __str__(self) -> str:
        return f"The plugin {self.plugin} at {Path(self.file).name}:{self.line} ({self.function})"


_OTHERS = "What is no plugin"


class LoopWatchdog:
    """Watches the event loop that it is started on, from a thread of its own.

    ``paths`` returns the file or folder of each plugin by name; it is called from that thread.
    ``on_block`` is called on the loop, after a block of at least ``limit`` seconds during which a
    plugin's code was seen running. One of twice the limit is never overlooked.

    The thread looks several times a second at what the loop's thread is in, and if that is not
    waiting, asks the loop for a sign of life. A loop that waits is never woken, so that an idle
    hub pays less than a thousandth of a core.
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
        # Held while watching. To wait for a lock costs half as much as for an event.
        self._watching = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch the running loop; must be called on it."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._watching.acquire()
        self._thread = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End watching; harmless when it was not started."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._watching.release()
            thread.join()

    # --- in the thread ------------------------------------------------------------------------

    def _ended(self, seconds: float) -> bool:
        """Wait that long, and say whether watching ended meanwhile."""
        ended = self._watching.acquire(timeout=seconds)
        if ended:
            self._watching.release()
        return ended

    def _watch(self) -> None:
        while not self._ended(self._limit):
            frame = self._frame()
            if frame is not None and not _waits(frame):
                del frame  # or its variables would live until the next look
                self._follow()

    def _follow(self) -> None:
        """Ask the loop for a sign of life, and report if that takes too long."""
        began = time.monotonic()
        turned: list[float] = []
        try:
            self._loop.call_soon_threadsafe(lambda: turned.append(time.monotonic()))
        except RuntimeError:  # it is closed
            return
        place: _Place | None = None
        tell_after = _LASTING
        while not turned:
            if self._ended(_LOOK):
                return
            lasted = time.monotonic() - began
            # What runs at first may be done soon, and what runs after the block is not to blame.
            if place is None and lasted > self._limit / 2:
                seen = self._look()
                place = None if turned else seen
            if lasted >= tell_after:
                _log.warning(
                    "%s holds up the hub for %.0f s and has not ended", place or _OTHERS, lasted
                )
                tell_after *= 2
        seconds = turned[0] - began
        if seconds < self._limit:
            return
        if place is None:
            _log.debug("%s held up the hub for %.2f s", _OTHERS, seconds)
            return
        blocked = Blocked(place.plugin, place.file, place.line, place.function, seconds)
        try:
            self._loop.call_soon_threadsafe(self._report, blocked)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            _log.warning("%s", blocked)

    def _frame(self) -> FrameType | None:
        return sys._current_frames().get(self._loop_thread)

    def _look(self) -> _Place | None:
        """Return the innermost code of a plugin that the loop's thread is in."""
        try:
            paths = self._paths()
        except Exception as error:  # the loop's thread may change what is read here; look again
            _log.debug("The plugins' paths could not be read: %s", error)
            return None
        frame = self._frame()
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


def _waits(frame: FrameType) -> bool:
    """Whether this is what a loop's thread is in while nothing is to be done."""
    file = frame.f_code.co_filename
    # uvloop has no Python code of its own: what is seen is who runs it.
    if file == asyncio.runners.__file__:
        return True
    # A selector, but the loop's: `subprocess.run` has one too.
    caller = frame.f_back
    return (
        file == selectors.__file__
        and caller is not None
        and caller.f_code.co_filename == asyncio.base_events.__file__
    )
