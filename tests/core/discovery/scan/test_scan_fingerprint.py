"""Hosts are asked what they are without credentials, and whatever they answer is survived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.discovery.scan.conftest import LightNetwork
from ucv.clock import SystemClock
from ucv.discovery.scan import questions
from ucv.discovery.scan.fingerprint import fingerprint, mac_of
from ucv.discovery.scan.http_message import MAX_BYTES, parse_http
from ucv.plugins.sightings import Fingerprint, OnvifAnswer, RtspAnswer
from ucv.testing import Answer, DahuaDevice, HikvisionDevice, OnvifDevice, VirtualDevice, until

CLOCK = SystemClock()
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def hostile(host: str, port: int, serve: Serve) -> AsyncIterator[None]:
    """Serve each connection by a function that may do what it likes."""
    serving: set[asyncio.Task[None] | None] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(task := asyncio.current_task())
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # who asked has gone
        finally:
            writer.close()
            serving.discard(task)

    server = await asyncio.start_server(guarded, host, port)
    try:
        yield
    finally:
        server.close()
        await until(lambda: not serving)


async def ask(host: str, *ports: int) -> Fingerprint:
    return await fingerprint(host, ports, clock=CLOCK)


async def test_a_dahua_camera_tells_its_realm_without_a_log_in(network: LightNetwork) -> None:
    host = network.host(1)
    async with DahuaDevice(
        serial="4F0A1B2PAG00001", host=host, http_port=20080, rtsp_port=20554
    ) as device:
        told = await ask(host, 20080, 20554)

    (rtsp,) = told.rtsp
    assert (rtsp.port, rtsp.status) == (20554, 401)
    assert rtsp.realm.startswith("Login to ")
    assert [answer.port for answer in told.http] == [20080]
    assert told.onvif == ()
    assert device.logins == 0
    assert device.rtsp.counters.requests == {"OPTIONS": 1, "DESCRIBE": 1}


async def test_a_hikvision_camera_is_told_by_its_web_server(network: LightNetwork) -> None:
    host = network.host(1)
    async with HikvisionDevice(host=host, http_port=20080, rtsp_port=20554) as device:
        told = await ask(host, 20080, 20554)

    assert told.http
    assert told.rtsp[0].status == 401
    assert device.logins == 0


async def test_an_onvif_device_answers_the_time_without_a_log_in(network: LightNetwork) -> None:
    host = network.host(1)
    async with OnvifDevice(host=host, http_port=20080, rtsp_port=20554) as device:
        told = await ask(host, 20080, 20554)

    assert told.onvif == (OnvifAnswer(20080, "/onvif/device_service"),)
    assert device.logins == 0


@pytest.mark.parametrize(
    ("fault", "known"),
    [("ter:NotAuthorized", True), ("ter:ActionNotSupported", False)],
    ids=["wants a log-in", "knows no such thing"],
)
async def test_a_fault_tells_whether_there_is_a_device_service(
    network: LightNetwork, fault: str, known: bool
) -> None:
    body = f"<s:Fault><s:Value>{fault}</s:Value></s:Fault>"
    await network.listen(
        1,
        20080,
        GET="HTTP/1.1 404 Not Found\nContent-Length: 0\n\n",
        POST=f"HTTP/1.1 400 Bad Request\nContent-Length: {len(body)}\n\n{body}",
    )

    told = await ask(network.host(1), 20080)

    assert bool(told.onvif) is known


async def test_titles_and_servers_of_pages_are_kept_as_one_line_of_text(
    network: LightNetwork,
) -> None:
    page = "<html><TITLE lang='x'>\n  IP &amp;\x00 Camera </TITLE>" + "x" * 100
    await network.listen(
        1,
        20080,
        GET='HTTP/1.0 401 No\nserver:  App-webs/\nWWW-Authenticate: Basic realm="a\tb"\n'
        f"Content-Type: Text/HTML; charset=x\n\n{page}",
    )

    (answer,) = (await ask(network.host(1), 20080)).http

    assert (answer.status, answer.title, answer.server) == (401, "IP & Camera", "App-webs/")
    assert (answer.realm, answer.content_type) == ("a b", "text/html")


async def test_https_is_spoken_with_any_certificate(network: LightNetwork) -> None:
    async with VirtualDevice(host=network.host(1), port=10443, tls=True) as device:
        device.route("/", Answer(200, {"Content-Type": "text/html"}, b"<title>Safe</title>"))
        told = await ask(network.host(1), 10443)

    (answer,) = told.http
    assert (answer.tls, answer.title) == (True, "Safe")


async def test_redirections_are_told_and_not_followed(network: LightNetwork) -> None:
    async with VirtualDevice(host=network.host(2), port=20080) as elsewhere:
        target = f"{network.host(2)}:20080"
        await network.listen(
            1, 20080, GET=f"HTTP/1.1 302 Found\nLocation: http://{target}/\nContent-Length: 0\n\n"
        )
        await network.listen(
            1,
            20554,
            OPTIONS="RTSP/1.0 200 OK\nCSEQ\n\n",
            DESCRIBE=f"RTSP/1.0 302 Moved\nCSEQ\nLocation: rtsp://{target}/\n\n",
        )
        told = await ask(network.host(1), 20080, 20554)

    assert told.http[0].location == f"http://{target}/"
    assert told.rtsp[0].status == 302
    assert elsewhere.counters.connections == 0


async def test_the_other_language_is_tried_where_the_usual_one_is_not_understood(
    network: LightNetwork,
) -> None:
    await network.listen(
        1, 20554, OPTIONS="HTTP/1.1 400 No\n\n", GET="HTTP/1.1 200 OK\nContent-Length: 0\n\n"
    )
    await network.listen(1, 20080, GET="RTSP/1.0 400 No\n\n", OPTIONS="RTSP/1.0 401 No\nCSEQ\n\n")

    told = await ask(network.host(1), 20080, 20554)

    assert [answer.port for answer in told.http] == [20554]
    assert [answer.port for answer in told.rtsp] == [20080]


async def test_silence_after_options_says_nothing_of_a_stream(
    network: LightNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "LIMIT", 0.2)
    await network.listen(1, 20554, OPTIONS="RTSP/1.0 200 OK\nCSEQ\nServer: Mute\n\n")

    told = await ask(network.host(1), 20554)

    assert told.rtsp == (RtspAnswer(20554, 200, "", "Mute"),)


async def test_ports_of_vendors_own_protocols_and_of_printers_are_not_asked(
    network: LightNetwork,
) -> None:
    await network.listen(1, 37777)
    await network.listen(1, 9100)

    told = await ask(network.host(1), 9100, 37777)

    assert told == Fingerprint(network.host(1), (9100, 37777))
    assert not told.answered
    assert network.asked == []


async def test_nothing_that_is_asked_carries_credentials(network: LightNetwork) -> None:
    await network.camera(1)

    await ask(network.host(1), 20080, 20554)

    assert len(network.asked) == 4
    for head in network.asked:
        assert b"authorization" not in head.lower()
        assert b"cookie" not in head.lower()


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Padding: " + b"x" * 4000 + b"\r\n")
        await writer.drain()


async def giant_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nServer: Giant\r\nContent-Type: text/html\r\n\r\n")
    while True:
        writer.write(b"<p>" * 10_000)
        await writer.drain()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n" * 1000:
        if writer.is_closing():
            return
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1000):
        pass


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(range(256)) * 100)
    await writer.drain()


@pytest.mark.parametrize(
    "serve", [endless_headers, giant_page, dripping, mute, hanging_up, nonsense]
)
async def test_hostile_servers_cost_little_time_and_memory(
    network: LightNetwork, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    monkeypatch.setattr(questions, "LIMIT", 0.3)
    host = network.host(1)
    began = time.monotonic()

    async with (
        hostile(host, 20080, serve),
        hostile(host, 20554, serve),
        hostile(host, 10443, serve),
    ):
        told = await ask(host, 10443, 20080, 20554)

    assert time.monotonic() - began < 5
    assert told.rtsp == ()
    assert [answer.server for answer in told.http] == (["Giant"] * 2 if serve is giant_page else [])


async def test_a_host_whose_every_port_dawdles_is_left_in_time(
    network: LightNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.discovery.scan.fingerprint.HOST_LIMIT", 0.2)
    async with hostile(network.host(1), 20080, mute):
        began = time.monotonic()
        told = await ask(network.host(1), 20080)

    assert time.monotonic() - began < 2
    assert not told.answered


async def test_closed_ports_are_no_answer(network: LightNetwork) -> None:
    told = await ask(network.host(1), 20080, 20554, 10443)

    assert not told.answered


TABLE = """IP address       HW type     Flags       HW address            Mask     Device
192.0.2.7        0x1         0x2         44:19:B6:00:00:01     *        eth0
192.0.2.8        0x1         0x0         00:00:00:00:00:00     *        eth0
192.0.2.9        0x1
"""


def test_hardware_addresses_are_those_of_the_neighbour_table(tmp_path: Path) -> None:
    table = tmp_path / "arp"
    table.write_text(TABLE)

    assert mac_of("192.0.2.7", table) == "44:19:b6:00:00:01"
    assert mac_of("192.0.2.8", table) is None
    assert mac_of("192.0.2.9", table) is None
    assert mac_of("192.0.2.70", table) is None
    assert mac_of("192.0.2.7", tmp_path / "none") is None


def test_chunks_are_joined_as_far_as_they_make_sense() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/html\r\n\r\n"

    whole = parse_http(head + b"7\r\n<title>\r\nc;x=y\r\nCam</title>.\r\n0\r\n\r\n")
    part = parse_http(head + b"7\r\n<title>\r\nzz")

    assert whole is not None
    assert (whole.title, whole.complete) == ("Cam", True)
    assert part is not None
    assert (part.body, part.complete, part.enough) == (b"<title>", False, False)


def test_an_answer_whose_headers_go_on_is_none_yet() -> None:
    assert parse_http(b"HTTP/1.1 200 OK\r\nServer: x\r\n") is None
    assert parse_http(b"RTSP/1.0 200 OK\r\n\r\n") is None
    assert parse_http(b"") is None


_HEAD = b"HTTP/1.1 200 OK\r\n"


@given(
    st.binary(max_size=400)
    | st.binary(max_size=400).map(lambda data: _HEAD + data)
    | st.lists(
        st.sampled_from(
            [
                *(_HEAD, b"\r\n", b"\n", b"Content-Length: 3", b"Transfer-Encoding: chunked"),
                *(b"5\r\n", b"WWW-Authenticate: Digest realm=", b'"', b"<title>", b"</title>"),
                *(b"\xff", b"&#x110000;"),
            ]
        ),
        max_size=30,
    ).map(b"".join)
)
def test_any_bytes_are_parsed_without_an_error(data: bytes) -> None:
    message = parse_http(data)

    if message is not None:
        assert len(message.body) <= MAX_BYTES
        for text in (message.title, message.realm, message.server):
            assert len(text) <= 200
            assert text.isprintable()
        assert message.enough in (True, False)


def test_a_giant_answer_is_parsed_quickly() -> None:
    began = time.process_time()
    for filler in (b"<title>", b"\r\nA:", b"WWW-Authenticate: Digest a=b,", b"1\r\n"):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n"
        for data in (head + b"\r\n" + filler * 200_000, head + filler * 20_000 + b"\r\n\r\n"):
            message = parse_http(data)
            if message is not None:
                assert len(message.title) + len(message.realm) <= 400

    assert time.process_time() - began < 3
