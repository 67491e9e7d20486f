"""A virtual device that can be discovered, by all protocols that its kind has or by some."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from ucv.testing.discovery import dhip, sadp, ssdp, ws_discovery
from ucv.testing.discovery.identity import Announced, identity_of
from ucv.testing.discovery.responder import Responder
from ucv.testing.http_message import Answer, Request
from ucv.testing.virtual_camera import VirtualCamera

#: Which protocols each kind of device has.
PROTOCOLS: Mapping[str, tuple[str, ...]] = {
    "hikvision": ("sadp", "ws-discovery", "ssdp", "mdns"),
    "dahua": ("dhip", "ws-discovery", "ssdp"),
    "onvif": ("ws-discovery",),
}
#: What devices get wrong, and protocols allow: each by its name.
QUIRKS: Mapping[str, str] = {
    "changing-endpoint": "WS-Discovery: another endpoint reference in each answer.",
    "empty-types": "WS-Discovery: answers without types.",
    "foreign-host": "WS-Discovery: the address of a service is in another network.",
    "garbage-before": "DHIP: bytes that mean nothing before the JSON.",
    "general-vendor": "DHIP: the vendor is General, as in devices sold under other names.",
    "latin-1": "SSDP: the description is not in UTF-8, and does not say so.",
    "location-elsewhere": "SSDP: the description is said to be on another host.",
    "mac-scope": "WS-Discovery: a scope tells the hardware address.",
    "not-activated": "SADP: the device has no password yet.",
    "nul-bytes": "DHIP: NULs within and behind the JSON.",
    "only-empty-types": "WS-Discovery: answers only to a probe that wants no type.",
    "other-address": "SADP, DHIP: the body names another address than the answer comes from.",
    "raw-ampersand": "SADP: a bare & in the XML.",
    "relates-to-nothing": "WS-Discovery: answers do not say what they answer.",
    "several-addresses": "WS-Discovery: addresses of several networks.",
    "short-uuid": "WS-Discovery: uuid: instead of urn:uuid:.",
    "to-group": "SADP: answers go to the group, as of firmware before 5.7.",
    "unspecified-host": "WS-Discovery: the address of a service is that of nobody.",
    "upper-case": "SADP: element names in capitals.",
}
_MODULES = {"sadp": sadp, "dhip": dhip, "ws-discovery": ws_discovery, "ssdp": ssdp}
_MDNS_TYPE = "_psia._tcp.local."


class Announcement:
    """What a device says on the network; made by `announce`."""

    def __init__(
        self,
        device: VirtualCamera,
        *,
        address: str | None,
        protocols: Collection[str],
        interface: str,
        ports: Mapping[str, int],
        quirks: Collection[str],
    ) -> None:
        self.identity: Announced = identity_of(device, address)
        self.responders: dict[str, Responder] = {}
        self._quirks = frozenset(quirks)
        self._interface = interface
        self._zeroconf: AsyncZeroconf | None = None
        self._service: AsyncServiceInfo | None = None
        self._by_mdns = "mdns" in protocols
        for name in protocols:
            if name == "mdns":
                continue
            module = _MODULES[name]
            self.responders[name] = Responder(
                self.identity,
                port=ports.get(name, module.PORT),
                groups=module.GROUPS,
                interface=interface,
                answer=partial(module.answer, self.identity, self._quirks),
                to_group=name == "sadp" and "to-group" in self._quirks,
            )
        if "ssdp" in protocols:
            device.http.route(ssdp.PATH, self._describe, auth=False)

    async def start(self) -> None:
        """Begin, and say hello where a protocol has a word for it."""
        for responder in self.responders.values():
            await responder.start()
        self._greet()
        if self._by_mdns:
            self._zeroconf = AsyncZeroconf(
                interfaces=[self._interface], ip_version=IPVersion.V4Only
            )
            self._service = self._info()
            await (await self._zeroconf.async_register_service(self._service))

    async def change_address(self, address: str) -> None:
        """Go on at another address, as with a new lease, and say so as after a restart."""
        self.identity.address = address
        for responder in self.responders.values():
            await responder.move()
        self._greet()
        if self._zeroconf is not None:
            self._service = self._info()
            await (await self._zeroconf.async_update_service(self._service))

    async def bye(self) -> None:
        """Say good-bye where a protocol has a word for it; nothing more is answered."""
        for name, responder in self.responders.items():
            if name == "ws-discovery":
                responder.say(ws_discovery.bye(self.identity, self._quirks))
            if name == "ssdp":
                responder.say(ssdp.notify(self.identity, self._quirks, "byebye"))
        await self.stop()

    async def stop(self) -> None:
        """End without a word, apart from mDNS, which has to; harmless when it has ended."""
        for responder in self.responders.values():
            await responder.stop()
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is not None:
            await zeroconf.async_close()

    def _greet(self) -> None:
        for name, responder in self.responders.items():
            # The network of a device that has just got an address may not be there yet.
            with suppress(OSError):
                if name == "ws-discovery":
                    responder.say(ws_discovery.hello(self.identity, self._quirks))
                if name == "ssdp":
                    responder.say(ssdp.notify(self.identity, self._quirks, "alive"))

    def _describe(self, _request: Request) -> Answer:
        document = ssdp.description(self.identity, self._quirks)
        return Answer(200, {"Content-Type": "text/xml"}, document)

    def _info(self) -> AsyncServiceInfo:
        device = self.identity
        # Labels have at most 63 bytes (RFC 6763, section 4.1.1): the model is in front already.
        serial = device.serial.removeprefix(device.model)
        label = f"{device.manufacturer.upper()} {device.model} - {serial}"
        label = label.encode()[:63].decode("utf-8", "ignore")
        return AsyncServiceInfo(
            _MDNS_TYPE,
            f"{label}.{_MDNS_TYPE}",
            addresses=[socket.inet_aton(device.address)],
            port=device.http_port,
            properties={"path": "/"},
            server=f"{device.serial.lower()}.local.",
        )


@asynccontextmanager
async def announce(
    device: VirtualCamera,
    *,
    address: str | None = None,
    protocols: Sequence[str] | None = None,
    interface: str = "127.0.0.1",
    ports: Mapping[str, int] | None = None,
    quirks: Collection[str] = (),
) -> AsyncIterator[Announcement]:
    """Have a device that is started answer to discovery.

    ``protocols`` are those of its kind (`PROTOCOLS`) if not given; ``ports`` are other UDP ports by
    protocol, so that tests do not hear each other. ``address`` is where it says to be, and speaks
    from. Raises `ValueError` for unknown names.
    """
    kind = type(device).__name__.removesuffix("Device").casefold()
    wanted = PROTOCOLS.get(kind, ()) if protocols is None else tuple(protocols)
    known: set[str] = {*_MODULES, "mdns"}
    if unknown := [*sorted(set(wanted) - known), *sorted(set(quirks) - set(QUIRKS))]:
        raise ValueError(f"There is no {unknown[0]!r}.")
    options: dict[str, Any] = {"address": address, "interface": interface, "quirks": quirks}
    announcement = Announcement(device, protocols=wanted, ports=ports or {}, **options)
    try:
        await announcement.start()
        yield announcement
    finally:
        await announcement.stop()
