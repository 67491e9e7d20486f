"""A Hikvision device's streams and still pictures, and the cameras that a recorder records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from xml.etree.ElementTree import Element

from ucv.testing.hikvision.documents import element
from ucv.testing.hikvision.isapi_server import Refusal, Reply, Rule
from ucv.testing.hikvision.settings import Settings
from ucv.testing.hikvision.unit import CODECS, SIZES, Channel, Unit
from ucv.testing.http_message import Answer, Request

#: Returns a channel's picture now, as JPEG, by its number, width and height.
Camera = Callable[[int, int, int], Awaitable[bytes]]

#: Pictures per second of ``httpPreview``.
_PREVIEW_RATE = 5
_BOUNDARY = "boundary"


class StreamingPaths:
    """Answers under ``/Streaming`` and ``/ContentMgmt``."""

    def __init__(self, unit: Unit, settings: Settings, camera: Camera) -> None:
        self._unit = unit
        self._settings = settings
        self._camera = camera
        self._failed: set[str] = set()
        #: How many have an MJPEG stream now.
        self.previews = 0

    def rules(self) -> list[Rule]:
        """Return what it answers."""
        streams, proxy = "/Streaming/channels", "/ContentMgmt/InputProxy/channels"
        relayed = "/ContentMgmt/StreamingProxy/channels/{}/picture"
        return [
            Rule("GET", streams, self._streams),
            Rule("GET", f"{streams}/{{}}", lambda _, number: self._stream(number)),
            Rule("PUT", f"{streams}/{{}}", self._set_stream),
            Rule("GET", f"{streams}/{{}}/picture", self._picture),
            Rule("GET", f"{streams}/{{}}/httpPreview", self._preview),
            Rule("GET", relayed, self._relayed_picture),
            Rule("GET", proxy, self._proxies),
            Rule("GET", f"{proxy}/status", self._statuses),
            Rule("GET", f"{proxy}/{{}}", lambda _, number: self._proxy(self._remote(number))),
            Rule(
                "GET", f"{proxy}/{{}}/status", lambda _, number: self._status(self._remote(number))
            ),
        ]

    # --- streams --------------------------------------------------------------------------------

    def _streams(self, _request: Request) -> Reply:
        listed = Element("StreamingChannelList")
        listed.extend(self._unit.stream(number) for number in self._unit.stream_numbers())
        return listed

    def _stream(self, number: str) -> Element:
        try:
            return self._unit.stream(int(number))
        except (KeyError, ValueError):
            raise self._no_stream() from None

    def _no_stream(self) -> Refusal:
        if "missing-stream-403" in self._unit.quirks:
            return Refusal(4, "notSupport")
        if "missing-stream-500" in self._unit.quirks:
            return Refusal(3)
        return Settings.missing()

    def _set_stream(self, request: Request, number: str) -> Reply:
        def keep(document: Element) -> None:
            self._unit.set_stream(int(number), document)

        def check(document: Element) -> None:
            Settings.one_of(document.findtext("id"), (number,))
            Settings.one_of(document.findtext("Video/videoCodecType"), CODECS)

        return self._settings.write(request.body, self._stream(number), keep, check)

    # --- pictures -------------------------------------------------------------------------------

    async def _picture(self, request: Request, number: str) -> Reply:
        self._stream(number)
        if "snapshot-by-proxy" in self._unit.quirks:
            # The document is all that tells: the status is 200.
            raise Refusal(6, status=200)
        return await self._taken(request, number)

    async def _relayed_picture(self, request: Request, number: str) -> Reply:
        if not self._unit.recorder and "snapshot-by-proxy" not in self._unit.quirks:
            raise Refusal(4)
        return await self._taken(request, number)

    async def _taken(self, request: Request, number: str) -> Answer:
        if "snapshot-device-error" in self._unit.quirks and number not in self._failed:
            self._failed.add(number)
            raise Refusal(3, status=200)
        self._failed.discard(number)
        stream = self._stream(number)
        channel = int(number) // 100
        if not self._unit.channels[channel].online:
            raise Refusal(3)
        width, height, _ = SIZES[int(number) % 100 - 1]
        if wished := _wished_size(request):
            width, height = wished
        elif stream.findtext("enabled") != "true":
            raise Refusal(4, "invalidOperation")
        picture = await self._camera(channel, width, height)
        return Answer(200, {"Content-Type": 'image/jpeg; charset="UTF-8"'}, picture)

    def _preview(self, _request: Request, number: str) -> Reply:
        if self._stream(number).findtext("Video/videoCodecType") != "MJPEG":
            raise Refusal(4)
        headers = {"Content-Type": f"multipart/x-mixed-replace; boundary={_BOUNDARY}"}
        return Answer(200, headers, self._moving(int(number)), chunked=False)

    async def _moving(self, number: int) -> AsyncIterator[bytes]:
        width, height, _ = SIZES[number % 100 - 1]
        self.previews += 1
        try:
            while number // 100 in self._unit.channels:
                picture = await self._camera(number // 100, width, height)
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                head += f"Content-Length: {len(picture)}\r\n\r\n"
                yield head.encode() + picture + b"\r\n"
                await self._unit.clock.sleep(1 / _PREVIEW_RATE)
        finally:
            self.previews -= 1

    # --- a recorder's cameras -------------------------------------------------------------------

    def _remotes(self) -> list[Channel]:
        if not self._unit.recorder:
            raise Refusal(4)
        channels = sorted(self._unit.channels.items())
        return [channel for _, channel in channels if not channel.analogue]

    def _remote(self, number: str) -> Channel:
        for channel in self._remotes():
            if str(channel.number) == number:
                return channel
        raise Settings.missing()

    def _proxies(self, _request: Request) -> Reply:
        listed = Element("InputProxyChannelList")
        listed.extend(self._proxy(channel) for channel in self._remotes())
        return listed

    def _statuses(self, _request: Request) -> Reply:
        listed = Element("InputProxyChannelStatusList")
        listed.extend(self._status(channel) for channel in self._remotes())
        return listed

    def _proxy(self, channel: Channel) -> Element:
        return element(
            "InputProxyChannel",
            {
                "id": channel.number,
                "name": channel.name,
                "sourceInputPortDescriptor": {
                    **_source(channel),
                    "model": channel.model,
                    "serialNumber": channel.serial,
                    "firmwareVersion": channel.firmware,
                },
            },
        )

    def _status(self, channel: Channel) -> Element:
        streams = [channel.number * 100 + stream for stream in range(1, self._unit.streams + 1)]
        return element(
            "InputProxyChannelStatus",
            {
                "id": channel.number,
                "sourceInputPortDescriptor": _source(channel),
                "online": channel.online,
                "streamingProxyChannelIdList": {"streamingProxyChannelId": streams},
                "chanDetectResult": "connect" if channel.online else "netUnreachable",
            },
        )


def _source(channel: Channel) -> dict[str, Any]:
    return {
        "proxyProtocol": "HIKVISION",
        "addressingFormatType": "ipaddress",
        "ipAddress": channel.address,
        "managePortNo": 8000,
        "srcInputPort": 1,
        "userName": "admin",
        "streamType": "auto",
    }


def _wished_size(request: Request) -> tuple[int, int] | None:
    """Return the width and height that a request asks for, if the device has that size."""
    query = request.query
    wished = query.get("videoResolutionWidth", ""), query.get("videoResolutionHeight", "")
    return next((size[:2] for size in SIZES if (str(size[0]), str(size[1])) == wished), None)
