"""JSON Schema (draft-07) of ``ucv.yaml``, for the YAML language server in editors.

It refuses less than the hub does, and nothing that the hub takes: rules over several fields and
validators of a plugin's own cannot be told in it. An editor gives a tagged value as the text after
the tag (``!secret front_password`` is "front_password"), so such text is accepted for all types.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ucv.config.common import COMMON
from ucv.config.forms import Field, structure
from ucv.config.root import ROOT
from ucv.plugins.integration import Integration

DRAFT = "http://json-schema.org/draft-07/schema#"

_NOTE = (
    "Values may be tagged: !secret NAME takes one from secrets.yaml, !env NAME DEFAULT from the "
    "environment, !include FILE from another file. Editors have to be told: "
    '"yaml.customTags": ["!secret", "!env", "!include"]. Keys that begin with x- are a place for '
    "anchors."
)
#: What stands after !secret or !env.
_NAME = r"[A-Za-z_][\w.-]*( .*)?"
#: What stands after !include.
_FILE = r"\.ya?ml$"
#: After !env, for types whose valid words are names as well.
_VARIABLE = r"[A-Z_][A-Z0-9_]*( .*)?"
_SPECIAL = re.compile(r"[.*+?^${}()|\[\]\\]")
_BOOLEAN = "|".join(
    form for word in ("true", "yes", "on", "false", "no", "off") for form in (word, word.title())
)


def entry_schema(integration: Integration) -> dict[str, Any]:
    """Return the JSON Schema of one camera of this integration."""
    return {
        "$schema": DRAFT,
        "title": integration.name,
        "description": _NOTE,
        **_camera(integration),
    }


def document_schema(integrations: Mapping[str, Integration]) -> dict[str, Any]:
    """Return the JSON Schema of a whole ``ucv.yaml`` with these integrations, by domain."""
    root = _object(structure(ROOT))
    cameras = root["properties"]["cameras"]
    cameras["items"] = {"$ref": "#/definitions/camera"}
    # "cameras:" with nothing after it is an empty list.
    for name in ("cameras", "plugins"):
        root["properties"][name]["type"].append("null")
    return {
        "$schema": DRAFT,
        "title": "ucv.yaml",
        "description": f"Configuration of Universal Camera Viewer. {_NOTE}",
        **root,
        "type": ["object", "null"],
        "patternProperties": {"^x-": {}},
        "definitions": {
            "camera": _any_camera(integrations),
            **{
                f"camera_{domain}": _camera(integration)
                for domain, integration in sorted(integrations.items())
            },
        },
    }


def _any_camera(integrations: Mapping[str, Integration]) -> dict[str, Any]:
    domains = sorted(integrations)
    (choice,) = (one for one in structure(COMMON) if one["name"] == "integration")
    return {
        "type": ["object", "string"],
        **_pattern(_FILE, "the keys of a camera"),
        "required": ["name", "integration"],
        "properties": {"integration": {**_described(choice), "enum": domains}},
        # An editor that knows the integration tells what is wrong with its keys, and not that
        # none of all the kinds of cameras fits.
        "allOf": [
            {
                "if": {
                    "type": "object",
                    "properties": {"integration": {"const": domain}},
                    "required": ["integration"],
                },
                "then": {"$ref": f"#/definitions/camera_{domain}"},
            }
            for domain in domains
        ],
    }


def _camera(integration: Integration) -> dict[str, Any]:
    camera = _object([*structure(COMMON), *structure(integration.schema)])
    camera["properties"]["integration"] |= {"const": integration.domain}
    return {**camera, "type": "object"}


def _object(fields: Iterable[Field]) -> dict[str, Any]:
    fields = list(fields)
    return {
        "type": ["object", "string"],
        **_pattern(_FILE, "keys of its own"),
        "properties": {one["name"]: {**_described(one), **_value(one)} for one in fields},
        "required": [one["name"] for one in fields if one["required"]],
        "additionalProperties": False,
    }


def _described(field: Field) -> dict[str, Any]:
    unit = f"Unit: {field['unit']}." if field["unit"] else None
    shown: dict[str, Any] = {
        "title": field["label"],
        "description": " ".join(filter(None, (field["help"], unit))),
        "default": field.get("default"),
    }
    return {name: value for name, value in shown.items() if value not in (None, "")}


def _value(field: Field) -> dict[str, Any]:
    """Return what may be given for a field, or for an item of a list."""
    match field["type"]:
        case "integer":
            pattern = f"^(-?[0-9]+|{_NAME})$"
            return {**_number(field, "integer"), **_pattern(pattern, "a whole number")}
        case "float":
            pattern = rf"^(-?[0-9]+(\.[0-9]+)?|{_NAME})$"
            return {**_number(field, "number"), **_pattern(pattern, "a number")}
        case "boolean":
            pattern = f"^({_BOOLEAN}|{_VARIABLE})$"
            return {"type": ["boolean", "string"], **_pattern(pattern, "true or false")}
        case "select":
            return _select(field)
        case "url":
            return {"type": "string", **_address(field["schemes"])}
        case "list":
            return _list(field)
        case "object":
            return _object(field["fields"])
        case "string" | "host":
            # Not the longest length: with !env, name and default count together.
            return {"type": "string", "minLength": 1}
        case "secret":
            return {"type": "string", "minLength": 1, "writeOnly": True}
        case _:
            return {}


def _pattern(pattern: str, expected: str) -> dict[str, str]:
    # The message is not of JSON Schema: editors show it in place of the pattern.
    return {"pattern": pattern, "patternErrorMessage": f"Expected {expected}."}


def _number(field: Field, kind: str) -> dict[str, Any]:
    bounds = {"minimum": field.get("min"), "maximum": field.get("max")}
    return {"type": [kind, "string"], **{k: v for k, v in bounds.items() if v is not None}}


def _select(field: Field) -> dict[str, Any]:
    values = [option["value"] for option in field["options"]]
    wrong = "|".join(_literal(str(value).upper()) for value in values)
    texts = [str(value) for value in values if isinstance(value, int)]
    return {
        "anyOf": [
            {"enum": [*values, *texts]},
            # The name of an environment variable, but no option in capitals.
            {"type": "string", "pattern": f"^(?!({wrong})$)({_VARIABLE})$"},
        ]
    }


def _address(schemes: Iterable[str]) -> dict[str, str]:
    starts = " or ".join(f"{scheme}://" for scheme in schemes)
    either = "|".join("".join(_both_cases(char) for char in scheme) for scheme in schemes)
    # With !env, a name comes first; without an address, it is a name alone.
    pattern = f"^(([A-Za-z_][\\w.-]* )?({either})://|{_NAME.replace('.*', '[^:]*')}$)"
    return _pattern(pattern, f"an address that starts with {starts}")


def _both_cases(char: str) -> str:
    return f"[{char}{char.upper()}]" if char.isalpha() else _literal(char)


def _literal(text: str) -> str:
    # Not re.escape: editors' regular expressions refuse an escape that is not needed.
    return _SPECIAL.sub(r"\\\g<0>", text)


def _list(field: Field) -> dict[str, Any]:
    bounds = {"minItems": field.get("min_length"), "maxItems": field.get("max_length")}
    return {
        "type": ["array", "string"],
        **_pattern(_FILE, "a list"),
        "items": _value(field["item"]),
        **{name: bound for name, bound in bounds.items() if bound is not None},
    }
