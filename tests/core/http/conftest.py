"""A device that speaks HTTP, byte by byte, and checks logins by RFC 7616 on its own."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import itertools
import re
import ssl
import urllib.request
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from ucv.http import HttpPool
from ucv.testing import FakeClock

USERNAME = "viewer"
PASSWORD = "hunter2 & ünïcode"


@dataclass
class Asked:
    """One request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


@dataclass
class Guard:
    """Demands a login. Its switches are what devices do."""

    username: str = USERNAME
    password: str = PASSWORD
    realm: str = "Camera"
    #: Schemes in the order of their headers: "Basic", or a digest algorithm.
    offers: tuple[str, ...] = ("MD5",)
    #: Algorithms that are offered, but never right.
    broken: tuple[str, ...] = ()
    qop: str | None = "auth"
    one_header: bool = False
    #: How often a nonce may be used.
    uses: int | None = None
    #: Whether a nonce that has been used up is called stale.
    says_stale: bool = False
    #: Only the nonce that was given last is good.
    last_nonce_only: bool = False
    nonces: dict[str, int] = field(default_factory=dict)
    counts: set[tuple[str, str]] = field(default_factory=set)
    #: Requests without, with refused and with good credentials.
    bare: int = 0
    refused: int = 0
    good: int = 0
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def challenge(self, stale: bool = False) -> list[str]:
        values = []
        for number, scheme in enumerate(self.offers):
            if scheme == "Basic":
                values.append(f'Basic realm="{self.realm}"')
                continue
            nonce = f"nonce{next(self._numbers)}-{number}"
            if self.last_nonce_only:
                self.nonces.clear()
            self.nonces[nonce] = 0
            qop = f', qop="{self.qop}"' if self.qop else ""
            late = ", stale=true" if stale else ""
            values.append(
                f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={scheme}{qop},'
                f' opaque="op,aque"{late}'
            )
        return [", ".join(values)] if self.one_header else values

    def check(self, asked: Asked) -> list[str] | None:
        """Return None for a request that may pass, else the challenges."""
        given = asked.authorization
        if given is None:
            self.bare += 1
            return self.challenge()
        verdict = self._judge(asked, given)
        if verdict is True:
            self.good += 1
            return None
        if verdict != "stale":
            self.refused += 1
        return self.challenge(stale=verdict == "stale" and self.says_stale)

    def _judge(self, asked: Asked, given: str) -> bool | str:
        if given.startswith("Basic "):
            pair = b64encode(f"{self.username}:{self.password}".encode()).decode()
            return "Basic" in self.offers and given == f"Basic {pair}"
        fields = {
            name: quoted or bare
            for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)
        }
        algorithm = fields.get("algorithm", "MD5")
        nonce = fields["nonce"]
        if algorithm in self.broken or algorithm not in self.offers:
            return False
        if fields["uri"] != asked.target or fields["opaque"] != "op,aque":
            return False
        if fields["response"] != self._response(asked.method, fields, algorithm):
            return False
        used = self.nonces.get(nonce)
        if used is None or (self.uses is not None and used >= self.uses):
            return "stale"
        if self.qop:
            if (nonce, fields["nc"]) in self.counts:
                return "stale"
            self.counts.add((nonce, fields["nc"]))
        self.nonces[nonce] = used + 1
        return True

    def _response(self, method: str, fields: dict[str, str], algorithm: str) -> str:
        name = "sha256" if algorithm.startswith("SHA-256") else "md5"

        def h(text: str) -> str:
            return hashlib.new(name, text.encode()).hexdigest()

        a1 = h(f"{self.username}:{self.realm}:{self.password}")
        if algorithm.endswith("-sess"):
            a1 = h(f"{a1}:{fields['nonce']}:{fields['cnonce']}")
        a2 = h(f"{method}:{fields['uri']}")
        if not self.qop:
            return h(f"{a1}:{fields['nonce']}:{a2}")
        middle = ":".join(fields[key] for key in ("nonce", "nc", "cnonce", "qop"))
        return h(f"{a1}:{middle}:{a2}")


class Peer:
    """Answers each request with what ``answer`` returns for it.

    That is (status, body) or (status, body, headers), or the bytes of a whole answer, or None to
    hang up. It may be a coroutine, and write by itself to the second argument.
    """

    def __init__(self) -> None:
        self.answer: Callable[..., Any] = lambda asked: (200, b"{}")
        self.guard: Guard | None = None
        self.asked: list[Asked] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.busy = 0
        self.most_busy = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def targets(self) -> list[str]:
        return [asked.target for asked in self.asked]

    def protect(self, **switches: Any) -> Guard:
        self.guard = Guard(**switches)
        return self.guard

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hang_up(self) -> None:
        """Close all connections."""
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        self._writers.add(writer)
        try:
            number = self.connections
            while (asked := await self._read(reader, number)) is not None:
                self.asked.append(asked)
                self.busy += 1
                self.most_busy = max(self.busy, self.most_busy)
                try:
                    if not await self._reply(asked, writer):
                        break
                finally:
                    self.busy -= 1
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.close()
            with suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader, number: int) -> Asked | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Asked(method, target, headers, body, number)

    async def _reply(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        challenges = self.guard.check(asked) if self.guard else None
        if challenges is not None:
            writer.write(_head(401, b"no", [("WWW-Authenticate", c) for c in challenges]))
            await writer.drain()
            return True
        wants_writer = len(inspect.signature(self.answer).parameters) == 2
        result = self.answer(asked, writer) if wants_writer else self.answer(asked)
        if inspect.isawaitable(result):
            result = await result
        if result is None:
            return False
        if isinstance(result, tuple):
            status, body, *more = result
            result = _head(status, body, list(more[0].items()) if more else [], asked.method)
        writer.write(result)
        await writer.drain()
        return True


def _head(status: int, body: bytes, headers: list[tuple[str, str]], method: str = "GET") -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head if method == "HEAD" else head + body


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    device = Peer()
    await device.start()
    yield device
    await device.stop()


@pytest.fixture
async def tls_peer() -> AsyncIterator[Peer]:
    """A device to be started by the test, with its own certificate."""
    device = Peer()
    yield device
    await device.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def pool(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpPool]:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert urllib.request.getproxies()["http"]
    made = HttpPool(clock)
    yield made
    await made.close()
