"""What must outlive the process about plugins: which one was being loaded when it died."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from ucv.clock import Clock, SystemClock
from ucv.plugins.quarantine import MAX_REASON, Stage

_log = logging.getLogger(__name__)

FILE = "plugins.json"
#: How often in a row the hub may die while it loads a plugin.
MAX_DEATHS = 3
#: More than the hub writes itself; a larger file is not its own.
_MAX_BYTES = 1_000_000
_MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Held:
    """Why a plugin is not loaded at all.

    ``at`` is seconds since the epoch; ``file`` and ``line`` are where its fault is, if known.
    """

    reason: str
    at: float
    stage: Stage
    file: str = ""
    line: int = 0


class StartMarker:
    """Keeps plugins away from the hub that end it before it can say anything.

    A plugin may end the process while it is imported (``os._exit``, a crash in C), or never come
    back. So its path is written to ``plugins.json`` in the folder ``storage`` before it is loaded,
    and taken out afterwards: what is still there at the next start did not come back. After the
    third time in a row that plugin is held. Plugins that were taken out of use for failing again
    and again are held as well, over restarts, until somebody releases them.

    A file that cannot be read or written never keeps the hub from starting.
    """

    def __init__(self, storage: Path, *, clock: Clock | None = None) -> None:
        self._file = storage / FILE
        self._clock = clock or SystemClock()
        self._loading: str | None = None
        self._deaths: dict[str, int] = {}
        self._held: dict[str, Held] = {}
        if self._read():
            self._count_death()

    @property
    def quarantined(self) -> dict[str, Held]:
        """The plugins that are held, by path."""
        return dict(self._held)

    def held(self, path: str) -> Held | None:
        """Return why the plugin at that path must not be loaded, or None if it may be."""
        return self._held.get(path)

    @contextmanager
    def loading(self, path: str) -> Iterator[None]:
        """Mark that the plugin is being loaded.

        Whatever ends the process in between, Ctrl-C on a plugin that hangs included, leaves the
        mark.
        """
        self._loading = path
        self._write()
        try:
            yield
        except Exception:
            self._loaded(path)
            raise
        self._loaded(path)

    def hold(self, path: str, held: Held) -> None:
        """Keep a plugin from being loaded, from the next start on."""
        self._held[path] = held
        self._write()

    def release(self, path: str) -> bool:
        """Let a plugin be loaded again, and say whether it was held."""
        self._deaths.pop(path, None)
        held = self._held.pop(path, None) is not None
        self._write()
        return held

    def _loaded(self, path: str) -> None:
        self._loading = None
        self._deaths.pop(path, None)
        self._write()

    def _count_death(self) -> None:
        path, self._loading = self._loading, None
        if path is None:
            return
        deaths = self._deaths[path] = self._deaths.get(path, 0) + 1
        _log.warning("The hub ended the last time while it loaded the plugin %s", path)
        if deaths >= MAX_DEATHS:
            reason = f"The hub ended {deaths} times in a row while it loaded this plugin."
            self._held[path] = Held(reason, self._clock.time(), Stage.IMPORT, path)
            del self._deaths[path]
        self._write()

    # --- the file -----------------------------------------------------------------------------

    def _read(self) -> bool:
        """Read the file and say whether there is a good one."""
        try:
            if self._file.stat().st_size > _MAX_BYTES:
                raise ValueError("it is too large")
            self._parse(orjson.loads(self._file.read_bytes()))
        except FileNotFoundError:
            return False
        except OSError as error:
            _log.warning("%s cannot be read: %s", self._file, error.strerror)
            return False
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            aside = self._file.with_suffix(".damaged")
            _log.warning("%s is damaged (%s) and put aside as %s", FILE, error, aside.name)
            self._loading, self._deaths, self._held = None, {}, {}
            with suppress(OSError):
                self._file.replace(aside)
            return False
        return True

    def _parse(self, content: Any) -> None:
        loading = content["loading"]
        if loading is not None and not isinstance(loading, str):
            raise TypeError("loading is no path")
        if len(content["deaths"]) > _MAX_ENTRIES or len(content["held"]) > _MAX_ENTRIES:
            raise ValueError("it names too many plugins")
        deaths = {path: int(count) for path, count in content["deaths"].items()}
        held = {path: _held(entry) for path, entry in content["held"].items()}
        self._loading = loading if loading and not _is_gone(loading) else None
        self._deaths = {path: count for path, count in deaths.items() if not _is_gone(path)}
        self._held = {path: entry for path, entry in held.items() if not _is_gone(path)}

    def _write(self) -> None:
        content = {
            "loading": self._loading,
            "deaths": self._deaths,
            "held": {path: asdict(held) for path, held in self._held.items()},
        }
        temporary = self._file.with_suffix(".new")
        try:
            temporary.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
            temporary.replace(self._file)
        # Also a path that is not Unicode: JSON has no place for it.
        except (OSError, TypeError) as error:
            _log.warning("%s cannot be written: %s", self._file, error)


def _held(entry: Any) -> Held:
    return Held(
        str(entry["reason"])[:MAX_REASON],
        float(entry["at"]),
        Stage(entry["stage"]),
        str(entry["file"]),
        int(entry["line"]),
    )


def _is_gone(path: str) -> bool:
    """Whether a plugin was deleted; what is no path, but a name, is an installed package's."""
    return os.path.isabs(path) and not os.path.exists(path)
