"""What ``ucv plugin new`` writes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

import ucv
from ucv.errors import AlreadyConfiguredError, ValidationError

_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,31}")


def write_plugin(domain: str, folder: Path) -> list[Path]:
    """Write a plugin's folder and return its files.

    Raises `ValidationError` for a domain that is none and a folder that cannot be written, and
    `AlreadyConfiguredError` for one that is there.
    """
    if not _DOMAIN.fullmatch(domain):
        raise ValidationError(
            f"{domain!r} is no domain: up to 32 lower-case letters, digits and _, a letter first."
        )
    target = folder / domain
    if target.exists():
        raise AlreadyConfiguredError(f"{target} is there already; nothing was changed.")
    if keyword.iskeyword(domain) or find_spec(domain) is not None:
        # Its folder is a package, and its test imports that by name.
        raise ValidationError(f"{domain!r} means something else to Python: choose another name.")
    title = domain.replace("_", " ").title()
    name = title.replace(" ", "")
    if hasattr(ucv, name):  # what the template imports is called that
        name = f"{name}Cameras"
    words = {"domain": domain, "title": title, "name": name}
    try:
        return _write(target, words)
    except OSError as error:
        raise ValidationError(f"{target} cannot be written: {error.strerror}.") from error


def _write(target: Path, words: Mapping[str, str]) -> list[Path]:
    target.mkdir(parents=True)
    written = []
    domain = words["domain"]
    for template, name in (
        ("plugin.py.txt", "__init__.py"),
        ("test_plugin.py.txt", f"test_{domain}.py"),
        ("README.md.txt", "README.md"),
    ):
        text = (files("ucv.cli") / "templates" / template).read_text()
        file = target / name
        file.write_text(Template(text).substitute(words))
        written.append(file)
    return written
