"""Devices of each kind on a network of their own: found, merged, told apart, never logged in to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from tests.network.conftest import StartOn
from tests.network.device import LabDevice, serve
from tests.network.inbox import Inbox, opened, soon
from tests.network.lab import NetworkLab
from tests.network.wire import Wire

pytestmark = pytest.mark.slow

#: By what each kind of device is found.
PROTOCOLS = {
    "hikvision": ("sadp", "ws-discovery", "ssdp", "mdns"),
    "dahua": ("dhip", "ws-discovery", "ssdp"),
    "onvif": ("ws-discovery",),
}
#: Seconds from its appearing within which a device is found.
FOUND_LIMIT = 3.0
#: What each kind is called: not every protocol tells the manufacturer.
NAMES = {
    "hikvision": ("Hikvision", "DS-2DE2A404IW-DE3"),
    "dahua": ("Dahua", "IPC-HDW5831R-ZE"),
    "onvif": (None, "ONVIF 2"),
}


async def plug_in(lab: NetworkLab, kind: str, number: int, **more: Any) -> LabDevice:
    """Add a host with a device of its own identity, which does not announce itself yet."""
    mac = f"02:00:00:00:00:{number:02x}"
    host = await lab.host(f"camera{number}", f"192.0.2.{number}", mac)
    if kind in PROTOCOLS:
        more = {"serial": f"LAB{number:06d}A", "mac": mac, **more}
    return await serve(host, kind, **more)


async def late(inbox: Inbox, device: LabDevice, wanted: set[str], began: float) -> dict[str, float]:
    """Wait until a device is found by what it should be; returns what took too long."""

    sources: dict[str, float] = {}

    async def found() -> bool:
        sources.update(await inbox.sources(device.host.address))
        return wanted <= sources.keys()

    # What is not found at all is late, too.
    with suppress(AssertionError):
        await soon(found)
    took = {one: sources.get(one, float("inf")) - began for one in wanted}
    return {one: seconds for one, seconds in took.items() if seconds > FOUND_LIMIT}


async def test_each_kind_is_found_by_each_of_its_protocols_alone(
    lab: NetworkLab, hub_on: StartOn
) -> None:
    alone = [(kind, protocol) for kind, some in PROTOCOLS.items() for protocol in some]
    devices = await asyncio.gather(
        *(plug_in(lab, kind, 20 + number) for number, (kind, _) in enumerate(alone))
    )
    hub = await hub_on(await lab.host("hub", "192.0.2.2"))
    async with opened(hub) as inbox:
        announced = zip(devices, alone, strict=True)
        began = await asyncio.gather(
            *(device.announce(protocol) for device, (_, protocol) in announced)
        )
        missed = {
            pair: took
            for device, pair, at in zip(devices, alone, began, strict=True)
            if (took := await late(inbox, device, {pair[1]}, at))
        }
        assert not missed
        for device, (kind, protocol) in zip(devices, alone, strict=True):
            (found,) = await inbox.at(device.host.address)
            assert (found["integration"], found["state"]) == (kind, "new"), protocol
            assert {one["source"] for one in found["evidence"]} == {protocol}


async def test_what_all_protocols_say_of_a_device_is_one_device(
    lab: NetworkLab, hub_on: StartOn
) -> None:
    devices = await asyncio.gather(
        *(plug_in(lab, kind, 20 + number) for number, kind in enumerate(PROTOCOLS))
    )
    hub = await hub_on(await lab.host("hub", "192.0.2.2"))
    async with opened(hub) as inbox:
        began = await asyncio.gather(*(device.announce() for device in devices))
        for device, at in zip(devices, began, strict=True):
            assert await late(inbox, device, set(PROTOCOLS[device.kind]), at) == {}
        assert len(await inbox.devices()) == len(devices)
        for number, device in enumerate(devices):
            (found,) = await inbox.at(device.host.address)
            assert found["integration"] == device.kind
            assert (found["manufacturer"], found["model"]) == NAMES[device.kind]
            assert found["confidence"] >= 0.5
            assert found["http_port"] == 80
            if device.kind != "onvif":
                assert found["mac"] == f"02:00:00:00:00:{20 + number:02x}"
                assert f"LAB{20 + number:06d}A" in found["serial"]


async def test_nobody_is_logged_in_to_by_finding_scanning_and_looking(
    lab: NetworkLab, hub_on: StartOn
) -> None:
    kinds = [*PROTOCOLS, "rtsp", "mjpeg"]
    devices = await asyncio.gather(
        *(plug_in(lab, kind, 2 + number) for number, kind in enumerate(kinds, start=1))
    )
    wire = Wire(lab)
    await wire.begin()
    hub = await hub_on(await lab.host("hub", "192.0.2.2"))
    async with opened(hub) as inbox:
        await asyncio.gather(*(one.announce() for one in devices if one.kind in PROTOCOLS))

        async def all_found() -> bool:
            return len(await inbox.devices()) >= len(PROTOCOLS)

        await soon(all_found)
        scan = await inbox.scan("192.0.2.0/28", profile="normal", force=True)
        results = {one["host"]: one for one in scan["results"]}
        assert results.keys() >= {device.host.address for device in devices}
        for found in await inbox.devices():
            if found["snapshot"]:
                async with hub.http.get(f"/api/discovery/{found['id']}/snapshot.jpg") as answer:
                    await answer.read()

        assert {device.kind: await device.logins() for device in devices} == dict.fromkeys(kinds, 0)
        assert wire.logins() == []
        # They were asked all the same.
        assert all([await device.requests() > 0 for device in devices])
        assert {contact.target for contact in wire.contacts()} >= results.keys()

        # And would have counted: a person's own log-in, which is one device's alone.
        dahua = next(device for device in devices if device.kind == "dahua")
        (found,) = await inbox.at(dahua.host.address)
        await inbox.adopt(found["id"])
        counted = {device.kind: await device.logins() for device in devices}
        assert [kind for kind, count in counted.items() if count] == ["dahua"]
        assert {contact.target for contact in wire.logins()} == {dahua.host.address}


async def test_two_devices_with_one_serial_number_are_two(lab: NetworkLab, hub_on: StartOn) -> None:
    first = await plug_in(lab, "hikvision", 21, serial="SAME0001")
    second = await plug_in(lab, "hikvision", 22, serial="SAME0001")
    hub = await hub_on(await lab.host("hub", "192.0.2.2"))
    async with opened(hub) as inbox:
        for device in (first, second):
            # By mDNS they would have one name, which the second one may not take.
            at = await device.announce("sadp", "ws-discovery", "ssdp")
            assert await late(inbox, device, {"sadp", "ws-discovery", "ssdp"}, at) == {}
        found = await inbox.devices()
        assert sorted(one["host"] for one in found) == ["192.0.2.21", "192.0.2.22"]
        assert {one["mac"] for one in found} == {"02:00:00:00:00:15", "02:00:00:00:00:16"}
        entries = await inbox.adopt(*(one["id"] for one in found))
        assert len(set(entries)) == 2
        for entry_id in entries:
            await hub.until_camera(entry_id, lambda camera: camera["entry"]["state"] == "loaded")
        cameras = await hub.cameras()
        hosts = {cameras[entry_id]["config"]["host"]: entry_id for entry_id in entries}
        assert hosts.keys() == {"192.0.2.21", "192.0.2.22"}

        async def as_adopted() -> bool:
            return {one["host"]: one["entry_id"] for one in await inbox.devices()} == hosts

        # Neither is taken for the other when they are heard again.
        await soon(as_adopted)
        await inbox.call("discovery/refresh")
        await asyncio.sleep(3)
        assert await as_adopted(), await inbox.devices()


async def test_two_devices_behind_one_address_are_two(lab: NetworkLab, hub_on: StartOn) -> None:
    host = await lab.host("router", "192.0.2.30")
    first = await serve(host, "hikvision", serial="ONE00001", mac="02:00:00:00:01:01")
    second = await serve(
        *(host, "dahua"), port=8080, rtsp=8554, serial="TWO00002", mac="02:00:00:00:01:02"
    )
    hub = await hub_on(await lab.host("hub", "192.0.2.2"))
    async with opened(hub) as inbox:
        await asyncio.gather(first.announce(), second.announce())

        async def both() -> Any:
            found = {one["integration"]: one for one in await inbox.at("192.0.2.30")}
            return found if found.keys() == {"hikvision", "dahua"} else None

        found = await soon(both)
        # What came last must not change it.
        await asyncio.sleep(2)
        found = await both()
        assert found, await inbox.devices()
        assert {kind: one["http_port"] for kind, one in found.items()} == {
            "hikvision": 80,
            "dahua": 8080,
        }
        entries = await inbox.adopt(*(one["id"] for one in found.values()))
        cameras = await hub.cameras()
        ports = {
            cameras[entry_id]["integration"]: cameras[entry_id]["config"].get("http_port", 80)
            for entry_id in entries
        }
        assert ports == {"hikvision": 80, "dahua": 8080}
