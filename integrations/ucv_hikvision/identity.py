"""Who a device says it is, how many pictures it has, where it listens, and what its clock shows."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ucv import ProtocolError
from ucv_hikvision.documents import elements, number_at, seconds_of, text

#: What ``deviceType`` ends in for recorders: NVR, DVR, HVR, XVR.
_RECORDER = "VR"


@dataclass(frozen=True, slots=True)
class Identity:
    """``System/deviceInfo``; None for what is not told. ``kind`` is "IPCamera", "NVR" …."""

    manufacturer: str
    model: str | None
    serial: str | None
    mac: str | None
    firmware: str | None
    kind: str

    @property
    def says_recorder(self) -> bool:
        """Whether it calls itself a recorder."""
        return self.kind.upper().endswith(_RECORDER)


def identity(root: Element) -> Identity:
    """Return what ``System/deviceInfo`` says; raises `ProtocolError` for another document."""
    model = text(root, "model") or None
    serial = text(root, "serialNumber") or text(root, "subSerialNumber") or None
    mac = text(root, "macAddress") or None
    if root.tag.casefold() != "deviceinfo" or (model is None and serial is None and mac is None):
        raise ProtocolError("The camera does not say what it is.")
    version = " ".join(
        part for path in ("firmwareVersion", "firmwareReleasedDate") if (part := text(root, path))
    )
    return Identity(
        manufacturer=_manufacturer(text(root, "manufacturer")),
        model=model,
        serial=serial,
        mac=mac,
        firmware=version or None,
        kind=text(root, "deviceType"),
    )


def _manufacturer(told: str) -> str:
    # Only newer firmware tells; whoever sells it under a name of his own does.
    return told if told and told.casefold() != "hikvision" else "Hikvision"


@dataclass(frozen=True, slots=True)
class Inputs:
    """How many pictures a device can have: of sensors and cables, and of network cameras."""

    video: int
    proxy: int

    @property
    def makes_recorder(self) -> bool:
        """Whether that is more than a camera has."""
        return self.video + self.proxy > 1


def inputs(root: Element) -> Inputs:
    """Return what ``System/capabilities`` says of inputs."""

    def told(group: str, name: str) -> int:
        for element in elements(root, group):
            if (number := number_at(element, name)) is not None:
                return max(0, number)
        return 0

    return Inputs(told("VideoCap", "videoInputPortNums"), told("RacmCap", "inputProxyNums"))


def ports(root: Element) -> dict[str, int]:
    """Return the ports of ``Security/adminAccesses`` by protocol in lower case.

    Those of protocols that are switched off are left out.
    """
    found: dict[str, int] = {}
    for access in elements(root, "AdminAccessProtocol"):
        port = number_at(access, "portNo")
        off = text(access, "enabled").casefold() == "false"
        if port is not None and 1 <= port <= 65535 and not off:
            found.setdefault(text(access, "protocol").casefold(), port)
    return found


def clock_offset(root: Element, now: float) -> float | None:
    """Return how far the clock of ``System/time`` is ahead of ``now``, in seconds; None: unknown.

    In a zone with daylight saving time, where the device does not say whether it is in force, the
    meaning that is nearer to ``now`` is taken.
    """
    times = seconds_of(text(root, "localTime"), text(root, "timeZone"))
    return min((time - now for time in times), key=abs, default=None)
