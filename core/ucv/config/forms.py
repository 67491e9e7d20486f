"""The fields of a schema as plain values, from which a form, an editor's schema or a table is made.

One field is a mapping with

- ``name``, and ``type``: "string", "integer", "float", "boolean", "select", "choices" (several
  of a select's options, as a list), "url", "host", "secret", "list" or "object";
- ``required``: whether it must be given, because it has no default and, being a secret, none is
  stored;
- ``label``, ``help``, ``unit``, ``placeholder`` (texts in English; all but ``label`` may be None)
  and ``advanced`` (whether a form folds it away);
- ``default`` (what holds if nothing is given) and ``value``, None where there is none. A secret has
  neither, but ``stored``: whether one is kept already;
- by type ``options`` (``value`` and ``label`` each), ``min``, ``max``, ``min_length``,
  ``max_length`` (characters, or items of a list), ``schemes`` of an address;
- of a list ``item``, of an object ``fields``: what is in it, in the same form. An item has no name,
  label, default or value of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import voluptuous as vol
from voluptuous_serialize import UNSUPPORTED, convert

from ucv.config import fields
from ucv.config.description import description_of
from ucv.config.schema import mapping_of

Field = dict[str, Any]

#: What voluptuous-serialize calls bounds, and what a field does.
_BOUNDS = {
    "valueMin": "min",
    "valueMax": "max",
    "lengthMin": "min_length",
    "lengthMax": "max_length",
}
_SCALARS = frozenset(("string", "integer", "float", "boolean", "select"))
#: The type of what nobody knows.
ANY = "any"
#: What must not be shown, even if another validator beside it would make it something else.
_SECRET: Field = {"type": "secret"}


def serialize(
    schema: Any,
    *,
    values: Mapping[str, Any] | None = None,
    stored_secrets: Collection[str] = (),
    only: Collection[str] | None = None,
) -> list[Field]:
    """Return the fields of a schema in its order; all of it can be written as JSON.

    ``values`` are what the fields hold now: an address comes without its credentials, a secret not
    at all, whatever is given. ``stored_secrets`` names the secrets that are kept
    (``camera.password`` for one within an object). ``only`` names the fields that are wanted.
    """
    return [
        _as_text(one)
        for one in _fields(schema, _Held(values or {}, stored_secrets))
        if only is None or one["name"] in only
    ]


def structure(schema: Any) -> list[Field]:
    """Return the fields as `serialize` does, but of type `ANY` where their validator says none."""
    return _fields(schema, _Held())


def _as_text(shown: Field) -> Field:
    # What nobody knows is text to a form; the schema will say what is wrong with it.
    if shown["type"] == ANY:
        shown = {**shown, "type": "string"}
    if "item" in shown:
        shown = {**shown, "item": _as_text(shown["item"])}
    if "fields" in shown:
        shown = {**shown, "fields": [_as_text(one) for one in shown["fields"]]}
    return shown


@dataclass(frozen=True, slots=True)
class _Held:
    """What the fields of a mapping hold: values, and the names of secrets that are stored."""

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stored: Collection[str] = ()

    def within(self, name: str) -> _Held:
        value = self.values.get(name)
        prefix = f"{name}."
        stored = [path[len(prefix) :] for path in self.stored if path.startswith(prefix)]
        return _Held(value if isinstance(value, Mapping) else {}, stored)


def _fields(schema: Any, held: _Held) -> list[Field]:
    return [_field(name, key, validator, held) for name, key, validator in _keys(schema)]


def _keys(schema: Any) -> Iterator[tuple[str, Any, Any]]:
    for key, validator in (mapping_of(schema) or {}).items():
        name = key.schema if isinstance(key, vol.Marker) else key
        if isinstance(name, str) and not isinstance(key, vol.Remove):
            yield name, key, validator


def _field(name: str, key: Any, validator: Any, held: _Held) -> Field:
    kind = _complete(_kind(validator))
    description = description_of(key)
    default: Any = getattr(key, "default", vol.UNDEFINED)
    no_default = isinstance(default, vol.Undefined)
    shown: Field = {
        "name": name,
        "type": kind["type"],
        "required": isinstance(key, vol.Required) and no_default,
        "label": description["label"],
        "help": description.get("help"),
        "unit": description.get("unit", kind.get("unit")),
        "placeholder": description.get("placeholder", kind.get("placeholder")),
        "advanced": description.get("advanced", False),
    }
    if kind["type"] == "secret":
        stored = name in held.stored
        return {**shown, "required": shown["required"] and not stored, "stored": stored}
    default = description.get("assumed") if no_default else default()
    shown["default"] = _without_secrets(kind, default)
    shown["value"] = _without_secrets(kind, held.values.get(name))
    shown |= {item: kind[item] for item in kind if item not in shown}
    if kind["type"] == "object":
        shown["fields"] = _fields(validator, held.within(name))
    return shown


def _complete(kind: Field) -> Field:
    return kind if "type" in kind else {**kind, "type": ANY}


def _kind(validator: Any) -> Field:
    """Return what a validator says of a field, apart from its key; empty for an unknown one."""
    if isinstance(validator, vol.Schema):
        validator = validator.schema
    if isinstance(validator, Mapping):
        return {"type": "object", "fields": _fields(validator, _Held())}
    if isinstance(validator, (list, tuple)):
        return {"type": "list", "item": _item(_complete(_any(validator)))}
    if isinstance(validator, vol.All):
        return _all(validator.validators)
    if isinstance(validator, vol.Any):
        return _any(validator.validators)
    for kind, describe in _OURS:
        if isinstance(validator, kind):
            return describe(validator)
    return _converted(validator)


def _item(kind: Field) -> Field:
    return {name: value for name, value in kind.items() if name not in ("unit", "placeholder")}


def _all(validators: Collection[Any]) -> Field:
    merged: Field = {}
    for kind in map(_kind, validators):
        if _SECRET in (kind, merged):
            merged = _SECRET
        elif kind.get("type") == "string" and "type" in merged:
            # "string" beside another type says less than it: vol.All(str, vol.In(…)).
            merged |= {**kind, "type": merged["type"]}
        else:
            merged = {**merged, **kind}
    return merged


def _any(validators: Collection[Any]) -> Field:
    kinds = [
        kind for validator in validators if validator is not None if (kind := _kind(validator))
    ]
    if _SECRET in kinds:
        return _SECRET
    if kinds and all(kind.get("type") == "select" for kind in kinds):
        return {"type": "select", "options": [one for kind in kinds for one in kind["options"]]}
    typed = [kind for kind in kinds if "type" in kind]
    if len({kind["type"] for kind in typed}) != 1:
        return {}
    # Of several with the same type, none bounds what the others let through.
    alone = len(typed) == 1 or typed[0]["type"] not in _SCALARS
    return typed[0] if alone else {"type": typed[0]["type"]}


def _converted(validator: Any) -> Field:
    try:
        converted: Any = convert(validator, custom_serializer=_known_containers)
    except (ValueError, TypeError):
        return {}
    kind: Field = {_BOUNDS[name]: value for name, value in converted.items() if name in _BOUNDS}
    if converted.get("type") == "constant":
        return {"type": "select", "options": _options([(converted["value"], "")])}
    if "options" in converted:
        kind["options"] = _options(converted["options"])
    if converted.get("type") in _SCALARS:
        kind["type"] = converted["type"]
    return kind


def _known_containers(validator: Any) -> Any:
    # A set has no order of its own, and a form must not change from start to start.
    if isinstance(validator, vol.In) and isinstance(validator.container, (set, frozenset)):
        ordered = sorted(validator.container, key=str)
        return {"type": "select", "options": [(item, item) for item in ordered]}
    return UNSUPPORTED


def _options(pairs: Collection[tuple[Any, Any]]) -> list[dict[str, Any]]:
    return [
        {"value": value, "label": str(label or value)}
        for value, label in pairs
        if isinstance(value, (str, int, float))
    ]


_OURS: tuple[tuple[type, Callable[[Any], Field]], ...] = (
    (fields.Secret, lambda _: dict(_SECRET)),
    (
        fields.Url,
        lambda url: {
            "type": "url",
            "max_length": url.max_length,
            "schemes": list(url.schemes),
            "placeholder": f"{url.schemes[0]}://192.0.2.10/path" if url.schemes else None,
        },
    ),
    (fields.Host, lambda host: {"type": "host", "max_length": host.max_length}),
    (fields.Text, lambda text: {"type": "string", "max_length": text.max_length}),
    (fields.Port, lambda _: {"type": "integer", "min": 1, "max": 65535}),
    (fields.Integer, lambda number: {"type": "integer", **_range(number)}),
    (fields.Number, lambda number: {"type": "float", **_range(number)}),
    (fields.Seconds, lambda seconds: {"type": "float", "unit": "s", **_range(seconds)}),
    (fields.Boolean, lambda _: {"type": "boolean"}),
    (
        fields.Select,
        lambda select: {"type": "select", "options": _options(select.options.items())},
    ),
    (
        fields.Choices,
        lambda choices: {"type": "choices", "options": _options(choices.options.items())},
    ),
    (fields.Role, lambda _: {"type": "string", "max_length": 32}),
    # 64 digits, and a colon between each two.
    (fields.Fingerprint, lambda _: {"type": "string", "min_length": 64, "max_length": 95}),
)


def _range(number: Any) -> Field:
    bounds = {"min": number.minimum, "max": number.maximum}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _without_secrets(kind: Field, value: Any) -> Any:
    """Return of a value what may be shown of a field of this kind, as plain values, or None."""
    if kind["type"] == "secret" or isinstance(value, fields.SecretText):
        return None
    if kind["type"] == "object":
        if not isinstance(value, Mapping):
            return None
        shown = [inner for inner in kind["fields"] if inner["type"] != "secret"]
        return {
            inner["name"]: _without_secrets(inner, value[inner["name"]])
            for inner in shown
            if inner["name"] in value
        }
    if kind["type"] == "list":
        if not isinstance(value, (list, tuple)) or kind["item"]["type"] == "secret":
            return None
        return [_without_secrets(kind["item"], item) for item in value]
    if kind["type"] == "choices":
        return [str(item) for item in value] if isinstance(value, (list, tuple)) else None
    if kind["type"] == "url":
        return _address(value, kind["schemes"])
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float)) else None


def _address(value: Any, schemes: Collection[str]) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return str(fields.Url(*schemes)(value))
    except vol.Invalid:
        # Let a mistyped address be corrected, unless it may have a password somewhere.
        return None if "@" in value else str(value)
