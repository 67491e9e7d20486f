"""The whole way against a virtual ONVIF device that was written from the standard alone."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from ucv import DayNight, Motion, PtzVector
from ucv.cameras.camera_event import CameraReported
from ucv.entries.entry import EntryState
from ucv.testing import check_integration_contract, until
from ucv.testing.hub import HubKit
from ucv.testing.onvif import QUIRKS, OnvifDevice
from ucv.testing.plugin import StartHub
from ucv_onvif import Onvif


async def add(kit: HubKit, device: OnvifDevice, **values: Any) -> None:
    await kit.add({"integration": "onvif", "id": "yard", **device.config, **values})
    await kit.reaches("yard", EntryState.LOADED)


def reports(kit: HubKit) -> list[tuple[str, Any]]:
    seen: list[tuple[str, Any]] = []
    kit.hub.bus.subscribe(CameraReported, lambda told: seen.append((told.camera_id, told.event)))
    return seen


async def test_it_keeps_the_whole_contract_with_an_independent_device() -> None:
    class UnderAnotherName(Onvif):
        """The integration itself is built in, and its name is taken."""

        domain = "onvif_peer"

    UnderAnotherName.__module__ = Onvif.__module__
    report = await check_integration_contract(UnderAnotherName, OnvifDevice())
    assert not report.failed, str(report)
    assert report.grade == "gold", str(report)


@pytest.mark.parametrize("quirk", sorted(QUIRKS), ids=lambda name: name.replace("-", " "))
async def test_a_device_with_the_quirk_is_set_up_and_tells_its_events(
    ucv_hub: StartHub, quirk: str
) -> None:
    async with OnvifDevice(quirks=[quirk]) as device:
        kit = await ucv_hub()
        seen = reports(kit)
        await add(kit, device)
        camera = kit.hub.cameras.get("yard")
        assert [(one.role, one.width) for one in camera.profiles] == [("main", 640), ("sub", 320)]
        assert all(f"{device.host}:{device.rtsp_port}/" in one.url for one in camera.profiles)
        assert device.refused <= 1
        await until(lambda: device.count("PullMessages"))
        device.start_event("motion")
        await until(lambda: [event for _, event in seen if isinstance(event, Motion)], 10)
        assert seen[-1][1].active is True
        await kit.hub.control.ask("yard", "ptz_move", PtzVector(0.5, 0.0, 0.5))
        assert device.ptz[1].moving
        await kit.hub.control.ask("yard", "ptz_stop")
        assert not device.ptz[1].moving


async def test_a_wrong_password_is_refused_twice_at_most_by_the_device(ucv_hub: StartHub) -> None:
    async with OnvifDevice(lock_after=3) as device:
        kit = await ucv_hub()
        wrong = {**device.config, "password": "not-this-one"}
        await kit.add({"integration": "onvif", "id": "yard", **wrong})
        await kit.reaches("yard", EntryState.AUTH_FAILED)
        await asyncio.sleep(0.3)
        assert 1 <= device.refused <= 2
        assert not device.lock.locked


async def test_positions_are_stored_recalled_and_forgotten(ucv_hub: StartHub) -> None:
    async with OnvifDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        ask, head = kit.hub.control.ask, device.ptz[1]
        await ask("yard", "ptz_absolute", PtzVector(0.5, -0.5, 0.25))
        await until(lambda: abs(head.position.pan - 0.5) < 0.05)
        made = await ask("yard", "ptz_create_preset", "Gate")
        assert [one.name for one in await ask("yard", "ptz_presets")] == ["Gate"]
        await ask("yard", "ptz_relative", PtzVector(pan=-0.25))
        await until(lambda: head.position.pan < 0.4)
        await ask("yard", "ptz_goto_preset", made.id)
        await until(lambda: abs(head.position.pan - 0.5) < 0.05)
        await ask("yard", "ptz_delete_preset", made.id)
        assert await ask("yard", "ptz_presets") == []
        await ask("yard", "ptz_home")
        await until(lambda: abs(head.position.pan) < 0.05)


async def test_day_and_night_is_chosen(ucv_hub: StartHub) -> None:
    async with OnvifDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        for mode in (DayNight.NIGHT, DayNight.AUTO, DayNight.DAY):
            await kit.hub.control.ask("yard", "set_day_night", mode)
            assert await kit.hub.control.ask("yard", "day_night") is mode


async def test_events_over_a_reconnect_are_neither_lost_nor_doubled(ucv_hub: StartHub) -> None:
    async with OnvifDevice() as device:
        kit = await ucv_hub()
        seen = reports(kit)
        await add(kit, device)
        await until(lambda: device.count("PullMessages"))
        began = time.monotonic()
        device.start_event("motion")
        await until(lambda: len(seen) == 1)
        assert time.monotonic() - began < 1
        pulls = device.count("PullMessages")
        await until(lambda: device.count("PullMessages") >= pulls)
        await device.stop()
        device.stop_event("motion")
        await device.start()
        await until(lambda: len(seen) == 2, 20)
        device.start_event("motion")
        await until(lambda: len(seen) == 3, 10)
        assert [event.active for _, event in seen] == [True, False, True]


async def test_a_reboot_is_ordered_and_survived(ucv_hub: StartHub) -> None:
    async with OnvifDevice() as device:
        device.reboot_seconds = 0.5
        kit = await ucv_hub()
        seen = reports(kit)
        await add(kit, device)
        await until(lambda: device.count("PullMessages"))
        await kit.hub.control.ask("yard", "reboot")
        await until(lambda: device.rebooted == 1)
        subscribed = device.count("CreatePullPointSubscription")
        await until(lambda: device.count("CreatePullPointSubscription") > subscribed, 20)
        await until(lambda: device.operations[-1] == "PullMessages")
        device.start_event("motion")
        await until(lambda: seen)
        assert device.refused == 0


async def test_a_recorder_has_a_camera_for_each_source_and_one_connection_for_events(
    ucv_hub: StartHub,
) -> None:
    async with OnvifDevice(channels=8, codec="h265") as device:
        kit = await ucv_hub()
        seen = reports(kit)
        await add(kit, device)
        cameras = kit.hub.cameras.of_entry("yard")
        assert len(cameras) == 8
        assert {one.profiles[0].codec for one in cameras} == {"h265"}
        await until(lambda: device.count("PullMessages"))
        assert device.count("CreatePullPointSubscription") == 1
        assert device.count("GetStreamUri") == 16
        device.start_event("motion", 5)
        await until(lambda: seen)
        assert seen[0][0] == cameras[4].id


async def test_setting_up_costs_as_many_requests_as_are_said(ucv_hub: StartHub) -> None:
    async with OnvifDevice(ptz=False) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: device.count("PullMessages"))
        of_events = {"CreatePullPointSubscription", "SetSynchronizationPoint", "PullMessages"}
        assert len([one for one in device.operations if one not in of_events]) == 9
        assert device.http.counters.total <= 9 + 4
