"""Cameras of the brands there are, each a virtual device that its own integration reads."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

_log = logging.getLogger(__name__)

#: Each has an address of its own and the same ports at every start: their entries are stored.
_HOST = "127.0.77.{}"
_HTTP_PORT, _RTSP_PORT = 8080, 8554
#: No secrets: they guard pictures that we drew.
_USER, _PASSWORD = "admin", "camera-secret"

_NAMES: Mapping[str, str] = {
    "dahua": "Dahua",
    "hikvision": "Hikvision",
    "onvif": "ONVIF",
    "mjpeg": "Motion JPEG",
}


def brand_entries() -> list[Mapping[str, Any]]:
    """Return one mapping for each brand, as in the YAML's list of cameras; none without addresses.

    Those but the last can be turned, and report motion.
    """
    return [_mapping(brand) for brand in _NAMES] if _has_addresses() else []


class Brands:
    """Runs the devices while at least one camera of the demo is open. Belongs to one event loop."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._lock = asyncio.Lock()
        self._running: AsyncExitStack | None = None

    async def open(self, entry_id: str) -> None:
        """Open for a camera of the demo; one whose port somebody else has is left out."""
        self._open.add(entry_id)
        async with self._lock:
            if self._running is not None or not self._open or not _has_addresses():
                return
            async with AsyncExitStack() as stack:
                for brand in _NAMES:
                    try:
                        await stack.enter_async_context(_device(brand))
                    except OSError as error:
                        _log.warning("No virtual %s camera: %s", _NAMES[brand], error.strerror)
                try:
                    await _announce_one(stack)
                except OSError as error:
                    _log.warning("No virtual camera can be discovered: %s", error.strerror)
                self._running = stack.pop_all()

    async def close(self, entry_id: str) -> None:
        """Close for a camera; harmless when it is not open."""
        self._open.discard(entry_id)
        async with self._lock:
            if self._running is not None and not self._open:
                running, self._running = self._running, None
                await running.aclose()


def _has_addresses() -> bool:
    """Say whether this machine has more loopback addresses than one; macOS has not."""
    with socket.socket() as probe:
        try:
            probe.bind((_HOST.format(1), 0))
        except OSError:
            return False
    return True


def _host(brand: str) -> str:
    return _HOST.format(list(_NAMES).index(brand) + 1)


def _device(brand: str) -> Any:
    # Imported here: a hub without the demo's cameras loads this module as well.
    from ucv.testing.dahua import DahuaDevice  # noqa: PLC0415
    from ucv.testing.hikvision import HikvisionDevice  # noqa: PLC0415
    from ucv.testing.mjpeg_device import MjpegDevice  # noqa: PLC0415
    from ucv.testing.onvif import OnvifDevice  # noqa: PLC0415

    name, host = _NAMES[brand].upper(), _host(brand)
    if brand == "mjpeg":
        return MjpegDevice(
            _USER, _PASSWORD, name=name, width=640, height=360, host=host, port=_HTTP_PORT
        )
    kind = {"dahua": DahuaDevice, "hikvision": HikvisionDevice, "onvif": OnvifDevice}[brand]
    return kind(
        name,
        host=host,
        http_port=_HTTP_PORT,
        rtsp_port=_RTSP_PORT,
        username=_USER,
        password=_PASSWORD,
        scene=True,
    )


async def _announce_one(stack: AsyncExitStack) -> None:
    """Run a camera that nobody has added yet, so that there is one to be discovered."""
    from ucv.testing.discovery import announce  # noqa: PLC0415
    from ucv.testing.hikvision import HikvisionDevice  # noqa: PLC0415

    camera = HikvisionDevice(
        "GARDEN",
        host=_HOST.format(len(_NAMES) + 1),
        http_port=_HTTP_PORT,
        rtsp_port=_RTSP_PORT,
        username=_USER,
        password=_PASSWORD,
        scene=True,
    )
    await stack.enter_async_context(camera)
    protocols = ("sadp", "ws-discovery", "ssdp")
    await stack.enter_async_context(announce(camera, protocols=protocols))


def _mapping(brand: str) -> dict[str, Any]:
    mapping: dict[str, Any] = {
        "id": f"demo-{brand}",
        "name": _NAMES[brand],
        "integration": brand,
        "username": _USER,
        "password": _PASSWORD,
    }
    host = _host(brand)
    if brand == "mjpeg":
        return {**mapping, "url": f"http://{host}:{_HTTP_PORT}/video"}
    return {**mapping, "host": host, "http_port": _HTTP_PORT, "rtsp_port": _RTSP_PORT}
