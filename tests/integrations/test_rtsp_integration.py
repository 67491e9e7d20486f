from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ucv.config.drafts import draft_from_mapping
from ucv.entries.entry import EntryState
from ucv.errors import ValidationError
from ucv.hub import Hub
from ucv.streams.providers import default_providers
from ucv.streams.source import SourceRequest
from ucv.streams.state import StreamState
from ucv.testing import until
from ucv.testing.clip import Clip, ClipRequest, encode
from ucv.testing.rtsp_auth import Authenticator, AuthKind
from ucv.testing.rtsp_server import RtspServer
from ucv_rtsp import Rtsp
from ucv_rtsp.paths import VENDORS, candidates, sub_path, vendor_of

PASSWORD = "p@ss/w:rd"
INTEGRATIONS = {"rtsp": Rtsp()}


def draft(**fields: Any) -> Any:
    return draft_from_mapping({"name": "Front", "integration": "rtsp", **fields}, INTEGRATIONS)


def faults(**fields: Any) -> Mapping[str, str]:
    with pytest.raises(ValidationError) as raised:
        draft(**fields)
    return {error["key"]: error["message"] for error in raised.value.details["errors"]}


def test_credentials_in_an_address_move_to_the_secrets() -> None:
    made = draft(url="rtsp://viewer:p%40ss%2Fw%3Ard@127.0.0.1/live")
    assert made.data == {"url": "rtsp://127.0.0.1/live", "username": "viewer"}
    assert made.secrets == {"password": PASSWORD}


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "url"),
        ({"url": "rtsp://127.0.0.1/a", "host": "127.0.0.1"}, "host"),
        ({"url": "rtsp://127.0.0.1/a", "urls": [{"url": "rtsp://127.0.0.1/b"}]}, "urls"),
        ({"urls": [{"url": "rtsp://127.0.0.1/b", "role": "sub"}]}, "url"),
        ({"url": "rtsp://127.0.0.1/a", "port": 554}, "port"),
        ({"url": "http://127.0.0.1/a"}, "url"),
        ({"url": "rtsp://127.0.0.1/a", "transport": "pigeon"}, "transport"),
    ],
)
def test_the_main_stream_is_given_exactly_once(fields: dict[str, Any], key: str) -> None:
    assert key in faults(**fields)


def test_streams_may_be_several_with_roles() -> None:
    sub = {"url": "rtsp://127.0.0.1/b", "role": "sub"}
    assert draft(url="rtsp://127.0.0.1/a", urls=[sub]).data["urls"] == [sub]
    assert draft(urls=[{"url": "rtsp://127.0.0.1/a"}, sub]).data["urls"][0]["role"] == "main"
    assert "urls" in faults(urls=[sub, {"url": "rtsp://127.0.0.1/a"}, sub])


def test_a_vendor_is_told_by_what_its_cameras_call_themselves() -> None:
    def name(realm: str = "", server: str = "") -> str | None:
        vendor = vendor_of(realm, server)
        return vendor.name if vendor else None

    assert name("Login to 4H0XXXXX") == "Dahua"
    assert name("IP Camera(C2183)") == "Hikvision"
    assert name("AXIS_ACCC8E000000") == "Axis"
    assert name(server="H264DVR 1.0") == "Xiongmai"
    assert name("LIVE555 Streaming Media", "GStreamer RTSP server") is None
    assert name() is None


def test_candidates_are_all_paths_once_with_the_vendors_first() -> None:
    dahua = vendor_of("Login to 4H0XXXXX", "")
    assert candidates(dahua)[0] == "/cam/realmonitor?channel=1&subtype=0"
    assert len(set(candidates(None))) == len(candidates(None))
    assert set(candidates(None)) == set(candidates(dahua))
    assert all(path.startswith("/") for path in candidates(None))
    assert sub_path(VENDORS[0].main[0]) == "/cam/realmonitor?channel=1&subtype=1"


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode(ClipRequest("FRONT", 320, 180, 10, duration=2))


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    hub = Hub(tmp_path)
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def server() -> AsyncIterator[RtspServer]:
    async with RtspServer() as server:
        yield server


