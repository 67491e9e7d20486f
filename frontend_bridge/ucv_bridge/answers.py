"""JSON in and out: what is taken from a client, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from ucv.config.problem import dotted
from ucv.config.schema import SchemaFaults, validate
from ucv.errors import CameraViewerError, ValidationError
from ucv.secrets import Redactor
from ucv_bridge.errors import InvalidJson
from ucv_bridge.messages import Language, sentence, translated_details

#: Bytes a request's body may have: a camera's mapping is a few hundred.
MAX_BODY = 256 * 1024


def json_answer(value: Any, *, status: int = 200) -> web.Response:
    """Answer with JSON."""
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def envelope(error: CameraViewerError, language: Language, redactor: Redactor) -> dict[str, Any]:
    """Return an error as clients see it: ``error`` for people, ``code`` for programs, ``details``.

    Its words may be a plugin's or a camera's: known secrets are taken out.
    """
    return {
        "error": redactor.redact(sentence(error, language)),
        "code": error.code,
        "details": redacted(translated_details(error.details, language), redactor),
    }


def redacted(value: Any, redactor: Redactor) -> Any:
    """Return a JSON value with known secrets taken out of every text in it."""
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, Mapping):
        return {str(key): redacted(item, redactor) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(item, redactor) for item in value]
    return value


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object a client sent; raises `InvalidJson`."""
    return parse_object(await request.read())


def parse_object(text: bytes | str) -> dict[str, Any]:
    """Parse a JSON object; raises `InvalidJson`."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidJson from None
    if not isinstance(value, dict):
        raise InvalidJson
    return value


def validated(value: Mapping[str, Any], schema: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what the schema makes of a client's object; raises `ValidationError` with all faults.

    The faults do not repeat what was sent.
    """
    try:
        return validate(value, schema)
    except SchemaFaults as invalid:
        errors = [
            {"key": dotted(fault.path), "message": fault.message, "suggestion": fault.suggestion}
            for fault in invalid.faults
        ]
        message = f"{errors[0]['key']}: {errors[0]['message']}"
        raise ValidationError(message, details={"errors": errors}) from None
