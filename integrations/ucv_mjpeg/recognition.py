"""Cameras that a scan finds by the pictures their web server begins to send."""

from __future__ import annotations

from ucv import Fingerprint, ScanHandler, Sighting
from ucv.plugins.discovery_handlers import DiscoveryHandler

DOMAIN = "mjpeg"
#: motion, Android's IP Webcam and mjpg-streamer, ESP32 boards.
_PORTS = (8080, 8081, 81)
_STREAM = "multipart/x-mixed-replace"


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise what answers with a stream of JPEG pictures."""
    for answer in found.http:
        if answer.content_type.strip().casefold().startswith(_STREAM) and not answer.tls:
            return Sighting(
                confidence=0.4,
                mac=found.mac,
                http_port=answer.port,
                details={"server": answer.server} if answer.server else {},
            )
    return None


HANDLERS: tuple[DiscoveryHandler, ...] = (ScanHandler(DOMAIN, of_fingerprint, _PORTS),)
