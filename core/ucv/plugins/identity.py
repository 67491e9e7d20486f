"""What a device is recognised by, for as long as it lives."""

from __future__ import annotations

import re

#: What cheap devices have instead of a serial number of their own. Gathered from public reports:
#: factories write the same image, or the example of the SDK, to all of them.
_SHARED = frozenset(
    {
        "0123456789",
        "01234567890",
        "0123456789abcdef",
        "1234567890",
        "123456789",
        "12345678",
        "123456",
        "defaultserial",
        "defaultstring",
        "na",
        "none",
        "null",
        "serialnumber",
        "unknown",
        "unspecified",
        "tobefilledbyoem",
    }
)
#: MAC addresses that are those of no device: the examples of SDKs of camera chips.
_SHARED_MACS = frozenset({"000000000000", "ffffffffffff", "001122334455", "123456789abc"})
_HEX_MAC = re.compile(r"[0-9a-f]{12}")
_SEPARATORS = re.compile(r"[^0-9a-z]")


def normal_mac(text: str | None) -> str | None:
    """Return a MAC address as ``aa:bb:cc:dd:ee:ff``; None if it is none, or one that is shared."""
    digits = _SEPARATORS.sub("", (text or "").casefold())
    if not _HEX_MAC.fullmatch(digits) or digits in _SHARED_MACS:
        return None
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def usable_serial(text: str | None) -> str | None:
    """Return a serial number without blanks around it; None if it is one that devices share."""
    serial = (text or "").strip()
    bare = _SEPARATORS.sub("", serial.casefold())
    if len(bare) < 4 or len(set(bare)) < 2 or bare in _SHARED:
        return None
    return serial[:200]


def stable_id(*, serial: str | None = None, mac: str | None = None) -> str | None:
    """Return what a device can be recognised by at a new address; None if nothing it has will do.

    The serial number if there is a usable one, or else the MAC address.
    """
    return usable_serial(serial) or normal_mac(mac)


def distinct_id(unique_id: str, mac: str | None, host: str | None) -> str:
    """Return an id that tells a device apart from another which says that it is the same."""
    return f"{unique_id}@{normal_mac(mac) or host or ''}"


def says_the_same(known: str, told: str) -> bool:
    """Whether a device that is known by one id, maybe a distinct one, may tell the other."""
    return known in (told, f"{told}@{known.rpartition('@')[2]}")
