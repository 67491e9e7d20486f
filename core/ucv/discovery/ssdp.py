"""SSDP, the discovery of UPnP (UPnP Device Architecture 1.1, sections 1.2, 1.3 and 2.3)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import aiohttp

from ucv.clock import Clock
from ucv.discovery.datagrams import UdpSockets
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport, Report
from ucv.media.errors import MediaError
from ucv.media.xml import parse
from ucv.plugins.discovery_handlers import DiscoveryHandler, SsdpHandler
from ucv.plugins.sightings import Datagram, Sighting, SsdpDevice

PORT = 1900
GROUP = IPv4Address("239.255.255.250")

_QUESTION = (
    b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
    b'MAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n'
)
#: Bytes of a datagram and of a description, seconds for fetching one.
_MAX_DATAGRAM, _MAX_DESCRIPTION, _FETCH_LIMIT = 8192, 64 * 1024, 3.0
#: Descriptions that are kept, for so many seconds, and fetched at the same time; of one device one.
_MAX_KEPT, _KEPT_FOR, _MAX_FETCHING = 512, 600.0, 8
#: Elements of a description that are kept, and characters of each.
_WANTED = frozenset(
    (
        *("devicetype", "friendlyname", "manufacturer", "manufacturerurl", "modelname"),
        *("modelnumber", "modeldescription", "serialnumber", "udn", "presentationurl"),
    )
)
_MAX_TEXT = 256


class SsdpFinder:
    """Asks for root devices, listens for announcements, and reads descriptions; see `Finder`.

    A description is fetched from the address that the device answered from, and nowhere else.
    """

    name = "ssdp"

    def __init__(
        self,
        *,
        interfaces: Callable[[], Sequence[Interface]],
        on_report: OnReport,
        rejections: Rejections,
        clock: Clock,
        port: int = PORT,
    ) -> None:
        self._interfaces = interfaces
        self._on_report = on_report
        self._rejections = rejections
        self._clock = clock
        self._handlers: tuple[SsdpHandler, ...] = ()
        self._sockets = UdpSockets(
            name=self.name,
            port=port,
            groups=(GROUP,),
            listen=True,
            on_datagram=self._received,
            rejections=rejections,
            clock=clock,
        )
        self._kept: OrderedDict[str, tuple[float, Mapping[str, str]]] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._stopped = False

    @property
    def listening(self) -> bool:
        """See `Finder.listening`."""
        return self._sockets.is_open

    @property
    def problem(self) -> str | None:
        """See `Finder.problem`."""
        return self._sockets.problem

    async def listen(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """See `Finder.listen`."""
        self._handlers = tuple(one for one in handlers if isinstance(one, SsdpHandler))
        await self._refresh()

    async def ask(self) -> None:
        """See `Finder.ask`."""
        await self._refresh()
        if self._handlers:
            self._sockets.ask(_QUESTION)

    async def stop(self) -> None:
        """See `Finder.stop`."""
        self._stopped = True
        self._sockets.close()
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _refresh(self) -> None:
        wanted = self._interfaces() if self._handlers and not self._stopped else ()
        await self._sockets.open(wanted)

    # ------------------------------------------------------------------------------------------

    def _received(self, datagram: Datagram) -> None:
        if len(datagram.data) > _MAX_DATAGRAM:
            self._reject(datagram.host, "too long")
            return
        start, headers = headers_of(datagram.data)
        usn = headers.get("usn", "")
        udn = _udn(usn)
        if start.startswith("M-SEARCH "):
            return  # others may ask, too
        if start.startswith("NOTIFY ") and headers.get("nts", "").casefold() == "ssdp:byebye":
            for handler in self._handlers:
                self._on_report(
                    Report(self.name, handler.domain, datagram.host, udn, Sighting(0.0), gone=True)
                )
            return
        answered = start.startswith("HTTP/1.") and " 200" in start[:16]
        announced = start.startswith("NOTIFY ") and headers.get("nts", "") == "ssdp:alive"
        if not (answered or announced) or udn is None:
            self._reject(datagram.host, "not a message of SSDP")
            return
        device = SsdpDevice(
            host=datagram.host,
            server=headers.get("server", ""),
            usn=usn,
            location=headers.get("location", ""),
        )
        self._describe(device, udn)

    def _describe(self, device: SsdpDevice, udn: str) -> None:
        """Report a device with its description, which is fetched if need be."""
        if not device.location:
            self._report(device, udn, {})
            return
        if not is_own(device.location, device.host):
            self._reject(device.host, "a description that is not at the device's own address")
            self._report(device, udn, {})
            return
        kept = self._kept.get(device.location)
        if kept is not None and self._clock.monotonic() - kept[0] < _KEPT_FOR:
            self._report(device, udn, kept[1])
            return
        if device.host in self._fetching:
            return  # the next answer finds it
        if len(self._fetching) >= _MAX_FETCHING:
            self._reject(device.host, "too many descriptions at once")
            return
        task = asyncio.create_task(self._fetch(device, udn), name=f"SSDP {device.host}")
        self._fetching[device.host] = task
        task.add_done_callback(lambda _task: self._fetching.pop(device.host, None))

    async def _fetch(self, device: SsdpDevice, udn: str) -> None:
        try:
            async with asyncio.timeout(_FETCH_LIMIT):
                description = description_of(await self._get(device.location))
        except MediaError as error:
            self._reject(device.host, str(error))
            description = {}
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError):
            self._reject(device.host, "its description cannot be fetched")
            description = {}
        self._kept[device.location] = (self._clock.monotonic(), description)
        while len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        self._report(device, udn, description)

    async def _get(self, location: str) -> bytes:
        if self._session is None:
            # Neither cookies nor proxies nor a .netrc: nothing goes there but the question.
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"Accept-Encoding": "identity", "User-Agent": "UCV"},
                connector=aiohttp.TCPConnector(force_close=True, limit=_MAX_FETCHING),
            )
        async with self._session.get(location, allow_redirects=False) as answer:
            if answer.status != 200:
                raise MediaError("Its description is not there.")
            body = bytearray()
            async for part in answer.content.iter_chunked(16 * 1024):
                body += part
                if len(body) > _MAX_DESCRIPTION:
                    raise MediaError("Its description is too long.")
            return bytes(body)

    def _report(self, device: SsdpDevice, udn: str, description: Mapping[str, str]) -> None:
        whole = SsdpDevice(device.host, device.server, device.usn, device.location, description)
        for handler in self._handlers:
            sighting = handler.parse(whole)
            if sighting is not None:
                self._on_report(Report(self.name, handler.domain, device.host, udn, sighting))

    def _reject(self, host: str, reason: str) -> None:
        self._rejections.note(self.name, host, reason)


def headers_of(data: bytes) -> tuple[str, dict[str, str]]:
    """Return the first line of a message, and its headers with names in lower case."""
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    headers: dict[str, str] = {}
    for line in lines[1:65]:
        name, colon, value = line.partition(":")
        if colon:
            text = "".join(filter(str.isprintable, value)).strip()
            headers.setdefault(name.strip().casefold()[:64], text[:1024])
    return lines[0][:1024], headers


def is_own(location: str, host: str) -> bool:
    """Say whether an address is at a host itself, given as an IP address."""
    try:
        parts = urlsplit(location)
        port = parts.port
    except ValueError:
        return False
    plain = parts.username is None and parts.password is None and port != 0
    return parts.scheme == "http" and parts.hostname == host and plain


def description_of(document: bytes) -> dict[str, str]:
    """Return the texts of a device description by element name in lower case.

    Those of the root device: what is embedded in it is another thing. Raises `MediaError`.
    """
    root = parse(document, limit=_MAX_DESCRIPTION)
    device: Element | None = root if root.tag == "device" else root.find("device")
    texts: dict[str, str] = {}
    for element in device if device is not None else ():
        name = element.tag.casefold()
        if name in _WANTED and element.text:
            text = " ".join("".join(c if c.isprintable() else " " for c in element.text).split())
            texts.setdefault(name, text[:_MAX_TEXT])
    return texts


def _udn(usn: str) -> str | None:
    """Return the UUID of a unique service name such as ``uuid:…::upnp:rootdevice``."""
    udn = usn.partition("::")[0].casefold().removeprefix("uuid:").strip()
    return udn[:128] or None
