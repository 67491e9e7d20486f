"""The whole hub against GStreamer's RTSP server; what viewers get is decoded by libav."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest

from tests.peers.gstreamer.peer import PASSWORD, USER, GStreamerPeer, write_clip
from ucv.entries.entry import EntryState
from ucv.hub import Hub
from ucv.storage.accounts import TokenRepository
from ucv.streams.state import StreamState
from ucv.testing import until
from ucv.testing.clip import Clip, ClipRequest, encode
from ucv.testing.scene import read_counter
from ucv_bridge.auth.accounts import new_token
from ucv_bridge.auth.principal import Role
from ucv_bridge.server import RunningServer, serve

pytestmark = [pytest.mark.slow, pytest.mark.gstreamer]


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode(ClipRequest("PEER", 640, 360, 25, duration=4))


@pytest.fixture
def clip_file(clip: Clip, tmp_path: Path) -> Path:
    path = tmp_path / "clip.units"
    write_clip(clip, path)
    return path


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    hub = Hub(tmp_path / "config")
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def bridge(hub: Hub) -> AsyncIterator[RunningServer]:
    bridge = await serve(hub, "127.0.0.1", 0)
    yield bridge
    await bridge.stop()


async def add(hub: Hub, url: str, **fields: Any) -> None:
    await hub.entries.create(
        {"name": "Peer", "integration": "rtsp", "url": url, "preload": True, **fields}
    )
    await until(lambda: hub.entries.status("peer").state is EntryState.LOADED)


async def until_state(hub: Hub, *states: StreamState, limit: float = 20.0) -> None:
    await until(lambda: hub.streams.status("peer").state in states, timeout=limit)


async def view(hub: Hub, bridge: RunningServer, messages: int) -> tuple[str, list[bytes]]:
    """Watch as go2rtc's player does; returns the MIME type and the binary messages."""
    token, stored = new_token("viewer", Role.VIEWER, hub.clock.time())
    await TokenRepository(hub.database).add(stored)
    headers = {"Authorization": f"Bearer {token}"}
    mime, received = "", []
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"{bridge.url}/api/ws?src=peer", max_msg_size=0) as socket,
        asyncio.timeout(30),
    ):
        await socket.send_json({"type": "mse", "value": "avc1.640029,avc1.42c01e,mp4a.40.2"})
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                if message.json()["type"] == "mse":
                    mime = message.json()["value"]
            else:
                received.append(message.data)
            if len(received) >= messages:
                break
    return mime, received


def first_decode_time(fragment: bytes) -> int:
    """Return the tfdt of a moof (ISO 14496-12, 8.8.12)."""
    at = fragment.index(b"tfdt")
    version = fragment[at + 4]
    size = 8 if version else 4
    return int.from_bytes(fragment[at + 8 : at + 8 + size], "big")


@pytest.mark.parametrize("kind", ["open", "basic", "digest"])
async def test_what_viewers_get_decodes_frame_by_frame(
    hub: Hub, bridge: RunningServer, clip_file: Path, clip: Clip, kind: str
) -> None:
    async with GStreamerPeer(clip_file, 25, kind) as peer:
        await add(hub, peer.url(credentials=kind != "open"))
        await until_state(hub, StreamState.LIVE)
        mime, messages = await view(hub, bridge, 120)
        assert peer.tally.refused == 0
        assert peer.tally.connections == 1
    assert mime.startswith('video/mp4; codecs="avc1.')
    init, fragments = messages[0], messages[1:]
    assert init[4:8] == b"ftyp"
    assert first_decode_time(fragments[0]) == 0
    times = [first_decode_time(fragment) for fragment in fragments]
    assert times == sorted(set(times))

    with av.open(
        io.BytesIO(b"".join(messages)), "r", options={"err_detect": "explode"}
    ) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode", "ec": "0"}
        counters = [read_counter(frame) for frame in container.decode(stream)]
    # Every picture that was sent is decoded, and each is the one after the one before.
    assert len(counters) == len(fragments)
    assert all(counter is not None for counter in counters)
    total = len(clip.pictures)
    steps = {(b - a) % total for a, b in pairwise(counters)}  # type: ignore[operator]  # none is None
    assert steps == {1}


@pytest.mark.parametrize("kind", ["basic", "digest"])
async def test_a_wrong_password_is_refused_at_most_twice_and_not_tried_again(
    hub: Hub, clip_file: Path, kind: str
) -> None:
    async with GStreamerPeer(clip_file, 25, kind) as peer:
        await add(hub, peer.url(), username=USER, password="wrong")
        await until_state(hub, StreamState.AUTH_FAILED)
        assert hub.entries.status("peer").state is EntryState.AUTH_FAILED
        refused, connections = peer.tally.refused, peer.tally.connections
        assert 1 <= refused <= 2
        # Longer than the first back-off would be.
        await asyncio.sleep(3)
        assert (peer.tally.refused, peer.tally.connections) == (refused, connections)
        assert peer.tally.credentialed == refused

        await hub.entries.update(
            "peer",
            {"name": "Peer", "integration": "rtsp", "url": peer.url(), "username": USER,
             "password": PASSWORD, "preload": True},
        )  # fmt: skip
        await until(lambda: hub.entries.status("peer").state is EntryState.LOADED)
        await until_state(hub, StreamState.LIVE)


async def test_a_server_that_stops_and_comes_back_is_live_again(hub: Hub, clip_file: Path) -> None:
    async with GStreamerPeer(clip_file, 25, "digest") as peer:
        await add(hub, peer.url(credentials=True))
        await until_state(hub, StreamState.LIVE)
        await peer.stop()
        await until_state(hub, StreamState.RETRYING, StreamState.OFFLINE)
        await peer.start()
        await until_state(hub, StreamState.LIVE, limit=40)
        stream = hub.streams.get("peer")
        await until(lambda: stream.health is not None and stream.health.fps > 15, timeout=10)
        assert stream.health is not None
        assert stream.health.reconnects >= 1


async def test_a_host_alone_is_enough_where_the_path_is_known(hub: Hub, clip_file: Path) -> None:
    async with GStreamerPeer(clip_file, 25, "digest") as peer:
        await hub.entries.create(
            {
                "name": "Peer",
                "integration": "rtsp",
                "host": "127.0.0.1",
                "port": peer.port,
                "username": USER,
                "password": PASSWORD,
                "preload": True,
            }
        )
        await until(lambda: hub.entries.status("peer").state is EntryState.LOADED, timeout=20)
        assert hub.cameras.get("peer").profiles[0].url == peer.url()
        await until_state(hub, StreamState.LIVE)
        assert peer.tally.refused == 0
