"""Cameras that a scan finds by their RTSP: whatever else they are, their pictures can be shown."""

from __future__ import annotations

from ucv import Fingerprint, ScanHandler, Sighting
from ucv_rtsp.paths import PORTS, Vendor, vendor_of, vendor_of_page

DOMAIN = "rtsp"


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise what answers by RTSP; its brand by realm, server and web page, if these tell."""
    answer = next(iter(found.rtsp), None)
    if answer is None:
        return None
    vendor = _vendor(found)
    told = {"rtsp": "open" if answer.status == 200 else "log-in"}
    if vendor is not None and not vendor.known_only:
        told["path"] = vendor.main[0]
    if answer.realm:
        told["realm"] = answer.realm
    if answer.server:
        told["server"] = answer.server
    return Sighting(
        confidence=0.3,
        manufacturer=None if vendor is None else vendor.name,
        mac=found.mac,
        http_port=next((one.port for one in found.http if not one.tls), None),
        rtsp_port=answer.port,
        details=told,
    )


def _vendor(found: Fingerprint) -> Vendor | None:
    for answer in found.rtsp:
        if (vendor := vendor_of(answer.realm, answer.server)) is not None:
            return vendor
    for page in found.http:
        if (vendor := vendor_of_page(page.server, page.title, page.location)) is not None:
            return vendor
    return None


HANDLERS = (ScanHandler(DOMAIN, of_fingerprint, PORTS),)
