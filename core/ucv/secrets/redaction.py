"""Removes known secrets, by value, from any text."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Collection, Iterator
from urllib.parse import quote, quote_plus

REDACTED = "**redacted**"

#: A secret shorter than this is only removed where it stands alone: removing every "1" or "abc"
#: would make a text unreadable and so tell more than it hides.
_SHORT = 4
#: Base64 parts shorter than this are no evidence of a secret.
_BASE64_MIN = 6


class Redactor:
    """Knows secrets and removes them: raw, percent-encoded, Base64, and escaped.

    Each further secret costs the same to add, and next to nothing when a text is redacted.
    Adding and redacting may happen in different threads.
    """

    def __init__(self) -> None:
        self._values: dict[str, frozenset[str]] = {}
        # The forms that are removed anywhere, and how long those are that begin alike, the longest
        # first: many secrets may share a beginning. Readers take no lock.
        self._forms: set[str] = set()
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._alone: re.Pattern[str] | None = None
        self._changing = threading.Lock()

    def add(self, value: str) -> None:
        """Know one more secret; the empty one is none."""
        with self._changing:
            if value and value not in self._values:
                self._values[value] = forms = frozenset(_forms(value))
                self._know(forms)

    def remove(self, value: str) -> None:
        """Know it no longer; harmless when it was not known."""
        with self._changing:
            if self._values.pop(value, None) is None:
                return
            # Others may have forms in common with it, and none of those may be missed meanwhile.
            rest = Redactor()
            for kept in self._values:
                rest.add(kept)
            self._forms, self._lengths, self._alone = rest._forms, rest._lengths, rest._alone

    def redact(self, text: str) -> str:
        """Return the text with every known secret replaced by `REDACTED`."""
        parts: list[str] = []
        done = 0
        for start, end in self._found(text):
            parts += self._without_short(text, done, start), REDACTED
            done = end
        if not parts:
            return text if self._alone is None else self._alone.sub(REDACTED, text)
        return "".join([*parts, self._without_short(text, done, len(text))])

    def _know(self, forms: Collection[str]) -> None:
        for form in forms:
            if len(form) >= _SHORT:
                head = form[:_SHORT]
                lengths = {len(form), *self._lengths.get(head, ())}
                self._forms.add(form)
                self._lengths[head] = tuple(sorted(lengths, reverse=True))
        if any(len(form) < _SHORT for form in forms):
            every = {form for known in self._values.values() for form in known}
            short = sorted((f for f in every if len(f) < _SHORT), key=lambda form: -len(form))
            self._alone = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, short))})(?!\w)")

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where secrets stand, in order; of those that overlap, all of it."""
        forms, heads = self._forms, self._lengths
        starts = [at for at in range(len(text) - _SHORT + 1) if text[at : at + _SHORT] in heads]
        first = last = -1
        for start in starts:
            lengths = heads[text[start : start + _SHORT]]
            length = next((n for n in lengths if text[start : start + n] in forms), 0)
            if not length:
                continue
            if start >= last:
                if last > first:
                    yield first, last
                first = start
            last = max(last, start + length)
        if last > first:
            yield first, last

    def _without_short(self, text: str, start: int, end: int) -> str:
        part = text[start:end]
        return part if self._alone is None else self._alone.sub(REDACTED, part)


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
