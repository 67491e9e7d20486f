"""SOAP 1.2 as a device speaks it: requests in, answers out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ucv.media import xml
from ucv.media.errors import MediaError
from ucv.testing.http_message import Answer, Request

_CONTENT_TYPE = {"Content-Type": "application/soap+xml; charset=utf-8"}
_NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "ter": "http://www.onvif.org/ver10/error",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "tns1": "http://www.onvif.org/ver10/topics",
    "tt": "http://www.onvif.org/ver10/schema",
    "xs": "http://www.w3.org/2001/XMLSchema",
}
_DECLARED = " ".join(f'xmlns:{name}="{uri}"' for name, uri in _NAMESPACES.items())


class SoapFault(Exception):
    """A fault to answer with: its subcodes from the outer one inwards, and the HTTP status."""

    def __init__(self, *subcodes: str, reason: str = "", status: int = 400) -> None:
        super().__init__(subcodes)
        self.subcodes = subcodes
        self.reason = reason or subcodes[-1]
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the operation, its element and the header, without namespaces."""

    operation: str
    body: Element
    header: Element | None
    request: Request

    def text(self, path: str) -> str:
        """Return what stands at a path of the body."""
        return xml.text_at(self.body, path)


#: Answers an operation: what stands in the body, with the prefixes of `respond`.
Operation = Callable[[Call], str | Awaitable[str]]


def read(request: Request) -> Call:
    """Return what was asked; raises `SoapFault`."""
    try:
        envelope = xml.parse(request.body)
    except MediaError as error:
        raise SoapFault("WellFormed", reason=str(error)) from None
    body = envelope.find("Body")
    if envelope.tag != "Envelope" or body is None or not len(body):
        raise SoapFault("TagMismatch")
    return Call(body[0].tag, body[0], envelope.find("Header"), request)


def respond(body: str, *, damaged: bool = False) -> Answer:
    """Return an answer with that body; ``damaged`` puts bytes into it that are no text."""
    text = f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {_DECLARED}><s:Body>{body}'
    data = f"{text}</s:Body></s:Envelope>".encode()
    if damaged:
        data = data.replace(b"Virtual", b"Virtual \xff\xfe", 1)
    return Answer(200, _CONTENT_TYPE, data)


def refuse(fault: SoapFault) -> Answer:
    """Return the answer that tells of a fault."""
    inner = ""
    for code in reversed(fault.subcodes):
        inner = f"<s:Subcode><s:Value>ter:{code}</s:Value>{inner}</s:Subcode>"
    body = (
        f"<s:Fault><s:Code><s:Value>s:Sender</s:Value>{inner}</s:Code><s:Reason>"
        f'<s:Text xml:lang="en">{xml.escaped(fault.reason)}</s:Text></s:Reason></s:Fault>'
    )
    answer = respond(body)
    return Answer(fault.status, _CONTENT_TYPE, answer.body)
