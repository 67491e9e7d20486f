"""How devices of an integration are found: what plugins register, for sockets that are the core's.

Each handler is for one way of finding devices. Its ``parse`` gets what a device said and returns a
`Sighting` if that is a device of the integration, else None. It is called on the event loop, must
not block, and what it raises is noted as the plugin's fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from ucv.plugins.sightings import (
    Datagram,
    Fingerprint,
    MdnsService,
    Sighting,
    SsdpDevice,
    WsDiscoveryTarget,
)

#: Properties in which devices tell what never changes of them, the best first.
_UNIQUE_IDS: Final = ("unique_id", "serial", "serialnumber", "sn", "deviceid", "id", "mac", "uuid")


def sighting_of_service(service: MdnsService) -> Sighting:
    """Return what an mDNS service says by properties that are named as most devices name them."""
    told = service.properties
    unique_id = next((told[key] for key in _UNIQUE_IDS if told.get(key)), None)
    return Sighting(
        confidence=0.9,
        name=service.instance,
        model=told.get("model"),
        serial=told.get("serial") or told.get("serialnumber") or told.get("sn"),
        mac=told.get("mac") or told.get("macaddress"),
        unique_id=unique_id,
        http_port=service.port,
        details=dict(told),
    )


@dataclass(frozen=True, slots=True)
class MdnsHandler:
    """Devices of an integration announce themselves under an mDNS service type.

    ``service_type`` is like ``_acme-cam._tcp.local.`` (RFC 6763, section 4.1.2). Without ``parse``,
    every service of that type is a device of the integration.
    """

    domain: str
    service_type: str
    parse: Callable[[MdnsService], Sighting | None] = sighting_of_service


@dataclass(frozen=True, slots=True)
class WsDiscoveryHandler:
    """Devices of an integration answer to WS-Discovery, as all ONVIF devices do."""

    domain: str
    parse: Callable[[WsDiscoveryTarget], Sighting | None]


@dataclass(frozen=True, slots=True)
class SsdpHandler:
    """Devices of an integration answer to SSDP, UPnP's discovery."""

    domain: str
    parse: Callable[[SsdpDevice], Sighting | None]


@dataclass(frozen=True, slots=True)
class DatagramHandler:
    """Devices of an integration answer to a vendor's own question by UDP.

    The question ``probe()`` is sent to ``port`` of each of ``groups`` (multicast or broadcast
    addresses) from each interface; answers come back to the port it was sent from. Where
    ``listen`` is set, the hub also listens on ``port`` in the groups, for devices that answer or
    announce themselves there. Its own questions are left out.

    ``source`` is what the protocol is called, in lower case (``"sadp"``). Handlers with the same
    source, port, groups and ``listen`` share sockets; the first one's question is asked.
    """

    domain: str
    source: str
    port: int
    groups: tuple[IPv4Address, ...]
    probe: Callable[[], bytes]
    parse: Callable[[Datagram], Sighting | None]
    listen: bool = False


@dataclass(frozen=True, slots=True)
class ScanHandler:
    """Devices of an integration are known by what they answer to a network scan.

    ``parse`` is called for hosts where something answered without a log-in, never for a port that
    is merely open. ``ports`` are TCP ports that its devices use, which the profiles ``normal`` and
    ``deep`` then look at.
    """

    domain: str
    parse: Callable[[Fingerprint], Sighting | None]
    ports: tuple[int, ...] = field(default=())


DiscoveryHandler = MdnsHandler | WsDiscoveryHandler | SsdpHandler | DatagramHandler | ScanHandler
