"""A network of light devices on loopback: listeners, closed ports, and hosts that say nothing."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest_asyncio

#: Eight ports as in a quick scan, free for everybody to listen on, and no port that connections
#: are made from.
PORTS = (20080, 20444, 20554, 22020, 27777, 28000, 28080, 28554)


class LightDevice(asyncio.Protocol):
    """Answers HTTP and RTSP by a few lines, and keeps what it was asked."""

    def __init__(self, answers: dict[str, bytes], asked: list[bytes]) -> None:
        self._answers = answers
        self._asked = asked
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request, by its method."""
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            self._asked.append(head)
            self._data = self._data[self._data.find(b"\r\n\r\n") + 1 :] if b"POST" in head else b""
            answer = self._answers.get(head.partition(b" ")[0].decode())
            if answer is not None:
                lines = head.decode().splitlines()
                number = next((x for x in lines if x.lower().startswith("cseq")), "X: 0")
                self._transport.write(answer.replace(b"CSEQ", number.encode()))  # type: ignore[attr-defined] # a Transport


class LightNetwork:
    """Hosts ``host(1)`` to ``host(254)`` of a /24 of loopback that nobody else uses."""

    ports = PORTS

    def __init__(self) -> None:
        number = os.getpid()
        self.wide = f"127.{100 + number % 100}.0.0/16"
        self.prefix = f"127.{100 + number % 100}.{number // 100 % 256}"
        self.range = f"{self.prefix}.0/24"
        self.asked: list[bytes] = []
        self._servers: list[asyncio.Server] = []
        self._silent: list[socket.socket] = []

    def host(self, number: int) -> str:
        """Return the address of a host."""
        return f"{self.prefix}.{number}"

    async def listen(self, number: int, port: int, **answers: str) -> None:
        """Open a port, which answers to methods as told; by HTTP 404 to POST unless told."""
        if "GET" in answers:
            answers.setdefault("POST", "HTTP/1.1 404 Not Found\nContent-Length: 0\n\n")
        texts = {
            method: text.replace("\n", "\r\n").encode("latin-1") for method, text in answers.items()
        }
        loop = asyncio.get_running_loop()
        self._servers.append(
            await loop.create_server(
                lambda: LightDevice(texts, self.asked), self.host(number), port, backlog=32
            )
        )

    async def camera(self, number: int) -> None:
        """Open HTTP and RTSP ports as a Dahua camera has them."""
        await self.listen(
            number,
            20080,
            GET="HTTP/1.1 200 OK\nServer: Webs\nContent-Type: text/html\nContent-Length: 26\n\n"
            "<title>WEB SERVICE</title>",
        )
        await self.listen(
            number,
            20554,
            OPTIONS="RTSP/1.0 200 OK\nCSEQ\nPublic: OPTIONS, DESCRIBE\n\n",
            DESCRIBE="RTSP/1.0 401 Unauthorized\nCSEQ\n"
            f'WWW-Authenticate: Digest realm="Login to 4F{number:04}", nonce="a"\n\n',
        )

    def silence(self, number: int, port: int) -> None:
        """Have a port that does not answer: Linux drops connections when the backlog is full."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host(number), port))
        listener.listen(0)
        self._silent.append(listener)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.host(number), port))
            self._silent.append(filler)

    async def close(self) -> None:
        """Close all ports."""
        for server in self._servers:
            server.close()
        for sock in self._silent:
            sock.close()
        await asyncio.sleep(0)


@pytest_asyncio.fixture
async def network() -> AsyncIterator[LightNetwork]:
    """Return a network without any device yet."""
    network = LightNetwork()
    yield network
    await network.close()
