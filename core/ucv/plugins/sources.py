"""Where plugins come from: entry points of installed packages, and folders."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from ucv.plugins.quarantine import PluginFault, Source

_log = logging.getLogger(__name__)

#: The entry-point group of plugins.
GROUP = "ucv"
#: The distribution whose entry points are the built-ins.
DISTRIBUTION = "universal-camera-viewer"
#: Modules from folders get names that begin so, and can never shadow another module.
PREFIX = "_ucv_plugin"

_SEPARATORS = re.compile(r"[-_.]+")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that was found and not yet imported.

    ``load`` runs its code and may raise anything. ``unload`` takes its modules out of `sys.modules`
    again, if that is possible. ``path`` is its file or folder, empty if unknown.
    """

    key: str
    name: str
    source: Source
    load: Callable[[], ModuleType]
    unload: Callable[[], None]
    path: str = ""


def find(folders: Iterable[Path], *, safe_mode: bool) -> Iterator[Candidate]:
    """Yield the built-ins, then installed plugins, then those in folders; each group by name.

    In safe mode only the built-ins.
    """
    installed = []
    for point in sorted(
        set(entry_points(group=GROUP)), key=lambda point: (point.name, point.value)
    ):
        candidate = from_entry_point(point)
        if candidate.source is Source.BUILT_IN:
            yield candidate
        else:
            installed.append(candidate)
    if safe_mode:
        return
    yield from installed
    seen: set[Path] = set()
    for folder in folders:
        resolved = folder.resolve()
        if resolved not in seen:
            seen.add(resolved)
            yield from in_folder(resolved)


def from_entry_point(point: EntryPoint) -> Candidate:
    """Return the plugin of an entry point, which names a module."""
    distribution = point.dist.name if point.dist is not None else ""
    normalized = _SEPARATORS.sub("-", distribution).lower()
    source = Source.BUILT_IN if normalized == DISTRIBUTION else Source.INSTALLED

    def load() -> ModuleType:
        module = point.load()
        if not isinstance(module, ModuleType):
            raise PluginFault("The entry point must name a module.")
        return module

    # An installed package is imported under its own name, which others may use too.
    key = f"{normalized}:{point.name}={point.value}"
    return Candidate(key, point.name, source, load, lambda: None, _origin(point.module))


def _origin(module: str) -> str:
    """Return where an installed package is, without running its code; empty if nowhere."""
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return ""
    if spec is None or spec.origin is None:
        return ""
    origin = Path(spec.origin)
    return str(origin.parent if origin.name == "__init__.py" else origin)


def in_folder(folder: Path) -> Iterator[Candidate]:
    """Yield the files and packages in a folder, by name.

    Names that begin with ``_``, ``.`` or ``test``, and ``conftest.py``, are no plugins.
    """
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        _log.warning("The plugin folder %s cannot be read: %s", folder, error.strerror)
        return
    for entry in entries:
        if entry.name.startswith(("_", ".", "test")) or entry.name == "conftest.py":
            continue
        if entry.suffix == ".py" and entry.is_file():
            yield _from_file(entry.stem, entry)
        elif (entry / "__init__.py").is_file():
            yield _from_file(entry.name, entry / "__init__.py")


def from_path(path: Path) -> Candidate:
    """Return the plugin that a file or a package's folder is, whether it is good or not."""
    file = path / "__init__.py" if path.is_dir() else path
    return _from_file(path.name if path.is_dir() else path.stem, file)


def _from_file(name: str, file: Path) -> Candidate:
    is_package = file.name == "__init__.py"
    # The number keeps two plugins, or two hubs in one process, apart.
    module_name = f"{PREFIX}_{next(_numbers)}_{name}"

    def load() -> ModuleType:
        if not name.isidentifier():
            raise PluginFault("The name of a plugin must be letters, digits and _.", str(file))
        # Files may have been written since the import system last looked.
        importlib.invalidate_caches()
        spec = importlib.util.spec_from_file_location(
            module_name, file, submodule_search_locations=[str(file.parent)] if is_package else None
        )
        if spec is None or spec.loader is None:
            raise PluginFault("Python cannot import this file.", str(file))
        module = importlib.util.module_from_spec(spec)
        # Before its code runs: dataclasses and relative imports look the module up.
        sys.modules[module_name] = module
        spec.loader.exec_module(module)
        return module

    def unload() -> None:
        for loaded in list(sys.modules):
            if loaded == module_name or loaded.startswith(f"{module_name}."):
                del sys.modules[loaded]

    path = file.parent if is_package else file
    # The number again: a new version is registered before the old one is forgotten.
    return Candidate(module_name, name, Source.FOLDER, load, unload, str(path))
