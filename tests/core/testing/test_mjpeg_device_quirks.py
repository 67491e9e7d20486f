"""Each way in which cameras of JPEG pictures differ can be had by its name and be added."""

from __future__ import annotations

import aiohttp
import pytest

from ucv.entries.entry import EntryState
from ucv.testing import MjpegDevice, running_hub
from ucv.testing.mjpeg_quirks import QUIRKS, STYLES, with_thumbnail

#: Those that are no matter of how the stream is written.
OTHERS = {"thumbnails", "stills-only", "basic-only", "one-time-nonce"}


def test_unknown_quirks_are_refused() -> None:
    with pytest.raises(ValueError, match="There is no quirk flying"):
        MjpegDevice(quirks=["flying"])


def test_each_quirk_has_a_meaning() -> None:
    assert set(QUIRKS) == set(STYLES) | OTHERS


def test_several_quirks_go_together() -> None:
    style = MjpegDevice(quirks=["no-length", "bare-newlines"]).style
    assert (style.length, style.newline, style.boundary) == (False, "\n", "frame")


def test_a_thumbnail_fits_into_its_segment_or_is_refused() -> None:
    assert with_thumbnail(b"\xff\xd8rest", b"abc") == b"\xff\xd8\xff\xe1\x00\x05abcrest"
    with pytest.raises(ValueError, match="too large"):
        with_thumbnail(b"\xff\xd8", bytes(65534))


@pytest.mark.parametrize("quirk", sorted(QUIRKS))
async def test_the_hub_adds_a_camera_with(quirk: str) -> None:
    async with (
        MjpegDevice("admin", "camera-secret", quirks=[quirk]) as device,
        running_hub() as kit,
    ):
        entry = await kit.hub.entries.create(
            {
                "name": "Yard",
                "integration": "mjpeg",
                "url": f"{device.url}/video",
                "username": "admin",
                "password": "camera-secret",
            }
        )
        await kit.reaches(entry.id, EntryState.LOADED)
        (camera,) = kit.hub.cameras.of_entry(entry.id)
        assert camera.profiles[0].codec in {"mjpeg", "jpeg"}


async def test_a_camera_of_stills_answers_one_picture_where_others_stream() -> None:
    async with (
        MjpegDevice(quirks=["stills-only"]) as device,
        aiohttp.ClientSession() as session,
        session.get(f"{device.url}/video") as response,
    ):
        assert response.content_type == "image/jpeg"
        assert await response.read() in device.pictures


@pytest.mark.parametrize(
    ("quirk", "schemes"), [("basic-only", {"Basic"}), ("no-length", {"Digest"})]
)
async def test_the_challenge_names_the_scheme(quirk: str, schemes: set[str]) -> None:
    async with (
        MjpegDevice("admin", "camera-secret", quirks=[quirk]) as device,
        aiohttp.ClientSession() as session,
        session.get(f"{device.url}/video") as response,
    ):
        assert response.status == 401
        challenges = response.headers.getall("WWW-Authenticate")
        assert {challenge.split()[0] for challenge in challenges} == schemes
