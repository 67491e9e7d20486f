"""Viewers that read and throw away, in a process of their own.

`python -m benchmarks.view_clients URL TOKEN KIND CAMERAS VIEWERS` prints how many bytes they have
read so far when all of them receive, and again for each line of input; ends with its input. KIND is
shared, retimed or baseline. The viewers are shared out among the cameras.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import struct
import sys
from urllib.parse import urlsplit

import uvloop

from benchmarks.processes import answer

_LIMIT = 20.0
PLAY = {"type": "mse", "value": "avc1.640029"}


class Reader(asyncio.BufferedProtocol):
    """Counts bytes."""

    buffer = bytearray(256 * 1024)  # of all of them, since nobody looks at it
    total = 0

    def __init__(self) -> None:
        self.received = 0

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where to read to."""
        return Reader.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Throw it away."""
        self.received += nbytes
        Reader.total += nbytes


def upgrade(url: str, path: str, token: str) -> bytes:
    """Return the request for a WebSocket (RFC 6455, section 4.1)."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {token}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def masked_text(text: str) -> bytes:
    """Return a short text message, masked by nothing (RFC 6455, section 5.3)."""
    payload = text.encode()
    assert len(payload) < 126
    return struct.pack("!BBI", 0x81, 0x80 | len(payload), 0) + payload


async def view(url: str, token: str, kind: str, cameras: int, viewers: int) -> None:
    """Watch until the input ends."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    play = json.dumps({**PLAY, "shared": True} if kind == "shared" else PLAY)
    readers = []
    for number in range(viewers):
        transport, reader = await loop.create_connection(Reader, parts.hostname, parts.port)
        transport.write(upgrade(url, f"/api/ws?src=camera{number % cameras}", token))
        while not reader.received:  # noqa: ASYNC110 - the answer to the upgrade
            await asyncio.sleep(0.005)
        transport.write(masked_text(play))
        readers.append(reader)
    async with asyncio.timeout(_LIMIT):
        while any(reader.received < 5_000 for reader in readers):  # noqa: ASYNC110 - no hurry
            await asyncio.sleep(0.05)
    gc.freeze()
    answer(Reader.total)
    while await loop.run_in_executor(None, sys.stdin.readline):
        answer(Reader.total)


def main() -> None:
    """Watch with as many viewers as were asked for."""
    url, token, kind, cameras, viewers = sys.argv[1:]
    uvloop.run(view(url, token, kind, int(cameras), int(viewers)))


if __name__ == "__main__":
    main()
