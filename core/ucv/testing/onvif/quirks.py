"""What ONVIF devices do differently from the standard, each by a name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

QUIRKS: Mapping[str, str] = MappingProxyType(
    {
        "http-digest-only": "Logins are taken by HTTP digest only; tokens get 401.",
        "token-only": "Logins are taken as UsernameToken only, and never challenged for.",
        "time-wants-login": "GetSystemDateAndTime wants a login as well (Panasonic).",
        "no-utc-time": "GetSystemDateAndTime tells the local time and its zone alone.",
        "overflowing-time": "Minutes and seconds are counted to beyond 59.",
        "auth-fault-400": "A login that is refused gets 400 with NotAuthorized.",
        "auth-fault-500": "A login that is refused gets 500 with NotAuthorized.",
        "no-get-services": "GetServices is not there; GetCapabilities is (profile S of old).",
        "broken-get-services": "GetServices answers without any service.",
        "nat-addresses": "Services and streams are named by an address of another network.",
        "doubled-ports": "Addresses have their port twice: host:8106:8106.",
        "zero-address": "Addresses name the host 0.0.0.0.",
        "no-media2": "There is no Media2.",
        "broken-media2": "Media2 is named, and answers with a fault.",
        "uri-with-blanks": "Addresses of streams have line breaks and blanks around them.",
        "uri-escaped-twice": "The ampersands of addresses are escaped twice.",
        "no-snapshot": "GetSnapshotUri is not supported.",
        "stop-refused": "Stop is refused; moving at no speed stops.",
        "one-axis-at-a-time": "Moves of pan, tilt and zoom together are refused.",
        "absolute-termination": "Subscriptions take the time of their end, no durations.",
        "reference-parameters": "Subscriptions are told apart by a header alone (Axis).",
        "disconnects-while-pulling": "Every other pull without news ends with a closed connection.",
        "bad-dates": "Times of events are written 2024-08-17-12:30:45Z, or are all zeros.",
        "topics-with-tail": "Topics end in a slash or a dot.",
        "no-simple-item": "Events of tampering come without any item.",
        "numeric-states": "States are 1 and 0 instead of true and false.",
        "two-subscriptions": "There are places for two subscriptions.",
        "invalid-utf8": "Texts hold bytes that are no UTF-8.",
        "drops-keep-alive": "Connections that are kept open are closed at their second request.",
        "renew-refused": "Renew is refused: a subscription ends when its time is over.",
        "no-serial": "The serial number is 00000000, as that of all its kind.",
        "media1-says-h264": "Media1 says of an H.265 stream that it is H.264.",
    }
)


def checked(quirks: Collection[str]) -> frozenset[str]:
    """Return them; raises `ValueError` for one that there is not."""
    if unknown := sorted(set(quirks) - set(QUIRKS)):
        raise ValueError(f"There is no quirk {unknown[0]}.")
    return frozenset(quirks)
