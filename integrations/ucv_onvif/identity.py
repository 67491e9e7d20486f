"""Who a device says it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ucv.wire import xml_text

_MAX_INTERFACES = 16
#: What chips' SDKs call every manufacturer and model.
_NOBODY = re.compile(r"onvif|none|unknown|n/?a|-*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """What `GetDeviceInformation` tells; None for what it does not."""

    manufacturer: str | None
    model: str | None
    serial: str | None
    firmware: str | None


def identity(answer: Element) -> Identity:
    """Return who a device is, by its answer to `GetDeviceInformation`."""

    def told(name: str) -> str | None:
        text = xml_text(answer, name)[:200]
        return None if _NOBODY.fullmatch(text) else text

    return Identity(
        told("Manufacturer"), told("Model"), told("SerialNumber"), told("FirmwareVersion")
    )


def mac_address(answer: Element) -> str | None:
    """Return the address of the first interface that is on, or else of the first one.

    ``answer`` is that to `GetNetworkInterfaces`.
    """
    found = []
    for interface in answer.findall("NetworkInterfaces")[:_MAX_INTERFACES]:
        if address := xml_text(interface, "Info/HwAddress"):
            on = xml_text(interface, "Enabled").casefold() in ("true", "1")
            found.append((not on, address))
    return min(found, key=lambda one: one[0])[1] if found else None
