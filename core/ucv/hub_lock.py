"""Keeps two hubs from one configuration directory, and tells who runs there."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from ucv.config.paths import ConfigDirectory
from ucv.errors import HubRunning

_NAME = "hub.lock"
#: More digits than a process id has.
_MAX_BYTES = 32


class HubLock:
    """The right to work on a configuration directory; ends with the process that holds it.

    ``storage`` is the directory's ``.storage``, which must exist.
    """

    def __init__(self, storage: Path) -> None:
        self._path = storage / _NAME
        self._file: IO[bytes] | None = None

    def acquire(self) -> None:
        """Take it; raises `HubRunning` while another process, or hub, has it, and `OSError`."""
        # Not truncated before it is ours: it may name who has it.
        file = self._path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _pid_in(file)
            file.close()
            who = f" (process {pid})" if pid else ""
            raise HubRunning(
                f"A hub is running on this configuration directory{who}; stop it first.",
                details={"pid": pid},
            ) from None
        try:
            file.truncate(0)
            file.write(b"%d\n" % os.getpid())
            file.flush()
        except OSError:
            file.close()
            raise
        self._file = file

    def release(self) -> None:
        """Let go of it; harmless when it is not held."""
        file, self._file = self._file, None
        if file is not None:
            file.truncate(0)
            file.close()

    def __enter__(self) -> HubLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def running_pid(directory: ConfigDirectory) -> int | None:
    """Return the process id of the hub that runs on a directory, or None; raises `OSError`."""
    path = directory.storage / _NAME
    if not path.exists():
        return None
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid_in(file)
    return None


def _pid_in(file: IO[bytes]) -> int | None:
    file.seek(0)
    text = file.read(_MAX_BYTES).strip()
    return int(text) if text.isdigit() else None
