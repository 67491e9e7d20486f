"""Devices that a DHCP server gives another address: live again without a person."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.network.conftest import StartOn
from tests.network.device import serve
from tests.network.inbox import opened, soon
from tests.network.lab import NetworkLab

pytestmark = pytest.mark.slow

#: What announces the device at its new address. DHIP and SADP only answer: there the hub has to
#: notice that its camera is missing.
ANNOUNCED = {
    "hikvision": None,
    "dahua": ["dhip"],
    "onvif": ["ws-discovery"],
}
#: Seconds for a camera to be live at its new address, from when it is there.
FOLLOW_LIMIT = 60.0


async def test_cameras_with_another_address_are_live_again_without_a_person(
    lab: NetworkLab, hub_on: StartOn
) -> None:
    hub = await hub_on(await lab.host("hub", "192.0.2.2"))
    identities: dict[str, dict[str, Any]] = {
        kind: {"serial": f"MOVE{number:05d}A", "mac": f"02:00:00:00:02:{number:02x}"}
        for number, kind in enumerate(ANNOUNCED)
    }
    hosts = {
        kind: await lab.host(kind, f"192.0.2.{20 + number}", identities[kind]["mac"])
        for number, kind in enumerate(ANNOUNCED)
    }
    devices = {kind: await serve(hosts[kind], kind, **identities[kind]) for kind in ANNOUNCED}
    for kind, protocols in ANNOUNCED.items():
        await devices[kind].announce(*(protocols or ()))
    async with opened(hub) as inbox:

        async def all_found() -> Any:
            found = {one["integration"]: one["id"] for one in await inbox.devices()}
            return found if found.keys() == ANNOUNCED.keys() else None

        found = await soon(all_found)
        entries = dict(zip(found, await inbox.adopt(*found.values()), strict=True))
        for entry_id in entries.values():
            await inbox.keep_live(entry_id)
    # From here on nobody looks, and nobody does anything.
    for entry_id in entries.values():
        await hub.until_camera(entry_id, lambda camera: camera["state"] == "live")
    moved = time.time()
    for number, kind in enumerate(ANNOUNCED):
        await hosts[kind].change_address(f"192.0.2.{120 + number}")
        await devices[kind].pull_plug()
        devices[kind] = await serve(hosts[kind], kind, **identities[kind])
        await devices[kind].announce(*(ANNOUNCED[kind] or ()))

    async def live_again(kind: str) -> dict[str, Any]:
        def is_live(camera: Any) -> object:
            profile = camera["profiles"][0]["stream"]
            here = camera["config"]["host"] == hosts[kind].address
            return here and profile["state"] == "live" and profile["since"] > moved

        camera: dict[str, Any] = await hub.until_camera(entries[kind], is_live, FOLLOW_LIMIT)
        return camera

    await asyncio.gather(*(live_again(kind) for kind in ANNOUNCED))
    for kind, device in devices.items():
        assert await device.requests() > 0, kind
    # It is known where they were, and that they are the same devices.
    for device in (await hub.get("/api/discovery"))["devices"]:
        was = device["host"].replace(".12", ".2")
        assert [span["host"] for span in device["addresses"]] == [device["host"], was]
        assert device["entry_id"] == entries[device["integration"]]


async def test_a_camera_that_gets_the_address_of_another_one_is_not_taken_for_it(
    lab: NetworkLab, hub_on: StartOn
) -> None:
    hub = await hub_on(await lab.host("hub", "192.0.2.2"))
    ours: dict[str, Any] = {"serial": "OURS0001", "mac": "02:00:00:00:03:01"}
    theirs: dict[str, Any] = {"serial": "THEIRS0001", "mac": "02:00:00:00:03:02"}
    old = await lab.host("old", "192.0.2.21", ours["mac"])
    device = await serve(old, "hikvision", **ours)
    await device.announce()
    async with opened(hub) as inbox:

        async def found() -> Any:
            return await inbox.at("192.0.2.21")

        (one,) = await soon(found)
        (entry_id,) = await inbox.adopt(one["id"])
        await inbox.keep_live(entry_id)
    await hub.until_camera(entry_id, lambda camera: camera["state"] == "live")

    # The addresses are dealt anew: another one's camera gets the one that ours had.
    await old.change_address("192.0.2.121")
    await device.pull_plug()
    new = await lab.host("new", "192.0.2.21", theirs["mac"])
    other = await serve(new, "hikvision", **theirs)
    await other.announce()
    device = await serve(old, "hikvision", **ours)
    await device.announce()

    def is_live(camera: Any) -> object:
        return camera["config"]["host"] == "192.0.2.121" and camera["state"] == "live"

    await hub.until_camera(entry_id, is_live, FOLLOW_LIMIT)
    devices = (await hub.get("/api/discovery"))["devices"]
    assert {one["host"]: one["entry_id"] for one in devices} == {
        "192.0.2.21": None,
        "192.0.2.121": entry_id,
    }