def digest(realm: str = "Login to 4H0XXXXX") -> Authenticator:
    return Authenticator(AuthKind.DIGEST, "viewer", PASSWORD, realm)


async def test_a_camera_that_is_away_is_loaded_at_once_and_its_stream_says_why(hub: Hub) -> None:
    mapping = {"name": "Front", "integration": "rtsp", "url": "rtsp://127.0.0.1:9/live"}
    await hub.entries.create({**mapping, "preload": True})
    await until(lambda: hub.entries.status("front").state is EntryState.LOADED)
    assert hub.cameras.get("front").unique_id == "127.0.0.1:9/live"
    await until(lambda: hub.streams.status("front").state is StreamState.RETRYING)
    reason = hub.streams.status("front").reason
    assert reason is not None
    assert reason.code == "CONN_REFUSED"


@pytest.mark.parametrize(
    ("source", "providers"),
    [(None, ["rtsp", "av"]), ("auto", ["rtsp", "av"]), ("native", ["rtsp"]), ("av", ["av"])],
)
async def test_a_source_that_is_asked_for_is_one_that_there_is(
    hub: Hub, source: str | None, providers: list[str]
) -> None:
    mapping = {"name": "Front", "integration": "rtsp", "url": "rtsp://127.0.0.1:9/live"}
    await hub.entries.create({**mapping, **({"source": source} if source else {})})
    await until(lambda: hub.entries.status("front").state is EntryState.LOADED)
    profile = hub.cameras.get("front").profiles[0]
    request = SourceRequest(profile.url, options=profile.options)
    assert [p.name for p in default_providers().candidates(request)] == providers


async def test_streams_of_a_host_are_found_by_realm_and_remembered(
    hub: Hub, server: RtspServer, clip: Clip
) -> None:
    server.add("/cam/realmonitor?channel=1&subtype=0", clip, digest())
    server.add("/cam/realmonitor?channel=1&subtype=1", clip, digest())
    server.add("/", clip, digest())
    mapping = {
        "name": "Front",
        "integration": "rtsp",
        "host": "127.0.0.1",
        "port": server.port,
        "username": "viewer",
        "password": PASSWORD,
        "preload": True,
    }
    await hub.entries.create(mapping)
    await until(lambda: hub.entries.status("front").state is EntryState.LOADED)
    camera = hub.cameras.get("front")
    assert camera.manufacturer == "Dahua"
    assert [(p.role, p.url) for p in camera.profiles] == [
        ("main", server.url("/cam/realmonitor?channel=1&subtype=0")),
        ("sub", server.url("/cam/realmonitor?channel=1&subtype=1")),
    ]
    await until(lambda: hub.streams.status("front").state is StreamState.LIVE)
    assert server.counters.refused == 0
    asked = server.counters.requests["DESCRIBE"]
    await hub.entries.reload("front")
    await until(lambda: hub.entries.status("front").state is EntryState.LOADED)
    await until(lambda: hub.streams.status("front").state is StreamState.LIVE)
    assert server.counters.requests["DESCRIBE"] <= asked + 2, "it was not asked for its paths again"


async def test_a_wrong_password_is_tried_at_most_twice_while_paths_are_searched(
    hub: Hub, server: RtspServer, clip: Clip
) -> None:
    server.add("/", clip, digest())
    server.mounts["*"] = server.mounts["/"]
    mapping = {
        "name": "Front",
        "integration": "rtsp",
        "host": "127.0.0.1",
        "port": server.port,
        "username": "viewer",
        "password": "wrong",
    }
    await hub.entries.create(mapping)
    await until(lambda: hub.entries.status("front").state is EntryState.AUTH_FAILED)
    assert 1 <= server.counters.refused <= 2


async def test_a_host_that_wants_a_password_says_so_without_one(
    hub: Hub, server: RtspServer, clip: Clip
) -> None:
    server.mounts["*"] = server.add("/", clip, digest())
    await hub.entries.create(
        {"name": "Front", "integration": "rtsp", "host": "127.0.0.1", "port": server.port}
    )
    await until(lambda: hub.entries.status("front").state is EntryState.AUTH_FAILED)
    assert server.counters.refused == 0
