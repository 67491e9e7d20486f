"""DHIP, as a Dahua device answers it."""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Sequence

from ucv.testing.discovery.identity import Announced

PORT, GROUPS = 37810, ("239.255.255.251", "255.255.255.255")
_HEAD = b"\x20\x00\x00\x00DHIP" + bytes(8)


def answer(device: Announced, quirks: Collection[str], question: bytes) -> Sequence[bytes]:
    """Return the answers to a question; without its header there is none."""
    if not question.startswith(_HEAD) or b"DHDiscover.search" not in question:
        return ()
    (length,) = struct.unpack_from("<I", question, 16)
    if length != len(question) - 32:
        return ()
    return (notice(device, quirks),)


def notice(device: Announced, quirks: Collection[str]) -> bytes:
    """Return what a device says of itself."""
    address = "10.99.99.99" if "other-address" in quirks else device.address
    told = {
        "mac": device.mac,
        "method": "client.notifyDevInfo",
        "params": {
            "deviceInfo": {
                "AlarmInputChannels": 2,
                "DeviceClass": "IPC",
                "DeviceType": device.model,
                "HttpPort": device.http_port,
                "IPv4Address": {
                    "DefaultGateway": "0.0.0.0",  # noqa: S104 - as devices say it
                    "DhcpEnable": True,
                    "IPAddress": address,
                    "SubnetMask": "255.255.255.0",
                },
                "MachineName": device.name,
                "Port": 37777,
                "RemoteVideoInputChannels": 0,
                "SerialNo": device.serial,
                "Vendor": "General" if "general-vendor" in quirks else device.manufacturer,
                "Version": device.firmware,
                "VideoInputChannels": device.channels,
            }
        },
    }
    body = json.dumps(told).encode()
    if "nul-bytes" in quirks:
        body = body[:40] + b"\0" + body[40:] + b"\n\0"
    if "garbage-before" in quirks:
        body = b"\xff\xfe??" + body
    return _HEAD + struct.pack("<IIII", len(body), 0, len(body), 0) + body
