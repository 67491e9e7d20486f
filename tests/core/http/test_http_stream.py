from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ucv.errors import (
    ConnectionClosed,
    ConnectTimeout,
    EndpointNotFound,
    InvalidAuth,
)
from ucv.http import DeviceHttp, HttpPool
from ucv.streams.source import Credentials
from ucv.testing import until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"


class Events:
    """An answer whose chunks the test sends by hand."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.opened = 0

    async def __call__(self, asked: Any, writer: Any) -> Any:
        self.opened += 1
        writer.write(HEAD)
        while (chunk := await self.queue.get()) is not None:
            writer.write(chunk)
            await writer.drain()
        return None


@pytest.fixture
def http(pool: HttpPool, peer: Any) -> DeviceHttp:
    credentials = Credentials("viewer", "hunter2 & ünïcode")
    return pool.client("127.0.0.1", port=peer.port, credentials=credentials)


@pytest.fixture
def events(peer: Any) -> Events:
    peer.answer = Events()
    return peer.answer  # type: ignore[no-any-return]  # set in the line above


async def test_chunks_come_as_they_are_sent_until_the_end(
    http: DeviceHttp, peer: Any, events: Events
) -> None:
    guard = peer.protect()
    async with http.stream("GET", "/events") as stream:
        assert stream.status == 200
        assert stream.content_type == "multipart/x-mixed-replace; boundary=b"
        chunks = aiter(stream)
        for number in range(3):
            await events.queue.put(b"event %d" % number)
            assert await anext(chunks) == b"event %d" % number
        await events.queue.put(None)
        assert [chunk async for chunk in chunks] == []
    assert guard.good == 1
    assert peer.asked[-1].headers["accept-encoding"] == "identity"


async def test_leaving_a_stream_closes_its_connection(
    http: DeviceHttp, peer: Any, events: Events
) -> None:
    async with http.stream("GET", "/events"):
        await until(lambda: peer.open == 1)
    await until(lambda: peer.open == 1 and peer.busy == 1)
    await events.queue.put(b"x" * 100_000)
    await events.queue.put(b"x" * 100_000)
    await until(lambda: peer.open == 0)


async def test_a_stream_may_go_on_for_longer_than_its_idle_time(
    http: DeviceHttp, events: Events
) -> None:
    async with http.stream("GET", "/events", idle_timeout=0.3) as stream:
        chunks = aiter(stream)
        for _ in range(6):
            await asyncio.sleep(0.1)
            await events.queue.put(b"alive")
            assert await anext(chunks) == b"alive"


async def test_a_stream_that_falls_silent_is_given_up(http: DeviceHttp, events: Events) -> None:
    async with http.stream("GET", "/events", idle_timeout=0.1) as stream:
        await events.queue.put(b"once")
        chunks = aiter(stream)
        assert await anext(chunks) == b"once"
        with pytest.raises(ConnectTimeout):
            await anext(chunks)


async def test_a_stream_that_never_begins_is_given_up(
    http: DeviceHttp, peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.http.client.CONNECT_TIMEOUT", 0.1)
    peer.answer = lambda asked: asyncio.Event().wait()
    with pytest.raises(ConnectTimeout):
        async with http.stream("GET", "/events", idle_timeout=0.1):
            pass


async def test_a_stream_that_breaks_off_says_so(http: DeviceHttp, peer: Any) -> None:
    async def answer(asked: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nde")

    peer.answer = answer
    async with http.stream("GET", "/events") as stream:
        with pytest.raises(ConnectionClosed):
            async for _ in stream:
                pass


async def test_a_stream_that_turns_into_garbage_ends(http: DeviceHttp, peer: Any) -> None:
    async def answer(asked: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"zzz\r\n")
        await asyncio.sleep(0.05)

    peer.answer = answer
    async with http.stream("GET", "/events", idle_timeout=0.3) as stream:
        with pytest.raises(ConnectionClosed):
            async for _ in stream:
                pass


async def test_a_stream_that_is_refused_is_an_error(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: (404, b"")
    with pytest.raises(EndpointNotFound):
        async with http.stream("GET", "/events"):
            pass
    peer.protect(password="other")
    for _ in range(4):
        with pytest.raises(InvalidAuth):
            async with http.stream("GET", "/events"):
                pass
    assert peer.guard.refused == 2


async def test_streams_leave_a_place_to_requests(
    http: DeviceHttp, peer: Any, events: Events
) -> None:
    async def answer(asked: Any, writer: Any) -> Any:
        if asked.target != "/events":
            return 200, b"{}"
        return await events(asked, writer)

    peer.answer = answer
    async with (
        http.stream("GET", "/events"),
        http.stream("GET", "/events"),
        http.stream("GET", "/events"),
    ):
        await http.get_json("/info", timeout=1)
        fourth = http.stream("GET", "/events", idle_timeout=0.01)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ucv.http.client.CONNECT_TIMEOUT", 0.05)
            with pytest.raises(ConnectTimeout):
                await fourth.__aenter__()
    assert events.opened == 3
    async with http.stream("GET", "/events"):
        assert events.opened == 4


async def test_closing_the_client_ends_its_streams(http: DeviceHttp, events: Events) -> None:
    async with http.stream("GET", "/events") as stream:
        await http.close()
        with pytest.raises(ConnectionClosed):
            async for _ in stream:
                pass


async def test_half_a_body_without_length_is_not_taken_for_whole(
    http: DeviceHttp, peer: Any, events: Events
) -> None:
    waiting = asyncio.create_task(http.get_bytes("/snap"))
    await events.queue.put(b"half")
    await until(lambda: peer.busy == 1 and events.queue.empty())
    await http.close()
    with pytest.raises(ConnectionClosed):
        await waiting


async def test_a_stream_that_was_left_cannot_be_read(http: DeviceHttp, events: Events) -> None:
    async with http.stream("GET", "/events") as stream:
        pass
    with pytest.raises(ConnectionClosed):
        await anext(aiter(stream))


async def test_a_reader_that_falls_behind_slows_the_device_down(
    http: DeviceHttp, peer: Any
) -> None:
    sent = 0

    async def answer(asked: Any, writer: Any) -> None:
        nonlocal sent
        writer.write(HEAD)
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    peer.answer = answer
    async with http.stream("GET", "/events") as stream:
        await anext(aiter(stream))
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 32 * 1024 * 1024
