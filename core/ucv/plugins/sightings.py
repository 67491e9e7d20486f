"""What devices say over the network, as handlers of plugins get it, and what they make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one device told of itself, over one protocol, at one moment.

    A handler returns it for a device of its integration, None for any other. What the device did
    not tell stays None. Where it is, is not said here: that is the address it answered from.
    """

    #: How sure it is, from 0 to 1, that the integration is the right one. As a guide: 0.95 for the
    #: vendor's own protocol, 0.8 for a name that only this vendor uses, 0.5 for a standard that the
    #: integration speaks with whatever brand, 0.3 for hardware addresses.
    confidence: float
    name: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    #: Of any notation; it is normalised.
    mac: str | None = None
    firmware: str | None = None
    #: A UUID that stays the same over restarts (WS-Discovery's endpoint reference, UPnP's UDN).
    endpoint: str | None = None
    #: What the integration's ``probe`` will say the device's unique id is, if that is known now.
    unique_id: str | None = None
    #: Port of its HTTP interface, and of RTSP.
    http_port: int | None = None
    rtsp_port: int | None = None
    #: Whatever else is worth showing, such as {"activated": "no"}.
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MdnsService:
    """A service that a device announces by mDNS (RFC 6763).

    ``instance`` is its name without the type, ``properties`` its TXT record with keys in lower
    case; both are text without control characters, and bounded.
    """

    host: str
    port: int | None
    service_type: str
    instance: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram from ``host``, which may say anything; at most 65,507 bytes."""

    host: str
    port: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SsdpDevice:
    """A UPnP device that answered or announced itself (UPnP Device Architecture 1.1, 1.3).

    ``description`` has the device description's texts by element name in lower case
    (``manufacturer``, ``modelname``, ``serialnumber``, ``udn``, ``friendlyname``,
    ``presentationurl`` …); empty where there was none to fetch at the device's own address.
    """

    host: str
    server: str = ""
    usn: str = ""
    location: str = ""
    description: Mapping[str, str] = field(default_factory=dict)

    @property
    def http_port(self) -> int | None:
        """The port of the page it presents itself by; None if it tells none."""
        return _http_port((self.description.get("presentationurl", ""),))


@dataclass(frozen=True, slots=True)
class WsDiscoveryTarget:
    """A device that answered a probe or said hello by WS-Discovery 1.0 (2005/04).

    ``endpoint`` is its endpoint reference in lower case without ``urn:``; ``types`` are local names
    (``NetworkVideoTransmitter``); ``scopes`` are as sent. ``onvif`` has the ONVIF scopes by their
    category in lower case, decoded: ``{"name": ("Front door",), "hardware": ("X-1",)}``.
    ``addresses`` are the paths and ports of its XAddrs at the address that it answered from.
    """

    host: str
    endpoint: str
    types: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    onvif: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()

    @property
    def http_port(self) -> int | None:
        """The port of the first of its addresses that is one of HTTP; None if there is none."""
        return _http_port(self.addresses)


@dataclass(frozen=True, slots=True)
class RtspAnswer:
    """What an RTSP server answered without credentials.

    ``status`` is that of DESCRIBE for ``path`` (401: it wants a log-in; 200: anyone may watch), or
    of OPTIONS where DESCRIBE was not answered. ``realm`` is that of its first challenge.
    """

    port: int
    status: int
    path: str
    server: str = ""
    realm: str = ""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an HTTP server answered to ``GET /`` without credentials; redirects are not followed."""

    port: int
    status: int
    tls: bool = False
    server: str = ""
    realm: str = ""
    title: str = ""
    content_type: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class OnvifAnswer:
    """An ONVIF device service answered GetSystemDateAndTime, or wants a log-in for it."""

    port: int
    path: str = "/onvif/device_service"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a scan found at one address: open ports, and what answered there without a log-in.

    ``mac`` is that of the neighbour table of this machine, where it is in one network with it.
    """

    host: str
    ports: tuple[int, ...] = ()
    rtsp: tuple[RtspAnswer, ...] = ()
    http: tuple[HttpAnswer, ...] = ()
    onvif: tuple[OnvifAnswer, ...] = ()
    mac: str | None = None

    @property
    def answered(self) -> bool:
        """Whether anything beyond an open port is known: a port alone says nothing of a brand."""
        return bool(self.rtsp or self.http or self.onvif)


def _http_port(addresses: Iterable[str]) -> int | None:
    for address in addresses:
        try:
            parts = urlsplit(address)
            if parts.scheme == "http":
                return parts.port or 80
        except ValueError:
            continue
    return None
