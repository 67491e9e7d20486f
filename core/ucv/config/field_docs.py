"""Tables for documents: the fields of an integration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ucv.config.forms import ANY, Field, structure
from ucv.plugins.integration import Integration

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "float": "number",
    "boolean": "true or false",
    "url": "address",
    "host": "host name or IP address",
    "secret": "secret",
    ANY: "see description",
}


def table(integration: Integration) -> str:
    """Return the integration's own fields as a Markdown table; those of an object are indented.

    Ends with a line break; empty if the integration has no fields.
    """
    rows = list(_rows(structure(integration.schema), ""))
    if not rows:
        return ""
    head = ["| Key | Value | Default | |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _rows(fields: Iterable[Field], prefix: str) -> Iterator[str]:
    for field in fields:
        key = f"{prefix}{field['name']}"
        text = field["help"] or f"{field['label']}."
        default = "required" if field["required"] else _default(field)
        yield f"| `{key}` | {_escape(_what(field))} | {default} | {_escape(text)} |"
        if field["type"] == "object":
            yield from _rows(field["fields"], f"{key}.")
        elif field["type"] == "list" and field["item"]["type"] == "object":
            yield from _rows(field["item"]["fields"], f"{key}[].")


def _what(field: Field) -> str:
    """Describe what may be written, in a few words."""
    match field["type"]:
        case "select":
            return _one_of([f"`{option['value']}`" for option in field["options"]])
        case "choices":
            words = [f"`{option['value']}`" for option in field["options"]]
            return f"list of {_one_of(words)}"
        case "url":
            return f"address: {_one_of([f'`{scheme}://`' for scheme in field['schemes']])}"
        case "list":
            most = f", at most {field['max_length']}" if "max_length" in field else ""
            return f"list{most}"
        case "object":
            return "keys below"
        case kind:
            unit = f" ({field['unit']})" if field["unit"] else ""
            return f"{_TYPES[kind]}{_range(field)}{unit}"


def _range(field: Field) -> str:
    low, high = field.get("min"), field.get("max")
    if low is not None and high is not None:
        return f", {low} to {high}"
    if low is not None:
        return f", at least {low}"
    return f", at most {high}" if high is not None else ""


def _one_of(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _default(field: Field) -> str:
    default: Any = field.get("default")
    if default is None:
        return ""
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{_escape(text)}`"


def _escape(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
