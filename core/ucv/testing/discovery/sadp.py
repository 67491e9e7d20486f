"""SADP, as a Hikvision device answers it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ucv.media.xml import escaped
from ucv.testing.discovery.identity import Announced

PORT, GROUPS = 37020, ("239.255.255.250",)
_ASKED = re.compile(rb"<Probe>.*<Uuid>([0-9A-F-]{36})</Uuid>.*<Types>inquiry</Types>", re.DOTALL)


def answer(device: Announced, quirks: Collection[str], question: bytes) -> Sequence[bytes]:
    """Return the answers to a question."""
    asked = _ASKED.search(question)
    if asked is None:
        return ()
    return (match(device, quirks, asked[1].decode()),)


def match(device: Announced, quirks: Collection[str], uuid: str) -> bytes:
    """Return a ProbeMatch."""
    model = device.model + (" & Co" if "raw-ampersand" in quirks else "")
    fields = {
        "Uuid": uuid,
        "Types": "inquiry",
        "DeviceType": "138525",
        "DeviceDescription": model if "raw-ampersand" in quirks else escaped(model),
        "DeviceSN": escaped(device.serial),
        "CommandPort": "8000",
        "HttpPort": str(device.http_port),
        "MAC": device.mac.replace(":", "-"),
        "IPv4Address": "10.99.99.99" if "other-address" in quirks else device.address,
        "IPv4SubnetMask": "255.255.255.0",
        "IPv4Gateway": "0.0.0.0",  # noqa: S104 - as devices without a gateway say it
        "DHCP": "true",
        "AnalogChannelNum": "0",
        "DigitalChannelNum": str(device.channels),
        "SoftwareVersion": escaped(f"{device.firmware}build 240201"),
        "Activated": "false" if "not-activated" in quirks else "true",
    }
    names = {name: name.upper() if "upper-case" in quirks else name for name in fields}
    body = "".join(f"<{names[name]}>{value}</{names[name]}>" for name, value in fields.items())
    root = "PROBEMATCH" if "upper-case" in quirks else "ProbeMatch"
    return f'<?xml version="1.0" encoding="UTF-8"?>\r\n<{root}>{body}</{root}>'.encode()
