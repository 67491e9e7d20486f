"""A network of light cameras, closed ports and silent hosts on loopback, for scanners to find.

`python -m benchmarks.scan_hosts CAMERAS SILENT` tells which addresses and ports to scan as JSON,
and ends with its input.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import uvloop

from benchmarks.processes import answer

#: Eight ports as in a quick scan, which need no privileges and which no connections come from.
PORTS = (20080, 20444, 20554, 22020, 27777, 28000, 28080, 28554)
_HTTP = (
    b"HTTP/1.1 200 OK\r\nServer: Webs\r\nContent-Type: text/html\r\nContent-Length: 26\r\n\r\n"
    b"<title>WEB SERVICE</title>"
)
_RTSP = 'RTSP/1.0 401 Unauthorized\r\n{}\r\nWWW-Authenticate: Digest realm="Login to 1"\r\n\r\n'


class Camera(asyncio.Protocol):
    """Answers HTTP with a page, and RTSP by asking for a log-in."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request, which comes in one piece on loopback."""
        head = data.decode("latin-1")
        number = next((x for x in head.splitlines() if x.lower().startswith("cseq")), None)
        reply = _HTTP if number is None else _RTSP.format(number).encode()
        self._transport.write(reply)  # type: ignore[attr-defined] # a Transport, whatever its class


def silence(host: str, port: int) -> list[socket.socket]:
    """Return a port that does not answer: Linux drops connections when the backlog is full."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(0)
    fillers = [socket.socket() for _ in range(3)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex((host, port))
    return [listener, *fillers]


async def serve(cameras: int, silent: int) -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    number = os.getpid()
    prefix = f"127.{64 + number % 32}.{number // 32 % 256}"
    for host in range(1, cameras + 1):
        for port in (PORTS[0], PORTS[2]):
            await loop.create_server(Camera, f"{prefix}.{host}", port)
    held = [
        sock
        for host in range(cameras + 1, cameras + silent + 1)
        for port in PORTS
        for sock in silence(f"{prefix}.{host}", port)
    ]
    answer({"range": f"{prefix}.0/24", "ports": PORTS, "open": 2 * cameras})
    await loop.run_in_executor(None, sys.stdin.read)
    for sock in held:
        sock.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
