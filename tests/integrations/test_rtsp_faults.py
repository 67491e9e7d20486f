"""Cameras that misbehave, through the whole hub: a state with a reason, and no growth of memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ucv.hub import Hub
from ucv.streams.state import StreamState
from ucv.testing import until
from ucv.testing.clip import Clip, ClipRequest, encode
from ucv.testing.rtsp_auth import Authenticator, AuthKind
from ucv.testing.rtsp_server import RtspServer

PASSWORD = "p@ss/w:rd"


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode(ClipRequest("FRONT", 320, 180, 10, duration=2, keyframe_interval=0.5))


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    hub = Hub(tmp_path)
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def server(clip: Clip) -> AsyncIterator[RtspServer]:
    async with RtspServer() as server:
        server.add("/live", clip)
        yield server


async def watch(hub: Hub, url: str, name: str = "Front", **fields: Any) -> None:
    await hub.entries.create(
        {"name": name, "integration": "rtsp", "url": url, "preload": True, **fields}
    )


def state(hub: Hub, camera_id: str = "front") -> StreamState | None:
    try:
        return hub.streams.status(camera_id).state
    except LookupError:
        return None
    except Exception:  # not set up yet
        return None


def code(hub: Hub, camera_id: str = "front") -> str:
    reason = hub.streams.status(camera_id).reason
    return reason.code if reason else ""


FAILING = (StreamState.RETRYING, StreamState.OFFLINE)


async def test_a_server_that_never_answers_times_out(
    hub: Hub, server: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults.silent = True
    await watch(hub, server.url("/live"))
    await until(lambda: state(hub) in FAILING, timeout=20)
    assert code(hub) == "CONN_TIMEOUT"


async def test_endless_headers_are_refused_without_growth(hub: Hub, server: RtspServer) -> None:
    server.faults.endless_headers = True
    gc.collect()
    tracemalloc.start()
    try:
        await watch(hub, server.url("/live"))
        await until(lambda: state(hub) in FAILING, timeout=20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code(hub) == "PROTOCOL_ERROR"
    assert peak < 16 * 1024 * 1024


async def test_a_server_that_closes_in_the_middle_of_a_packet_is_read_again(
    hub: Hub, server: RtspServer
) -> None:
    mount = server.mounts["/live"]
    mount.faults.cut_after = 3
    await watch(hub, server.url("/live"))
    await until(lambda: state(hub) in FAILING)
    assert code(hub) == "CONN_CLOSED"
    mount.faults.cut_after = None
    await until(lambda: state(hub) is StreamState.LIVE, timeout=20)


async def test_garbage_between_packets_is_passed_over(hub: Hub, server: RtspServer) -> None:
    server.mounts["/live"].faults.garbage = b"\x00\xffgarbage$\x09\x00"
    await watch(hub, server.url("/live"))
    await until(lambda: state(hub) is StreamState.LIVE)
    stream = hub.streams.get("front")
    await until(lambda: stream.health is not None and stream.health.fps > 5)


async def test_a_camera_that_goes_mute_is_stalled_and_tried_again(
    hub: Hub, server: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watch(hub, server.url("/live"))
    await until(lambda: state(hub) is StreamState.LIVE)
    server.mounts["/live"].faults.muted = True
    await until(lambda: state(hub) in FAILING, timeout=25)
    assert code(hub) == "STREAM_STALLED"


async def test_a_status_that_refuses_is_said(hub: Hub, server: RtspServer) -> None:
    server.faults.refuse_status = 503
    await watch(hub, server.url("/live"))
    await until(lambda: state(hub) in FAILING)
    await watch(hub, server.url("/nothing"), name="Nothing")
    server.faults.refuse_status = None
    await until(lambda: state(hub, "nothing") in FAILING)
    assert code(hub, "nothing") == "STREAM_NOT_FOUND"


async def test_a_redirect_to_another_server_does_not_carry_the_password(
    hub: Hub, server: RtspServer, clip: Clip
) -> None:
    async with RtspServer() as other:
        other.add("/live", clip, Authenticator(AuthKind.BASIC, "viewer", PASSWORD))
        server.faults.redirect = other.url("/live")
        await watch(hub, server.url("/live"), username="viewer", password=PASSWORD)
        await until(lambda: other.counters.connections >= 1)
        await until(lambda: state(hub) in (*FAILING, StreamState.AUTH_FAILED, StreamState.LIVE))
        # The other server is another port of the same host, which is as far as trust goes.
        assert other.counters.refused == 0


@pytest.mark.parametrize("kind", [AuthKind.BASIC, AuthKind.DIGEST, AuthKind.DIGEST_SHA256])
async def test_each_way_to_ask_for_a_password_is_answered(
    hub: Hub, server: RtspServer, clip: Clip, kind: AuthKind
) -> None:
    server.add("/guarded", clip, Authenticator(kind, "viewer", PASSWORD))
    await watch(hub, server.url("/guarded"), username="viewer", password=PASSWORD)
    await until(lambda: state(hub) is StreamState.LIVE)
    assert server.counters.refused == 0


@pytest.mark.parametrize("kind", [AuthKind.BASIC, AuthKind.DIGEST])
async def test_a_wrong_password_is_tried_at_most_twice_and_then_never(
    hub: Hub, server: RtspServer, clip: Clip, kind: AuthKind
) -> None:
    server.add("/guarded", clip, Authenticator(kind, "viewer", PASSWORD))
    await watch(hub, server.url("/guarded"), username="viewer", password="wrong")
    await until(lambda: state(hub) is StreamState.AUTH_FAILED)
    assert 1 <= server.counters.refused <= 2
    assert hub.entries.status("front").state.value == "auth_failed"
    connections = server.counters.connections
    hub.streams.get("front").attach(_Nobody()).detach()
    assert server.counters.connections == connections


async def test_changed_parameter_sets_reach_the_viewers_as_a_new_format(
    hub: Hub, server: RtspServer
) -> None:
    await watch(hub, server.url("/live"))
    await until(lambda: state(hub) is StreamState.LIVE)
    stream = hub.streams.get("front")
    first = stream.format
    assert first is not None
    server.mounts["/live"].change_clip(encode(ClipRequest("WIDE", 480, 270, 10, duration=2)))
    await until(lambda: stream.format is not None and stream.format.width == 480, timeout=10)
    assert state(hub) is StreamState.LIVE


async def test_a_session_is_kept_alive_within_the_servers_timeout(hub: Hub, clip: Clip) -> None:
    async with RtspServer(session_timeout=2.0) as server:
        server.add("/live", clip)
        await watch(hub, server.url("/live"))
        await until(lambda: state(hub) is StreamState.LIVE)
        asked = ("GET_PARAMETER", "OPTIONS")
        before = sum(server.counters.requests.get(method, 0) for method in asked)
        await until(
            lambda: sum(server.counters.requests.get(m, 0) for m in asked) >= before + 3,
            timeout=10,
        )
        assert server.counters.connections == 1


async def test_cameras_are_told_goodbye_when_the_hub_stops(
    tmp_path: Path, server: RtspServer
) -> None:
    hub = Hub(tmp_path / "other")
    await hub.start()
    await watch(hub, server.url("/live"))
    await until(lambda: state(hub) is StreamState.LIVE)
    await hub.stop()
    assert server.counters.requests["TEARDOWN"] == 1


@pytest.mark.slow
async def test_ten_cameras_whose_server_vanishes_and_returns_are_all_live_again(
    hub: Hub, server: RtspServer
) -> None:
    names = [f"camera-{number}" for number in range(10)]
    for name in names:
        await watch(hub, server.url("/live"), name=name)
    await until(lambda: all(state(hub, name) is StreamState.LIVE for name in names), timeout=20)
    await server.stop()
    await until(lambda: all(state(hub, name) in FAILING for name in names), timeout=20)
    before = server.counters.connections
    server.counters.connected_at.clear()
    server.faults.away = True
    await server.start()
    await until(lambda: server.counters.connections >= before + 10, timeout=30)
    server.faults.away = False
    await until(lambda: all(state(hub, name) is StreamState.LIVE for name in names), timeout=60)
    # No storm: spread out, and not many more attempts than cameras.
    made = server.counters.connected_at
    assert len(made) <= 50
    busiest = max(sum(1 for other in made if 0 <= other - at < 0.1) for at in made)
    assert busiest <= 6, sorted(made)


class _Nobody:
    """A viewer that is never interested."""

    def writable(self) -> bool:
        return False

    def send_init(self, init: bytes, mime: str) -> None: ...

    def send(self, fragments: Any, *, burst: bool) -> None: ...

    def on_status(self, status: Any) -> None: ...

    def close(self, reason: Any) -> None: ...
