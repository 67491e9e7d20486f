"""Devices that announce themselves by mDNS (RFC 6762, RFC 6763)."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from zeroconf import (
    InterfaceChoice,
    IPVersion,
    NotRunningException,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from ucv.flows.view import Discovered
from ucv.plugins.discovery_handlers import MdnsHandler

_log = logging.getLogger(__name__)

#: Milliseconds a device gets to tell its address and port.
_RESOLVE_LIMIT = 3000
#: Devices that are asked at the same time; announcements beyond that wait for the next one.
_MAX_ASKED = 64
#: Longest text taken of a property, in characters, and how many properties.
_MAX_TEXT, _MAX_PROPERTIES = 256, 32
#: Properties in which devices tell what never changes of them, the best first.
_UNIQUE_IDS = ("unique_id", "serial", "serialnumber", "sn", "deviceid", "id", "mac", "uuid")


class MdnsListener:
    """Listens for the service types of handlers, and reports each device it learns of.

    ``interfaces`` are addresses of this machine; none means all. There is no socket while there is
    no handler.
    """

    def __init__(
        self,
        *,
        interfaces: Sequence[str] = (),
        on_found: Callable[[Discovered], Awaitable[object]],
    ) -> None:
        self._interfaces = list(interfaces)
        self._on_found = on_found
        self._handlers: frozenset[MdnsHandler] = frozenset()
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._asking: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._lock = asyncio.Lock()
        self._stopped = False

    async def listen(self, handlers: Iterable[MdnsHandler]) -> None:
        """Listen for these from now on; what was found before is reported anew if that changes.

        A network that cannot be listened to is logged, and no reason not to start.
        """
        async with self._lock:
            wanted = frozenset(handlers)
            if wanted == self._handlers or self._stopped:
                return
            await self._end()
            self._handlers = wanted
            if not wanted:
                return
            try:
                _check_interfaces(self._interfaces)
                self._zeroconf = AsyncZeroconf(
                    interfaces=self._interfaces or InterfaceChoice.All, ip_version=IPVersion.V4Only
                )
                await self._zeroconf.zeroconf.async_wait_for_start()
            except (OSError, TimeoutError, NotRunningException) as error:
                reason = str(error) or type(error).__name__
                _log.warning("Devices that announce themselves are not found: %s", reason)
                await self._end()
                return
            types = sorted({handler.service_type for handler in wanted})
            self._browser = AsyncServiceBrowser(
                self._zeroconf.zeroconf, types, handlers=[self._on_change]
            )

    async def stop(self) -> None:
        """Close all sockets, and open none any more."""
        self._stopped = True
        async with self._lock:
            self._handlers = frozenset()
            await self._end()

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
        if state_change is ServiceStateChange.Removed or key in self._asking:
            return
        if len(self._asking) >= _MAX_ASKED:
            return
        task = asyncio.create_task(self._ask(zeroconf, *key), name=f"mDNS {name[:64]}")
        self._asking[key] = task
        task.add_done_callback(lambda _task: self._asking.pop(key, None))

    async def _ask(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        try:
            info = AsyncServiceInfo(service_type, name)
            if not await info.async_request(zeroconf, _RESOLVE_LIMIT):
                return
            for handler in self._handlers:
                if handler.service_type == service_type:
                    found = discovered(handler, info)
                    if found is not None:
                        await self._on_found(found)
        except Exception:  # one device's announcement must not end the listening
            _log.exception("An mDNS announcement could not be used")


def discovered(handler: MdnsHandler, info: AsyncServiceInfo) -> Discovered | None:
    """Return what an announcement tells, or None if it has no address a camera can be at."""
    host = next(filter(_is_usable, info.parsed_addresses(IPVersion.All)), None)
    if host is None:
        return None
    properties = _properties(info.properties)
    lower = {key.lower(): value for key, value in properties.items()}
    unique_id = next((lower[key] for key in _UNIQUE_IDS if lower.get(key)), None)
    label = info.name.removesuffix(f".{handler.service_type}")
    return Discovered(
        domain=handler.domain,
        key=info.name,
        name="".join(filter(str.isprintable, label))[:_MAX_TEXT] or host,
        host=host,
        port=info.port or None,
        properties=properties,
        unique_id=unique_id,
    )


def _properties(raw: Mapping[Any, Any]) -> dict[str, str]:
    properties: dict[str, str] = {}
    for key, value in list(raw.items())[:_MAX_PROPERTIES]:
        name = bytes(key).decode("utf-8", "replace")[:_MAX_TEXT]
        text = bytes(value or b"").decode("utf-8", "replace")[:_MAX_TEXT]
        if name.isprintable() and text.isprintable():
            properties[name] = text
    return properties


def _is_usable(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_multicast or parsed.is_unspecified)


def _check_interfaces(addresses: Sequence[str]) -> None:
    """Raise `OSError` for an address that is not ours: zeroconf would leave its socket open."""
    for address in addresses:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
