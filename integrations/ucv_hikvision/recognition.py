"""What tells a Hikvision device apart from others over standard protocols."""

from __future__ import annotations

import re

from ucv import (
    Fingerprint,
    HttpAnswer,
    MdnsHandler,
    MdnsService,
    ScanHandler,
    Sighting,
    SsdpDevice,
    SsdpHandler,
    WsDiscoveryHandler,
    WsDiscoveryTarget,
    stable_id,
)
from ucv.plugins.discovery_handlers import DiscoveryHandler
from ucv.wire import normal_mac
from ucv_hikvision import sadp

DOMAIN, _NAME = "hikvision", "Hikvision"
#: What names begin with, and model numbers; ``DS-2CD2143G0-I``, ``DS-7608NI-K2/8P``, ``iDS-…``.
_BRAND = re.compile(r"hikvision(?![a-z])", re.IGNORECASE)
_MODEL = re.compile(r"i?DS-[A-Z0-9][A-Z0-9/()+-]{2,40}", re.IGNORECASE)
#: A realm may be a model or a number in hexadecimal: models have two or more letters in a row.
_MODEL_REALM = re.compile(r"i?DS-(?:2[A-Z]{2}|[0-9]{4,5}[A-Z]|K[A-Z0-9]{2})[A-Z0-9/()+-]*")
#: ``HIKVISION DS-2CD2032-I - 123456789``; of several with one name, mDNS numbers all but one.
_INSTANCE = re.compile(r"HIKVISION (?P<model>\S+) - (?P<serial>\S+)(?: \([0-9]+\))?", re.IGNORECASE)
_REALMS = ("IP Camera(", "DS-", "iDS-")
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
    named = any(map(_BRAND.match, names))
    model = next(filter(_MODEL.fullmatch, models), None)
    if model is None and not named:
        return None
    return Sighting(
        confidence=0.85 if named else 0.7,
        manufacturer=_NAME,
        model=model or next(iter(models), None),
        mac=next(iter(target.onvif.get("mac", ())), None),
        endpoint=target.endpoint,
        # It speaks ONVIF where its web page is.
        http_port=target.http_port,
    )


def of_device(device: SsdpDevice) -> Sighting | None:
    """Recognise one that answers by SSDP."""
    told = device.description
    if not _BRAND.match(told.get("manufacturer", "")):
        return None
    serial = told.get("serialnumber", "")
    return Sighting(
        confidence=0.85,
        name=told.get("friendlyname"),
        manufacturer=_NAME,
        model=told.get("modelnumber") or told.get("modelname"),
        serial=serial,
        endpoint=told.get("udn"),
        # Some tell only the end of it, and are recognised by other protocols.
        unique_id=stable_id(serial=serial) if _MODEL.match(serial) else None,
        http_port=device.http_port,
    )


def of_service(service: MdnsService) -> Sighting | None:
    """Recognise one whose Bonjour is turned on."""
    found = _INSTANCE.fullmatch(service.instance)
    if found is None:
        return None
    return Sighting(
        confidence=0.85,
        manufacturer=_NAME,
        model=found["model"],
        # The end of it, or all of it: it is no unique id.
        serial=found["serial"],
        http_port=service.port,
    )


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise one by what it answers to a scan."""
    rtsp = next((one for one in found.rtsp if one.realm.startswith(_REALMS)), None)
    http = next(filter(_is_own, found.http), None)
    rtsp_port = next((one.port for one in (rtsp, *found.rtsp) if one is not None), None)
    plain = (one for one in (http, *found.http) if one is not None and not one.tls)
    http_port = next((one.port for one in plain), None)
    if rtsp is None and http is None:
        if not (found.answered and _is_own_mac(found.mac)):
            return None
        return Sighting(
            0.3, manufacturer=_NAME, mac=found.mac, http_port=http_port, rtsp_port=rtsp_port
        )
    told = {}
    realms = [one.realm for one in (rtsp, http) if one is not None and one.realm]
    if realms:
        told["realm"] = realms[0]
    if http is not None and http.server:
        told["server"] = http.server
    return Sighting(
        confidence=0.8,
        manufacturer=_NAME,
        model=next(filter(_MODEL_REALM.fullmatch, realms), None),
        mac=found.mac,
        http_port=http_port,
        rtsp_port=rtsp_port,
        details=told,
    )


def _is_own(answer: HttpAnswer) -> bool:
    return (
        answer.server.startswith(_SERVERS)
        or answer.realm.startswith(_REALMS)
        or _LOGIN_PAGE in answer.location
    )


def _is_own_mac(mac: str | None) -> bool:
    plain = normal_mac(mac)
    return plain is not None and plain.replace(":", "")[:6] in _OUIS


HANDLERS: tuple[DiscoveryHandler, ...] = (
    sadp.HANDLER,
    WsDiscoveryHandler(DOMAIN, of_target),
    SsdpHandler(DOMAIN, of_device),
    *(
        MdnsHandler(DOMAIN, service_type, of_service)
        for service_type in ("_psia._tcp.local.", "_CGI._tcp.local.", "_http._tcp.local.")
    ),
    ScanHandler(DOMAIN, of_fingerprint, _PORTS),
)
