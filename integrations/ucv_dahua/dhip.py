"""DHIP, by which Dahua devices are found: JSON behind a header of 32 bytes."""

from __future__ import annotations

import json
import struct
from ipaddress import IPv4Address
from typing import Any

from ucv import Datagram, DatagramHandler, Sighting, stable_id
from ucv_dahua.identity import firmware
from ucv_dahua.quirks import GENERIC_MODELS

PORT = 37810
GROUPS = (IPv4Address("239.255.255.251"), IPv4Address("255.255.255.255"))
#: 0x20, the protocol's name, two words of nothing, then the length twice, each with a zero behind.
_HEADER = struct.Struct("<4s4s8xIIII")
_QUESTION = b'{"method":"DHDiscover.search","params":{"mac":"","uni":1}}'
#: Bytes of an answer; real ones have 1 to 2 KiB.
_LIMIT = 16 * 1024
#: Braces at which an object may begin: some firmware sends other bytes before it.
_BEGINNINGS = 4


def probe() -> bytes:
    """Return the question. Without the header nobody answers."""
    length = len(_QUESTION)
    return _HEADER.pack(b"\x20\0\0\0", b"DHIP", length, 0, length, 0) + _QUESTION


def parse(datagram: Datagram) -> Sighting | None:
    """Return what an answer tells, None for what is none: a question, or something else.

    Where it is, is taken from nothing that it says: the address in it may be an old one.
    """
    answer = _object(datagram.data)
    info = _mapping(_mapping(answer.get("params")).get("deviceInfo"))
    if answer.get("method") != "client.notifyDevInfo" or not info:
        return None
    serial, mac = _text(info, "SerialNo"), _text(answer, "mac")
    model, name = _text(info, "DeviceType"), _text(info, "MachineName")
    vendor = _text(info, "Vendor") or "General"
    return Sighting(
        confidence=0.95,
        # From the factory, its name is its serial number.
        name=None if name == serial else name,
        # Devices that are sold under other names say the one, some the other.
        manufacturer="Dahua" if vendor.casefold() in ("general", "private") else vendor,
        model=None if model is None or GENERIC_MODELS.fullmatch(model) else model,
        serial=serial,
        mac=mac,
        firmware=firmware(_text(info, "Version") or "") or None,
        unique_id=stable_id(serial=serial, mac=mac),
        http_port=_port(info.get("HttpPort")),
    )


def _object(data: bytes) -> dict[str, Any]:
    """Return the object of a datagram, an empty one if there is none."""
    if len(data) > _LIMIT:
        return {}
    # A length in the header may look like a brace.
    headed = data[4:8] == b"DHIP"
    text = data[_HEADER.size if headed else 0 :].replace(b"\0", b"").decode("utf-8", "replace")
    start = -1
    for _attempt in range(_BEGINNINGS):
        start = text.find("{", start + 1)
        if start < 0:
            break
        try:
            # Whatever stands behind the object does not matter.
            found, _end = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        return _mapping(found)
    return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(mapping: dict[str, Any], key: str) -> str | None:
    value = mapping.get(key)
    return value if isinstance(value, str) and value else None


def _port(value: Any) -> int | None:
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536
    return value if usable else None


HANDLER = DatagramHandler("dahua", "dhip", PORT, GROUPS, probe, parse)
