"""How cameras write motion JPEG, each way with a camera that does it, through a hub.

The facts are those that public reports tell of such cameras; each test is named after one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ucv.errors import CameraViewerError, InvalidAuth
from ucv.streams.state import StreamState
from ucv.testing import Answer, HubKit, MjpegDevice, Request, running_hub, until
from ucv.testing.mjpeg_device import MultipartStyle
from ucv.testing.streams import RecordingSink


@asynccontextmanager
async def camera(
    style: MultipartStyle | None = None, **options: Any
) -> AsyncIterator[tuple[MjpegDevice, HubKit]]:
    """Run a camera of small pictures, and a hub."""
    async with (
        MjpegDevice(width=64, height=48, rate=20, style=style, **options) as device,
        running_hub() as kit,
    ):
        yield device, kit


async def pictures_of(device: MjpegDevice, kit: HubKit, path: str = "/video", **config: Any) -> Any:
    """Add the camera, watch it until it has shown five pictures, and return them."""
    url = f"http://{device.host}:{device.port}{path}"
    entry = await kit.add({"integration": "mjpeg", "id": "cam", "url": url, **config})
    assert entry.status.reason is None, entry.status.reason
    sink = RecordingSink()
    viewer = kit.hub.streams.get("cam").attach(sink)
    await until(lambda: len(sink.fragments) >= 5, 10)
    viewer.detach()
    return [bytes(fragment.payload) for fragment in sink.fragments]


async def shows(style: MultipartStyle, **options: Any) -> None:
    """Check that every picture of such a camera arrives as it was sent."""
    async with camera(style, **options) as (device, kit):
        for picture in await pictures_of(device, kit):
            assert picture in device.pictures
        profile = kit.hub.cameras.get("cam").profiles[0]
        assert (profile.codec, profile.width, profile.height) == ("mjpeg", 64, 48)
        assert profile.frame_rate == pytest.approx(20, abs=4)


async def test_a_quoted_boundary() -> None:
    await shows(MultipartStyle(declared='"frame"'))


async def test_a_boundary_declared_with_its_dashes() -> None:
    await shows(MultipartStyle(declared="--frame"))


async def test_doubled_dashes() -> None:
    await shows(MultipartStyle(dashes="----", declared="--frame"))


async def test_another_boundary_than_declared() -> None:
    await shows(MultipartStyle(declared="somethingelse"))
    await shows(MultipartStyle(declared="somethingelse", length=False))


async def test_no_content_type_at_all() -> None:
    await shows(MultipartStyle(content_type=None))


async def test_no_boundary_declared() -> None:
    await shows(MultipartStyle(content_type="multipart/x-mixed-replace"))


async def test_a_blank_after_the_dashes_or_no_dashes() -> None:
    await shows(MultipartStyle(dashes="-- "))
    await shows(MultipartStyle(dashes=""))


async def test_a_first_part_without_its_boundary() -> None:
    await shows(MultipartStyle(first_boundary=False))
    await shows(MultipartStyle(first_boundary=False, length=False))


async def test_header_names_in_any_case() -> None:
    await shows(MultipartStyle(part_header="cONTENT-tYPE"))


async def test_no_content_length() -> None:
    await shows(MultipartStyle(length=False))


async def test_a_content_length_that_counts_the_line_break() -> None:
    await shows(MultipartStyle(length_error=2))


async def test_a_content_length_that_is_too_large() -> None:
    await shows(MultipartStyle(length_error=3000))


async def test_line_feeds_alone() -> None:
    await shows(MultipartStyle(newline="\n"))
    await shows(MultipartStyle(newline="\n", length=False))


async def test_chunked_and_closed_at_the_end() -> None:
    await shows(MultipartStyle(chunked=True))
    await shows(MultipartStyle(chunked=False))


async def test_line_breaks_before_the_first_boundary() -> None:
    await shows(MultipartStyle(preamble=b"\r\n\r\n"))


async def test_pictures_without_anything_between() -> None:
    async with camera() as (device, kit):

        async def bare() -> AsyncIterator[bytes]:
            for number in range(1000):
                yield device.pictures[number % len(device.pictures)]
                await asyncio.sleep(0.03)

        device.route("/bare", lambda _request: Answer(200, {}, bare()))
        for picture in await pictures_of(device, kit, "/bare"):
            assert picture in device.pictures


async def test_thumbnails_with_markers_of_their_own() -> None:
    async with camera(MultipartStyle(length=False)) as (device, kit):
        thumbnail = device.pictures[0]
        held = (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
        device.pictures = tuple(
            picture[:2] + b"\xff\xe1" + held + picture[2:] for picture in device.pictures
        )
        for picture in await pictures_of(device, kit):
            assert picture in device.pictures


async def test_a_frame_that_is_too_large_is_refused() -> None:
    async with camera() as (device, kit):

        async def endless() -> AsyncIterator[bytes]:
            yield MultipartStyle(length=False).part(device.pictures[0], first=True)
            yield MultipartStyle().delimiter() + b"\r\n\xff\xd8\xff\xda\0\x02"
            while True:
                yield bytes(1024 * 1024)

        kind = {"Content-Type": "multipart/x-mixed-replace; boundary=frame"}
        device.route("/endless", lambda _request: Answer(200, kind, endless()))
        url = f"http://{device.host}:{device.port}/endless"
        entry = await kit.add({"integration": "mjpeg", "id": "cam", "url": url})
        assert entry.status.reason is not None
        assert "more than 8388608 bytes" in entry.status.reason.message


async def test_a_plain_picture_is_asked_for_again_and_again() -> None:
    async with camera() as (device, kit):
        pictures = await pictures_of(device, kit, "/snap.jpg", frame_rate=20)
        assert set(pictures) <= set(device.pictures)
        assert len(set(pictures)) > 1
        profile = kit.hub.cameras.get("cam").profiles[0]
        assert profile.frame_rate == 20
        assert (await kit.hub.control.snapshot("cam")).data in device.pictures


@pytest.mark.parametrize("auth", ["basic", "digest"])
async def test_basic_and_digest_are_told_apart_by_the_challenge(auth: Any) -> None:
    login: dict[str, Any] = {"username": "admin", "password": "pass word/1"}
    async with camera(auth=auth, **login) as (device, kit):
        assert await pictures_of(device, kit, **login)
        assert device.counters.refused == 0
        sent = [request.headers.get("Authorization") for request in device.requests]
        assert sent[0] is None, "nothing is sent unasked"
        assert f"{login['password']}" not in kit.log_text


async def test_a_nonce_for_each_request_lets_stills_go_on() -> None:
    login: dict[str, Any] = {"username": "admin", "password": "secret"}
    async with camera(one_time_nonces=True, **login) as (device, kit):
        await pictures_of(device, kit, "/snap.jpg", frame_rate=20, **login)


async def test_credentials_in_the_query() -> None:
    async with camera() as (device, kit):

        def video(request: Request) -> Answer | bytes:
            if request.query != {"user": "ad min", "pwd": "p&ss=1"}:
                return Answer(401, {}, b"")
            return device._video(request)

        device.route("/videostream.cgi", video)
        path = "/videostream.cgi?user={username}&pwd={password}"
        login: dict[str, Any] = {"username": "ad min", "password": "p&ss=1"}
        assert await pictures_of(device, kit, path, **login)
        assert "p&ss=1" not in kit.log_text
        assert "p%26ss%3D1" not in kit.log_text
        assert "p%26ss" not in repr(kit.hub.cameras.get("cam"))


async def test_a_page_instead_of_pictures_is_said() -> None:
    async with camera() as (device, kit):
        device.route("/login", lambda _request: Answer(200, {"Content-Type": "text/html"}, b"<p>"))
        url = f"http://{device.host}:{device.port}/login"
        entry = await kit.add({"integration": "mjpeg", "id": "cam", "url": url})
        assert entry.status.reason is not None
        assert "text/html" in entry.status.reason.message


async def test_a_wrong_password_is_refused_twice_at_most_by_probe_and_stream() -> None:
    login: dict[str, Any] = {"username": "admin", "password": "secret"}
    async with camera(**login) as (device, kit):
        await pictures_of(device, kit, **login)
        device.password = "another"
        stream = kit.hub.streams.get("cam")
        await until(lambda: device.viewers == 0, 15)
        sink = RecordingSink()
        viewer = stream.attach(sink)
        await until(lambda: stream.status.state is StreamState.AUTH_FAILED, 10)
        viewer.detach()
        with pytest.raises((InvalidAuth, CameraViewerError)):
            await kit.hub.control.snapshot("cam")
        await asyncio.sleep(0.3)
        assert 1 <= device.counters.refused <= 2
