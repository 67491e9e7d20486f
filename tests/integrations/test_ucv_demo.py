"""The virtual cameras, read by the hub as any camera is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ucv.config.drafts import draft_from_mapping
from ucv.entries.entry import EntryState
from ucv.errors import ValidationError
from ucv.hub import Hub
from ucv.plugins.loader import PluginManager
from ucv.streams.state import StreamState
from ucv.testing import until
from ucv.testing.clip import ClipRequest
from ucv_demo import Demo
from ucv_demo.cameras import CAMERAS, VirtualCamera
from ucv_demo.studio import Studio

# Small pictures under the known names: what is tested is the path, not the encoder.
SMALL: Mapping[str, VirtualCamera] = {
    "harbour": VirtualCamera(
        "Open",
        {
            "main": ClipRequest("OPEN", 480, 270, 10, duration=2, keyframe_interval=0.5),
            "sub": ClipRequest("OPEN", 320, 180, 5, duration=2),
        },
    ),
    "boathouse": VirtualCamera(
        "Guarded",
        {"main": ClipRequest("GUARDED", 320, 180, 10, duration=2, keyframe_interval=0.5)},
        username="viewer",
        password="p@ss/w:rd",
    ),
    "old-buoy": VirtualCamera(
        "Loose plug",
        {"main": ClipRequest("LOOSE", 320, 180, 10, duration=2, keyframe_interval=0.5)},
        drops_out=(1.5, 0.5),
    ),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Replace the cameras by small ones; returns the folder of the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in ("ucv_demo", "ucv_demo.studio"):
        monkeypatch.setattr(f"{module}.CAMERAS", SMALL)
    # The devices of brands have tests of their own.
    monkeypatch.setattr("ucv_demo.brands._has_addresses", lambda: False)
    return tmp_path / "cache"


@pytest.fixture
async def hub(small: Path, tmp_path: Path) -> AsyncIterator[Hub]:
    hub = Hub(tmp_path / "config")
    await hub.start()
    yield hub
    await hub.stop()


def entry(variant: str) -> dict[str, Any]:
    mapping = {"id": f"demo-{variant}", "name": variant, "integration": "demo", "variant": variant}
    if SMALL[variant].password:
        mapping |= {"username": SMALL[variant].username, "password": SMALL[variant].password}
    return {**mapping, "preload": True}


def is_live(hub: Hub, camera_id: str, profile: str | None = None) -> bool:
    return hub.streams.status(camera_id, profile).state is StreamState.LIVE


async def loaded(hub: Hub, *camera_ids: str) -> None:
    await until(
        lambda: all(hub.entries.status(id_).state is EntryState.LOADED for id_ in camera_ids),
        timeout=20,
    )


def test_every_demo_entry_is_a_valid_mapping_of_a_camera() -> None:
    demo = Demo()
    mappings = demo.demo_entries()
    own = [mapping for mapping in mappings if mapping["integration"] == "demo"]
    assert {mapping["variant"] for mapping in own} == set(CAMERAS)
    brands = {mapping["integration"] for mapping in mappings} - {"demo"}
    assert brands == {"dahua", "hikvision", "onvif", "mjpeg"}
    plugins = PluginManager.load(safe_mode=True)
    try:
        for mapping in mappings:
            draft = draft_from_mapping(mapping, plugins.integrations)
            assert draft.id == mapping["id"]
            assert "password" not in draft.data
    finally:
        plugins.close()


def test_there_are_cameras_of_several_kinds() -> None:
    clips = [clip for camera in CAMERAS.values() for clip in camera.clips.values()]
    assert 4 <= len(CAMERAS) <= 6
    assert len({(clip.width, clip.height) for clip in clips}) >= 4
    assert len({clip.rate for clip in clips}) >= 3
    assert any("sub" in camera.clips for camera in CAMERAS.values())
    assert any(camera.password for camera in CAMERAS.values())
    assert any(camera.drops_out for camera in CAMERAS.values())


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValidationError) as raised:
        draft_from_mapping(
            {"name": "X", "integration": "demo", "variant": "moon"}, {"demo": Demo()}
        )
    assert [error["key"] for error in raised.value.details["errors"]] == ["variant"]


async def test_cameras_show_what_they_declare(hub: Hub) -> None:
    await hub.entries.create(entry("harbour"))
    await hub.entries.create(entry("boathouse"))
    await loaded(hub, "demo-harbour", "demo-boathouse")
    camera = hub.cameras.get("demo-harbour")
    assert camera.unique_id == "demo-harbour"
    assert [(p.role, p.width, p.height, p.frame_rate) for p in camera.profiles] == [
        ("main", 480, 270, 10),
        ("sub", 320, 180, 5),
    ]
    await until(lambda: is_live(hub, "demo-harbour") and is_live(hub, "demo-boathouse"), timeout=10)
    seen = hub.streams.get("demo-harbour").format
    assert seen is not None
    assert (seen.width, seen.height) == (480, 270)


async def test_all_cameras_share_one_server_that_ends_with_the_last(hub: Hub) -> None:
    await hub.entries.create(entry("harbour"))
    await hub.entries.create(entry("boathouse"))
    await loaded(hub, "demo-harbour", "demo-boathouse")
    address = re.compile(r"rtsp://127\.0\.0\.1:(\d+)/")
    ports = set()
    for camera_id in ("demo-harbour", "demo-boathouse"):
        for profile in hub.cameras.get(camera_id).profiles:
            match = address.match(profile.url)
            assert match is not None
            ports.add(int(match[1]))
    assert len(ports) == 1
    port = ports.pop()

    await hub.entries.delete("demo-harbour")
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    await hub.entries.delete("demo-boathouse")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_reloaded_camera_is_live_again(hub: Hub) -> None:
    await hub.entries.create(entry("harbour"))
    await loaded(hub, "demo-harbour")
    await until(lambda: is_live(hub, "demo-harbour"), timeout=10)
    await hub.entries.reload("demo-harbour")
    await loaded(hub, "demo-harbour")
    await until(lambda: is_live(hub, "demo-harbour"), timeout=10)


async def test_one_camera_drops_out_and_comes_back(hub: Hub) -> None:
    await hub.entries.create(entry("old-buoy"))
    await loaded(hub, "demo-old-buoy")
    await until(lambda: is_live(hub, "demo-old-buoy"), timeout=10)
    await until(lambda: not is_live(hub, "demo-old-buoy"), timeout=10)
    reason = hub.streams.status("demo-old-buoy").reason
    assert reason is not None
    await until(lambda: is_live(hub, "demo-old-buoy"), timeout=20)


async def test_clips_are_kept_for_the_next_start(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = Studio()
    await studio.open("first", "boathouse")
    await studio.close("first")
    assert len(list(small.rglob("clip-*"))) == 1

    def no_encoder(request: ClipRequest) -> None:
        raise AssertionError(f"{request.name} was encoded again")

    monkeypatch.setattr("ucv.testing.clip.encode", no_encoder)
    await studio.open("second", "boathouse")
    assert studio.url("boathouse", "main").startswith("rtsp://127.0.0.1:")
    await studio.close("second")


async def test_closing_what_was_never_open_is_harmless(small: Path) -> None:
    studio = Studio()
    await studio.close("nobody")
    with pytest.raises(RuntimeError):
        studio.url("harbour", "main")


async def test_a_camera_closed_while_it_is_made_leaves_no_server(small: Path) -> None:
    studio = Studio()
    opening = asyncio.create_task(studio.open("early", "harbour"))
    await asyncio.sleep(0)
    await studio.close("early")
    await asyncio.wait({opening})
    with pytest.raises(RuntimeError):
        studio.url("harbour", "main")


async def test_two_entries_may_show_the_same_camera(small: Path) -> None:
    studio = Studio()
    await asyncio.gather(studio.open("one", "harbour"), studio.open("two", "harbour"))
    url = studio.url("harbour", "main")
    await studio.close("one")
    assert studio.url("harbour", "main") == url
    await studio.close("two")
    with pytest.raises(RuntimeError):
        studio.url("harbour", "main")
