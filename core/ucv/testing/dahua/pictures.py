"""The pictures of a Dahua device over HTTP: snapshot.cgi and mjpg/video.cgi."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

from ucv.clock import Clock
from ucv.testing.dahua.answers import Commands, Refusal, number
from ucv.testing.dahua.config_store import ConfigStore
from ucv.testing.dahua.inputs import Inputs
from ucv.testing.http_message import Answer, Request

_BOUNDARY = "myboundary"
#: MJPEG pictures per second.
_RATE = 5

#: Gives the picture of a channel, counted from 1, at this moment.
Camera = Callable[[int], Awaitable[bytes]]


class Pictures:
    """Answers with what ``camera`` sees. ``viewers`` are the MJPEG streams that play."""

    def __init__(
        self,
        inputs: Inputs,
        store: ConfigStore,
        camera: Camera,
        clock: Clock,
        quirks: Collection[str],
    ) -> None:
        self.viewers = 0
        self._inputs = inputs
        self._store = store
        self._camera = camera
        self._clock = clock
        self._quirks = quirks
        self._base = 0 if "zero-based-channels" in quirks else 1

    @property
    def commands(self) -> Commands:
        """The two commands."""
        return {"snapshot.cgi": self._snapshot, "mjpg/video.cgi": self._video}

    async def _snapshot(self, request: Request) -> Answer:
        quirks = self._quirks
        given = request.query.get("channel")
        if given == "0" and "snapshot-zero-hangs" in quirks:
            await asyncio.Event().wait()
        if "no-snapshot" in quirks or (given is not None and "no-channel-parameter" in quirks):
            raise Refusal
        channel = self._channel(request)
        return Answer(200, {"Content-Type": "image/jpeg"}, await self._camera(channel))

    def _video(self, request: Request) -> Answer:
        channel = self._channel(request)
        subtype = number(request, "subtype", 0)
        index = channel - 1
        name = f"Encode[{index}].ExtraFormat[{subtype - 1}]"
        if subtype == 0:
            if "mjpeg-main-stream" not in self._quirks:
                raise Refusal
        elif (
            self._store.find(f"{name}.Video.Compression") != "MJPG"
            or self._store[f"{name}.VideoEnable"] != "true"
        ):
            raise Refusal
        content_type = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
        return Answer(200, {"Content-Type": content_type}, self._parts(channel), chunked=False)

    def _channel(self, request: Request) -> int:
        channel = self._inputs.from_request(request, base=self._base, default=self._base)
        if not self._inputs[channel].online:
            raise Refusal(500)
        return channel

    async def _parts(self, channel: int) -> AsyncIterator[bytes]:
        self.viewers += 1
        due = math.floor(self._clock.time() * _RATE)
        try:
            while True:
                picture = await self._camera(channel)
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                yield f"--{_BOUNDARY}\r\n{head}".encode() + picture + b"\r\n"
                due = max(due + 1, math.floor(self._clock.time() * _RATE))
                await self._clock.sleep(max(0.0, due / _RATE - self._clock.time()))
        finally:
            self.viewers -= 1
