"""Requests as virtual devices read them."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.testing.http_message import BadRequest, Request, parse_head, read_body


async def body_of(head: str, data: bytes) -> bytes:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await read_body(parse_head(f"POST / HTTP/1.1\r\nHost: x\r\n{head}".encode()), reader)


def test_a_request_is_taken_apart() -> None:
    request = parse_head(b"GET /a%20b?x=1&y=%26&x=2 HTTP/1.1\r\nHost: cam\r\nAccept: a\r\nACCEPT:b")
    assert request.path == "/a b"
    assert request.target == "/a%20b?x=1&y=%26&x=2"
    assert request.query == {"x": "2", "y": "&"}
    assert request.headers == {"host": "cam", "accept": "a, b"}
    assert request.stays


@pytest.mark.parametrize(
    ("head", "path"),
    [(b"//x/y", "//x/y"), (b"http://cam/a?b", "/a"), (b"*", "*")],
)
def test_targets_have_a_path(head: bytes, path: str) -> None:
    assert parse_head(b"GET " + head + b" HTTP/1.0").path == path


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", 400),
        (b"GET / HTTP/1.1", 400),
        (b"GET / HTTP/2.0\r\nHost: x", 505),
        (b"GET  / HTTP/1.1\r\nHost: x", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon", 400),
        (b"GET / HTTP/1.1\r\nHost : x", 400),
        (b"GET http://[/ HTTP/1.1\r\nHost: x", 400),
    ],
)
def test_what_is_no_request_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_head(head)
    assert caught.value.status == status


async def test_bodies_end_by_their_length_or_their_last_chunk() -> None:
    assert await body_of("Content-Length: 3", b"abcdef") == b"abc"
    chunks = b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n"
    assert await body_of("Transfer-Encoding: chunked", chunks) == b"abcde"


@pytest.mark.parametrize(
    ("head", "data", "status"),
    [
        ("Content-Length: -1", b"", 400),
        ("Content-Length: 0x3", b"", 400),
        ("Content-Length: 99999999999", b"", 413),
        ("Transfer-Encoding: gzip", b"", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1", b"", 400),
        ("Transfer-Encoding: chunked", b"zz\r\n", 400),
    ],
)
async def test_bodies_without_a_sane_size_are_refused(head: str, data: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        await body_of(head, data)
    assert caught.value.status == status


@given(st.binary())
def test_any_head_is_a_request_or_refused(head: bytes) -> None:
    for start in (b"", b"GET ", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        with contextlib.suppress(BadRequest):
            assert isinstance(parse_head(start + head), Request)


@given(st.binary())
async def test_any_chunked_body_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadRequest, asyncio.IncompleteReadError):
        assert isinstance(await body_of("Transfer-Encoding: chunked", data), bytes)
