"""The virtual RTSP server's locks and delays."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest

from ucv.testing import FakeClock
from ucv.testing.account_lock import AccountLock
from ucv.testing.clip import Clip, ClipRequest, encode
from ucv.testing.rtsp_auth import Authenticator, AuthKind
from ucv.testing.rtsp_server import RtspServer


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode(ClipRequest("Lock", 320, 180, 5, 1, bit_rate=100_000))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def server(clip: Clip, clock: FakeClock) -> AsyncIterator[RtspServer]:
    lock = AccountLock(2, 60, clock=clock)
    async with RtspServer(host="127.0.0.3", lock=lock) as running:
        running.add("/live", clip, Authenticator(AuthKind.BASIC, "viewer", "right"))
        running.add("/open", clip)
        yield running


async def describe(server: RtspServer, password: str | None, path: str = "/live") -> str:
    """Return the answer's head."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    lines = [f"DESCRIBE {server.url(path)} RTSP/1.0", "CSeq: 1"]
    if password is not None:
        pair = base64.b64encode(f"viewer:{password}".encode()).decode()
        lines.append(f"Authorization: Basic {pair}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        return (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
    finally:
        writer.close()


def status(head: str) -> int:
    return int(head.split()[1])


async def test_an_account_locks_and_opens_again(server: RtspServer, clock: FakeClock) -> None:
    assert status(await describe(server, "wrong")) == 401
    assert status(await describe(server, None)) == 401
    assert status(await describe(server, "right")) == 200, "a success forgets failures"
    assert status(await describe(server, "wrong")) == 401
    locked = await describe(server, "wrong")
    assert status(locked) == 403
    assert "WWW-Authenticate" not in locked
    assert status(await describe(server, "right")) == 403
    assert status(await describe(server, None)) == 401
    assert status(await describe(server, "right", "/open")) == 200
    assert (server.counters.refused, server.counters.locked) == (3, 1)
    await clock.advance(60)
    assert status(await describe(server, "right")) == 200


async def test_a_lock_may_say_no_more_than_401(server: RtspServer) -> None:
    server.lock.status = 401
    for _ in range(2):
        await describe(server, "wrong")
    locked = await describe(server, "right")
    assert status(locked) == 401
    assert "WWW-Authenticate: Basic" in locked
    server.lock.open()
    assert status(await describe(server, "right")) == 200


async def test_a_lockout_can_be_feigned(server: RtspServer) -> None:
    server.mounts["/live"].faults.lockout = 403
    assert status(await describe(server, "right")) == 403
    assert status(await describe(server, "right", "/open")) == 200
    assert server.counters.refused == 0


async def test_answers_can_be_late(server: RtspServer) -> None:
    server.faults.delay = 0.2
    loop = asyncio.get_running_loop()
    start = loop.time()
    assert status(await describe(server, "right")) == 200
    assert loop.time() - start >= 0.19


async def test_a_client_that_leaves_before_a_late_answer_is_forgotten(server: RtspServer) -> None:
    server.faults.delay = 3600
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await describe(server, "right")
    await server.stop()
    assert not server.connections


def test_only_this_machine_can_have_it() -> None:
    with pytest.raises(ValueError, match="this machine"):
        RtspServer(host="10.0.0.1")
