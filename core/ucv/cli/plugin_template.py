"""What ``ucv plugin new`` writes."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from ucv.errors import AlreadyConfiguredError, ValidationError

_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,31}")


def write_plugin(domain: str, folder: Path) -> list[Path]:
    """Write a plugin's folder and return its files.

    Raises `ValidationError` for a domain that is none, `AlreadyConfiguredError` for a folder that
    is there, and `OSError`.
    """
    if not _DOMAIN.fullmatch(domain):
        raise ValidationError(
            f"{domain!r} is no domain: up to 32 lower-case letters, digits and _, a letter first."
        )
    target = folder / domain
    if target.exists():
        raise AlreadyConfiguredError(f"{target} is there already; nothing was changed.")
    title = domain.replace("_", " ").title()
    words = {"domain": domain, "title": title, "name": title.replace(" ", "")}
    target.mkdir(parents=True)
    written = []
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
