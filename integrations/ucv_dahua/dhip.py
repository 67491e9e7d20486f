"""DHIP, by which Dahua devices are found: JSON behind a header of 32 bytes."""

from __future__ import annotations

import json
import struct
from ipaddress import IPv4Address
from typing import Any

from ucv import Datagram, DatagramHandler, Sighting, stable_id

PORT = 37810
GROUPS = (IPv4Address("239.255.255.251"), IPv4Address("255.255.255.255"))
#: 0x20, the protocol's name, two words of nothing, then the length twice, each with a zero behind.
_HEADER = struct.Struct("<4s4s8xIIII")
_QUESTION = b'{"method":"DHDiscover.search","params":{"mac":"","uni":1}}'
#: Bytes of an answer; real ones have 1 to 2 KiB.
_LIMIT = 16 * 1024


def probe() -> bytes:
    """Return the question. Without the header nobody answers."""
    length = len(_QUESTION)
    return _HEADER.pack(b"\x20\0\0\0", b"DHIP", length, 0, length, 0) + _QUESTION


def parse(datagram: Datagram) -> Sighting | None:
    """Return what an answer tells, None for what is no answer."""
    data = datagram.data
    start = data.find(b"{")
    if start < 0 or len(data) > _LIMIT:
        return None
    text = data[start:].replace(b"\0", b"").decode("utf-8", "replace")
    try:
        # Whatever stands behind the object does not matter.
        answer, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    info = _mapping(_mapping(_mapping(answer).get("params")).get("deviceInfo"))
    if _mapping(answer).get("method") != "client.notifyDevInfo" or not info:
        return None
    serial, mac = _text(info, "SerialNo"), _text(_mapping(answer), "mac")
    vendor = _text(info, "Vendor")
    return Sighting(
        confidence=0.95,
        name=_text(info, "MachineName"),
        manufacturer="Dahua" if vendor in (None, "General", "Private") else vendor,
        model=_text(info, "DeviceType"),
        serial=serial,
        mac=mac,
        firmware=_text(info, "Version"),
        unique_id=stable_id(serial=serial, mac=mac),
        http_port=_port(info.get("HttpPort")),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(mapping: dict[str, Any], key: str) -> str | None:
    value = mapping.get(key)
    return value if isinstance(value, str) and value else None


def _port(value: Any) -> int | None:
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536
    return value if usable else None


HANDLER = DatagramHandler("dahua", "dhip", PORT, GROUPS, probe, parse)
