"""Removes known secrets, by value, from any text."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

REDACTED = "**redacted**"

#: A secret shorter than this is only removed where it stands alone: removing every "1" or "abc"
#: would make a text unreadable and so tell more than it hides.
_SHORT = 4
#: Base64 parts shorter than this are no evidence of a secret.
_BASE64_MIN = 6


class Redactor:
    """Knows secrets and removes them: raw, percent-encoded, Base64, and escaped.

    Adding and redacting may happen in different threads.
    """

    def __init__(self) -> None:
        self._values: dict[str, frozenset[str]] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        """Know one more secret; the empty one is none."""
        if value and value not in self._values:
            self._values = {**self._values, value: frozenset(_forms(value))}
            self._compile()

    def remove(self, value: str) -> None:
        """Know it no longer; harmless when it was not known."""
        if value in self._values:
            self._values = {known: f for known, f in self._values.items() if known != value}
            self._compile()

    def redact(self, text: str) -> str:
        """Return the text with every known secret replaced by `REDACTED`."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(REDACTED, text)

    def _compile(self) -> None:
        forms = {form for known in self._values.values() for form in known}
        # Longest first: a secret may be part of another.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(_expression, ordered))) if ordered else None


def _expression(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= _SHORT else rf"(?<!\w){escaped}(?!\w)"


def _forms(value: str) -> set[str]:
    """Return how a secret may be written."""
    forms = {value, repr(value)[1:-1], html.escape(value), html.escape(value, quote=False)}
    forms |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    raw = value.encode("utf-8", "surrogatepass")
    forms.add(repr(raw)[2:-1])
    for safe in ("", "/", "!$&'()*+,;=:@", "-._~!$&'()*+,;=:@/?"):
        forms |= _both_cases(quote(raw, safe=safe))
    forms |= _both_cases(quote_plus(raw))
    if len(raw) >= _SHORT:
        forms.add(raw.hex())
        forms |= _base64_forms(raw)
    return forms


def _both_cases(encoded: str) -> set[str]:
    lower = re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    return {encoded, lower}


def _base64_forms(raw: bytes) -> set[str]:
    """Return what stays the same in Base64 wherever the secret begins in the encoded text.

    Behind ``user:`` it may begin at any of three positions; characters that also hold bits of what
    stands before or behind it are left out.
    """
    forms: set[str] = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode("ascii").rstrip("=")
        first = (before * 8 + 5) // 6
        whole = (before + len(raw)) * 8 // 6
        inner = encoded[first:whole]
        if len(inner) >= _BASE64_MIN:
            forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    return forms
