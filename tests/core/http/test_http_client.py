from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from typing import Any

import pytest

from ucv.errors import (
    AccessDenied,
    CameraViewerError,
    CannotConnect,
    ConnectionClosed,
    ConnectTimeout,
    EndpointNotFound,
    ProtocolError,
    RateLimited,
    ValidationError,
)
from ucv.http import DeviceHttp, HttpPool
from ucv.testing import FakeClock, until


@pytest.fixture
def http(pool: HttpPool, peer: Any) -> DeviceHttp:
    return pool.client("127.0.0.1", port=peer.port)


async def test_a_body_comes_as_json_text_or_bytes(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: (200, b'\xef\xbb\xbf{"serial": "A1"}', {"Content-Type": "x/y"})
    assert await http.get_json("/") == {"serial": "A1"}
    assert await http.get_text("/") == '{"serial": "A1"}'
    assert (await http.get_bytes("/")).startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain; charset=ISO-8859-1", b"caf\xe9", "café"),
        ('text/plain; charset="gb2312"', "摄像".encode("gb2312"), "摄像"),
        ("text/plain", "café".encode(), "café"),
        ("text/plain; charset=nonsense", "café".encode(), "café"),
        ("text/plain; charset=utf-nonsense", "café".encode(), "café"),
        ("text/plain; charset=unicode_escape", rb"\x41", r"\x41"),
        ("", b"caf\xe9", "caf�"),
    ],
)
async def test_text_is_read_by_its_character_set(
    http: DeviceHttp, peer: Any, kind: str, body: bytes, text: str
) -> None:
    peer.answer = lambda asked: (200, body, {"Content-Type": kind})
    assert await http.get_text("/") == text


async def test_json_in_another_character_set_is_read(http: DeviceHttp, peer: Any) -> None:
    kind = "application/json; charset=iso-8859-1"
    peer.answer = lambda asked: (200, b'["caf\xe9"]', {"Content-Type": kind})
    assert await http.get_json("/") == ["café"]


async def test_what_is_not_json_names_path_and_type_but_nothing_else(
    http: DeviceHttp, peer: Any
) -> None:
    peer.answer = lambda asked: (200, b"<html>secret", {"Content-Type": "text/html; x=secret"})
    with pytest.raises(ProtocolError) as caught:
        await http.get_json("/api/info?token=secret")
    assert "/api/info is not JSON (text/html)" in caught.value.message
    assert "secret" not in f"{caught.value}{caught.value.details}"


async def test_requests_carry_what_they_are_given(http: DeviceHttp, peer: Any) -> None:
    await http.post("/form", {"a": "1 2", "b": ["x", "y"]})
    await http.put("/text", "é", headers={"Content-Type": "text/xml", "X-A": "b"})
    await http.delete("/gone", params={"id": 3})
    await http.post("/empty")
    form, text, gone, empty = peer.asked
    assert (form.method, form.body) == ("POST", b"a=1+2&b=x&b=y")
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (text.method, text.body) == ("PUT", "é".encode())
    assert (text.headers["content-type"], text.headers["x-a"]) == ("text/xml", "b")
    assert (gone.method, gone.target) == ("DELETE", "/gone?id=3")
    assert (empty.body, empty.headers["content-length"]) == (b"", "0")


async def test_an_answer_is_whole_and_keeps_its_headers(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: (202, b"body", {"X-Serial": "A1", "Content-Type": "Text/XML; a=b"})
    answer = await http.request("POST", "/x?y=z", data=b"1")
    assert (answer.status, answer.body, answer.path) == (202, b"body", "/x")
    assert answer.headers["x-serial"] == "A1"
    assert answer.content_type == "text/xml"
    assert "body" not in repr(answer)


async def test_a_head_request_has_no_body_however_long_it_says(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"
    assert (await http.request("HEAD", "/")).body == b""


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (403, {}, AccessDenied),
        (404, {}, EndpointNotFound),
        (410, {}, EndpointNotFound),
        (429, {}, RateLimited),
        (503, {"Retry-After": "5"}, RateLimited),
        (503, {}, ProtocolError),
        (400, {}, ProtocolError),
        (500, {}, ProtocolError),
    ],
)
async def test_a_status_becomes_an_error(
    http: DeviceHttp, peer: Any, status: int, headers: dict[str, str], error: type
) -> None:
    peer.answer = lambda asked: (status, b"secret", headers)
    with pytest.raises(CameraViewerError) as caught:
        await http.get_json("/x?token=secret")
    assert type(caught.value) is error
    assert caught.value.details["status"] == status
    assert "secret" not in f"{caught.value}{caught.value.details}"
    with pytest.raises(error):
        async with http.stream("GET", "/x"):
            pass


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("5", 5.0),
        (" 2.5 ", 2.5),
        ("-3", 0.0),
        ("999999999", 86_400.0),
        ("soon", None),
        ("nan", None),
        (None, None),
        (formatdate(1_700_000_090.0, usegmt=True), 90.0),
        (formatdate(1_600_000_000.0, usegmt=True), 0.0),
    ],
)
async def test_how_long_to_stay_away_is_told(
    http: DeviceHttp, peer: Any, clock: FakeClock, given: str | None, seconds: float | None
) -> None:
    peer.answer = lambda asked: (429, b"", {"Retry-After": given} if given else {})
    with pytest.raises(RateLimited) as caught:
        await http.get_json("/")
    assert caught.value.retry_after == seconds


