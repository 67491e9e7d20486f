"""What tells a Dahua device apart from others over standard protocols."""

from __future__ import annotations

import re

from ucv import (
    Fingerprint,
    HttpAnswer,
    RtspAnswer,
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
from ucv_dahua import dhip

DOMAIN = "dahua"
#: Brands that sell Dahua's devices with Dahua's interface.
_BRANDS = re.compile(r"(dahua|amcrest|lorex|imou|intelbras)(?![a-z])", re.IGNORECASE)
_REALM, _SERVER, _TITLE = "Login to ", "Dahua Rtsp Server", "WEB SERVICE"
#: The realm of the web interface of other firmware.
_CGI_REALM = "Device_CGI"
#: Serial numbers: ``4C0A7F1PAG4E0F2``. A realm may have a hash instead, in hexadecimal.
_SERIAL = re.compile(r"(?=[A-Z0-9]*[0-9])(?=[A-Z0-9]*[G-Z])[A-Z0-9]{12,20}")
#: Beginnings of hardware addresses (IEEE's public list).
_OUIS = {
    **dict.fromkeys(("3cef8c", "4c11bf", "9002a9", "e0508b", "38af29", "a0bd1d"), "Dahua"),
    **dict.fromkeys(("9c8ecd", "a06032"), "Amcrest"),
}
#: HTTP, RTSP, the vendor's own interface, and door stations.
_PORTS = (80, 443, 554, 37777, 5000)


def of_target(target: WsDiscoveryTarget) -> Sighting | None:
    """Recognise one that answers by WS-Discovery."""
    brand = _brand(*target.onvif.get("name", ()))
    if brand is None:
        return None
    return Sighting(
        confidence=0.85,
        manufacturer=brand,
        model=next(iter(target.onvif.get("hardware", ())), None),
        mac=next(iter(target.onvif.get("mac", ())), None),
        endpoint=target.endpoint,
        # It speaks ONVIF where its web page is.
        http_port=target.http_port,
    )


def of_device(device: SsdpDevice) -> Sighting | None:
    """Recognise one that answers by SSDP."""
    told = device.description
    brand = _brand(told.get("manufacturer", ""))
    if brand is None:
        return None
    serial = told.get("serialnumber", "")
    return Sighting(
        confidence=0.85,
        name=told.get("friendlyname"),
        manufacturer=brand,
        model=told.get("modelname") or told.get("modelnumber"),
        serial=serial,
        endpoint=told.get("udn"),
        unique_id=stable_id(serial=serial) if _SERIAL.fullmatch(serial) else None,
        http_port=device.http_port,
    )


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise one by what it answers to a scan."""
    rtsp = next(filter(_is_own, found.rtsp), None)
    http = next((one for one in found.http if _is_own(one) or one.title == _TITLE), None)
    rtsp_port = next((one.port for one in (rtsp, *found.rtsp) if one is not None), None)
    plain = (one for one in (http, *found.http) if one is not None and not one.tls)
    http_port = next((one.port for one in plain), None)
    by_address = _brand_of_mac(found.mac)
    if rtsp is None and http is None:
        if by_address is None or not found.answered:
            return None
        return Sighting(
            0.3, manufacturer=by_address, mac=found.mac, http_port=http_port, rtsp_port=rtsp_port
        )
    told = {}
    realms = [one.realm for one in (rtsp, http) if one is not None and one.realm]
    if realms:
        told["realm"] = realms[0]
    if http is not None and http.title:
        told["title"] = http.title
    serials = (realm.removeprefix(_REALM) for realm in realms)
    serial = next(filter(_SERIAL.fullmatch, serials), None)
    return Sighting(
        confidence=0.8,
        manufacturer=by_address or "Dahua",
        serial=serial,
        mac=found.mac,
        unique_id=stable_id(serial=serial),
        http_port=http_port,
        rtsp_port=rtsp_port,
        details=told,
    )


def _is_own(answer: RtspAnswer | HttpAnswer) -> bool:
    return (
        answer.realm.startswith(_REALM)
        or answer.realm == _CGI_REALM
        or answer.server.startswith(_SERVER)
    )


def _brand(*names: str) -> str | None:
    for name in names:
        if (found := _BRANDS.match(name)) is not None:
            return found[1].capitalize()
    return None


def _brand_of_mac(mac: str | None) -> str | None:
    plain = normal_mac(mac)
    return None if plain is None else _OUIS.get(plain.replace(":", "")[:6])


HANDLERS: tuple[DiscoveryHandler, ...] = (
    dhip.HANDLER,
    WsDiscoveryHandler(DOMAIN, of_target),
    SsdpHandler(DOMAIN, of_device),
    ScanHandler(DOMAIN, of_fingerprint, _PORTS),
)
