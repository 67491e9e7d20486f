"""SSDP, as a UPnP device answers it (UPnP Device Architecture 1.1)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ucv.media.xml import escaped
from ucv.testing.discovery.identity import Announced

PORT, GROUPS = 1900, ("239.255.255.250",)
PATH = "/upnp/description.xml"
_SERVER = "Linux/4.9, UPnP/1.0, Portable SDK for UPnP devices/1.6.22"


def answer(device: Announced, quirks: Collection[str], question: bytes) -> Sequence[bytes]:
    """Return the answers to a search."""
    if not question.startswith(b"M-SEARCH * HTTP/1.1") or b"ssdp:discover" not in question:
        return ()
    if b"upnp:rootdevice" not in question and b"ssdp:all" not in question:
        return ()
    lines = [
        "HTTP/1.1 200 OK",
        "CACHE-CONTROL: max-age=1800",
        "EXT:",
        *_common(device, quirks),
        "ST: upnp:rootdevice",
    ]
    return (_message(lines),)


def notify(device: Announced, quirks: Collection[str], what: str) -> bytes:
    """Return an announcement: ``what`` is "alive" or "byebye"."""
    lines = ["NOTIFY * HTTP/1.1", "HOST: 239.255.255.250:1900", "NT: upnp:rootdevice"]
    lines += [f"NTS: ssdp:{what}", *_common(device, quirks)]
    return _message(lines)


def description(device: Announced, quirks: Collection[str]) -> bytes:
    """Return the document that LOCATION leads to."""
    fields = {
        "deviceType": "urn:schemas-upnp-org:device:Basic:1",
        "friendlyName": f"{device.manufacturer} {device.model} - {device.serial}",
        "manufacturer": device.manufacturer.upper(),
        "manufacturerURL": "http://www.example.com",
        "modelDescription": "IP camera",
        "modelName": device.model,
        "modelNumber": device.model,
        "serialNumber": device.serial,
        "UDN": f"uuid:{device.endpoint}",
        "presentationURL": f"http://{device.address}:{device.http_port}/",
    }
    body = "".join(f"<{name}>{escaped(value)}</{name}>" for name, value in fields.items())
    text = (
        '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">'
        "<specVersion><major>1</major><minor>0</minor></specVersion>"
        f"<device>{body}</device></root>"
    )
    return text.encode("latin-1" if "latin-1" in quirks else "utf-8", "replace")


def _common(device: Announced, quirks: Collection[str]) -> list[str]:
    host = "198.51.100.7" if "location-elsewhere" in quirks else device.address
    return [
        f"LOCATION: http://{host}:{device.http_port}{PATH}",
        f"SERVER: {_SERVER}",
        f"USN: uuid:{device.endpoint}::upnp:rootdevice",
    ]


def _message(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
