"""Cameras that a scan finds by the pictures their web server begins to send."""

from __future__ import annotations

from ucv import Fingerprint, ScanHandler, Sighting

DOMAIN = "mjpeg"
#: motion, Android's IP Webcam and mjpg-streamer, ESP32 boards.
_PORTS = (8080, 8081, 81)


def of_fingerprint(found: Fingerprint) -> Sighting | None:
    """Recognise what answers with a stream of JPEG pictures."""
    for answer in found.http:
        if answer.content_type.casefold().startswith("multipart/x-mixed-replace"):
            return Sighting(0.4, mac=found.mac, http_port=answer.port)
    return None


HANDLERS = (ScanHandler(DOMAIN, of_fingerprint, _PORTS),)
