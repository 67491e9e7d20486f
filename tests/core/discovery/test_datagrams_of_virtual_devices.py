"""All finders by UDP together find virtual devices, with whatever these get wrong."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
import pytest_asyncio

from ucv.clock import SystemClock
from ucv.discovery.datagrams import DatagramFinder, kind_of
from ucv.discovery.handlers import HandlerGuard
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Finder, Report
from ucv.discovery.ssdp import SsdpFinder
from ucv.discovery.ws_discovery import WsDiscoveryFinder
from ucv.plugins.discovery_handlers import DatagramHandler, DiscoveryHandler
from ucv.testing import DahuaDevice, HikvisionDevice, OnvifDevice
from ucv.testing.clock import until
from ucv.testing.discovery import QUIRKS, announce
from ucv_dahua.recognition import HANDLERS as DAHUA
from ucv_hikvision.recognition import HANDLERS as HIKVISION
from ucv_onvif.recognition import HANDLERS as ONVIF

LOOPBACK = Interface("lo", IPv4Address("127.0.0.1"), IPv4Network("127.0.0.0/8"))
DEVICES = {"hikvision": "127.0.0.11", "dahua": "127.0.0.12", "onvif": "127.0.0.13"}
#: By which protocols each is recognised as a device of which integration.
FOUND = {
    ("hikvision", "sadp"),
    ("hikvision", "ws-discovery"),
    ("hikvision", "ssdp"),
    ("dahua", "dhip"),
    ("dahua", "ws-discovery"),
    ("dahua", "ssdp"),
    ("onvif", "ws-discovery"),
}


class Network:
    """All finders on loopback, at ports of their own."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.ports: dict[str, int] = {}
        self._holders: list[socket.socket] = []
        for name in ("ws-discovery", "ssdp", "sadp", "dhip"):
            # Nobody else takes the port for a group of their own meanwhile.
            holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            holder.bind(("127.0.0.1", 0))
            self._holders.append(holder)
            self.ports[name] = holder.getsockname()[1]
        clock = SystemClock()
        self.rejections = Rejections(clock)
        self.faults: list[BaseException] = []
        registered = [
            one for one in (*HIKVISION, *DAHUA, *ONVIF) if isinstance(one, DiscoveryHandler)
        ]
        guard = HandlerGuard(
            clock, self.rejections, lambda _d, _w, error: self.faults.append(error)
        )
        self.handlers = [guard.guarded(self._moved(one)) for one in registered]
        self.finders: list[Finder] = [
            WsDiscoveryFinder(
                interfaces=lambda: [LOOPBACK],
                on_report=self.reports.append,
                rejections=self.rejections,
                clock=clock,
                port=self.ports["ws-discovery"],
            ),
            SsdpFinder(
                interfaces=lambda: [LOOPBACK],
                on_report=self.reports.append,
                rejections=self.rejections,
                clock=clock,
                port=self.ports["ssdp"],
            ),
        ]
        for kind in {kind_of(one) for one in self.handlers if isinstance(one, DatagramHandler)}:
            finder = DatagramFinder(
                kind,
                interfaces=lambda: [LOOPBACK],
                on_report=self.reports.append,
                rejections=self.rejections,
                clock=clock,
            )
            self.finders.append(finder)

    def _moved(self, handler: DiscoveryHandler) -> DiscoveryHandler:
        if isinstance(handler, DatagramHandler):
            return replace(handler, port=self.ports[handler.source])
        return handler

    def found(self, *, gone: bool = False) -> set[tuple[str, str]]:
        """Return by which protocols each device was found as one of its own integration."""
        names = {host: name for name, host in DEVICES.items()}
        return {
            (report.domain, report.source)
            for report in self.reports
            if report.gone is gone and names.get(report.host) == report.domain
        }

    async def stop(self) -> None:
        for finder in self.finders:
            await finder.stop()
        for holder in self._holders:
            holder.close()

    @property
    def reasons(self) -> set[str]:
        return {one["reason"] for one in self.rejections.to_json()["counts"]}


@pytest_asyncio.fixture
async def network() -> AsyncIterator[Network]:
    one = Network()
    for finder in one.finders:
        await finder.listen(one.handlers)
    yield one
    await one.stop()
    assert one.faults == []


async def find(network: Network, quirks: Collection[str], wanted: set[tuple[str, str]]) -> int:
    """Ask while devices are there that answer, until they are found; returns log-ins they saw."""
    logins = 0
    async with (
        HikvisionDevice(host=DEVICES["hikvision"]) as hikvision,
        DahuaDevice(host=DEVICES["dahua"]) as dahua,
        OnvifDevice(host=DEVICES["onvif"]) as onvif,
        announce(
            hikvision,
            ports=network.ports,
            quirks=quirks,
            protocols=("sadp", "ws-discovery", "ssdp"),
        ) as one,
        announce(dahua, ports=network.ports, quirks=quirks) as two,
        announce(onvif, ports=network.ports, quirks=quirks) as three,
    ):
        # What they said by themselves when they came does not count here.
        await until(lambda: network.reports)
        network.reports.clear()
        for finder in network.finders:
            await finder.ask()
        await until(lambda: network.found() >= wanted)
        logins = sum(device.logins for device in (hikvision, dahua, onvif))
        network.reports.clear()
        for announcement in (one, two, three):
            await announcement.bye()
    return logins


async def test_each_device_is_found_by_each_of_its_protocols_without_a_log_in(
    network: Network,
) -> None:
    assert await find(network, (), FOUND) == 0
    leaving = {one for one in FOUND if one[1] in ("ws-discovery", "ssdp")}
    await until(lambda: network.found(gone=True) == leaving)
    assert network.rejections.to_json()["counts"] == []


#: What must make no difference at all.
HARMLESS = (
    "changing-endpoint",
    "empty-types",
    "garbage-before",
    "general-vendor",
    "latin-1",
    "mac-scope",
    "not-activated",
    "nul-bytes",
    "only-empty-types",
    "other-address",
    "raw-ampersand",
    "several-addresses",
    "short-uuid",
    "to-group",
    "upper-case",
)


def test_each_quirk_of_the_virtual_devices_is_tried() -> None:
    others = {"foreign-host", "unspecified-host", "location-elsewhere", "relates-to-nothing"}
    assert {*HARMLESS, *others} == set(QUIRKS)


@pytest.mark.parametrize("quirk", HARMLESS)
async def test_what_devices_get_wrong_does_not_hide_them(network: Network, quirk: str) -> None:
    await find(network, (quirk,), FOUND)
    assert network.reasons == set()


@pytest.mark.parametrize("quirk", ["foreign-host", "unspecified-host"])
async def test_services_that_are_said_to_be_elsewhere_are_looked_for_at_the_device(
    network: Network, quirk: str
) -> None:
    await find(network, (quirk,), FOUND)
    assert network.reasons == {"told addresses of other hosts, not used"}


async def test_a_description_that_is_said_to_be_elsewhere_is_not_used(network: Network) -> None:
    await find(network, ("location-elsewhere",), {one for one in FOUND if one[1] != "ssdp"})
    assert network.reasons == {"its description is not at its own address"}


async def test_answers_to_nothing_are_refused_but_a_hello_counts(network: Network) -> None:
    await find(network, ("relates-to-nothing",), {one for one in FOUND if one[1] != "ws-discovery"})
    await until(lambda: network.rejections.count("ws-discovery"))
    assert network.reasons == {"answered what was not asked"}
