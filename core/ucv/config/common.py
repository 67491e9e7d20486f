"""What every entry has, whatever its integration."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from ucv.config.fields import Boolean, Text
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
    vol.Optional("id"): _entry_id,
    vol.Required("name"): Text(MAX_NAME),
    vol.Required("integration"): Text(MAX_ID),
    vol.Optional("preload", default=False): Boolean(),
    vol.Optional("disabled", default=False): Boolean(),
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
