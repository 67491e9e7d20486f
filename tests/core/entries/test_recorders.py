"""A recorder is one entry with a camera for each channel, which come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import pytest_asyncio

from ucv import (
    CameraEvent,
    Channel,
    DeviceInfo,
    Integration,
    Motion,
    PtzVector,
    Stream,
    VideoLoss,
    fields,
)
from ucv.cameras.camera_event import CameraReported, DeviceReported
from ucv.entries.entry import ChannelChoice, EntryState
from ucv.entries.supervisor import FOLLOW_INTERVAL
from ucv.errors import ConnectTimeout, NotSupported, StreamNotLive
from ucv.testing import FakeClock, running_hub, until
from ucv.testing.hub import HubKit


@dataclass
class Box:
    """What the recorder of the test has, and what it was asked."""

    channels: list[Channel] = field(
        default_factory=lambda: [Channel(id="1", name="Door"), Channel(id="2", name="Yard")]
    )
    asked: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    failure: Exception | None = None
    reports: asyncio.Queue[CameraEvent] = field(default_factory=asyncio.Queue)
    device: Any = None


BOX = Box()


class Recorder(Integration):
    """A recorder without a network."""

    domain = "recorder"
    name = "Recorder"
    schema = {**fields.HOST, **fields.CREDENTIALS}

    async def setup(self, device: Any) -> None:
        device.runtime = {"opened": device}
        BOX.device = device

    async def probe(self, device: Any) -> DeviceInfo:
        BOX.asked.append("probe")
        return DeviceInfo(unique_id="R-1", manufacturer="Box", model="NVR", serial="R-1")

    async def channels(self, device: Any) -> list[Channel]:
        BOX.asked.append("channels")
        if BOX.failure is not None:
            raise BOX.failure
        return list(BOX.channels)

    async def streams(self, device: Any) -> list[Stream]:
        assert device.runtime["opened"].channel is None
        BOX.asked.append(f"streams {device.channel.id}")
        return [
            Stream(role, device.url("rtsp", f"/{device.channel.id}/{role}"), codec="h265")
            for role in ("main", "sub")
        ]

    async def capabilities(self, device: Any) -> list[str]:
        return ["ptz", "events"] if device.channel.id == "1" else ["events"]

    async def ptz_move(self, device: Any, velocity: PtzVector) -> None:
        BOX.moved.append(device.channel.id)

    async def ptz_stop(self, device: Any) -> None:
        BOX.moved.append(f"stop {device.channel.id}")

    async def events(self, device: Any) -> AsyncIterator[CameraEvent]:
        BOX.asked.append("events")
        assert device.channel is None
        while True:
            yield await BOX.reports.get()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def box() -> Box:
    vars(BOX).update(vars(Box()))
    return BOX


MAPPING = {"id": "nvr", "name": "Cellar", "integration": "recorder", "host": "192.0.2.1"}


@pytest_asyncio.fixture
async def kit(box: Box, clock: FakeClock) -> AsyncIterator[HubKit]:
    async with running_hub(Recorder, clock=clock) as kit:
        await kit.add(MAPPING)
        yield kit


def names(kit: HubKit) -> dict[str, str]:
    return {camera.id: camera.name for camera in kit.hub.cameras.list()}


async def test_each_channel_is_a_camera_with_its_own_name(kit: HubKit) -> None:
    assert names(kit) == {"nvr.1": "Door", "nvr.2": "Yard"}
    door = kit.hub.cameras.get("nvr.1")
    assert (door.entry_id, door.channel, door.unique_id) == ("nvr", "1", "R-1-1")
    assert (door.manufacturer, door.model, door.serial) == ("Box", None, None)
    assert [(p.name, p.codec) for p in door.profiles] == [("main", "h265"), ("sub", "h265")]
    assert door.capabilities == ("events", "ptz", "snapshot")
    assert kit.hub.cameras.get("nvr.2").capabilities == ("events", "snapshot")


async def test_what_a_camera_does_is_asked_of_its_channel(kit: HubKit, box: Box) -> None:
    await kit.hub.control.ask("nvr.1", "ptz_move", PtzVector(pan=1))
    await kit.hub.control.ask("nvr.1", "ptz_stop")
    assert box.moved == ["1", "stop 1"]
    with pytest.raises(NotSupported):
        await kit.hub.control.ask("nvr.2", "ptz_move", PtzVector(pan=1))


async def test_channels_that_come_go_and_change_are_followed(
    kit: HubKit, box: Box, clock: FakeClock
) -> None:
    box.asked.clear()
    box.channels = [Channel(id="2", name="Garden", online=False), Channel(id="3", name="Roof")]
    await clock.advance(FOLLOW_INTERVAL)
    await until(lambda: "nvr.3" in names(kit))
    assert names(kit) == {"nvr.2": "Garden", "nvr.3": "Roof"}
    assert kit.hub.cameras.get("nvr.2").online is False
    assert box.asked == ["channels", "streams 2", "streams 3"]
    assert {stream.camera_id for stream in kit.hub.streams.streams()} == {"nvr.2", "nvr.3"}
    with pytest.raises(StreamNotLive):
        kit.hub.entries.loaded("nvr", "nvr.1")


async def test_a_look_at_channels_that_are_the_same_costs_one_question(
    kit: HubKit, box: Box, clock: FakeClock
) -> None:
    box.asked.clear()
    await clock.advance(FOLLOW_INTERVAL)
    await until(lambda: box.asked)
    await clock.settle()
    assert box.asked == ["channels"]


async def test_a_recorder_that_says_its_channels_changed_is_asked_at_once(
    kit: HubKit, box: Box
) -> None:
    box.channels.append(Channel(id="3"))
    box.device.channels_changed()
    await until(lambda: "nvr.3" in names(kit))
    assert names(kit)["nvr.3"] == "Cellar 3"


async def test_a_recorder_that_does_not_answer_for_a_moment_keeps_its_cameras(
    kit: HubKit, box: Box, clock: FakeClock
) -> None:
    box.failure = ConnectTimeout("It sleeps.")
    box.asked.clear()
    await clock.advance(FOLLOW_INTERVAL)
    await until(lambda: box.asked)
    await clock.settle()
    assert len(names(kit)) == 2
    box.failure, box.channels = None, [Channel(id="1", name="Door")]
    await clock.advance(FOLLOW_INTERVAL)
    await until(lambda: len(names(kit)) == 1)


async def test_one_listener_for_all_finds_the_camera_of_each_event(kit: HubKit, box: Box) -> None:
    seen: list[Any] = []
    kit.hub.bus.subscribe(CameraReported, seen.append)
    kit.hub.bus.subscribe(DeviceReported, seen.append)
    for event in (
        Motion(active=True, channel="2"),
        VideoLoss(active=True),
        Motion(active=True, channel="9"),
        Motion(active=True, channel="1"),
    ):
        box.reports.put_nowait(event)
    await until(lambda: len(seen) == 3)
    assert seen[0].camera_id == "nvr.2"
    assert isinstance(seen[1], DeviceReported)
    assert seen[1].entry_id == "nvr"
    assert seen[2].camera_id == "nvr.1"
    assert box.asked.count("events") == 1
    door = kit.hub.cameras.get("nvr.1")
    assert [event.kind for event in kit.hub.entries.active_events(door)] == ["motion"]


async def test_a_channel_is_hidden_and_named_without_disturbing_the_others(
    kit: HubKit, box: Box
) -> None:
    before = kit.hub.streams.get("nvr.2")
    box.asked.clear()
    await kit.hub.entries.choose_channels("nvr", [ChannelChoice("1", use=False)])
    await kit.hub.entries.choose_channels("nvr", [ChannelChoice("2", name="Backyard")])
    assert names(kit) == {"nvr.2": "Backyard"}
    assert kit.hub.streams.get("nvr.2") is before
    await kit.hub.entries.choose_channels("nvr", [ChannelChoice("1")])
    assert names(kit) == {"nvr.1": "Door", "nvr.2": "Backyard"}
    assert box.asked == []
    assert kit.hub.entries.get("nvr").config.channels == (ChannelChoice("2", "Backyard"),)


async def test_what_is_wanted_of_channels_and_streams_is_kept_over_a_restart(
    box: Box, clock: FakeClock
) -> None:
    async with running_hub(Recorder, clock=clock) as kit:
        await kit.add(
            {
                **MAPPING,
                "profiles": ["main"],
                "channels": [{"channel": 1, "name": "Porch"}, {"channel": "2", "use": False}],
            }
        )
        stored = kit.hub.entries.get("nvr").config
        assert names(kit) == {"nvr.1": "Porch"}
        assert [p.name for p in kit.hub.cameras.get("nvr.1").profiles] == ["main"]
        await kit.hub.entries.reload("nvr")
        await until(lambda: kit.hub.entries.status("nvr").state is EntryState.LOADED)
        assert names(kit) == {"nvr.1": "Porch"}
        assert replace(stored, facts={}) == replace(kit.hub.entries.get("nvr").config, facts={})


async def test_a_flow_offers_the_cameras_that_were_found(kit: HubKit, box: Box) -> None:
    await kit.hub.entries.delete("nvr")
    box.channels.append(Channel(id="3", name="Roof", online=False, model="C-2"))
    flow = await kit.hub.flows.start("recorder")
    flow = await kit.hub.flows.submit(flow.id, {"host": "192.0.2.1"})
    page = flow.page.to_json()
    assert page["step"] == "confirm"
    assert page["text"] == "Box NVR, serial number R-1; a recorder with 3 cameras"
    fields_of = {one["name"]: one for one in page["fields"]}
    assert [o["label"] for o in fields_of["channels"]["options"]] == [
        "1 · Door · H.265",
        "2 · Yard · H.265",
        "3 · Roof · C-2 · H.265 · offline",
    ]
    assert fields_of["channels"]["value"] == ["1", "2", "3"]
    assert [o["label"] for o in fields_of["profiles"]["options"]] == ["main (H.265)", "sub (H.265)"]
    answer = {"name": "Cellar", "channels": ["1", "3"], "profiles": ["sub"], "name_of_3": "Tower"}
    flow = await kit.hub.flows.submit(flow.id, answer)
    assert flow.page.kind == "done"
    await until(lambda: names(kit) == {"cellar.1": "Door", "cellar.3": "Tower"})
    config = kit.hub.entries.get("cellar").config
    assert config.profiles == ("sub",)
    assert config.channels == (ChannelChoice("2", use=False), ChannelChoice("3", name="Tower"))

    await until(lambda: kit.hub.entries.status("cellar").state is EntryState.LOADED)
    flow = await kit.hub.flows.start("recorder", "options", entry_id="cellar")
    assert flow.page.to_json()["step"] == "options"
    values = {one["name"]: one.get("value") for one in flow.page.to_json()["fields"]}
    assert values["channels"] == ["1", "3"]
    assert (values["profiles"], values["name_of_3"]) == (["sub"], "Tower")
    flow = await kit.hub.flows.submit(
        flow.id, {"channels": ["1", "2", "3"], "profiles": ["main", "sub"]}
    )
    assert flow.page.kind == "done"
    await until(lambda: len(names(kit)) == 3)
