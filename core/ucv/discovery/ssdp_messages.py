"""Messages of SSDP (UPnP Device Architecture 1.1, sections 1.2 and 1.3), and what they name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit

#: Asks for each device once, not for each of its services. They answer within a second.
QUESTION = (
    b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
    b'MAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n'
)
#: Bytes of a message, header lines of it that are read, and characters of a name and a value.
MAX_BYTES, MAX_HEADERS, MAX_NAME, MAX_VALUE = 8192, 64, 64, 1024
#: Longest name of a device, in characters.
_MAX_UDN = 128
_ANSWER = re.compile(r"HTTP/1\.[0-9] +200(?: |$)", re.IGNORECASE)
_NOTIFY = re.compile(r"NOTIFY +\* +HTTP/1\.[0-9] *", re.IGNORECASE)
_SEARCH = re.compile(r"M-SEARCH ", re.IGNORECASE)


class Kind(Enum):
    """What a message is."""

    ANSWER = auto()
    ALIVE = auto()
    GOOD_BYE = auto()
    #: Questions of others, and announcements of services within a device.
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class SsdpMessage:
    """One message. ``udn`` is the device's UUID in lower case without ``uuid:``."""

    kind: Kind
    udn: str
    usn: str
    server: str
    location: str
    #: What changes when the description may have: BOOTID and CONFIGID, "" where there is neither.
    edition: str


def read(data: bytes) -> SsdpMessage | None:
    """Return a message, None for what is none."""
    if len(data) > MAX_BYTES:
        return None
    start, headers = _headers(data)
    kind = _kind(start, headers)
    usn = headers.get("usn", "")
    udn = usn.casefold().removeprefix("uuid:").partition("::")[0].strip()[:_MAX_UDN]
    if kind is None or (kind is not Kind.OTHER and not udn):
        return None
    editions = (headers.get(f"{name}.upnp.org", "") for name in ("bootid", "configid"))
    return SsdpMessage(
        kind=kind,
        udn=udn,
        usn=usn,
        server=headers.get("server", ""),
        location=headers.get("location", ""),
        edition="/".join(editions).strip("/"),
    )


def is_at(location: str, host: str) -> bool:
    """Say whether an address is an HTTP one, at a host that is given as an IPv4 address."""
    if not location.isascii() or any(c.isspace() or c in '\\"<>^`{|}' for c in location):
        return False
    try:
        parts = urlsplit(location)
        port = parts.port
        same = IPv4Address(parts.hostname or "") == IPv4Address(host)
    except (ValueError, AddressValueError):
        return False
    return same and parts.scheme == "http" and port != 0 and "@" not in parts.netloc


def _kind(start: str, headers: Mapping[str, str]) -> Kind | None:
    if _ANSWER.match(start):
        return Kind.ANSWER
    if _SEARCH.match(start):
        return Kind.OTHER
    if not _NOTIFY.fullmatch(start):
        return None
    # Each device announces itself, its UUID and all its services: once is enough.
    if headers.get("nt", "").casefold() != "upnp:rootdevice":
        return Kind.OTHER
    kinds = {"ssdp:alive": Kind.ALIVE, "ssdp:byebye": Kind.GOOD_BYE, "ssdp:update": Kind.OTHER}
    return kinds.get(headers.get("nts", "").casefold())


def _headers(data: bytes) -> tuple[str, dict[str, str]]:
    """Return the first line, and the headers by their names in lower case; of several the first."""
    lines = data.decode("utf-8", "replace").split("\n")[: MAX_HEADERS + 1]
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            text = "".join(filter(str.isprintable, value)).strip()
            headers.setdefault(name.strip().casefold()[:MAX_NAME], text[:MAX_VALUE])
    return lines[0].strip(), headers
