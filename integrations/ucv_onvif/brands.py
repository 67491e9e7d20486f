"""Whose an ONVIF device is, by what it says before anyone has logged in to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ucv import Fingerprint, WsDiscoveryTarget


@dataclass(frozen=True, slots=True)
class Brand:
    """What a brand's devices begin names with, and challenges, servers and titles of pages.

    ``words`` are in lower case. A brand that makes other things than cameras as well is known by
    the scopes of ONVIF all the same, for other things do not speak it.
    """

    name: str
    words: tuple[str, ...] = ()
    realms: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()


#: Gathered from public sources.
BRANDS = (
    Brand("Hikvision", ("hikvision",), ("IP Camera(", "DS-"), ("App-webs/", "Hikvision-Webs")),
    Brand(
        "Dahua", ("dahua",), ("Login to ", "Device_CGI"), ("Dahua Rtsp Server",), ("WEB SERVICE",)
    ),
    Brand("Amcrest", ("amcrest",)),
    Brand("Axis", ("axis",), ("AXIS_",)),
    Brand("Hanwha", ("hanwha", "samsung", "wisenet"), ("iPolis",)),
    Brand("TP-Link", ("tp-link", "tapo", "vigi", "tp-ipc"), ("TP-Link IP-Camera",)),
    Brand("Reolink", ("reolink",), ("BC Streaming Media",)),
    Brand("D-Link", ("d-link", "dlink"), ("DCS-",)),
    Brand("Foscam", ("foscam",), (), ("HiIpcam/", "Netwave IP Camera"), ("IPCam Client",)),
    Brand("Xiongmai", ("xiongmai",), (), ("H264DVR", "uc-httpd"), ("NETSurveillance WEB",)),
    Brand("Vivotek", ("vivotek",), (), ("Vivotek Network Camera",)),
    Brand("Uniview", ("uniview", "unv")),
    Brand("Bosch", ("bosch",)),
    Brand("Sony", ("sony",)),
    Brand("Panasonic", ("panasonic", "i-pro")),
    Brand("Mobotix", ("mobotix",)),
    Brand("Milesight", ("milesight",)),
    Brand("Tiandy", ("tiandy",)),
    Brand("GeoVision", ("geovision",)),
    Brand("Avigilon", ("avigilon",)),
)
_WORDS = {word: brand.name for brand in BRANDS for word in brand.words}
_WORD = re.compile(f"({'|'.join(map(re.escape, _WORDS))})(?![a-z])", re.IGNORECASE)
#: Scopes that may begin with a brand, the standard's first.
_SCOPES = ("name", "manufacturer", "mfr", "hardware")


def brand_of_name(name: str) -> str | None:
    """Return the brand that a name begins with, None if it is none that is known."""
    found = _WORD.match(name)
    return None if found is None else _WORDS[found[1].casefold()]


def brand_of_target(target: WsDiscoveryTarget) -> str | None:
    """Return the brand that a device's scopes name.

    It is one that is known, or what stands before the model in names such as ``Brand Model``.
    """
    told = target.onvif
    for scope in _SCOPES:
        for value in told.get(scope, ()):
            if (brand := brand_of_name(value)) is not None:
                return brand
    for name in told.get("name", ()):
        for model in told.get("hardware", ()):
            if name.endswith(model) and (before := name.removesuffix(model).strip(" -_")):
                return before
    return None


def brand_of_answers(found: Fingerprint) -> str | None:
    """Return the brand that challenges, servers or pages tell of, None if none does."""
    said = [(one.realm, one.server, "") for one in found.rtsp]
    said += [(one.realm, one.server, one.title) for one in found.http]
    for realm, server, title in said:
        for brand in BRANDS:
            if (
                realm.startswith(brand.realms)
                or server.startswith(brand.servers)
                or title in brand.titles
            ):
                return brand.name
    return None
