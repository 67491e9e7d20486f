"""Validation against a voluptuous schema, with every fault and the nearest valid key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import voluptuous as vol

from ucv.config.problem import KeyPath, nearest

_EXTRA_KEY = "extra keys not allowed"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: where in the value, what, and the nearest valid key for one that is unknown."""

    path: KeyPath
    message: str
    suggestion: str | None = None


class SchemaFaults(Exception):
    """The value does not follow the schema; ``faults`` says all that is wrong."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


def validate(value: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    """Return the value as the schema makes it, with defaults; raises `SchemaFaults`."""
    try:
        result = vol.Schema(schema)(dict(value))
    except vol.MultipleInvalid as invalid:
        raise SchemaFaults([_fault(error, schema) for error in invalid.errors]) from None
    return dict(result)


def mapping_of(schema: Any) -> Mapping[Any, Any] | None:
    """Return the mapping within a schema: itself, or the first one of `vol.All` or `vol.Any`."""
    if isinstance(schema, vol.Schema):
        return mapping_of(schema.schema)
    if isinstance(schema, Mapping):
        return schema
    if isinstance(schema, (vol.All, vol.Any)):
        return next(filter(None, map(mapping_of, schema.validators)), None)
    return None


def keys_of(schema: Any) -> list[str]:
    """Return the names of the keys of a mapping schema, in its order."""
    return [name for name, _ in _items(mapping_of(schema) or {})]


def _items(mapping: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, validator in mapping.items():
        name = key.schema if isinstance(key, vol.Marker) else key
        if isinstance(name, str):
            yield name, validator


def _fault(error: vol.Invalid, schema: Any) -> Fault:
    path: KeyPath = tuple(step if isinstance(step, int) else str(step) for step in error.path)
    if isinstance(error, vol.RequiredFieldInvalid):
        return Fault(path, "is required")
    if error.error_message == _EXTRA_KEY:
        return Fault(path, "unknown key", nearest(str(path[-1]), _keys_at(schema, path[:-1])))
    return Fault(path, error.error_message)


def _keys_at(schema: Any, path: KeyPath) -> list[str]:
    for step in path:
        if isinstance(step, int):
            items = schema if isinstance(schema, list) else ()
            schema = next((item for item in items if mapping_of(item) is not None), None)
        else:
            schema = dict(_items(mapping_of(schema) or {})).get(step)
    return keys_of(schema)
