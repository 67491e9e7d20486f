"""Exchanges the files of an installation for others: all of them, or none.

What is to be done is written down first, in ``.storage/restore.json``. As long as that file is
there nothing counts: whatever ended the process in between, `recover` puts everything back.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

import orjson

from ucv.backup.disk import storage_errors, sync_folder
from ucv.config.paths import ConfigDirectory
from ucv.errors import StorageError

_log = logging.getLogger(__name__)

_JOURNAL = "restore.json"
#: How the names of the folders begin, in ``.storage``.
STAGING = "restore-"
KEPT = "before-restore-"
_MAX_JOURNAL = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Plan:
    """``old`` goes to the folder ``kept``, then ``new`` comes from the folder ``staging``.

    Both are paths relative to the configuration directory; the folders are names in ``.storage``.
    No path in ``old`` is below another, and each in ``new`` has its folder.
    """

    staging: str
    kept: str
    old: tuple[str, ...]
    new: tuple[str, ...]


def exchange(
    directory: ConfigDirectory, staging: str, kept: str, old: Set[str], new: Set[str]
) -> None:
    """Move what is there away and what is staged to its place; the hub must not run.

    ``old`` are paths relative to the configuration directory, ``new`` the same in the folder
    ``staging`` of ``.storage``; what is in the way of a new one is moved away as well, and nothing
    is written through a link. Raises `OSError`; then everything is as it was.
    """
    new = {_top(directory, path) for path in new}
    old = old | {path for path in new if os.path.lexists(directory.path / path)}
    old = {path for path in old if old.isdisjoint(_above(path))}
    # A hub that is started in between must find no configuration rather than half of one.
    ordered_old = sorted(old, key=lambda path: path != "ucv.yaml")
    ordered_new = sorted(new, key=lambda path: path == "ucv.yaml")
    plan = _Plan(staging, kept, tuple(ordered_old), tuple(ordered_new))
    _write_journal(directory, plan)
    try:
        _apply(directory, plan)
    except BaseException:
        _roll_back(directory, plan)
        raise
    journal = directory.storage / _JOURNAL
    journal.unlink()
    sync_folder(directory.storage)


def is_interrupted(directory: ConfigDirectory) -> bool:
    """Say whether an exchange is under way, or was interrupted and not yet undone."""
    return (directory.storage / _JOURNAL).exists()


def recover(directory: ConfigDirectory) -> bool:
    """Undo an exchange that was interrupted, and say whether there was one.

    Call it while nobody else works on the directory. Raises `StorageError`.
    """
    with storage_errors("A restore was interrupted, and what was before cannot be put back"):
        found = _read_journal(directory)
        if found is not None:
            _roll_back(directory, found)
            _log.warning("A restore was interrupted; everything is as it was before it")
        # Left behind by a restore that did not even begin to exchange.
        for folder in directory.storage.glob(f"{STAGING}*"):
            shutil.rmtree(folder, ignore_errors=True)
    return found is not None


def refuse_interrupted(directory: ConfigDirectory) -> None:
    """Undo an interrupted exchange, and raise `StorageError`: what was read so far is not valid."""
    if recover(directory):
        raise StorageError(
            "A restore had been interrupted. What was there before it is in place again; start "
            "the hub once more."
        )


def _top(directory: ConfigDirectory, path: str) -> str:
    """Return what has to come with a new file: itself, or the folder above that is not there.

    A link, or a file, where a folder is needed does not count as one.
    """
    for above in _above(path):
        folder = directory.path / above
        # The hub's own folder may be a link to another disk.
        if above != ".storage" and (folder.is_symlink() or not folder.is_dir()):
            return above
    return path


def _above(path: str) -> list[str]:
    """Return the folders above a relative path, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


def _apply(directory: ConfigDirectory, plan: _Plan) -> None:
    kept, staging = directory.storage / plan.kept, directory.storage / plan.staging
    for path in plan.old:
        _move(directory.path / path, kept / path)
    for path in plan.new:
        _move(staging / path, directory.path / path)
    touched = {(directory.path / path).parent for path in (*plan.old, *plan.new)}
    touched |= {(kept / path).parent for path in plan.old}
    for folder in {path for path in touched if path.is_dir()} | {directory.storage}:
        sync_folder(folder)


def _roll_back(directory: ConfigDirectory, plan: _Plan) -> None:
    """Put everything back, however far it came; may itself be interrupted and repeated."""
    kept = directory.storage / plan.kept
    old = set(plan.old)
    for path in reversed(plan.new):
        # What is there is new only if the old one was moved away before, or never was.
        if path not in old or os.path.lexists(kept / path):
            _remove(directory.path / path)
    for path in reversed(plan.old):
        if os.path.lexists(kept / path):
            _remove(directory.path / path)
            _move(kept / path, directory.path / path)
    shutil.rmtree(directory.storage / plan.staging, ignore_errors=True)
    shutil.rmtree(kept, ignore_errors=True)
    (directory.storage / _JOURNAL).unlink(missing_ok=True)
    sync_folder(directory.storage)


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_journal(directory: ConfigDirectory, plan: _Plan) -> None:
    text = orjson.dumps(
        {"staging": plan.staging, "kept": plan.kept, "old": plan.old, "new": plan.new}
    )
    temporary = directory.storage / f"{_JOURNAL}.new"
    with temporary.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(directory.storage / _JOURNAL)
    sync_folder(directory.storage)


def _read_journal(directory: ConfigDirectory) -> _Plan | None:
    path = directory.storage / _JOURNAL
    try:
        with path.open("rb") as file:
            value = orjson.loads(file.read(_MAX_JOURNAL))
        return _Plan(
            _name(value["staging"], STAGING),
            _name(value["kept"], KEPT),
            tuple(map(_relative, value["old"])),
            tuple(map(_relative, value["new"])),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise StorageError(
            f"A restore was interrupted, and {path} cannot be read. What was there before it is in "
            f"{directory.storage}/{KEPT}…: move it back, and remove {_JOURNAL}."
        ) from None


def _name(value: object, beginning: str) -> str:
    if not isinstance(value, str) or not value.startswith(beginning) or "/" in value:
        raise ValueError("not a folder of a restore")
    return value


def _relative(value: object) -> str:
    if not isinstance(value, str) or not value or {"..", ""} & set(value.split("/")):
        raise ValueError("not a path in the configuration directory")
    return value
