"""What tells a Hikvision device apart from others over standard protocols."""

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
from ucv.wire import normal_mac
from ucv_hikvision import sadp

DOMAIN = "hikvision"
#: What its names begin with, and model numbers.
_BRAND = re.compile(r"hikvision\b", re.IGNORECASE)
_MODEL = re.compile(r"(?:i?DS|DS)-[A-Z0-9/()-]{3,}", re.IGNORECASE)
_INSTANCE = re.compile(r"HIKVISION (?P<model>\S+) - (?P<serial>\S+)", re.IGNORECASE)
_REALMS = ("IP Camera(", "DS-")
_SERVERS = ("App-webs/", "DNVRS-Webs", "DVRDVS-Webs", "Hikvision-Webs")
_LOGIN_PAGE = "/doc/page/login.asp"
#: Beginnings of hardware addresses (IEEE's public list), those of EZVIZ not among them.
_OUIS = frozenset(
    (
        *("4419b6", "2857be", "54c415", "686dbc", "1868cb"),
        *("4cbd8f", "244845", "c056e3", "bcad28"),
    )
)
#: HTTP, RTSP, the vendor's own interface, and that over TLS.
_PORTS = (80, 443, 554, 8000, 8443)


def of_target(target: WsDiscoveryTarget) -> Sighting | None:
    """Recognise one that answers by WS-Discovery, which it does where ONVIF is turned on."""
    names, models = target.onvif.get("name", ()), target.onvif.get("hardware", ())
    model = next((one for one in models if _MODEL.fullmatch(one)), None)
    if model is None and not any(map(_BRAND.match, names)):
        return None
    return Sighting(
        confidence=0.85 if any(map(_BRAND.match, names)) else 0.7,
        manufacturer="Hikvision",
        model=model or next(iter(models), None),
        mac=next(iter(target.onvif.get("mac", ())), None),
        endpoint=target.endpoint,
    )


def of_device(device: SsdpDevice) -> Sighting | None:
    """Recognise one that answers by SSDP."""
    told = device.description
    if not _BRAND.match(told.get("manufacturer", "")):
        return None
    return Sighting(
        confidence=0.85,
        name=told.get("friendlyname"),
        manufacturer="Hikvision",
        model=told.get("modelnumber") or told.get("modelname"),
        serial=told.get("serialnumber"),
        endpoint=told.get("udn"),
    )


def of_service(service: MdnsService) -> Sighting | None:
    """Recognise one whose Bonjour is turned on."""
    found = _INSTANCE.fullmatch(service.instance)
    if found is None:
        return None
    return Sighting(
        confidence=0.85,
        manufacturer="Hikvision",
        model=found["model"],
        serial=found["serial"],
        http_port=service.port,
    )


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise one by what it answers to a scan."""
    rtsp = next((one for one in found.rtsp if one.realm.startswith(_REALMS)), None)
    http = next(
        (
            one
            for one in found.http
            if one.server.startswith(_SERVERS)
            or one.realm.startswith(_REALMS)
            or _LOGIN_PAGE in one.location
        ),
        None,
    )
    rtsp_port = next((one.port for one in found.rtsp), None)
    http_port = next((one.port for one in found.http if not one.tls), None)
    if rtsp is None and http is None:
        if not is_own_mac(found.mac):
            return None
        return Sighting(0.3, mac=found.mac, http_port=http_port, rtsp_port=rtsp_port)
    told = {}
    if rtsp is not None:
        told["realm"] = rtsp.realm
    if http is not None and http.server:
        told["server"] = http.server
    return Sighting(
        confidence=0.8,
        manufacturer="Hikvision",
        mac=found.mac,
        http_port=http.port if http is not None and not http.tls else http_port,
        rtsp_port=rtsp.port if rtsp is not None else rtsp_port,
        details=told,
    )


def is_own_mac(mac: str | None) -> bool:
    """Say whether a hardware address is one that the vendor gives its devices."""
    plain = normal_mac(mac)
    return plain is not None and plain.replace(":", "")[:6] in _OUIS


HANDLERS = (
    sadp.HANDLER,
    WsDiscoveryHandler(DOMAIN, of_target),
    SsdpHandler(DOMAIN, of_device),
    *(
        MdnsHandler(DOMAIN, service_type, of_service)
        for service_type in ("_psia._tcp.local.", "_CGI._tcp.local.", "_http._tcp.local.")
    ),
    ScanHandler(DOMAIN, of_fingerprint, _PORTS),
)
