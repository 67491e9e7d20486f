"""Reads a request's JSON."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from ucv.errors import ValidationError


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request; raises `ValidationError`."""
    try:
        value = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise ValidationError(f"This is not JSON: {error.msg}.") from None
    if not isinstance(value, dict):
        raise ValidationError("Send a JSON object.")
    return value


def text(value: dict[str, Any], key: str) -> str:
    """Return a text of the object; raises `ValidationError` that names the key."""
    found = value.get(key)
    if not isinstance(found, str) or not found:
        errors = [{"key": key, "message": "expected a text", "suggestion": None}]
        raise ValidationError(f"{key} is missing.", details={"errors": errors})
    return found
