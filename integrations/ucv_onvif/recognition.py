"""ONVIF devices of whatever brand, found by WS-Discovery, by a scan, or as Axis announces its own.

The brand is what a device calls itself; it is not looked up anywhere.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ucv import (
    Fingerprint,
    MdnsHandler,
    MdnsService,
    ScanHandler,
    Sighting,
    WsDiscoveryHandler,
    WsDiscoveryTarget,
)

DOMAIN = "onvif"
_VIDEO = "NetworkVideoTransmitter"
#: ``AXIS M2026-LE Mk II - B8A44F0A98A1``
_AXIS = re.compile(r"AXIS (?P<model>.+) - (?P<mac>[0-9A-F]{12})", re.IGNORECASE)
#: Where device services listen beside 80: Reolink, Tapo, Foscam, others.
_PORTS = (80, 8000, 2020, 888, 8080, 8899, 5000, 6688)


def of_target(target: WsDiscoveryTarget) -> Sighting | None:
    """Recognise an ONVIF device; printers and computers answer to WS-Discovery, too."""
    if _VIDEO not in target.types and not target.onvif:
        return None
    told = target.onvif
    name, hardware = (
        next(iter(told.get("name", ())), None),
        next(iter(told.get("hardware", ())), None),
    )
    return Sighting(
        confidence=0.5,
        name=name,
        manufacturer=_brand(name, hardware),
        model=hardware,
        mac=next(iter(told.get("mac", ())), None),
        endpoint=target.endpoint,
        http_port=_port(target.addresses),
        details={"location": location} if (location := _location(target)) else {},
    )


def of_axis(service: MdnsService) -> Sighting | None:
    """Recognise an Axis camera, all of which speak ONVIF."""
    found = _AXIS.fullmatch(service.instance)
    mac = service.properties.get("macaddress") or (found["mac"] if found is not None else None)
    return Sighting(
        confidence=0.6,
        manufacturer="Axis",
        model=found["model"] if found is not None else None,
        mac=mac,
        http_port=service.port,
    )


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise a device whose ONVIF service answered to a scan."""
    answer = next(iter(found.onvif), None)
    if answer is None:
        return None
    rtsp = next((one.port for one in found.rtsp), None)
    return Sighting(0.5, mac=found.mac, http_port=answer.port, rtsp_port=rtsp)


def _port(addresses: tuple[str, ...]) -> int | None:
    for address in addresses:
        parts = urlsplit(address)
        if parts.scheme == "http":
            return parts.port or 80
    return None


def _brand(name: str | None, hardware: str | None) -> str | None:
    """Return the brand of names such as ``Brand Model``, where the model is what it says it is."""
    if name is None or hardware is None or not name.endswith(hardware) or name == hardware:
        return None
    return name.removesuffix(hardware).strip(" -_") or None


def _location(target: WsDiscoveryTarget) -> str:
    return ", ".join(place for place in target.onvif.get("location", ()) if place)


HANDLERS = (
    WsDiscoveryHandler(DOMAIN, of_target),
    *(
        MdnsHandler(DOMAIN, service_type, of_axis)
        for service_type in ("_axis-video._tcp.local.", "_axis-nvr._tcp.local.")
    ),
    ScanHandler(DOMAIN, of_fingerprint, _PORTS),
)
