"""Foreign values made plain, bounded, and free of secrets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

#: Values that are taken in all, longest text in characters, and how deep they may be nested.
MAX_VALUES, MAX_TEXT, MAX_DEPTH = 5000, 2000, 12
#: Characters that are looked at in all, for each value that may be taken: looking takes time.
CHARACTERS = 40
#: More characters than a secret has in any form that is recognised.
LONGEST_SECRET = 16_384
#: Stands for what was left out.
LEFT_OUT = "… (left out: too much)"


def plain(value: Any, redact: Callable[[str], str], *, limit: int = MAX_VALUES) -> Any:
    """Return a value as JSON has it, every text and key passed through ``redact``.

    At most ``limit`` values are taken, long texts are cut, and what JSON has no form for is named
    by its type.
    """
    return _Taker(redact, limit).take(value, 0)


class _Taker:
    def __init__(self, redact: Callable[[str], str], limit: int) -> None:
        self._redact = redact
        self._left = limit
        self._characters = limit * CHARACTERS

    def take(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            return LEFT_OUT
        if isinstance(value, Enum):
            value = value.value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            # Larger ones JSON readers round; and a number may be a secret, too.
            return value if abs(value) < 2**53 and self._is_clean(str(value)) else self._text(value)
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"<{len(value)} bytes>"
        return self._container(value, depth)

    def _container(self, value: Any, depth: int) -> Any:
        if is_dataclass(value) and not isinstance(value, type):
            value = {field.name: getattr(value, field.name) for field in fields(value)}
        if isinstance(value, Mapping):
            taken: dict[str, Any] = {}
            for key, item in value.items():
                if self._left <= 0:
                    taken[LEFT_OUT] = None
                    break
                taken[self._text(key)] = self.take(item, depth + 1)
            return taken
        if isinstance(value, (list, tuple, set, frozenset)):
            items: list[Any] = []
            for item in value:
                if self._left <= 0:
                    items.append(LEFT_OUT)
                    break
                items.append(self.take(item, depth + 1))
            return items
        return f"<{type(value).__name__}>"

    def _text(self, value: Any) -> str:
        if isinstance(value, str):
            return self._cut(value)
        if isinstance(value, int) and value.bit_length() < 1024:
            text = str(value)
        else:
            text = f"<{type(value).__name__}>"
        return self._redact(text)

    def _cut(self, value: str) -> str:
        text = value[: MAX_TEXT + LONGEST_SECRET]
        self._characters -= len(text)
        if self._characters < 0:
            return LEFT_OUT
        text = self._redact(text)
        if len(value) > MAX_TEXT + LONGEST_SECRET:
            # The cut may have gone through a secret: what is left of it is not recognised.
            text = text[: max(0, len(text) - LONGEST_SECRET)]
        elif len(text) <= MAX_TEXT:
            return text
        return f"{text[:MAX_TEXT]}…"

    def _is_clean(self, text: str) -> bool:
        return self._redact(text) == text
