"""Cameras of the brands there are, each run by a virtual device and read as one of that brand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from ucv.testing.dahua import DahuaDevice
from ucv.testing.hikvision import HikvisionDevice
from ucv.testing.mjpeg_device import MjpegDevice
from ucv.testing.onvif import OnvifDevice
from ucv_demo.studio import cache_folder

_log = logging.getLogger(__name__)

#: No secrets: they guard pictures that we drew.
_USER, _PASSWORD = "admin", "camera-secret"

_TURNING: Mapping[str, Callable[..., Any]] = {
    "dahua": DahuaDevice,
    "hikvision": HikvisionDevice,
    "onvif": OnvifDevice,
}
_NAMES: Mapping[str, str] = {
    "dahua": "Dahua",
    "hikvision": "Hikvision",
    "onvif": "ONVIF",
    "mjpeg": "Motion JPEG",
}


async def run(
    known: Mapping[str, Mapping[str, Any]], ready: asyncio.Future[list[dict[str, Any]]]
) -> None:
    """Run one device of each brand until cancelled; ``ready`` gets the mapping of each.

    ``known`` has the data of their entries by id, where there are some: their ports are taken
    again. A device whose port somebody else has is left out.
    """
    async with AsyncExitStack() as stack:
        mappings = []
        for brand in _NAMES:
            device = _made(brand, known.get(f"demo-{brand}", {}))
            try:
                await stack.enter_async_context(device)
            except OSError as error:
                _log.warning("The virtual %s camera has no port: %s", _NAMES[brand], error.strerror)
                continue
            mappings.append(_mapping(brand, device))
        ready.set_result(mappings)
        await asyncio.Event().wait()


def _made(brand: str, data: Mapping[str, Any]) -> Any:
    name = _NAMES[brand]
    if brand == "mjpeg":
        _, _, port = str(data.get("url", "")).removesuffix("/video").rpartition(":")
        return MjpegDevice(
            _USER,
            _PASSWORD,
            name=name.upper(),
            width=640,
            height=360,
            port=int(port) if port.isdecimal() else 0,
        )
    return _TURNING[brand](
        name.upper(),
        username=_USER,
        password=_PASSWORD,
        http_port=data.get("http_port", 0),
        rtsp_port=data.get("rtsp_port", 0),
        scene=True,
        clips=cache_folder(),
    )


def _mapping(brand: str, device: Any) -> dict[str, Any]:
    common = {
        "id": f"demo-{brand}",
        "name": _NAMES[brand],
        "integration": brand,
        "username": _USER,
        "password": _PASSWORD,
    }
    if brand == "mjpeg":
        return {**common, "url": f"{device.url}/video"}
    return {
        **common,
        "host": device.host,
        "http_port": device.http_port,
        "rtsp_port": device.rtsp_port,
    }
