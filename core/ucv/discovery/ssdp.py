"""Devices that answer to SSDP, the discovery of UPnP, or announce themselves by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TypeGuard

from ucv.clock import Clock
from ucv.discovery.descriptions import Descriptions
from ucv.discovery.intake import is_near
from ucv.discovery.interfaces import Interface
from ucv.discovery.presence import Presence
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport
from ucv.discovery.ssdp_messages import QUESTION, Kind, SsdpMessage, is_at, read
from ucv.discovery.udp_finder import UdpFinder
from ucv.plugins.discovery_handlers import DiscoveryHandler, SsdpHandler
from ucv.plugins.sightings import Datagram, SsdpDevice

GROUP, PORT = IPv4Address("239.255.255.250"), 1900

#: Devices whose descriptions are waited for; others are told apart at the next answer.
_MAX_WAITING = 256


class SsdpFinder(UdpFinder[SsdpHandler]):
    """Asks for root devices, hears those that announce themselves, and reads their descriptions.

    A description is fetched only if it is at the very address that the device spoke from, in a
    network of ours.
    """

    def __init__(
        self,
        *,
        interfaces: Callable[[], Sequence[Interface]],
        on_report: OnReport,
        rejections: Rejections,
        clock: Clock,
        port: int = PORT,
    ) -> None:
        super().__init__(
            "ssdp",
            port=port,
            groups=(GROUP,),
            listen=True,
            interfaces=interfaces,
            on_report=on_report,
            rejections=rejections,
            clock=clock,
        )
        self._presence = Presence(self.name, on_report=on_report, rejections=rejections)
        self._descriptions = Descriptions(self.name, rejections=rejections, clock=clock)
        self._fetching: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def stop(self) -> None:
        """See `Finder.stop`."""
        await super().stop()
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._descriptions.close()

    def _is_for_us(self, handler: DiscoveryHandler) -> TypeGuard[SsdpHandler]:
        return isinstance(handler, SsdpHandler)

    def _questions(self) -> Iterable[bytes]:
        return [QUESTION]

    def _take(self, datagram: Datagram, _asked: bool) -> None:
        host = datagram.host
        message = read(datagram.data)
        if message is None:
            self._rejections.note(self.name, host, "no message that can be read")
        elif message.kind is Kind.GOOD_BYE:
            self._presence.leave(message.udn, host)
        elif message.kind is not Kind.OTHER:
            self._describe(message, host)

    def _describe(self, message: SsdpMessage, host: str) -> None:
        """Report a device with its description, which is fetched if need be."""
        device = SsdpDevice(host, message.server, message.usn, message.location)
        if not self._may_fetch(message.location, host):
            self._report(device, message.udn)
            return
        description = self._descriptions.kept(message.udn, message.location, message.edition)
        if description is not None:
            self._report(replace(device, description=description), message.udn)
            return
        # One at a time for each device, however often it answers meanwhile.
        key = (host, message.udn)
        if key in self._fetching:
            return
        if len(self._fetching) >= _MAX_WAITING:
            self._rejections.note(self.name, host, "too many descriptions at once")
            return
        task = asyncio.create_task(self._fetch(device, message), name=f"SSDP {host}")
        self._fetching[key] = task
        task.add_done_callback(lambda _task: self._fetching.pop(key, None))

    def _may_fetch(self, location: str, host: str) -> bool:
        if not location:
            return False
        if not is_at(location, host):
            self._rejections.note(self.name, host, "its description is not at its own address")
            return False
        if not is_near(host, self._sockets.interfaces):
            self._rejections.note(self.name, host, "its description is in another network")
            return False
        return True

    async def _fetch(self, device: SsdpDevice, message: SsdpMessage) -> None:
        description = await self._descriptions.fetch(
            device.host, message.udn, message.location, message.edition
        )
        self._report(replace(device, description=description), message.udn)

    def _report(self, device: SsdpDevice, udn: str) -> None:
        self._presence.report(
            udn,
            device.host,
            [(handler.domain, handler.parse(device)) for handler in self._handlers],
        )
