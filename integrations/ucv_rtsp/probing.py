"""Finds the streams of a camera of which only the host is known."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ucv.errors import (
    CameraConnectionError,
    ConnectionClosed,
    InvalidAuth,
    ProtocolError,
)
from ucv.plugins.device import Device
from ucv.streams.rtsp_probe import describe, probe_paths, sift_paths
from ucv_rtsp.clues import vendor_by_clues
from ucv_rtsp.descriptions import described
from ucv_rtsp.paths import PORTS, Vendor, candidates, sub_path

#: Seconds for the answer about one path.
_LIMIT = 5.0
#: Seconds for finding out whether a port is open.
_CONNECT_LIMIT = 3.0
#: A path that no camera has.
_NOBODYS = "/ucv-nobody-has-this"


async def find_streams(device: Device) -> dict[str, Any]:
    """Return ``{"paths": {role: path}, "port": port, "vendor": name or None, "streams": …}``.

    ``streams`` is what the camera says of each, by role, see `described`.

    Without credentials as far as that goes: where it listens, whose it is, and, of a camera that
    says so without a login, which paths it has. Then the paths are tried, those of the vendor
    first; after two refused credentials the search ends.
    Raises `InvalidAuth`, `StreamNotFound`, `CannotConnect`, `ConnectTimeout`.
    """
    host = device.host
    port = await _port(device)
    vendor, asks = await _greet(device, port)
    paths = candidates(vendor)
    if asks and device.credentials is None:
        raise InvalidAuth("The camera asks for a user name and password.")
    if asks and not await sift_paths(host, port, [_NOBODYS], timeout=_LIMIT, clock=device.clock):
        # It looks at the path first, and says at no cost which ones it has.
        known = await sift_paths(host, port, paths, timeout=_LIMIT, clock=device.clock)
        paths = known or paths
    async with device.lockout.turn() as turn:
        try:
            found = await probe_paths(
                host, port, paths, device.credentials, timeout=_LIMIT, clock=device.clock
            )
        except InvalidAuth:
            turn.refused()
            raise
        turn.accepted()
    main = _path(found[0].asked)
    paths_by_role = {"main": main}
    streams = {"main": described(found[0])}
    if (sub := sub_path(main)) is not None:
        try:
            (there,) = await probe_paths(
                host, port, [sub], device.credentials, timeout=_LIMIT, clock=device.clock
            )
        except (CameraConnectionError, ProtocolError) as error:
            # It may not be for this user, or not while another connection lasts. The main stream
            # was let in, so a refusal here is not the password's, and it is not asked again.
            device.log.debug("no sub stream at %s: %s", sub, error.code)
        else:
            paths_by_role["sub"] = sub
            streams["sub"] = described(there)
    told = ", ".join(f"{role} at {path}" for role, path in paths_by_role.items())
    device.log.info("Found %s", told)
    return {
        "paths": paths_by_role,
        "port": port,
        "vendor": vendor.name if vendor else None,
        "streams": streams,
    }


async def _port(device: Device) -> int:
    """Return where it listens: what is configured, or the first usual port that is open."""
    if (configured := device.config.get("port")) is not None:
        return int(configured)

    async def is_open(port: int) -> bool:
        try:
            async with asyncio.timeout(_CONNECT_LIMIT):
                _, writer = await asyncio.open_connection(device.host, port)
        except (OSError, TimeoutError, UnicodeError):
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    found = await asyncio.gather(*map(is_open, PORTS))
    # Nobody there: then asking the usual one tells what is wrong.
    return next((port for port, there in zip(PORTS, found, strict=True) if there), PORTS[0])


async def _greet(device: Device, port: int) -> tuple[Vendor | None, bool]:
    """Ask without credentials; return whose camera it is, and whether it asks for a login."""
    try:
        hello = await describe(device.url("rtsp", "/", port), timeout=_LIMIT, clock=device.clock)
    except (ConnectionClosed, ProtocolError) as error:
        # Some cameras hang up at an unknown path; others may still be known to them.
        device.log.debug("the first question was answered with %s", error.code)
        return await vendor_by_clues(device, "", "", port), False
    vendor = await vendor_by_clues(device, hello.realm, hello.server, port)
    device.log.debug("realm %r, server %r: %s", hello.realm, hello.server, vendor)
    return vendor, hello.status == 401


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"
