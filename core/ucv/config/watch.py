"""Notices when files of the configuration change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from watchfiles import Change, awatch

from ucv.config.paths import Look, look

_log = logging.getLogger(__name__)

#: Milliseconds in which changes are gathered: editors write a file in several steps.
_GATHER = 200
#: Milliseconds after which the files are looked at in any case: some file systems tell nothing.
_LOOK = 1000

#: What files looked like.
Signature = Mapping[Path, Look]


def signature_of(files: Collection[Path]) -> Signature:
    """Return what the files look like now; reads none of them."""
    return {file: look(file) for file in files}


async def until_changed(seen: Signature) -> None:
    """Return when one of these files was written, replaced, made or removed since ``seen``.

    Their folders are watched, not the files: editors put a new file in the old one's place.
    """
    wanted = seen.keys()
    while True:
        folders = await asyncio.to_thread(_folders, wanted)

        def concerns(_change: Change, path: str, folders: dict[Path, set[str]] = folders) -> bool:
            return any(path in names for names in folders.values())

        try:
            # Not the folders below: the hub's own database is in one of them.
            async for _ in awatch(
                *folders,
                watch_filter=concerns,
                debounce=_GATHER,
                step=50,
                recursive=False,
                rust_timeout=_LOOK,
                yield_on_timeout=True,
            ):
                if await asyncio.to_thread(signature_of, wanted) != seen:
                    return
                if await asyncio.to_thread(_folders, wanted) != folders:
                    break  # a folder that was missing is there
        except OSError as error:
            _log.warning("The configuration's folders cannot be watched: %s", error)
            await asyncio.sleep(_LOOK / 1000)
            if await asyncio.to_thread(signature_of, wanted) != seen:
                return


def _folders(files: Collection[Path]) -> dict[Path, set[str]]:
    """Return the folders to watch, with what in them matters; the nearest of one not there."""
    folders: dict[Path, set[str]] = {}
    for file in files:
        path = file
        while not path.parent.is_dir() and path.parent != path:
            path = path.parent
        folders.setdefault(path.parent, set()).add(str(path))
    return folders
