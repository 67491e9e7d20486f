"""What a Dahua device says of itself: magicBox.cgi and global.cgi."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ucv.testing.dahua.answers import Command, Commands, Refusal, always, lines
from ucv.testing.http_message import Answer, Request


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is. ``build`` is a date, ``device_class`` IPC, SD or NVR."""

    name: str
    model: str
    serial: str
    mac: str
    firmware: str
    build: str
    device_class: str


def information(
    identity: Identity,
    definitions: Mapping[str, int],
    time: Callable[[], float],
    quirks: Collection[str],
) -> Commands:
    """Return the commands that tell who a device is and what its clock shows.

    ``definitions`` are its product definitions, such as ``MaxExtraStream``; ``time`` is what its
    clock shows, in seconds since the epoch; it lives in UTC.
    """
    shown_type = identity.model
    if "device-type-generic" in quirks:
        shown_type = "IP Camera"
    elif "device-type-number" in quirks:
        shown_type = "31"
    vendor = "Dahua"
    if "vendor-amcrest" in quirks:
        vendor = "Amcrest"
    elif "vendor-general" in quirks:
        vendor = "General"
    blank = " " if "version-with-space" in quirks else ","

    def told(*content: str) -> Command:
        return always(lines(content))

    def definition(request: Request) -> Answer:
        name = request.query.get("name", "")
        if name not in definitions:
            raise Refusal
        return lines([f"table.{name}={definitions[name]}"])

    def current_time(_request: Request) -> Answer:
        return lines([f"result={datetime.fromtimestamp(time(), UTC):%Y-%m-%d %H:%M:%S}"])

    return {
        "magicBox.cgi?action=getDeviceType": told(f"type={shown_type}"),
        "magicBox.cgi?action=getSystemInfo": told(
            "appAutoStart=true",
            f"deviceType={shown_type}",
            "hardwareVersion=1.00",
            "processor=S3LM",
            f"serialNumber={identity.serial}",
            f"updateSerial={identity.model}",
        ),
        "magicBox.cgi?action=getSerialNo": told(f"sn={identity.serial}"),
        "magicBox.cgi?action=getSoftwareVersion": told(
            f"version={identity.firmware}{blank}build:{identity.build}"
        ),
        "magicBox.cgi?action=getMachineName": told(f"name={identity.name}"),
        "magicBox.cgi?action=getVendor": told(f"vendor={vendor}"),
        "magicBox.cgi?action=getDeviceClass": told(f"class={identity.device_class}"),
        "magicBox.cgi?action=getHardwareVersion": told("version=1.00"),
        "magicBox.cgi?action=getProductDefinition": definition,
        "global.cgi?action=getCurrentTime": current_time,
    }
