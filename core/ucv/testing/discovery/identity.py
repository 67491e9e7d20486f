"""Who a virtual device says it is, whatever protocol it says it by."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from ucv.testing.virtual_camera import VirtualCamera

#: Names of the UUIDs of devices come from here: the same for the same serial number.
_NAMESPACE = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")


@dataclass(slots=True)
class Announced:
    """What is announced; all of it may be changed while it is."""

    kind: str
    address: str
    http_port: int
    rtsp_port: int
    name: str
    manufacturer: str
    model: str
    serial: str
    mac: str
    firmware: str
    channels: int = 1

    @property
    def endpoint(self) -> str:
        """The UUID that stays the same over restarts."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.kind} {self.serial} {self.mac}"))


def identity_of(device: VirtualCamera, address: str | None = None) -> Announced:
    """Return what a device is; plain RTSP ones know nothing but their name."""
    own: Any = getattr(device, "unit", None) or getattr(device, "identity", None)
    kind = type(device).__name__.removesuffix("Device").casefold()
    manufacturers = {"hikvision": "Hikvision", "dahua": "Dahua"}
    return Announced(
        kind=kind,
        address=address or device.host,
        http_port=device.http_port,
        rtsp_port=device.rtsp_port,
        name=getattr(own, "name", device.name),
        manufacturer=getattr(own, "manufacturer", manufacturers.get(kind, "")),
        model=getattr(own, "model", ""),
        serial=getattr(own, "serial", ""),
        mac=getattr(own, "mac", ""),
        firmware=getattr(own, "firmware", ""),
    )
