"""What a camera shows at an address, and at which address it shows anything."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from ucv import (
    AccessDenied,
    CameraConnectionError,
    CannotConnect,
    ConnectionClosed,
    ConnectTimeout,
    EndpointNotFound,
    NotSupported,
    ProtocolError,
)
from ucv.media.errors import MediaError
from ucv.media.jpeg import picture_size
from ucv.media.mjpeg import MjpegParser
from ucv.media.multipart import boundary_of
from ucv.plugins.device import Device
from ucv.plugins.identity import normal_mac
from ucv.streams.mjpeg_source import MAX_PICTURE, fill_in
from ucv_mjpeg.paths import Place, candidates

#: Pictures, and seconds after the first, over which the rate is measured.
_PICTURES, _MEASURE = 16, 1.5
#: Seconds for the first picture.
_LIMIT = 8.0
#: The same where many addresses are tried, and how many of them may not answer at all.
_SEARCH_LIMIT, _MAX_SILENT = 3.0, 3
#: Seconds for the page that a camera greets browsers with, and what may come instead of it.
_PAGE_LIMIT = 3.0
_NO_PAGE = (400, 401, 403, 404, 405, 500, 503)


#: Bytes of the page that goes with a refusal.
_REFUSAL_SIZE = 64 * 1024
_AXIS_REALM = re.compile(r'realm="AXIS_([0-9A-F]{12})"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What an address shows: the size of its pictures, their rate, and whether it is but one.

    ``frame_rate`` is 0.0 if the pictures were too few to tell.
    """

    width: int
    height: int
    frame_rate: float
    still: bool


async def look(device: Device, url: str, *, limit: float = _LIMIT) -> Seen:
    """Read the first pictures at an address; ``limit`` is in seconds, for the first one.

    Raises what `device.http` does, and `ProtocolError` if it shows none.
    """
    target, filled = fill_in(url, device.credentials)
    if not filled:
        return await _read(device, target, limit)
    # The password goes out unasked: nobody else may try one meanwhile.
    async with device.lockout.turn():
        return await _read(device, target, limit)


async def _read(device: Device, target: str, limit: float) -> Seen:
    now = device.clock.monotonic
    size: tuple[int, int] | None = None
    arrivals: list[float] = []
    async with device.http.stream("GET", target, idle_timeout=limit) as answer:
        kind = answer.content_type.partition(";")[0].strip().lower()
        if kind.startswith("text/"):
            raise ProtocolError(f"The camera answers with text ({kind[:64]}), not pictures.")
        parser = MjpegParser(boundary_of(answer.content_type), max_picture=MAX_PICTURE)
        begun = now()
        try:
            async for chunk in answer:
                for picture in parser.feed(chunk):
                    arrivals.append(now())
                    size = size or picture_size(picture)
                if len(arrivals) >= _PICTURES or (arrivals and now() - arrivals[0] >= _MEASURE):
                    break
                if size is None and now() - begun >= limit:
                    raise ConnectTimeout("The camera sent no picture in time.")
            else:
                if size is not None and len(arrivals) == 1 and not kind.startswith("multipart/"):
                    return Seen(*size, 0.0, still=True)
        except ConnectTimeout:
            # Some send a picture every few seconds only.
            if size is None:
                raise
        except MediaError as error:
            raise ProtocolError(f"What the camera sends is no motion JPEG: {error}.") from error
    if size is None:
        raise ConnectionClosed("The camera ended the stream before its first picture.")
    return Seen(*size, _rate(arrivals), still=False)


def _rate(arrivals: list[float]) -> float:
    """Return pictures per second, 0.0 if there are too few to tell.

    The first is left out: it may have waited for us. Cameras have whole rates, but for slow ones.
    """
    steady = arrivals[1:]
    if len(steady) < 2 or steady[-1] <= steady[0]:
        return 0.0
    rate = (len(steady) - 1) / (steady[-1] - steady[0])
    return round(rate, 1 if rate < 3 else 0)


async def mac_of(device: Device, url: str) -> str | None:
    """Return the camera's MAC address if it tells it before the login, as Axis does in its realm.

    One request, without credentials.
    """
    if device.credentials is None or fill_in(url, device.credentials)[1]:
        return None
    try:
        answer = await device.http.request(
            "GET",
            url,
            authenticate=False,
            allow_status=(401,),
            limit=_REFUSAL_SIZE,
            timeout=_PAGE_LIMIT,
        )
    except CameraConnectionError as error:
        # It shows its pictures to anybody, or has gone, which the look at them will tell.
        device.log.debug("there is no realm to tell who the camera is: %s", error.code)
        return None
    for challenge in answer.headers.getall("WWW-Authenticate", ()):
        if found := _AXIS_REALM.search(challenge):
            return normal_mac(found[1])
    return None


async def find(device: Device, scheme: str) -> dict[str, Any]:
    """Return ``{"path": path, "port": port or None, "vendor": name or None}`` of a known place.

    No more than the first requests can be refused: the camera is logged in to as long as it lets
    us in. Raises `InvalidAuth`, `CannotConnect` when nobody is there, and `NotSupported` when
    it is none of the places known.
    """
    port = device.config.get("http_port")
    gone: dict[int | None, CannotConnect] = {}
    silent = 0
    for place in candidates(await _server(device), port):
        if place.port in gone:
            continue
        try:
            async with asyncio.timeout(_SEARCH_LIMIT + _MEASURE):
                await look(device, _url(device, scheme, place), limit=_SEARCH_LIMIT)
        except (EndpointNotFound, AccessDenied, ProtocolError, ConnectionClosed) as error:
            device.log.debug("no pictures at %s: %s", place.path, error.code)
        except CannotConnect as error:
            gone[place.port] = error
        except (ConnectTimeout, TimeoutError):
            silent += 1
            if silent >= _MAX_SILENT:
                raise ConnectTimeout("The camera does not answer in time.") from None
        else:
            return {"path": place.path, "port": place.port, "vendor": place.vendor}
    if None in gone and len(gone) == len({place.port for place in candidates("", port)}):
        raise gone[None]
    raise NotSupported(
        "The camera shows motion JPEG at none of the places known; give the address itself."
    )


def _url(device: Device, scheme: str, place: Place) -> str:
    return device.url(scheme, place.path, place.port)


async def _server(device: Device) -> str:
    """Return what the device's web server calls itself, "" if it does not say."""
    try:
        page = await device.http.request(
            "GET", "/", timeout=_PAGE_LIMIT, authenticate=False, allow_status=_NO_PAGE
        )
    except (CannotConnect, ConnectionClosed, ConnectTimeout, ProtocolError) as error:
        device.log.debug("there is no web page to tell whose camera it is: %s", error.code)
        return ""
    return page.headers.get("Server", "")
