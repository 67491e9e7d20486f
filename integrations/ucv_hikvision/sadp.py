"""SADP, by which Hikvision devices are found: a question to a group, answered in XML."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from uuid import uuid4

from ucv import Datagram, DatagramHandler, Sighting, stable_id
from ucv.wire import MediaError, parse_xml

PORT = 37020
GROUP = IPv4Address("239.255.255.250")
#: Bytes of an answer; real ones have 1 to 3 KiB.
_LIMIT = 16 * 1024
_YES_NO = {"true": "yes", "false": "no"}
#: Firmware that writes everything in capitals does so here, too, where XML does not allow it.
_CAPITALS = re.compile(rb"\A\s*<\?XML[^>]{0,100}\?>")
#: ``V5.7.15build 240201``: ISAPI tells the same with a blank in between.
_BUILD = re.compile(r"(?<=[^ ])build ", re.IGNORECASE)


def probe() -> bytes:
    """Return the question."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Probe><Uuid>{str(uuid4()).upper()}</Uuid><Types>inquiry</Types></Probe>"
    ).encode()


def parse(datagram: Datagram) -> Sighting | None:
    """Return what an answer tells, None for what is none: a question, or something else.

    Where it is, is taken from nothing that it says: the address in it may be an old one.
    """
    try:
        root = parse_xml(_CAPITALS.sub(b"", datagram.data), limit=_LIMIT)
    except MediaError:
        return None
    if root.tag.casefold() != "probematch":
        return None
    told = {child.tag.casefold(): (child.text or "").strip() for child in root}
    serial, mac, model = (
        told.get(name) or None for name in ("devicesn", "mac", "devicedescription")
    )
    if not (serial or mac or model):
        return None
    details = {}
    if (activated := told.get("activated", "").casefold()) in _YES_NO:
        # One that is not has no password yet, and cannot be logged in to.
        details["activated"] = _YES_NO[activated]
    return Sighting(
        confidence=0.95,
        manufacturer="Hikvision",
        model=model,
        serial=serial,
        mac=mac,
        firmware=_BUILD.sub(" build ", told.get("softwareversion", "")) or None,
        unique_id=stable_id(serial=serial, mac=mac),
        http_port=_port(told.get("httpport", "")),
        details=details,
    )


def _port(text: str) -> int | None:
    port = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    return port if 0 < port < 65536 else None


#: Older firmware answers to the group instead of to who asked.
HANDLER = DatagramHandler("hikvision", "sadp", PORT, (GROUP,), probe, parse, listen=True)
