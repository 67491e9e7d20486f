"""The search for a camera's paths, against cameras that are awkward about it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ucv.clock import SystemClock
from ucv.errors import CannotConnect, InvalidAuth, StreamNotFound
from ucv.http import HttpPool
from ucv.plugins.device import Device
from ucv.streams.source import Credentials
from ucv.testing import VirtualDevice
from ucv_rtsp.paths import candidates, vendor_of
from ucv_rtsp.probing import find_streams

MAIN, SUB = "/stream1", "/stream2"
VIDEO = "v=0\r\ns=-\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
RIGHT = Credentials("viewer", "p@ss/w:rd")
BASIC = "Basic " + base64.b64encode(b"viewer:p@ss/w:rd").decode()


@dataclass
class Camera:
    """Answers DESCRIBE: ``paths`` gives status, header and body, None hangs up; others are 404.

    A ``protected`` one wants the right password first, and for ``forbidden`` paths takes none.
    """

    paths: dict[str, tuple[int, str, str] | None]
    protected: bool = False
    #: Says which paths it has before it asks for a password.
    candid: bool = False
    forbidden: frozenset[str] = frozenset()
    described: list[str] = field(default_factory=list)
    refused: int = 0
    logged_in: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *lines = head.strip().split("\r\n")
                headers = dict(each.split(": ", 1) for each in lines)
                method, url, _ = line.split(" ")
                path = url.removeprefix(f"rtsp://127.0.0.1:{self.port}")
                answer = self.answer(method, path, headers.get("Authorization"))
                if answer is None:
                    break
                status, extra, body = answer
                writer.write(
                    f"RTSP/1.0 {status} Reason\r\nCSeq: {headers['CSeq']}\r\n{extra}"
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
                )
                await writer.drain()
        writer.close()

    def answer(self, method: str, path: str, given: str | None) -> tuple[int, str, str] | None:
        if method != "DESCRIBE":
            return 200, "Public: DESCRIBE, SETUP, PLAY\r\n", ""
        self.described.append(path)
        if self.candid and path not in self.paths:
            return 404, "", ""
        if self.protected and (given != BASIC or path in self.forbidden):
            self.refused += given is not None
            return 401, 'WWW-Authenticate: Basic realm="TP-Link IP-Camera"\r\n', ""
        if given is not None:
            self.logged_in.append(path)
        return self.paths.get(path, (404, "", ""))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Camera]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await asyncio.sleep(0.02)  # the handlers see their connections end

    async def find(self, credentials: Credentials | None = None) -> dict[str, Any]:
        async with self.running():
            return await find(self.port, credentials)


async def find(
    port: int | None, credentials: Credentials | None = None, web: int = 9
) -> dict[str, Any]:
    async def remember(facts: dict[str, Any]) -> None:
        raise AssertionError("finding is not remembering")

    pool = HttpPool(SystemClock())
    device = Device(
        entry_id="front",
        name="Front",
        config={"host": "127.0.0.1", **({} if port is None else {"port": port})},
        credentials=credentials,
        clock=SystemClock(),
        remember=remember,
        http=lambda device: pool.client(device.host, port=web),
    )
    try:
        return await find_streams(device)
    finally:
        await device.close()


async def test_a_camera_that_denies_paths_without_a_login_is_logged_in_to_at_its_own_only() -> None:
    camera = Camera({"/": (200, "", ""), "/h264": (200, "", VIDEO)}, protected=True, candid=True)
    found = await camera.find(RIGHT)
    assert found["paths"] == {"main": "/h264"}
    assert camera.logged_in == ["/", "/h264"]
    assert camera.refused == 0


async def test_a_wrong_password_is_tried_at_one_path_of_a_camera_that_tells_which_it_has() -> None:
    camera = Camera({"/": (200, "", ""), "/h264": (200, "", VIDEO)}, protected=True, candid=True)
    with pytest.raises(InvalidAuth):
        await camera.find(Credentials("viewer", "wrong"))
    assert camera.refused <= 2


@pytest.mark.parametrize(
    ("media", "told"),
    [
        (
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=framerate:20\r\n"
            "a=x-dimensions:3840,2160\r\nm=audio 0 RTP/AVP 97\r\n"
            "a=rtpmap:97 MPEG4-GENERIC/16000\r\n",
            {"codec": "h265", "width": 3840, "height": 2160, "frame_rate": 20.0, "audio": "aac"},
        ),
        (
            "m=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 26\r\n",
            {"codec": "mjpeg", "audio": "g711a"},
        ),
        (
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP 97\r\n"
            "a=rtpmap:97 G726-16/8000\r\nm=application 0 RTP/AVP 107\r\n"
            "a=rtpmap:107 vnd.onvif.metadata/90000\r\n",
            {"codec": "h264", "audio": "g726"},
        ),
    ],
    ids=["H.265 and AAC", "JPEG and A-law", "H.264, G.726 and metadata"],
)
async def test_streams_are_described_as_the_camera_does_whether_or_not_they_play(
    media: str, told: dict[str, Any]
) -> None:
    camera = Camera({MAIN: (200, "", f"v=0\r\ns=-\r\n{media}")})
    assert (await camera.find())["streams"] == {"main": told}


async def test_without_a_port_the_usual_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera({MAIN: (200, "", VIDEO)})
    async with camera.running():
        monkeypatch.setattr("ucv_rtsp.probing.PORTS", (9, camera.port))
        assert (await find(None))["port"] == camera.port


@pytest.mark.parametrize(
    ("server", "body", "vendor", "path"),
    [
        ("App-webs/", "", "Hikvision", "/Streaming/Channels/101"),
        ("nginx", "<TITLE>WEB SERVICE</TITLE>", "Dahua", "/cam/realmonitor?channel=1&subtype=0"),
        ("", "location='/doc/page/login.asp'", "Hikvision", "/Streaming/Channels/101"),
        ("Boa/0.94", "<title>Login</title>", None, "/h264Preview_01_main"),
    ],
    ids=["server header", "title", "text of the page", "nothing that tells"],
)
async def test_the_web_page_tells_whose_camera_it_is_where_rtsp_does_not(
    server: str, body: str, vendor: str | None, path: str
) -> None:
    camera = Camera({path: (200, "", VIDEO)})
    web = VirtualDevice(server_header=server)
    web.route("/", body)
    async with camera.running(), web:
        found = await find(camera.port, web=web.port)
    assert found["vendor"] == vendor
    assert found["paths"]["main"] == path
    assert camera.described.index(path) == (1 if vendor else camera.described.index(path))
    assert web.counters.refused == 0


async def test_a_path_that_logs_in_by_itself_is_tried_only_where_the_vendor_is_known() -> None:
    camera = Camera({})
    with pytest.raises(StreamNotFound):
        await camera.find()
    assert not [path for path in camera.described if "password" in path]
    assert any("password" in path for path in candidates(vendor_of("", "H264DVR 1.0")))


@pytest.mark.parametrize("greeting", [None, (200, "", "junk"), (500, "", "")])
async def test_a_camera_that_takes_the_first_question_badly_is_searched_all_the_same(
    greeting: tuple[int, str, str] | None,
) -> None:
    camera = Camera({"/": greeting, MAIN: (200, "", VIDEO)})
    found = await camera.find()
    assert found == {
        "paths": {"main": MAIN},
        "port": camera.port,
        "vendor": None,
        "streams": {"main": {"codec": "h264"}},
    }


async def test_the_realm_puts_the_paths_of_its_vendor_first() -> None:
    camera = Camera({MAIN: (200, "", VIDEO), SUB: (200, "", VIDEO)}, protected=True)
    found = await camera.find(RIGHT)
    assert found["paths"] == {"main": MAIN, "sub": SUB}
    assert found["vendor"] == "TP-Link"
    assert set(camera.described) == {"/", "/ucv-nobody-has-this", MAIN, SUB}
    assert camera.refused == 0


async def test_a_sub_stream_that_is_not_for_this_user_does_not_cost_the_main_one() -> None:
    camera = Camera({MAIN: (200, "", VIDEO)}, protected=True, forbidden=frozenset({SUB}))
    assert (await camera.find(RIGHT))["paths"] == {"main": MAIN}
    assert camera.refused == 1


async def test_what_is_remembered_is_the_path_that_was_asked_for_not_where_it_led() -> None:
    async with Camera({"/session/7": (200, "", VIDEO)}).running() as other:
        elsewhere = f"Location: rtsp://127.0.0.1:{other.port}/session/7\r\n"
        camera = Camera({MAIN: (302, elsewhere, "")})
        assert (await camera.find())["paths"] == {"main": MAIN}


async def test_wrong_credentials_end_the_search_after_two_refusals() -> None:
    camera = Camera({MAIN: (200, "", VIDEO)}, protected=True)
    with pytest.raises(InvalidAuth):
        await camera.find(Credentials("viewer", "wrong"))
    assert camera.refused == 2


async def test_a_camera_without_video_at_any_known_path_is_told_as_such() -> None:
    camera = Camera({})
    with pytest.raises(StreamNotFound):
        await camera.find()


async def test_nobody_at_the_host_is_told_at_once() -> None:
    with pytest.raises(CannotConnect):
        await find(9)
