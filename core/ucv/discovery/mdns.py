"""Devices that announce themselves by mDNS (RFC 6762, RFC 6763)."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zeroconf import (
    InterfaceChoice,
    IPVersion,
    NotRunningException,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from ucv.clock import Clock
from ucv.discovery.mdns_sources import MdnsSources
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport, Report
from ucv.plugins.discovery_handlers import DiscoveryHandler, MdnsHandler
from ucv.plugins.sightings import MdnsService, Sighting

_log = logging.getLogger(__name__)

#: Milliseconds a device gets to tell its address and port.
_RESOLVE_LIMIT = 3000
#: Devices that are asked at the same time; announcements beyond that wait for the next one.
_MAX_ASKED = 64
#: Names whose addresses are kept.
_MAX_KNOWN = 2000
#: Longest text taken of a property, in characters, and how many properties.
_MAX_TEXT, _MAX_PROPERTIES = 256, 32


class MdnsFinder:
    """Listens for the service types of handlers, and reports each device it learns of.

    ``interfaces`` are addresses of this machine; none means all. The questions are zeroconf's:
    it asks when it begins, and then ever more seldom.
    """

    name = "mdns"

    def __init__(
        self,
        *,
        interfaces: Sequence[str] = (),
        on_report: OnReport,
        rejections: Rejections,
        clock: Clock,
    ) -> None:
        self._interfaces = list(interfaces)
        self._on_report = on_report
        self._rejections = rejections
        self._handlers: tuple[MdnsHandler, ...] = ()
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._asking: dict[tuple[str, str], asyncio.Task[None]] = {}
        #: Which addresses were reported under which name, for the good-bye.
        self._hosts: dict[str, str] = {}
        self._sources = MdnsSources(rejections, clock)
        self._lock = asyncio.Lock()
        self._problem: str | None = None
        self._stopped = False

    @property
    def listening(self) -> bool:
        """See `Finder.listening`."""
        return self._browser is not None

    @property
    def problem(self) -> str | None:
        """See `Finder.problem`."""
        return self._problem

    async def listen(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """See `Finder.listen`; what was found before is reported anew if the types change."""
        wanted = tuple(handler for handler in handlers if isinstance(handler, MdnsHandler))
        async with self._lock:
            if self._stopped or (wanted == self._handlers and self._problem is None):
                return
            same = _types(wanted) == _types(self._handlers)
            self._handlers = wanted
            if not (same and self.listening):
                await self._end()
                await self._begin()

    async def ask(self) -> None:
        """See `Finder.ask`: only tries again what could not be begun."""
        async with self._lock:
            if self._handlers and not self.listening and not self._stopped:
                await self._begin()

    async def stop(self) -> None:
        """Close all sockets, and open none any more."""
        self._stopped = True
        async with self._lock:
            self._handlers = ()
            await self._end()

    async def _begin(self) -> None:
        self._problem = None
        if not self._handlers:
            return
        try:
            _check_interfaces(self._interfaces)
            self._zeroconf = AsyncZeroconf(
                interfaces=self._interfaces or InterfaceChoice.All, ip_version=IPVersion.V4Only
            )
            await self._zeroconf.zeroconf.async_wait_for_start()
        except (OSError, TimeoutError, NotRunningException) as error:
            self._problem = str(error) or type(error).__name__
            _log.warning("Devices that announce themselves are not found: %s", self._problem)
            await self._end()
            return
        self._sources.watch(self._zeroconf.zeroconf)
        self._browser = AsyncServiceBrowser(
            self._zeroconf.zeroconf, sorted(_types(self._handlers)), handlers=[self._on_change]
        )

    async def _end(self) -> None:
        browser, self._browser = self._browser, None
        zeroconf, self._zeroconf = self._zeroconf, None
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        if browser is not None:
            await browser.async_cancel()
        if zeroconf is not None:
            await zeroconf.async_close()

    def _on_change(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        key = (service_type, name)
        if state_change is ServiceStateChange.Removed:
            self._say_gone(service_type, name)
            return
        if key in self._asking:
            return
        if len(self._asking) >= _MAX_ASKED:
            self._rejections.note("mdns", "", "too many announcements at once")
            return
        task = asyncio.create_task(self._ask(zeroconf, *key), name=f"mDNS {name[:64]}")
        self._asking[key] = task
        task.add_done_callback(lambda _task: self._asking.pop(key, None))

    async def _ask(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        try:
            info = AsyncServiceInfo(service_type, name)
            if not await info.async_request(zeroconf, _RESOLVE_LIMIT):
                return
            service = service_of(service_type, info, self._sources.has)
            if service is None:
                self._rejections.note("mdns", "", "announced for an address that is silent itself")
                return
            if len(self._hosts) < _MAX_KNOWN:
                self._hosts[name] = service.host
            self._report(service_type, name, service)
        except Exception:  # one device's announcement must not end the listening
            _log.exception("An mDNS announcement could not be used")

    def _report(self, service_type: str, name: str, service: MdnsService) -> None:
        for handler in self._handlers:
            if handler.service_type.casefold() == service_type.casefold():
                sighting = handler.parse(service)
                if sighting is not None:
                    self._on_report(Report("mdns", handler.domain, service.host, name, sighting))

    def _say_gone(self, service_type: str, name: str) -> None:
        host = self._hosts.pop(name, "")
        for handler in self._handlers:
            if handler.service_type.casefold() == service_type.casefold():
                self._on_report(Report("mdns", handler.domain, host, name, Sighting(0.0), True))


def service_of(
    service_type: str, info: AsyncServiceInfo, speaks: Callable[[str], bool]
) -> MdnsService | None:
    """Return what an announcement tells, or None if it has no address a camera can be at.

    Only those that speak mDNS themselves count: an announcement can name the address of anyone.
    """
    # Some announce an address of 169.254.0.0/16 beside their own: it is the last choice.
    named = [one for one in info.parsed_addresses(IPVersion.All) if _is_usable(one) and speaks(one)]
    usable = sorted(named, key=_is_self_given)
    if not usable:
        return None
    label = info.name.removesuffix(f".{service_type}")
    instance = "".join(filter(str.isprintable, label))[:_MAX_TEXT]
    return MdnsService(
        host=usable[0],
        port=info.port or None,
        service_type=service_type,
        instance=instance or usable[0],
        properties=_properties(info.properties),
    )


def _properties(raw: Mapping[Any, Any]) -> dict[str, str]:
    properties: dict[str, str] = {}
    for key, value in list(raw.items())[:_MAX_PROPERTIES]:
        name = bytes(key).decode("utf-8", "replace")[:_MAX_TEXT]
        text = bytes(value or b"").decode("utf-8", "replace")[:_MAX_TEXT]
        if name.isprintable() and text.isprintable():
            properties[name.lower()] = text
    return properties


def _types(handlers: Sequence[MdnsHandler]) -> frozenset[str]:
    return frozenset(handler.service_type for handler in handlers)


def _is_self_given(address: str) -> bool:
    return ipaddress.ip_address(address).is_link_local


def _is_usable(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_multicast or parsed.is_unspecified)


def _check_interfaces(addresses: Sequence[str]) -> None:
    """Raise `OSError` for an address that is not ours: zeroconf would leave its socket open."""
    for address in addresses:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
