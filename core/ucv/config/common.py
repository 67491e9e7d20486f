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
#: Longest name of a stream, in characters.
MAX_PROFILE_NAME = 64
#: Most streams and channels of one entry.
MAX_PROFILES = 32
MAX_CHANNELS = 1024

_ID = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_CHANNEL = re.compile(r"[A-Za-z0-9_-]{1,32}")
_NO_SLUG = re.compile(r"[^a-z0-9]+")


def _entry_id(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise vol.Invalid(
            f"expected up to {MAX_ID} lower-case letters, digits, - and _, "
            "with a letter or digit first and last"
        )
    return value


def channel_id(value: Any) -> str:
    """Validate the id of a channel; a number does, too."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _CHANNEL.fullmatch(text):
        raise vol.Invalid("expected 1 to 32 letters, digits, - and _")
    return text


def _each_once(value: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    seen = set()
    for index, choice in enumerate(value):
        if choice["channel"] in seen:
            raise vol.Invalid("this channel is named twice", path=[index, "channel"])
        seen.add(choice["channel"])
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
        "profiles",
        label="Streams",
        help="Names of the streams to use, such as main and sub; all of them if left out.",
        advanced=True,
    ): vol.All([Text(MAX_PROFILE_NAME)], vol.Length(min=1, max=MAX_PROFILES), vol.Unique()),
    describe(
        "channels",
        label="Channels",
        help="Of a recorder: what is wanted of single channels. Those left out are used as they "
        "are, with the names that the recorder has for them.",
        advanced=True,
    ): vol.All(
        [
            {
                describe(
                    vol.Required("channel"),
                    label="Channel",
                    help="The recorder's own number or word for it.",
                ): channel_id,
                describe("name", label="Name", help="What people call it."): Text(MAX_NAME),
                describe(
                    vol.Optional("use", default=True),
                    label="Use",
                    help="Whether it is shown at all.",
                ): Boolean(),
            }
        ],
        vol.Length(max=MAX_CHANNELS),
        _each_once,
    ),
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
