"""What tells a Dahua device apart from others over standard protocols."""

from __future__ import annotations

import re

from ucv import (
    Fingerprint,
    ScanHandler,
    Sighting,
    SsdpDevice,
    SsdpHandler,
    WsDiscoveryHandler,
    WsDiscoveryTarget,
)
from ucv.wire import normal_mac
from ucv_dahua import dhip

DOMAIN = "dahua"
#: Brands that sell Dahua's devices with Dahua's interface.
_BRANDS = re.compile(r"(dahua|amcrest|lorex|imou|intelbras)\b", re.IGNORECASE)
_REALM, _SERVER, _TITLE = "Login to ", "Dahua Rtsp Server", "WEB SERVICE"
#: Beginnings of hardware addresses (IEEE's public list): Dahua, then Amcrest.
_OUIS = frozenset(
    (
        *("3cef8c", "4c11bf", "9002a9", "e0508b", "38af29", "a0bd1d"),
        *("9c8ecd", "a06032"),
    )
)
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
    )


def of_device(device: SsdpDevice) -> Sighting | None:
    """Recognise one that answers by SSDP."""
    told = device.description
    brand = _brand(told.get("manufacturer", ""))
    if brand is None:
        return None
    return Sighting(
        confidence=0.85,
        name=told.get("friendlyname"),
        manufacturer=brand,
        model=told.get("modelname") or told.get("modelnumber"),
        serial=told.get("serialnumber"),
        endpoint=told.get("udn"),
    )


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise one by what it answers to a scan."""
    rtsp = next(
        (
            one
            for one in found.rtsp
            if one.realm.startswith(_REALM) or one.server.startswith(_SERVER)
        ),
        None,
    )
    http = next(
        (one for one in found.http if one.realm.startswith(_REALM) or one.title == _TITLE), None
    )
    rtsp_port = next((one.port for one in found.rtsp), None)
    http_port = next((one.port for one in found.http if not one.tls), None)
    if rtsp is None and http is None:
        plain = normal_mac(found.mac)
        if plain is None or plain.replace(":", "")[:6] not in _OUIS:
            return None
        return Sighting(0.3, mac=found.mac, http_port=http_port, rtsp_port=rtsp_port)
    told = {}
    if rtsp is not None and rtsp.realm:
        told["realm"] = rtsp.realm
    if http is not None and http.title:
        told["title"] = http.title
    return Sighting(
        confidence=0.8,
        manufacturer="Dahua",
        mac=found.mac,
        http_port=http.port if http is not None and not http.tls else http_port,
        rtsp_port=rtsp.port if rtsp is not None else rtsp_port,
        details=told,
    )


def _brand(*names: str) -> str | None:
    for name in names:
        if (found := _BRANDS.match(name)) is not None:
            return found[1].capitalize()
    return None


HANDLERS = (
    dhip.HANDLER,
    WsDiscoveryHandler(DOMAIN, of_target),
    SsdpHandler(DOMAIN, of_device),
    ScanHandler(DOMAIN, of_fingerprint, _PORTS),
)
