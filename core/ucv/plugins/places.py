"""Whose code a file is."""

from __future__ import annotations

import os
from collections.abc import Mapping


def plugin_of(file: str, paths: Mapping[str, str]) -> str | None:
    """Return the name of the plugin that a source file belongs to, or None.

    ``paths`` are the files and folders of plugins by name; an empty one has no files.
    """
    for name, path in paths.items():
        if path and (file == path or file.startswith(path.rstrip(os.sep) + os.sep)):
            return name
    return None
