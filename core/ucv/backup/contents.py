"""What belongs to an installation: the files people wrote, and those the hub keeps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ucv.backup.manifest import CONFIG, KEY, SALT, STORAGE, check_name
from ucv.config.configuration import inspect
from ucv.config.paths import ConfigDirectory

#: Left by Python; made again when needed.
_CACHES = frozenset({"__pycache__"})
_CUSTOM = "custom_integrations"


@dataclass(slots=True)
class Contents:
    """The files of an installation by their names in a backup, apart from its database.

    ``left_out`` says in sentences what a backup cannot hold. ``external_database`` is whether the
    configuration names another database than the directory's own.
    """

    files: dict[str, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    external_database: bool = False


def collect(directory: ConfigDirectory) -> Contents:
    """Find what belongs to an installation; a faulty ``ucv.yaml`` does not keep from it.

    These are the YAML files at the top, files that they include, ``custom_integrations``, and the
    keys. Raises `OSError`.
    """
    found = Contents()
    configuration, _ = inspect(directory)
    found.external_database = configuration.database is not None
    root = directory.path.resolve()
    for path in sorted([*root.glob("*.yaml"), *root.glob("*.yml")]):
        if not path.name.startswith("."):
            _add(found, f"{CONFIG}/{path.name}", path)
    known = {path.resolve() for path in found.files.values()}
    for path in sorted(configuration.document.files - known):
        if path.is_file():
            if path.is_relative_to(root):
                _add(found, f"{CONFIG}/{path.relative_to(root).as_posix()}", path)
            else:
                found.left_out.append(f"{path} is outside of the configuration directory.")
    for path in _below(directory.custom_integrations, found):
        relative = path.relative_to(directory.custom_integrations).as_posix()
        _add(found, f"{CONFIG}/{_CUSTOM}/{relative}", path)
    for folder in configuration.plugins:
        if folder.is_dir() and folder.resolve() != directory.custom_integrations.resolve():
            found.left_out.append(f"The plugins in {folder} are outside of custom_integrations.")
    for name in (KEY, SALT):
        path = directory.storage / name.removeprefix(f"{STORAGE}/")
        if path.is_file():
            _add(found, name, path)
    return found


def place(name: str) -> str:
    """Return where a file of a backup belongs, relative to the configuration directory."""
    top, _, rest = check_name(name).partition("/")
    return rest if top == CONFIG else f".storage/{rest}"


def items(directory: ConfigDirectory) -> set[str]:
    """Return what of an installation is there, relative to its directory.

    All of it is exchanged by a restore: files, and ``custom_integrations`` as a whole.
    """
    places = {place(name) for name in collect(directory).files}
    own = {path for path in places if not path.startswith(f"{_CUSTOM}/")}
    if os.path.lexists(directory.custom_integrations):
        own.add(_CUSTOM)
    # What SQLite keeps beside a database belongs to it.
    for suffix in ("", "-wal", "-shm", "-journal"):
        path = directory.database.with_name(directory.database.name + suffix)
        if path.exists():
            own.add(f".storage/{path.name}")
    return own


def item(name: str) -> str:
    """Return the item, as in `items`, that a file of a backup is or is part of."""
    path = place(name)
    return _CUSTOM if path.startswith(f"{_CUSTOM}/") else path


def _below(folder: Path, found: Contents) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_fail):
        folders[:] = sorted(name for name in folders if _wanted(name))
        for name in list(folders):
            if (Path(parent) / name).is_symlink():
                found.left_out.append(f"{Path(parent) / name} is a link to another folder.")
        yield from (Path(parent) / name for name in sorted(files) if _wanted(name))


def _wanted(name: str) -> bool:
    return not name.startswith(".") and name not in _CACHES and not name.endswith(".pyc")


def _add(found: Contents, name: str, path: Path) -> None:
    if not path.is_file():
        found.left_out.append(f"{path} is no file.")
        return
    try:
        found.files[check_name(name)] = path
    except ValueError:
        found.left_out.append(f"{path!s:.200} has a name that no backup can hold.")


def _fail(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
