"""How a Dahua device writes its events into a multipart stream, with all that goes wrong there."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

BOUNDARY = "myboundary"
CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"

_STRAY = f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nConnection: close\r\n\r\n"
#: By how much a wrong Content-Length is wrong: into the next boundary, or short of the text's end.
_WRONG_BY = 10
_PIECE = 3
_TRICKY = f"a;b=c;index=9 --{BOUNDARY}"


def report(
    code: str, action: str, index: int, data: Mapping[str, Any] | None, *, tricky: bool
) -> str:
    """Return the text of an event; ``index`` is counted from 0, ``data`` becomes JSON in lines."""
    text = f"Code={code};action={action};index={index}"
    if data is None:
        return f"{text}\r\n"
    content = json.dumps({**data, "Name": _TRICKY} if tricky else dict(data), indent=3)
    return f"{text};data={content}\n".replace("\n", "\r\n")


class EventFraming:
    """Writes the parts of one stream; ``quirks`` are those of the device."""

    def __init__(self, quirks: Collection[str]) -> None:
        self._quirks = quirks
        self._parts = 0

    def part(self, text: str) -> list[bytes]:
        """Return one part with its boundary, in the pieces that it is to be sent in."""
        quirks = self._quirks
        newline = "\n" if "event-bare-lf" in quirks else "\r\n"
        text = text.replace("\r\n", newline)
        length = len(text.encode())
        if "event-length-long" in quirks:
            length += _WRONG_BY
        elif "event-length-short" in quirks:
            length -= _WRONG_BY
        dashes = "-- " if "event-boundary-space" in quirks else "--"
        head = [f"{dashes}{BOUNDARY}", "Content-Type: text/plain"]
        if "event-no-length" not in quirks:
            head.append(f"Content-Length:{max(0, length)}")
        if "event-no-blank-line" not in quirks:
            head.append("")
        written = newline.join([*head, text]) + newline
        if "event-stray-http" in quirks and self._parts % 2:
            written = _STRAY + written
        self._parts += 1
        data = written.encode()
        if "event-split-writes" in quirks:
            return [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]
        return [data]
