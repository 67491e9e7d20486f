"""What is shown of the keys of a schema: label, help, unit."""

from __future__ import annotations

import copy
from typing import Any, TypedDict

import voluptuous as vol

_ACRONYMS = {word.lower(): word for word in ("HTTP", "HTTPS", "ID", "IP", "RTSP", "TLS", "URL")}


class Description(TypedDict, total=False):
    """What is shown of a key; the ``description`` of its voluptuous marker."""

    label: str
    help: str
    unit: str
    placeholder: str
    assumed: Any
    advanced: bool


def describe(
    key: str | vol.Marker,
    *,
    label: str,
    help: str | None = None,  # noqa: A002 - the word that forms have for it
    unit: str | None = None,
    placeholder: str | None = None,
    assumed: Any = None,
    advanced: bool = False,
) -> vol.Marker:
    """Return the key of a schema with what forms, editors and documents show of it, in English.

    ``label`` is a word or two, ``help`` a sentence, ``unit`` the symbol of the value's unit ("s",
    "kbit/s"), ``placeholder`` an example for an empty field. ``assumed`` is what holds when the key
    is left out, where the schema itself puts no default in. ``advanced`` ones are folded away in
    forms. A key that is no marker becomes optional; a marker given is not changed itself.
    """
    described = copy.copy(key) if isinstance(key, vol.Marker) else vol.Optional(key)
    description = Description(label=label)
    if help is not None:
        description["help"] = help
    if unit is not None:
        description["unit"] = unit
    if placeholder is not None:
        description["placeholder"] = placeholder
    if assumed is not None:
        description["assumed"] = assumed
    if advanced:
        description["advanced"] = True
    described.description = description
    return described


def description_of(key: Any) -> Description:
    """Return what is shown of a schema's key; without a description, the label is its name.

    A description of another kind than `describe` makes is taken as the label if it is text.
    """
    name = str(key.schema if isinstance(key, vol.Marker) else key)
    given = key.description if isinstance(key, vol.Marker) else None
    if isinstance(given, str) and given:
        given = {"label": given}
    description = Description(label=_label(name))
    if isinstance(given, dict):
        for item in ("label", "help", "unit", "placeholder"):
            if isinstance(given.get(item), str):
                description[item] = given[item]
        description["assumed"] = given.get("assumed")
        description["advanced"] = given.get("advanced") is True
    return description


def _label(name: str) -> str:
    words = [_ACRONYMS.get(word, word) for word in name.lower().split("_") if word]
    label = " ".join(words)
    return label[:1].upper() + label[1:]
