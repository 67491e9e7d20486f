"""Each quirk of Hikvision's devices, under its name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest

from ucv import (
    AccessDenied,
    DayNight,
    Intrusion,
    LineCrossing,
    Motion,
    NotSupported,
    ProtocolError,
    PtzVector,
)
from ucv.cameras.camera_event import CameraReported
from ucv.entries.entry import EntryState
from ucv.plugins.device import Device
from ucv.testing import FakeClock, until
from ucv.testing.hikvision import QUIRKS, HikvisionDevice
from ucv.testing.hub import HubKit
from ucv.testing.plugin import StartHub
from ucv_hikvision.alert_stream import PATH
from ucv_hikvision.isapi import Isapi

NAMESPACES = [name for name in QUIRKS if name.startswith("namespace-")]
ALERT_QUIRKS = [
    "alert-form-data",
    "alert-other-boundary",
    "alert-jpeg-parts",
    "alert-json-parts",
    "dyn-channel-id",
    "heart-beat",
    "raw-ampersand",
    "triggers-wrapped",
]


class Yard:
    """A hub with one camera, and what that reported."""

    def __init__(self, kit: HubKit, device: HikvisionDevice) -> None:
        self.kit = kit
        self.device = device
        self.seen: list[CameraReported] = []
        kit.hub.bus.subscribe(CameraReported, self.seen.append)

    async def ask(self, method: str, *arguments: object, **keywords: object) -> object:
        return await self.kit.hub.control.ask("yard", method, *arguments, **keywords)

    @property
    def capabilities(self) -> tuple[str, ...]:
        return self.kit.hub.cameras.get("yard").capabilities

    @property
    def paths(self) -> list[str]:
        return [urlsplit(p.url).path for p in self.kit.hub.cameras.get("yard").profiles]

    async def listened_to(self) -> None:
        await until(lambda: self.device.alerts.listeners)


Have = Callable[..., Awaitable[Yard]]


@pytest.fixture
async def have(ucv_hub: StartHub) -> AsyncIterator[Have]:
    """Return what makes a device with quirks, and adds it: ``yard = await have("heart-beat")``."""
    devices: list[HikvisionDevice] = []

    async def make(*quirks: str, clock: FakeClock | None = None, **options: object) -> Yard:
        device = HikvisionDevice(quirks=quirks, **options)  # type: ignore[arg-type] # any of them
        devices.append(device)
        await device.start()
        kit = await ucv_hub(clock=clock)
        yard = Yard(kit, device)
        await kit.add({"integration": "hikvision", "id": "yard", **device.config})
        await kit.reaches("yard", EntryState.LOADED)
        return yard

    yield make
    for device in devices:
        await device.stop()


# --- documents and paths --------------------------------------------------------------------------


@pytest.mark.parametrize("quirk", NAMESPACES)
async def test_namespaces(quirk: str, have: Have) -> None:
    yard = await have(quirk)
    assert yard.kit.hub.cameras.get("yard").unique_id == yard.device.unit.serial
    # Written back as it came, or the device would not take it.
    await yard.ask("set_day_night", DayNight.NIGHT)
    assert await yard.ask("day_night") is DayNight.NIGHT


async def test_raw_ampersand(have: Have) -> None:
    yard = await have("raw-ampersand", channels=2)
    names = {camera.name for camera in yard.kit.hub.cameras.list()}
    assert names == {"Camera 01 & Yard", "Camera 02 & Yard"}


@pytest.mark.parametrize(
    ("quirk", "path"),
    [
        ("paths-without-isapi", "/Streaming/Channels/101"),
        ("paths-psia", "/PSIA/streaming/channels/101"),
        ("rtsp-old-paths", "/h264/ch1/main/av_stream"),
    ],
)
async def test_old_paths(quirk: str, path: str, have: Have) -> None:
    yard = await have(quirk)
    assert yard.paths[0] == path
    assert (await yard.kit.hub.control.snapshot("yard", "main")).data[:2] == b"\xff\xd8"
    assert await yard.ask("snapshot")
    await yard.ask("ptz_move", PtzVector(pan=1.0))
    await yard.listened_to()
    assert yard.device.refused == 0


async def test_rtsp_old_paths_are_found_once(have: Have) -> None:
    yard = await have("rtsp-old-paths")
    before = yard.device.rtsp.counters.connections
    await yard.kit.hub.entries.reload("yard")
    await yard.kit.reaches("yard", EntryState.LOADED)
    assert yard.paths == ["/h264/ch1/main/av_stream", "/h264/ch1/sub/av_stream"]
    assert yard.device.rtsp.counters.connections == before


# --- the login and refusals -----------------------------------------------------------------------


async def test_md5_and_sha_256(have: Have) -> None:
    yard = await have("md5-and-sha-256")
    assert await yard.ask("day_night") is DayNight.AUTO
    assert yard.device.refused == 0


async def test_bare_401(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(quirks=["bare-401"], lock_after=5) as device:
        kit = await ucv_hub()
        config = {**device.config, "password": "wrong"}
        await kit.add({"integration": "hikvision", "id": "yard", **config})
        view = await kit.reaches("yard", EntryState.AUTH_FAILED)
        assert view.status.reason is not None
        assert "more wrong" in view.status.reason.message
        assert device.refused <= 2


async def test_low_privilege(have: Have) -> None:
    yard = await have("low-privilege")
    with pytest.raises(AccessDenied, match="lacks the right"):
        await yard.ask("ptz_move", PtzVector(pan=1.0))
    assert await yard.ask("snapshot")
    assert yard.kit.hub.entries.status("yard").state is EntryState.LOADED


async def test_errors_as_200(have: Have) -> None:
    yard = await have("errors-as-200", "ircut-capital", "no-supplement-light")
    assert "day_night" in yard.capabilities
    assert "light" not in yard.capabilities
    yard.device.quirks.add("low-privilege")
    with pytest.raises(AccessDenied):
        await yard.ask("ptz_move", PtzVector(pan=1.0))


async def test_busy_at_first(have: Have) -> None:
    yard = await have("busy-at-first")
    await yard.ask("ptz_move", PtzVector(pan=1.0))
    assert yard.device.ptz[1].moves == 1
    await yard.ask("ptz_stop")
    assert yard.device.ptz[1].stops == 1


async def test_reboot_required(have: Have) -> None:
    yard = await have("reboot-required")
    await yard.ask("set_day_night", DayNight.NIGHT)
    assert await yard.ask("day_night") is DayNight.AUTO
    assert "counts once the camera has been restarted" in yard.kit.log_text


# --- pictures -------------------------------------------------------------------------------------


async def test_snapshot_device_error(have: Have) -> None:
    yard = await have("snapshot-device-error")
    for _ in range(3):
        assert await yard.ask("snapshot")


async def test_snapshot_by_proxy(have: Have) -> None:
    yard = await have("snapshot-by-proxy", channels=2)
    picture = await yard.kit.hub.control.ask("yard.2", "snapshot")
    assert picture.data[:2] == b"\xff\xd8"
    await yard.kit.hub.control.ask("yard.2", "snapshot")
    asked = yard.device.http.counters.requests
    assert asked["/ISAPI/Streaming/channels/201/picture"] == 1
    assert asked["/ISAPI/ContentMgmt/StreamingProxy/channels/201/picture"] == 2


@pytest.mark.parametrize("quirk", ["missing-stream-403", "missing-stream-500"])
async def test_missing_stream(quirk: str, have: Have) -> None:
    yard = await have(quirk)
    assert await yard.ask("snapshot")
    yard.device.remove_channel(1)
    with pytest.raises((NotSupported, ProtocolError)):
        await yard.ask("snapshot")
    assert yard.kit.hub.entries.status("yard").state is EntryState.LOADED


# --- movement and light ---------------------------------------------------------------------------


async def test_ptz_channel_cap(have: Have) -> None:
    yard = await have("ptz-channel-cap")
    assert {"ptz", "ptz_absolute", "ptz_home", "ptz_presets"} <= set(yard.capabilities)


async def test_built_in_presets(have: Have) -> None:
    yard = await have("built-in-presets")
    assert await yard.ask("ptz_presets") == []


@pytest.mark.parametrize("quirk", ["ircut-capital", "ircut-lower"])
async def test_ircut_spellings(quirk: str, have: Have) -> None:
    yard = await have(quirk)
    await yard.ask("set_day_night", DayNight.DAY)
    assert await yard.ask("day_night") is DayNight.DAY


async def test_white_light(have: Have) -> None:
    yard = await have("white-light")
    mode = yard.device.unit.channels[1].documents["SupplementLight"].find("supplementLightMode")
    assert mode is not None
    mode.text = "colorVuWhiteLight"
    assert await yard.ask("light") is True
    await yard.ask("set_light", on=False)
    assert await yard.ask("light") is False
    await yard.ask("set_light", on=True)
    document = yard.device.unit.channels[1].documents["SupplementLight"]
    assert document.findtext("supplementLightMode") == "colorVuWhiteLight"


async def test_no_supplement_light(have: Have) -> None:
    yard = await have("no-supplement-light")
    assert "light" not in yard.capabilities


# --- alerts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("quirk", ALERT_QUIRKS)
async def test_alerts_with(quirk: str, have: Have) -> None:
    yard = await have(quirk)
    yard.device.alerts.heartbeat = yard.device.alerts.repeat = 0.1
    await yard.listened_to()
    yard.device.start_event("VMD")
    await until(lambda: yard.seen, 1)
    # Heartbeats, repetitions and other forms of the same are no further events.
    await asyncio.sleep(0.5)
    yard.device.stop_event("VMD")
    await until(lambda: len(yard.seen) > 1, 1)
    told = [(type(report.event), report.event.active) for report in yard.seen]
    assert told == [(Motion, True), (Motion, False)]


@pytest.mark.parametrize("quirk", ["detection-target", "target-type"])
async def test_targets(quirk: str, have: Have) -> None:
    yard = await have(quirk)
    await yard.listened_to()
    yard.device.pulse("linedetection", target="vehicle")
    yard.device.pulse("fielddetection", target="human")
    await until(lambda: len(yard.seen) == 2, 1)
    line, field = (report.event for report in yard.seen)
    assert isinstance(line, LineCrossing)
    assert isinstance(field, Intrusion)
    assert (line.object_type, field.object_type) == ("vehicle", "person")


async def test_alert_never_inactive(have: Have) -> None:
    clock = FakeClock()
    yard = await have("alert-never-inactive", clock=clock)
    await yard.listened_to()
    yard.device.start_event("VMD")
    await until(lambda: yard.seen)
    yard.device.stop_event("VMD")
    await clock.advance(4.9)
    assert len(yard.seen) == 1
    await clock.advance(0.2)
    assert [report.event.active for report in yard.seen] == [True, False]


async def test_one_listener(ucv_hub: StartHub, connect: Callable[..., Device]) -> None:
    clock = FakeClock()
    async with HikvisionDevice(quirks=["one-listener"]) as device:
        async with Isapi(connect(device.http)).listen(PATH, silence=30):
            kit = await ucv_hub(clock=clock)
            await kit.add({"integration": "hikvision", "id": "yard", **device.config})
            await until(lambda: "As many programs" in kit.log_text)
            assert "next try in 60 s" in kit.log_text
            assert kit.hub.entries.status("yard").state is EntryState.LOADED
        await until(lambda: not device.alerts.listeners)
        await clock.advance(61)
        await until(lambda: device.alerts.listeners)


async def test_center_missing(have: Have) -> None:
    yard = await have("center-missing")
    integration, handle = yard.kit.hub.entries.loaded("yard")
    told = await integration.diagnostics(handle)
    assert not any(event["reaches_the_stream"] for event in told["events"])


def test_every_quirk_has_a_test() -> None:
    source = globals()
    written = " ".join(
        [name for name in source if name.startswith("test_")]
        + [repr(mark.args) for one in source.values() for mark in getattr(one, "pytestmark", ())]
    ).replace("_", "-")
    elsewhere = {"not-activated"}
    assert {quirk for quirk in QUIRKS if quirk not in written} == elsewhere
