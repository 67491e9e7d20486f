"""What the virtual Hikvision device streams and shows, asked by aiohttp and libav."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from xml.etree.ElementTree import Element, fromstring

import aiohttp
import av
import pytest

from ucv.testing import until
from ucv.testing.hikvision import HikvisionDevice


@dataclass(frozen=True)
class Said:
    status: int
    content_type: str
    body: bytes

    @property
    def root(self) -> Element:
        """The document without namespaces."""
        root = fromstring(self.body)  # noqa: S314 - written by our own device
        for one in root.iter():
            one.tag = one.tag.rpartition("}")[2]
        return root

    @property
    def code(self) -> tuple[int, str | None, str | None]:
        """HTTP's status and what a ResponseStatus says."""
        root = self.root
        return self.status, root.findtext("statusCode"), root.findtext("subStatusCode")


Ask = Callable[..., Awaitable[Said]]


@asynccontextmanager
async def asking(device: HikvisionDevice) -> AsyncIterator[Ask]:
    digest = aiohttp.DigestAuthMiddleware(device.username, device.password)
    async with aiohttp.ClientSession(middlewares=[digest]) as session:

        async def ask(path: str, method: str = "GET", body: bytes | None = None) -> Said:
            headers = {"Content-Type": "application/xml"} if body is not None else None
            async with session.request(
                method, f"{device.http.url}{path}", data=body, headers=headers
            ) as response:
                kind = response.headers["Content-Type"]
                return Said(response.status, kind, await response.read())

        yield ask


# --- streams ------------------------------------------------------------------------------------


async def test_streams_are_listed_as_they_are() -> None:
    options = {"streams": 3, "codec": "h265", "audio": "AAC"}
    async with HikvisionDevice(**options) as device, asking(device) as ask:  # type: ignore[arg-type]  # of several types
        root = (await ask("/ISAPI/Streaming/channels")).root
        assert root.tag == "StreamingChannelList"
        assert [one.findtext("id") for one in root] == ["101", "102", "103"]
        main, sub, _ = root
        assert main.tag == "StreamingChannel"
        assert main.findtext("Video/videoCodecType") == "H.265"
        assert main.findtext("Video/videoResolutionWidth") == "640"
        assert sub.findtext("Video/videoResolutionHeight") == "180"
        assert main.findtext("Video/maxFrameRate") == "1500"
        assert main.findtext("Video/vbrUpperCap") == "600"
        assert main.findtext("Audio/enabled") == "true"
        assert main.findtext("Audio/audioCompressionType") == "AAC"


@pytest.mark.parametrize(
    ("quirk", "code"),
    [
        ("", (404, "4", "invalidOperation")),
        ("missing-stream-403", (403, "4", "notSupport")),
        ("missing-stream-500", (500, "3", "deviceError")),
    ],
    ids=["not found", "forbidden", "error"],
)
async def test_a_stream_that_is_missing(quirk: str, code: tuple[int, str, str]) -> None:
    async with HikvisionDevice(quirks=[quirk] if quirk else []) as device, asking(device) as ask:
        assert (await ask("/ISAPI/Streaming/channels/103")).code == code
        assert (await ask("/ISAPI/Streaming/channels/201/picture")).code == code
        assert (await ask("/ISAPI/Streaming/channels/102")).status == 200


@pytest.mark.parametrize(
    ("quirk", "paths"),
    [
        ("", ["/Streaming/Channels/101", "/ISAPI/Streaming/Channels/102"]),
        ("rtsp-old-paths", ["/h264/ch1/main/av_stream", "/h264/ch1/sub/av_stream"]),
        ("paths-psia", ["/PSIA/streaming/channels/101"]),
        ("paths-without-isapi", ["/Streaming/Channels/101", "/h264/ch1/sub/av_stream"]),
    ],
    ids=["usual", "old", "psia", "without"],
)
async def test_streams_have_the_paths_of_their_firmware(quirk: str, paths: list[str]) -> None:
    async with HikvisionDevice(quirks=[quirk] if quirk else []) as device:
        assert set(paths) <= device.rtsp.mounts.keys()
        assert ("/Streaming/Channels/101" in device.rtsp.mounts) == (
            quirk in ("", "paths-without-isapi")
        )


async def test_libav_plays_a_stream() -> None:
    async with HikvisionDevice() as device:
        address = f"{device.username}:{device.password}@127.0.0.1:{device.rtsp_port}"

        def play() -> tuple[int, int]:
            url = f"rtsp://{address}/Streaming/Channels/102"
            options = {"rtsp_transport": "tcp"}
            with av.open(url, mode="r", options=options, timeout=10) as container:
                frame = next(container.decode(video=0))
                return frame.width, frame.height

        assert await asyncio.to_thread(play) == (320, 180)
        assert device.refused == 0


# --- pictures -----------------------------------------------------------------------------------


def size(picture: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(picture), mode="r", format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


async def test_still_pictures_are_of_their_stream_or_of_the_size_asked_for() -> None:
    async with HikvisionDevice() as device, asking(device) as ask:
        main = await ask("/ISAPI/Streaming/channels/101/picture")
        assert main.content_type.startswith("image/jpeg")
        assert size(main.body) == (640, 360)
        assert size((await ask("/ISAPI/Streaming/channels/102/picture")).body) == (320, 180)
        wish = "videoResolutionWidth=320&videoResolutionHeight=180"
        assert size((await ask(f"/ISAPI/Streaming/channels/101/picture?{wish}")).body) == (320, 180)


async def test_a_picture_may_be_xml_and_only_the_proxy_has_it() -> None:
    relayed = "/ISAPI/ContentMgmt/StreamingProxy/channels/101/picture"
    async with HikvisionDevice() as device, asking(device) as ask:
        assert (await ask(relayed)).code == (403, "4", "notSupport")
        device.quirks.add("snapshot-by-proxy")
        said = await ask("/ISAPI/Streaming/channels/101/picture")
        assert said.content_type.startswith("application/xml")
        assert said.code == (200, "6", "badXmlContent")
        assert size((await ask(relayed)).body) == (640, 360)


async def test_a_picture_may_fail_the_first_time() -> None:
    async with (
        HikvisionDevice(quirks=["snapshot-device-error"]) as device,
        asking(device) as ask,
    ):
        path = "/ISAPI/Streaming/channels/101/picture"
        assert (await ask(path)).code == (200, "3", "deviceError")
        assert size((await ask(path)).body) == (640, 360)
        assert (await ask(path)).code == (200, "3", "deviceError")


async def test_a_stream_set_to_mjpeg_is_shown_by_http() -> None:
    async with HikvisionDevice() as device, asking(device) as ask:
        preview = "/Streaming/channels/102/httpPreview"
        assert (await ask(preview)).code == (403, "4", "notSupport")
        document = (await ask("/ISAPI/Streaming/channels/102")).body
        changed = document.replace(b"H.264", b"MJPEG")
        assert (await ask("/ISAPI/Streaming/channels/102", "PUT", changed)).code[:2] == (200, "1")
        digest = aiohttp.DigestAuthMiddleware(device.username, device.password)
        async with (
            aiohttp.ClientSession(middlewares=[digest]) as session,
            session.get(f"{device.http.url}{preview}") as response,
        ):
            reader = aiohttp.MultipartReader.from_response(response)
            for _ in range(2):
                part = await reader.next()
                assert isinstance(part, aiohttp.BodyPartReader)
                assert size(bytes(await part.read())) == (320, 180)
        await until(lambda: device.streaming.previews == 0)
