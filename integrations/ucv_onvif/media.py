"""The media services: profiles and the addresses of streams and pictures.

Media2 has no document in the library, and its three requests are simple: they are written here as
the standard has them (ONVIF Media 2 Service Specification, section 5). Media1 goes by its document.
"""

from __future__ import annotations

from typing import Any

from ucv import NotSupported, ProtocolError
from ucv.wire import xml_text
from ucv_onvif import soap
from ucv_onvif.profiles import Profile, from_media1, from_media2
from ucv_onvif.quirks import MediaPolicy
from ucv_onvif.session import MEDIA2, Session
from ucv_onvif.wsdl import Binding

_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_STREAM_SETUP = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}


async def read_profiles(session: Session) -> list[Profile]:
    """Return what the device streams: as Media2 tells, or Media1 where that fails.

    Raises `ProtocolError` for a device without any.
    """
    policies = session.policies
    if policies.media is None and MEDIA2 in session.services:
        policies.media = MediaPolicy.MEDIA2
    if policies.media is MediaPolicy.MEDIA2:
        try:
            found = from_media2(await _media2(session, "GetProfiles", {"Type": "All"}))
        except (ProtocolError, NotSupported):
            found = []
        if found:
            return found
    policies.media = MediaPolicy.MEDIA1
    found = from_media1(await session.call(Binding.MEDIA, "GetProfiles"))
    if not found:
        raise ProtocolError("The camera has no profile that could be watched.")
    return found


async def stream_uri(session: Session, token: str) -> str:
    """Return where a profile is streamed over RTSP, as the device says it.

    Where Media2 fails, Media1 is asked from then on: its tokens are the same on most devices.
    """
    if session.policies.media is MediaPolicy.MEDIA2:
        values = {"Protocol": "RTSP", "ProfileToken": token}
        try:
            if uri := xml_text(await _media2(session, "GetStreamUri", values), "Uri"):
                return uri
        except (ProtocolError, NotSupported):
            if not session.has(Binding.MEDIA):
                raise
        session.policies.media = MediaPolicy.MEDIA1
    answer = await session.call(
        Binding.MEDIA, "GetStreamUri", {"StreamSetup": _STREAM_SETUP, "ProfileToken": token}
    )
    uri = xml_text(answer, "MediaUri/Uri")
    if not uri:
        raise ProtocolError("The camera does not say where it streams.")
    return uri


async def snapshot_uri(session: Session, token: str) -> str:
    """Return where a profile's picture is; raises `NotSupported` if there is none."""
    if session.policies.media is MediaPolicy.MEDIA2:
        try:
            answer = await _media2(session, "GetSnapshotUri", {"ProfileToken": token})
            if uri := xml_text(answer, "Uri"):
                return uri
        except (ProtocolError, NotSupported):
            pass  # Media1 may know
    try:
        answer = await session.call(Binding.MEDIA, "GetSnapshotUri", {"ProfileToken": token})
    except soap.FaultError:
        raise NotSupported("The camera sends no pictures by itself.") from None
    uri = xml_text(answer, "MediaUri/Uri")
    if not uri:
        raise NotSupported("The camera sends no pictures by itself.")
    return uri


async def _media2(session: Session, operation: str, values: dict[str, str]) -> Any:
    address = session.services.get(MEDIA2)
    if address is None:
        raise NotSupported("The camera does not have this service.")
    # Known to be there: the services were asked for with messages made by it.
    from lxml import etree  # noqa: PLC0415

    envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"s": _SOAP, "tr2": MEDIA2})
    body = etree.SubElement(envelope, f"{{{_SOAP}}}Body")
    request = etree.SubElement(body, f"{{{MEDIA2}}}{operation}")
    for name, value in values.items():
        etree.SubElement(request, f"{{{MEDIA2}}}{name}").text = value
    return (await session.send(address, envelope)).body