async def test_a_status_that_the_caller_expects_is_an_answer(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: (400, b"<error>7</error>")
    answer = await http.request("GET", "/", allow_status=(400,))
    assert (answer.status, answer.body) == (400, b"<error>7</error>")


def _answer_with(status: int, _asked: Any) -> tuple[int, bytes]:
    return status, b"{}"


async def test_connections_are_kept_and_used_again(http: DeviceHttp, peer: Any) -> None:
    for status in (200, 404, 401, 302, 500, 200):
        peer.answer = partial(_answer_with, status)
        with suppress(CameraViewerError):
            await http.get_json("/")
    assert peer.connections == 1


async def test_a_get_is_sent_again_when_a_kept_connection_is_dropped(
    http: DeviceHttp, peer: Any
) -> None:
    await http.get_json("/one")
    peer.answer = lambda asked: None if asked.connection == 1 else (200, b"[2]")
    assert await http.get_json("/two") == [2]
    assert peer.targets == ["/one", "/two", "/two"]


async def test_a_get_is_sent_again_only_once(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: asyncio.sleep(0.05, (200, b"{}"))
    await asyncio.gather(*(http.get_json("/one") for _ in range(4)))
    assert peer.open == 4
    peer.asked.clear()
    peer.answer = lambda asked: None if asked.connection <= 4 else (200, b"{}")
    with pytest.raises(ConnectionClosed):
        await http.get_json("/two")
    assert len(peer.asked) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_command_is_never_sent_twice(http: DeviceHttp, peer: Any, method: str) -> None:
    await http.get_json("/one")
    peer.answer = lambda asked: None
    with pytest.raises(ConnectionClosed):
        await http.request(method, "/two")
    assert peer.targets == ["/one", "/two"]


async def test_a_get_is_not_sent_again_over_a_new_connection(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: None
    with pytest.raises(ConnectionClosed):
        await http.get_json("/one")
    assert peer.targets == ["/one"]


async def test_a_connection_that_the_device_closed_in_between_is_no_error(
    http: DeviceHttp, peer: Any
) -> None:
    await http.get_json("/one")
    peer.hang_up()
    await until(lambda: peer.open == 0)
    await http.post("/two")
    assert peer.connections == 2


async def test_where_nobody_listens_is_no_connection(pool: HttpPool) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(CannotConnect):
            await pool.client("127.0.0.1", port=port).get_json("/")


async def test_an_unknown_name_is_no_connection(
    pool: HttpPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_args: Any, **_options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", unknown)
    with pytest.raises(CannotConnect, match="name"):
        await pool.client("camera.invalid").get_json("/")


async def test_a_silent_device_is_waited_for_only_so_long(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: asyncio.Event().wait()
    with pytest.raises(ConnectTimeout):
        await http.get_json("/", timeout=0.05)
    await until(lambda: peer.open == 1)


async def test_slow_bytes_do_not_extend_the_time(http: DeviceHttp, peer: Any) -> None:
    async def drip(asked: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)

    peer.answer = drip
    with pytest.raises(ConnectTimeout):
        await http.get_bytes("/", timeout=0.1)
    await until(lambda: peer.open == 0)  # and what still comes is not read


@pytest.mark.parametrize(
    "half",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n"
        + gzip.compress(bytes(1000), mtime=0)[:12],
    ],
)
async def test_half_an_answer_is_a_closed_connection(
    http: DeviceHttp, peer: Any, half: bytes
) -> None:
    async def answer(asked: Any, writer: Any) -> None:
        writer.write(half)

    peer.answer = answer
    with pytest.raises(ConnectionClosed):
        await http.get_bytes("/")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x00garbage\r\n\r\n",
        b"SSH-2.0-dropbear\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
    ],
)
async def test_what_is_not_http_is_a_protocol_error(
    http: DeviceHttp, peer: Any, garbage: bytes
) -> None:
    peer.answer = lambda asked: garbage
    with pytest.raises(ProtocolError) as caught:
        await http.get_bytes("/", timeout=2)
    assert type(caught.value) is ProtocolError


async def test_endless_headers_end(http: DeviceHttp, peer: Any) -> None:
    async def answer(asked: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X: " + b"x" * 1000 + b"\r\n")
            await writer.drain()

    peer.answer = answer
    with pytest.raises(ProtocolError):
        await http.get_bytes("/")


async def test_a_body_that_says_it_is_too_large_is_not_read(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: b"HTTP/1.1 200 OK\r\nContent-Length: 5001\r\n\r\n"
    with pytest.raises(ProtocolError, match="more than 5000 bytes"):
        await http.get_bytes("/", limit=5000)


async def test_an_endless_body_is_cut_off(http: DeviceHttp, peer: Any) -> None:
    async def answer(asked: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(bytes(1000))
            await writer.drain()

    peer.answer = answer
    with pytest.raises(ProtocolError, match="more than 100000 bytes"):
        await http.get_bytes("/", limit=100_000)
    await until(lambda: peer.open == 0)


async def test_a_body_of_exactly_the_limit_is_taken(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: (200, bytes(5000))
    assert len(await http.get_bytes("/", limit=5000)) == 5000


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_bomb_stops_at_the_limit(
    http: DeviceHttp, peer: Any, coding: str
) -> None:
    compress = gzip.compress if coding == "gzip" else zlib.compress
    bomb = compress(bytes(50_000_000))
    peer.answer = lambda asked: (200, bomb, {"Content-Encoding": coding})
    with pytest.raises(ProtocolError, match="more than"):
        await http.get_bytes("/", limit=1_000_000)


async def test_a_compressed_body_is_unpacked(http: DeviceHttp, peer: Any) -> None:
    packed = gzip.compress(b"[1]" + b" " * 1000)
    peer.answer = lambda asked: (200, packed, {"Content-Encoding": "gzip"})
    assert await http.get_json("/") == [1]


async def test_one_device_is_asked_four_things_at_once(http: DeviceHttp, peer: Any) -> None:
    async def answer(asked: Any) -> Any:
        await asyncio.sleep(0.01)
        return 200, b"{}"

    peer.answer = answer
    await asyncio.gather(*(http.get_json("/") for _ in range(20)))
    assert peer.most_busy == 4
    assert peer.connections <= 4


async def test_the_limit_holds_for_all_clients_of_one_host(pool: HttpPool, peer: Any) -> None:
    peer.answer = lambda asked: asyncio.sleep(0.01, (200, b"{}"))
    clients = [pool.client("127.0.0.1", port=peer.port) for _ in range(10)]
    await asyncio.gather(*(one.get_json("/") for one in clients))
    assert peer.most_busy == 4


async def test_a_request_that_never_had_its_turn_says_so(http: DeviceHttp, peer: Any) -> None:
    done = asyncio.Event()

    async def answer(asked: Any) -> Any:
        await done.wait()
        return 200, b"{}"

    peer.answer = answer
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(http.get_json("/"))
        await until(lambda: peer.busy == 4)
        with pytest.raises(ConnectTimeout, match="busy with other requests"):
            await http.get_json("/", timeout=0.05)
        done.set()
    await http.get_json("/")


async def test_no_cookie_is_kept(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: (200, b"{}", {"Set-Cookie": "session=1"})
    await http.get_json("/")
    await http.get_json("/")
    assert "cookie" not in peer.asked[1].headers


async def test_a_closed_client_leaves_no_connection(
    pool: HttpPool, http: DeviceHttp, peer: Any
) -> None:
    await http.get_json("/")
    assert peer.open == 1
    await http.close()
    await until(lambda: peer.open == 0)
    with pytest.raises(ConnectionClosed):
        await http.get_json("/")
    await http.close()


async def test_closing_the_pool_ends_requests_under_way(pool: HttpPool, peer: Any) -> None:
    peer.answer = lambda asked: asyncio.Event().wait()
    http = pool.client("127.0.0.1", port=peer.port)
    waiting = asyncio.create_task(http.get_json("/"))
    await until(lambda: peer.busy == 1)
    await pool.close()
    with pytest.raises(ConnectionClosed):
        await waiting


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("GET\r\n", {}),
        ("get", {}),
        ("POST", {"data": b"", "json": 1}),
        ("GET", {"headers": {"X": "a\r\nY: b"}}),
        ("GET", {"headers": {"X: ": "a"}}),
        ("GET", {"params": {"x": "y" * 10_000}}),
    ],
)
async def test_what_cannot_be_sent_is_refused(
    http: DeviceHttp, peer: Any, method: str, options: Any
) -> None:
    with pytest.raises(ValidationError):
        await http.request(method, "/", **options)
    assert peer.asked == []


async def test_a_host_that_is_none_is_refused(pool: HttpPool) -> None:
    with pytest.raises(ValidationError):
        await pool.client("a b/c@d").get_json("/")
