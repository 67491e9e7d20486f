"""Cameras that a scan finds by their RTSP: whatever else they are, their pictures can be shown."""

from __future__ import annotations

from ucv import Fingerprint, RtspAnswer, ScanHandler, Sighting
from ucv.plugins.discovery_handlers import DiscoveryHandler
from ucv.wire import normal_mac
from ucv_rtsp.paths import PORTS, VENDORS, Vendor, vendor_of, vendor_of_page

DOMAIN = "rtsp"
#: Whose hardware addresses begin how (samples of IEEE's public list). TP-Link is not among them:
#: its cameras share the beginnings of its routers.
_OUIS = {
    "Amcrest": "9c8ecd a06032",
    "Axis": "00408c accc8e b8a44f e82725",
    "Bosch": "000463",
    "Dahua": "3cef8c 4c11bf 9002a9 e0508b 38af29 a0bd1d",
    "EZVIZ": "0ca64c 34c6dd",
    "Foscam": "e8abfa",
    "GeoVision": "0013e2",
    "Hanwha": "e43022 44b423 000918",
    "Hikvision": "4419b6 2857be 54c415 686dbc 1868cb 4cbd8f 244845 c056e3 bcad28",
    "Milesight": "1cc316",
    "Mobotix": "0003c5",
    "Reolink": "ec71db",
    "Tiandy": "3cda6d",
    "Uniview": "48ea63 6cf17e 88263f",
    "Vivotek": "0002d1",
    "Wyze": "2caa8e 7c78b2",
}
_BRANDS = {oui: brand for brand, ouis in _OUIS.items() for oui in ouis.split()}
#: Whose paths a brand's cameras have that are made by another vendor.
_MAKERS = {"Amcrest": "Dahua", "EZVIZ": "Hikvision"}
#: What RTSP servers answer that have something to show, to anyone or to those who log in.
_USABLE = (200, 401)


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise what answers by RTSP, and say under which path its pictures likely are.

    Its brand is told by realm, server or web page; or else by its hardware address, for it is
    known to be more than an open port.
    """
    if not found.rtsp:
        return None
    answer = min(found.rtsp, key=lambda one: one.status not in _USABLE)
    vendor = _vendor(found)
    brand = vendor.name if vendor is not None else _brand_of_mac(found.mac)
    if vendor is None and brand is not None:
        maker = _MAKERS.get(brand, brand)
        vendor = next((one for one in VENDORS if one.name == maker), None)
    return Sighting(
        confidence=0.3,
        manufacturer=brand,
        mac=found.mac,
        http_port=next((one.port for one in found.http if not one.tls), None),
        rtsp_port=answer.port,
        details=_details(answer, vendor),
    )


def _details(answer: RtspAnswer, vendor: Vendor | None) -> dict[str, str]:
    is_open = answer.status == 200
    told = {"rtsp": "open" if is_open else "log-in"}
    if is_open and answer.path.strip("/"):
        told["path"] = answer.path
    elif vendor is not None and not vendor.known_only:
        told["path"] = vendor.main[0]
    if answer.realm:
        told["realm"] = answer.realm
    if answer.server:
        told["server"] = answer.server
    return told


def _vendor(found: Fingerprint) -> Vendor | None:
    for answer in found.rtsp:
        if (vendor := vendor_of(answer.realm, answer.server)) is not None:
            return vendor
    for page in found.http:
        vendor = vendor_of(page.realm, "") or vendor_of_page(page.server, page.title, page.location)
        if vendor is not None:
            return vendor
    return None


def _brand_of_mac(mac: str | None) -> str | None:
    plain = normal_mac(mac)
    return None if plain is None else _BRANDS.get(plain.replace(":", "")[:6])


HANDLERS: tuple[DiscoveryHandler, ...] = (ScanHandler(DOMAIN, of_fingerprint, PORTS),)
