"""WS-Discovery, as an ONVIF device answers it (ONVIF Core Specification, section 7.3)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence
from urllib.parse import quote

from ucv.testing.discovery.identity import Announced

PORT, GROUPS = 3702, ("239.255.255.250",)
_MESSAGE = re.compile(rb"<(?:\w+:)?MessageID[^>]*>\s*([^<\s]+)\s*</")
_TYPES = re.compile(rb"<(?:\w+:)?Types[^>]*>\s*([^<]*?)\s*</")
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
    "<SOAP-ENV:Header><wsa:MessageID>urn:uuid:{message}</wsa:MessageID>{relates}"
    "<wsa:To>{to}</wsa:To>"
    "<wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/{action}</wsa:Action>"
    "</SOAP-ENV:Header><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
)
_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
_EVERYBODY = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"


def answer(device: Announced, quirks: Collection[str], question: bytes) -> Sequence[bytes]:
    """Return the answers to a question: for what is wanted, or for nothing in particular."""
    asked, types = _MESSAGE.search(question), _TYPES.search(question)
    if asked is None or b"Probe>" not in question:
        return ()
    wanted = types[1].decode() if types is not None else ""
    if wanted and "only-empty-types" in quirks:
        return ()
    if wanted and not wanted.endswith(("NetworkVideoTransmitter", "Device")):
        return ()
    relates = f"<wsa:RelatesTo>{asked[1].decode()}</wsa:RelatesTo>"
    if "relates-to-nothing" in quirks:
        relates = ""
    body = f"<d:ProbeMatches><d:ProbeMatch>{_self(device, quirks)}</d:ProbeMatch></d:ProbeMatches>"
    return (_message("ProbeMatches", body, relates=relates, to=_ANONYMOUS),)


def hello(device: Announced, quirks: Collection[str]) -> bytes:
    """Return what is said to all when the device starts."""
    return _message("Hello", f"<d:Hello>{_self(device, quirks)}</d:Hello>")


def bye(device: Announced, quirks: Collection[str]) -> bytes:
    """Return what is said to all when the device is shut down."""
    return _message("Bye", f"<d:Bye>{_reference(device, quirks)}</d:Bye>")


def _message(action: str, body: str, *, relates: str = "", to: str = _EVERYBODY) -> bytes:
    return _ENVELOPE.format(
        message=uuid.uuid4(), relates=relates, to=to, action=action, body=body
    ).encode()


def _reference(device: Announced, quirks: Collection[str]) -> str:
    endpoint = str(uuid.uuid4()) if "changing-endpoint" in quirks else device.endpoint
    prefix = "uuid:" if "short-uuid" in quirks else "urn:uuid:"
    return (
        f"<wsa:EndpointReference><wsa:Address>{prefix}{endpoint}</wsa:Address>"
        "</wsa:EndpointReference>"
    )


def _self(device: Announced, quirks: Collection[str]) -> str:
    name = f"{device.manufacturer} {device.model}" if device.kind != "onvif" else device.name
    scopes = [
        "type/video_encoder",
        "Profile/Streaming",
        f"hardware/{quote(device.model)}",
        f"name/{quote(name)}",
        f"location/{quote('Front yard')}",
    ]
    if "mac-scope" in quirks:
        scopes.append(f"MAC/{device.mac}")
    listed = " ".join(f"onvif://www.onvif.org/{scope}" for scope in scopes)
    path = "/onvif/device_service"
    own = f"http://{device.address}:{device.http_port}{path}"
    addresses = [own]
    if "unspecified-host" in quirks:
        addresses = [f"http://0.0.0.0:{device.http_port}{path}"]
    if "foreign-host" in quirks:
        addresses = [f"http://198.51.100.7:{device.http_port}{path}"]
    if "several-addresses" in quirks:
        addresses = [f"http://10.99.99.99{path}", own, f"http://[fe80::1]{path}"]
    types = "" if "empty-types" in quirks else "dn:NetworkVideoTransmitter tds:Device"
    return (
        f"{_reference(device, quirks)}<d:Types>{types}</d:Types><d:Scopes>{listed}</d:Scopes>"
        f"<d:XAddrs>{' '.join(addresses)}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion>"
    )
