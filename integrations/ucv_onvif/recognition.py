"""ONVIF devices of any brand, by WS-Discovery or a scan, and those of brands that all speak it.

Axis announces its own by mDNS, and several brands answer to SSDP even where ONVIF is silent.
"""

from __future__ import annotations

import re

from ucv import (
    Fingerprint,
    MdnsHandler,
    MdnsService,
    ScanHandler,
    Sighting,
    SsdpDevice,
    SsdpHandler,
    WsDiscoveryHandler,
    WsDiscoveryTarget,
)
from ucv.plugins.discovery_handlers import DiscoveryHandler
from ucv.wire import normal_mac
from ucv_onvif.brands import brand_of_answers, brand_of_name, brand_of_target

DOMAIN = "onvif"
_VIDEO = "NetworkVideoTransmitter"
#: ``AXIS M2026-LE Mk II - B8A44F0A98A1``; of several with one name, mDNS numbers all but one.
_AXIS = re.compile(r"AXIS (?P<model>.+) - (?P<mac>[0-9A-F]{12})(?: \([0-9]+\))?", re.IGNORECASE)
#: ``AXIS_00408CA1B2C3``, ``AXIS_WS_00408CA1B2C3``
_AXIS_REALM = re.compile(r"AXIS_(?:WS_)?(?P<mac>[0-9A-F]{12})", re.IGNORECASE)
#: Brands of which all that answers to SSDP is a camera, or belongs to cameras.
_CAMERA_BRANDS = frozenset(
    ("Axis", "Avigilon", "GeoVision", "Milesight", "Mobotix", "Reolink", "Uniview", "Vivotek")
)
#: Where device services listen beside 80: Reolink, Tapo, Foscam, others.
_PORTS = (80, 8000, 2020, 888, 8080, 8899, 5000, 6688)


def of_target(target: WsDiscoveryTarget) -> Sighting | None:
    """Recognise an ONVIF device; printers and computers answer to WS-Discovery, too."""
    told = target.onvif
    if _VIDEO not in target.types and not told:
        return None
    location = ", ".join(told.get("location", ()))
    return Sighting(
        confidence=0.5,
        name=next(iter(told.get("name", ())), None),
        manufacturer=brand_of_target(target),
        model=next(iter(told.get("hardware", ())), None),
        mac=next(iter(told.get("mac", ())), None),
        endpoint=target.endpoint,
        http_port=target.http_port,
        details={"location": location} if location else {},
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


def of_device(device: SsdpDevice) -> Sighting | None:
    """Recognise a camera of a brand that speaks ONVIF, by its description."""
    told = device.description
    brand = brand_of_name(told.get("manufacturer", ""))
    if brand not in _CAMERA_BRANDS:
        return None
    serial = told.get("serialnumber")
    return Sighting(
        confidence=0.4,
        name=told.get("friendlyname"),
        manufacturer=brand,
        model=told.get("modelnumber") or told.get("modelname"),
        serial=serial,
        # Axis counts its devices by their addresses.
        mac=normal_mac(serial) if brand == "Axis" else None,
        endpoint=told.get("udn"),
        http_port=device.http_port,
    )


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise a device whose ONVIF service answered to a scan."""
    if not found.onvif:
        return None
    realms = [one.realm for one in found.rtsp] + [one.realm for one in found.http]
    axis = next(filter(None, map(_AXIS_REALM.match, realms)), None)
    return Sighting(
        confidence=0.5,
        manufacturer=brand_of_answers(found),
        mac=found.mac or (axis["mac"] if axis is not None else None),
        http_port=found.onvif[0].port,
        rtsp_port=next((one.port for one in found.rtsp), None),
    )


HANDLERS: tuple[DiscoveryHandler, ...] = (
    WsDiscoveryHandler(DOMAIN, of_target),
    SsdpHandler(DOMAIN, of_device),
    *(
        MdnsHandler(DOMAIN, service_type, of_axis)
        for service_type in ("_axis-video._tcp.local.", "_axis-nvr._tcp.local.")
    ),
    ScanHandler(DOMAIN, of_fingerprint, _PORTS),
)
