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
FOLLOW_LIMIT = 45.0


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
