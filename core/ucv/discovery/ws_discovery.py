"""WS-Discovery 1.0 (2005/04), as ONVIF devices speak it (ONVIF Core Specification, section 7.3)."""

from __future__ import annotations

import re
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from ucv.clock import Clock
from ucv.discovery.datagrams import UdpSockets
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport, Report
from ucv.media.errors import MediaError
from ucv.media.xml import parse, text_at
from ucv.plugins.discovery_handlers import DiscoveryHandler, WsDiscoveryHandler
from ucv.plugins.sightings import Datagram, Sighting, WsDiscoveryTarget

PORT = 3702
GROUP = IPv4Address("239.255.255.250")

#: What is asked for: cameras know the first or the second, and some answer only to the last.
_TYPES = (
    ("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter"),
    ("http://www.onvif.org/ver10/device/wsdl", "Device"),
    None,
)
_PROBE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">'
    "<e:Header><w:MessageID>urn:uuid:{message}</w:MessageID>"
    '<w:To e:mustUnderstand="true">urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>'
    '<w:Action e:mustUnderstand="true">'
    "http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>"
    "<e:Body><d:Probe>{types}</d:Probe></e:Body></e:Envelope>"
)
#: Questions whose answers are still welcome.
_MAX_ASKED = 64
#: Devices in one answer, scopes and addresses of each, and characters of each of these.
_MAX_MATCHES, _MAX_SCOPES, _MAX_ADDRESSES, _MAX_TEXT = 8, 64, 8, 512
_SCOPE = re.compile(r"onvif://www\.onvif\.org/([^/]+)/(.*)", re.IGNORECASE)
_PREFIX = re.compile(r"^(urn:)?uuid:", re.IGNORECASE)


class WsDiscoveryFinder:
    """Asks by three probes from each interface, and listens for Hello and Bye; see `Finder`."""

    name = "ws-discovery"

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
        self._handlers: tuple[WsDiscoveryHandler, ...] = ()
        self._asked: deque[str] = deque(maxlen=_MAX_ASKED)
        self._sockets = UdpSockets(
            name=self.name,
            port=port,
            groups=(GROUP,),
            listen=True,
            on_datagram=self._received,
            rejections=rejections,
            clock=clock,
        )
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
        self._handlers = tuple(one for one in handlers if isinstance(one, WsDiscoveryHandler))
        await self._refresh()

    async def ask(self) -> None:
        """See `Finder.ask`."""
        await self._refresh()
        if not self._handlers:
            return
        for wanted in _TYPES:
            message = str(uuid.uuid4())
            self._asked.append(message)
            self._sockets.ask(_probe(message, wanted))

    async def stop(self) -> None:
        """See `Finder.stop`."""
        self._stopped = True
        self._sockets.close()

    async def _refresh(self) -> None:
        wanted = self._interfaces() if self._handlers and not self._stopped else ()
        await self._sockets.open(wanted)

    def _received(self, datagram: Datagram) -> None:
        try:
            envelope = parse(datagram.data)
        except MediaError as error:
            self._reject(datagram, str(error))
            return
        body = envelope.find("Body")
        content = None if body is None else next(iter(body), None)
        match None if content is None else content.tag:
            case "ProbeMatches" if content is not None:
                asked = _plain(text_at(envelope, "Header/RelatesTo"))
                if asked not in self._asked:
                    self._reject(datagram, "an answer to nothing that was asked")
                    return
                self._report(datagram, content.findall("ProbeMatch"))
            case "Hello" if content is not None:
                self._report(datagram, [content])
            case "Bye" if content is not None:
                self._say_gone(datagram, content)
            case "Probe" | "Resolve" | "ResolveMatches":
                pass  # others may ask, too
            case _:
                self._reject(datagram, "not a message of WS-Discovery")

    def _report(self, datagram: Datagram, matches: list[Element]) -> None:
        if len(matches) > _MAX_MATCHES:
            self._reject(datagram, "too many devices in one answer")
        for match in matches[:_MAX_MATCHES]:
            target = target_of(match, datagram.host)
            if target is None:
                self._reject(datagram, "a device without an endpoint reference")
                continue
            for handler in self._handlers:
                sighting = handler.parse(target)
                if sighting is not None:
                    self._on_report(
                        Report(self.name, handler.domain, target.host, target.endpoint, sighting)
                    )

    def _say_gone(self, datagram: Datagram, bye: Element) -> None:
        endpoint = _plain(text_at(bye, "EndpointReference/Address"))
        if not endpoint:
            self._reject(datagram, "a device without an endpoint reference")
            return
        for handler in self._handlers:
            self._on_report(
                Report(self.name, handler.domain, datagram.host, endpoint, Sighting(0.0), gone=True)
            )

    def _reject(self, datagram: Datagram, reason: str) -> None:
        self._rejections.note(self.name, datagram.host, reason)


def target_of(match: Element, host: str) -> WsDiscoveryTarget | None:
    """Return what a match or a Hello tells of a device that answered from ``host``."""
    endpoint = _plain(text_at(match, "EndpointReference/Address"))
    if not endpoint:
        return None
    scopes = tuple(one[:_MAX_TEXT] for one in text_at(match, "Scopes").split()[:_MAX_SCOPES])
    onvif: dict[str, list[str]] = {}
    for scope in scopes:
        if (found := _SCOPE.fullmatch(scope)) is not None:
            value = unquote(found[2], errors="replace").strip("/ ")
            onvif.setdefault(found[1].casefold(), []).append(value)
    types = (one.rpartition(":")[2][:_MAX_TEXT] for one in text_at(match, "Types").split())
    return WsDiscoveryTarget(
        host=host,
        endpoint=endpoint,
        types=tuple(dict.fromkeys(types))[:_MAX_SCOPES],
        scopes=scopes,
        onvif={category: tuple(values) for category, values in onvif.items()},
        addresses=tuple(_addresses(text_at(match, "XAddrs").split()[:_MAX_ADDRESSES], host)),
    )


def _addresses(told: Sequence[str], host: str) -> Iterator[str]:
    """Return where services are at the device's own address; those that named it come first.

    A host in an XAddr may be that of another network, ``0.0.0.0``, or anybody's.
    """
    found: dict[str, bool] = {}
    for text in told:
        try:
            parts = urlsplit(text[:_MAX_TEXT])
            named, port = parts.hostname, parts.port
        except ValueError:
            continue
        if parts.scheme not in ("http", "https") or named is None:
            continue
        own = f"{host}:{port}" if port is not None else host
        address = f"{parts.scheme}://{own}{parts.path or '/'}"
        found[address] = found.get(address, False) or named == host
    return iter(sorted(found, key=lambda address: not found[address]))


def _probe(message: str, wanted: tuple[str, str] | None) -> bytes:
    types = ""
    if wanted is not None:
        namespace, name = wanted
        types = f'<d:Types xmlns:t="{namespace}">t:{name}</d:Types>'
    return _PROBE.format(message=message, types=types).encode()


def _plain(identifier: str) -> str:
    """Return an identifier without ``urn:uuid:``, which devices write in several ways."""
    return _PREFIX.sub("", identifier.strip()).casefold()[:_MAX_TEXT]
