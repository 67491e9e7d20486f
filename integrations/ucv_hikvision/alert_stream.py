"""The alert stream: multipart parts as they come, and which events a device sends there at all."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ucv import ProtocolError, RateLimited
from ucv.media.errors import MediaError
from ucv.media.multipart import MultipartParser, boundary_of
from ucv_hikvision.alerts import Alert, alert
from ucv_hikvision.documents import document, elements, number_at, text
from ucv_hikvision.isapi import ABSENT, Isapi
from ucv_hikvision.response_status import refusal, response_status

PATH = "Event/notification/alertStream"
#: A device says that it is alive about every 10 s; after three times that it is not.
SILENCE = 30.0
#: Bytes of one part: alerts bring pictures along.
MAX_PART = 8 * 1024 * 1024
#: Bytes of the beginning that are kept until there is a part, in case it is an explanation.
_MAX_HEAD = 16 * 1024


async def alerts(isapi: Isapi) -> AsyncGenerator[Alert, None]:
    """Yield the alerts of one connection, heartbeats among them, until the device ends it.

    Pictures and what is no alert are passed over. Raises what `Isapi.listen` does, and
    `ProtocolError` for a stream that is none.
    """
    async with isapi.listen(PATH, silence=SILENCE) as stream:
        parser = MultipartParser(boundary_of(stream.content_type), max_part=MAX_PART)
        head: bytes | None = b""
        async for chunk in stream:
            try:
                parts = parser.feed(chunk)
            except MediaError as error:
                raise ProtocolError(f"The camera's alert stream cannot be read: {error}") from None
            if head is not None:
                head = None if parts else (head + chunk)[:_MAX_HEAD]
            for part in parts:
                told = alert(part.headers.get("content-type", ""), part.body)
                if told is not None:
                    yield told
        if head:
            _raise_explanation(head)


def _raise_explanation(head: bytes) -> None:
    """Raise what a device said instead of a stream: 200 may carry a ``ResponseStatus``."""
    start = head.find(b"<")
    if b"esponseStatus" not in head or start < 0:
        return
    told = response_status(document(head[start:], PATH))
    if told is not None and not told.done:
        raise refusal(200, told, PATH)


async def has_alerts(isapi: Isapi) -> bool:
    """Find out whether there is an alert stream, where `Event/triggers` does not tell."""
    try:
        async with isapi.listen(PATH, silence=SILENCE):
            return True
    except RateLimited:
        return True
    except (*ABSENT, ProtocolError):
        return False


@dataclass(frozen=True, slots=True)
class Trigger:
    """An event that a device can detect; only where ``told`` does it come to the alert stream."""

    kind: str
    channel: int | None
    told: bool


def triggers(root: Element) -> list[Trigger]:
    """Return what ``Event/triggers`` lists.

    An event reaches the stream where its notification is ``center`` ("notify surveillance
    center" in the device's own pages).
    """
    found = []
    for element in elements(root, "EventTrigger"):
        methods = {
            text(notification, "notificationMethod").casefold()
            for notification in elements(element, "EventTriggerNotification")
        }
        channel = number_at(element, "videoInputChannelID")
        if channel is None:
            channel = number_at(element, "dynVideoInputChannelID")
        if kind := text(element, "eventType"):
            found.append(Trigger(kind, channel, "center" in methods))
    return found
