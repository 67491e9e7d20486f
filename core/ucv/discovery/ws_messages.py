"""Messages of WS-Discovery 1.0 (2005/04), as network cameras use it (ONVIF Core, section 7.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from ucv.media.errors import MediaError
from ucv.media.xml import parse, text_at
from ucv.plugins.sightings import WsDiscoveryTarget

#: Types that are asked for, with the namespace of each prefix. Some devices answer to one of the
#: two only, and some to nothing but the question that names none.
TYPES = (
    '<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
    "dn:NetworkVideoTransmitter</d:Types>",
    '<d:Types xmlns:tds="http://www.onvif.org/ver10/device/wsdl">tds:Device</d:Types>',
    "",
)
#: Bytes of a message; those of cameras have 1 to 3 KiB.
MAX_BYTES = 16 * 1024
#: Devices that one message may tell of, and how much of each is taken: types, scopes, addresses,
#: and characters of a text.
MAX_TARGETS, MAX_TYPES, MAX_SCOPES, MAX_ADDRESSES, MAX_TEXT = 16, 16, 64, 8, 512

_PROBE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing">'
    '<s:Header><a:Action s:mustUnderstand="1">'
    "http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>"
    "<a:MessageID>{message_id}</a:MessageID><a:ReplyTo><a:Address>"
    "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
    '</a:Address></a:ReplyTo><a:To s:mustUnderstand="1">'
    "urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>"
    '<s:Body><d:Probe xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">'
    "{types}</d:Probe></s:Body></s:Envelope>"
)
#: What tells of devices, and where in it they are.
_TARGETS = {"ProbeMatches": "ProbeMatch", "Hello": "", "Bye": ""}
_ONVIF_SCOPE = re.compile(r"onvif://www\.onvif\.org/([^/]+)/(.+)", re.IGNORECASE)
#: Some devices write the port twice, or leave the path out.
_XADDR = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.%]+\]|[^/:@?#\[\]]*)(?::([0-9]{1,5}))?(?::[0-9]{1,5})*(/[!-~]*)?",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class WsMessage:
    """One message. ``kind`` is the name of what is in its body, such as ``ProbeMatches``.

    ``message_id`` and ``relates_to`` are as `identifier` returns them. ``elsewhere`` is whether a
    device named only addresses of other hosts.
    """

    kind: str
    message_id: str
    relates_to: str
    targets: tuple[WsDiscoveryTarget, ...]
    elsewhere: bool = False


def probe(message_id: str, types: str) -> bytes:
    """Return a question for devices of some types, one of `TYPES`."""
    return _PROBE.format(message_id=message_id, types=types).encode()


def identifier(text: str) -> str:
    """Return a UUID without its prefixes, which devices write and leave out as they like."""
    return _line(text).casefold().removeprefix("urn:").removeprefix("uuid:")


def read(data: bytes, host: str) -> WsMessage:
    """Return a message from a host; raises `MediaError` for what is none."""
    envelope = parse(data, limit=MAX_BYTES)
    body = envelope.find("Body")
    if envelope.tag != "Envelope" or body is None or len(body) == 0:
        raise MediaError("The document is no SOAP message.")
    content = body[0]
    found = _found(content)
    targets = tuple(_target(element, host) for element in found)
    named = [_named(element) for element in found]
    return WsMessage(
        kind=content.tag,
        message_id=identifier(text_at(envelope, "Header/MessageID")),
        relates_to=identifier(text_at(envelope, "Header/RelatesTo")),
        targets=targets,
        elsewhere=any(one and not any(_is_at(x, host) for x in one) for one in named),
    )


def _found(content: Element) -> list[Element]:
    within = _TARGETS.get(content.tag)
    if within is None:
        return []
    return content.findall(within)[:MAX_TARGETS] if within else [content]


def _target(element: Element, host: str) -> WsDiscoveryTarget:
    scopes = tuple(_lines(text_at(element, "Scopes").split(), MAX_SCOPES))
    types = (name.rpartition(":")[2] for name in text_at(element, "Types").split())
    return WsDiscoveryTarget(
        host=host,
        endpoint=_line(text_at(element, "EndpointReference/Address"))
        .casefold()
        .removeprefix("urn:"),
        types=tuple(_lines(types, MAX_TYPES)),
        scopes=scopes,
        onvif=_onvif(scopes),
        addresses=tuple(_addresses(_named(element), host)),
    )


def _onvif(scopes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    told: dict[str, list[str]] = {}
    for scope in scopes:
        match = _ONVIF_SCOPE.fullmatch(scope)
        if match is not None:
            value = _line(unquote(match.group(2), errors="replace"))
            if value:
                told.setdefault(match.group(1).casefold(), []).append(value)
    return {category: tuple(values) for category, values in told.items()}


def _named(element: Element) -> list[str]:
    xaddrs = text_at(element, "XAddrs").split()[:MAX_ADDRESSES]
    return [xaddr for xaddr in xaddrs if len(xaddr) <= MAX_TEXT]


def _addresses(named: list[str], host: str) -> list[str]:
    """Return what is named, at the host itself: those first that were there from the start."""
    named = sorted(named, key=lambda xaddr: not _is_at(xaddr, host))
    return list(dict.fromkeys(filter(None, (_at(xaddr, host) for xaddr in named))))


def _at(xaddr: str, host: str) -> str | None:
    match = _XADDR.fullmatch(xaddr)
    if match is None:
        return None
    scheme, port = match.group(1).casefold(), int(match.group(3) or 0)
    if port > 65535:
        return None
    explicit = "" if port in (0, _DEFAULT_PORTS[scheme]) else f":{port}"
    return f"{scheme}://{host}{explicit}{match.group(4) or '/'}"


def _is_at(xaddr: str, host: str) -> bool:
    match = _XADDR.fullmatch(xaddr)
    return match is not None and match.group(2) == host


def _lines(texts: Iterable[str], limit: int) -> Iterator[str]:
    for text, _ in zip(filter(None, map(_line, texts)), range(limit), strict=False):
        yield text


def _line(text: str) -> str:
    """Return the start of a text, on one line and printable."""
    return "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT]).strip()
