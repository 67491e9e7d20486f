"""What a misbehaving device looks like to a client that is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from ucv.testing import FakeClock, until
from ucv.testing.faults import HttpFaults
from ucv.testing.http_device import Request, VirtualDevice

BODY = b"0123456789" * 10


@pytest.fixture
async def device() -> AsyncIterator[VirtualDevice]:
    async with VirtualDevice() as running:
        running.route("/", BODY)
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as running:
        yield running


async def get(session: aiohttp.ClientSession, device: VirtualDevice, path: str = "/") -> bytes:
    async with session.get(device.url + path, allow_redirects=False) as response:
        return await response.read()


async def raw(device: VirtualDevice, requests: int = 1) -> bytes:
    """Send requests, and return all that comes until the device closes."""
    reader, writer = await asyncio.open_connection(device.host, device.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


async def test_refuse_closes_the_port_and_keeps_it(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    assert await get(session, device) == BODY
    port = device.port
    device.faults.refuse = True
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        await get(session, device)
    assert isinstance(caught.value.os_error, ConnectionRefusedError)
    await until(lambda: device.counters.open == 0)
    assert device.counters.connections == 1
    device.faults.refuse = False
    assert await get(session, device) == BODY
    assert device.port == port


async def test_a_device_that_refuses_can_be_started_and_stopped(
    session: aiohttp.ClientSession,
) -> None:
    device = VirtualDevice()
    device.faults.refuse = True
    await device.start()
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(session, device)
    await device.stop()
    device.faults.refuse = False
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(session, device)
    await device.start()
    device.route("/", "x")
    assert await get(session, device) == b"x"
    await device.stop()


async def test_delay_passes_by_the_clock(session: aiohttp.ClientSession) -> None:
    clock = FakeClock()
    async with VirtualDevice(clock=clock) as device:
        device.route("/", BODY)
        device.faults.delay = 30
        answer = asyncio.create_task(get(session, device))
        await until(lambda: clock.pending)
        await clock.advance(29)
        assert not answer.done()
        await clock.advance(1)
        assert await answer == BODY


async def test_silence_ends_with_the_client(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    device.faults.silent = True
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.1):
            await get(session, device)
    await until(lambda: device.counters.open == 0)
    assert device.counters.requests == {"/": 1}


async def test_drop_closes_without_an_answer(device: VirtualDevice) -> None:
    device.faults.drop = True
    assert await raw(device) == b""
    assert device.counters.requests == {"/": 1}


async def test_drop_after_lets_some_be_answered(device: VirtualDevice) -> None:
    device.faults.drop_after = 2
    assert (await raw(device, requests=3)).count(b"200 OK") == 2
    assert device.counters.requests == {"/": 3}


async def test_garbage_comes_instead_of_an_answer(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    device.faults.garbage = b"\x00\x01 no HTTP \xff\r\n\r\n"
    assert await raw(device) == device.faults.garbage
    with pytest.raises(aiohttp.ClientError):
        await get(session, device)


async def test_status_and_headers_are_answered_to_everything(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    device.faults.status = 503
    device.faults.headers = {"Retry-After": "7"}
    async with session.get(f"{device.url}/anything") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "7")


async def test_redirect_leads_elsewhere(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    device.faults.redirect = "http://127.0.0.9/there"
    async with session.get(device.url, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "http://127.0.0.9/there")


@pytest.mark.parametrize("chunked", [None, 16])
async def test_half_an_answer_is_cut_in_its_body(
    device: VirtualDevice, session: aiohttp.ClientSession, chunked: int | None
) -> None:
    device.faults.half = True
    device.faults.chunked = chunked
    with pytest.raises(aiohttp.ClientPayloadError):
        await get(session, device)
    assert (await raw(device)).count(b"0123456789") == 5


async def test_half_of_a_stream_ends_in_the_middle_of_its_first_piece(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    async def parts(_: Request) -> AsyncIterator[bytes]:
        yield BODY
        yield BODY

    device.route("/parts", parts)
    assert await get(session, device, "/parts") == BODY * 2
    device.faults.half = True
    with pytest.raises(aiohttp.ClientPayloadError):
        await get(session, device, "/parts")


async def test_slow_answers_come_byte_by_byte(device: VirtualDevice) -> None:
    device.faults.slow = 0.001
    device.faults.keep_alive = False
    reader, writer = await asyncio.open_connection(device.host, device.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    pieces = []
    while piece := await asyncio.wait_for(reader.read(1000), 5):
        pieces.append(piece)
    writer.close()
    assert b"".join(pieces).endswith(BODY)
    assert len(pieces) > 20


@pytest.mark.parametrize("fault", ["oversized", "endless_headers"])
async def test_endless_answers_go_on_until_the_client_leaves(
    device: VirtualDevice, fault: str
) -> None:
    setattr(device.faults, fault, True)
    reader, writer = await asyncio.open_connection(device.host, device.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    got = await asyncio.wait_for(reader.readexactly(5_000_000), 10)
    assert (b"\r\n\r\n" in got) == (fault == "oversized")
    writer.close()
    await until(lambda: device.counters.open == 0)


async def test_an_endless_body_never_claims_a_length(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    device.faults.oversized = True
    async with session.get(device.url) as response:
        assert response.status == 200
        assert response.content_length is None
        assert not response.headers.get("Transfer-Encoding")


async def test_without_keep_alive_each_request_has_a_connection(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    device.faults.keep_alive = False
    for _ in range(3):
        await get(session, device)
    assert device.counters.connections == 3
    device.faults.keep_alive = True
    for _ in range(3):
        await get(session, device)
    assert device.counters.connections == 4


async def test_chunks_have_no_length_and_are_put_together(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    device.faults.chunked = 7
    async with session.get(device.url) as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert await response.read() == BODY


async def test_a_route_has_faults_of_its_own(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    other = device.route("/other", "x")
    other.faults.status = 500
    device.faults.headers = {"X-All": "yes"}
    async with session.get(f"{device.url}/other") as response:
        assert (response.status, response.headers["X-All"]) == (500, "yes")
    assert await get(session, device) == BODY
    with pytest.raises(TypeError):
        other.faults.refuse = True


async def test_faults_can_be_cleared_at_once(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    device.faults.refuse = True
    device.faults.drop = True
    device.faults.headers = {"X": "y"}
    device.faults.clear()
    assert await get(session, device) == BODY
    assert HttpFaults() == HttpFaults().over(HttpFaults())


async def test_dropped_connections_are_followed_by_others(
    device: VirtualDevice, session: aiohttp.ClientSession
) -> None:
    await get(session, device)
    device.drop_connections()
    await until(lambda: device.counters.open == 0)
    assert await get(session, device) == BODY
    assert device.counters.connections == 2
