from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from ucv.clock import SystemClock
from ucv.errors import CameraViewerError, ProtocolError
from ucv.http import HttpPool, Response
from ucv.http.auth import _rendered
from ucv.http.failures import seconds_until
from ucv.media.digest import parse_challenges
from ucv.streams.source import Credentials

CLOCK = SystemClock()
_CHALLENGE = st.text(st.sampled_from('Digest realm="n,\\" opaque=abc basic MD5,\t'), max_size=60)


def answer_with(kind: str, body: bytes) -> Response:
    headers = CIMultiDictProxy(CIMultiDict({"Content-Type": kind}))
    return Response(200, headers, body, "/")


@given(
    st.text() | st.from_regex(r"text/x; *charset=\"?[a-z0-9_-]{0,12}\"?", fullmatch=True),
    st.binary(),
)
def test_any_body_of_any_type_is_text(kind: str, body: bytes) -> None:
    assert isinstance(answer_with(kind, body).text(), str)


@given(st.sampled_from(["", "a/b; charset=utf-16", "a/b; charset=latin-1"]), st.binary())
def test_any_body_is_json_or_a_protocol_error(kind: str, body: bytes) -> None:
    with suppress(ProtocolError):
        answer_with(kind, body).json()


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [\d:]+( [-+A-Z\d]+)?"))
def test_any_wait_is_between_nothing_and_a_day_or_unknown(text: str) -> None:
    seconds = seconds_until(text, CLOCK)
    assert seconds is None or 0 <= seconds <= 86_400


@given(st.text() | _CHALLENGE)
def test_a_challenge_is_written_as_it_was_read(text: str) -> None:
    for challenge in parse_challenges([text]):
        assert parse_challenges([_rendered(challenge)]) == [challenge]


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.1 401 X\r\n",
                b"HTTP/1.1 302 X\r\n",
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n",
                b"Content-Length: 3\r\n",
                b"Content-Length: -3\r\n",
                b"Content-Length: 99999999999999999999\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Content-Encoding: gzip\r\n",
                b"Content-Type: text/plain; charset=utf-16\r\n",
                b'WWW-Authenticate: Digest realm="\xff", nonce="a", qop="auth"\r\n',
                b"WWW-Authenticate: Basic realm=x\r\n",
                b"Location: //[\r\n",
                b"Location: /\xff\r\n",
                b"\r\n",
                b"3\r\nabc\r\n0\r\n\r\n",
            ]
        )
        | st.binary(max_size=20),
        max_size=8,
    )
)
async def test_whatever_a_device_sends_only_our_errors_come_of_it(pieces: list[bytes]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()

    pool = HttpPool(CLOCK)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        http = pool.client("127.0.0.1", port=port, credentials=Credentials("a", "b"))
        seen: Any = None
        try:
            seen = await http.request("GET", "/", timeout=0.2)
        except CameraViewerError as error:
            seen = error
        assert seen is not None
        await pool.close()
