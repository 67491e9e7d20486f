"""What every entry has, whatever its integration."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from ucv.config.fields import Boolean, Text, describe
from ucv.config.schema import keys_of

#: Longest id and name, in characters.
MAX_ID = 64
MAX_NAME = 100

_ID = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_NO_SLUG = re.compile(r"[^a-z0-9]+")


def _entry_id(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise vol.Invalid(
            f"expected up to {MAX_ID} lower-case letters, digits, - and _, "
            "with a letter or digit first and last"
        )
    return value


#: The keys every entry has, whatever its integration; schemas must not use them.
COMMON: Mapping[vol.Marker, Any] = {
    describe(
        "id",
        label="Id",
        help="Stable: it names the camera in addresses. Made from the name if left out.",
    ): _entry_id,
    describe(vol.Required("name"), label="Name", help="What people call it."): Text(MAX_NAME),
    describe(
        vol.Required("integration"),
        label="Integration",
        help="What connects to it: the brand or protocol.",
    ): Text(MAX_ID),
    describe(
        vol.Optional("preload", default=False),
        label="Preload",
        help="Stay connected although nobody watches, so that the picture is there at once.",
    ): Boolean(),
    describe(
        vol.Optional("disabled", default=False),
        label="Disabled",
        help="Leave the camera alone for now.",
    ): Boolean(),
}
COMMON_KEYS = frozenset(keys_of(COMMON))


def slug(name: str) -> str:
    """Make an id of a name in any script: ``Haustür (Süd)`` → ``haustur-sud``.

    Letters without a base in ASCII become their code point, so that the id is never empty.
    """
    folded = "".join(
        f"-{ord(char):x}-" if char.isalnum() and not char.isascii() else char
        for char in unicodedata.normalize("NFKD", name).casefold()
        if not unicodedata.combining(char)
    )
    return _NO_SLUG.sub("-", folded).strip("-")[:MAX_ID].strip("-") or "camera"
