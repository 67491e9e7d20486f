"""Finds the streams of a camera of which only the host is known."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ucv.errors import (
    CameraConnectionError,
    ConnectionClosed,
    InvalidAuth,
    ProtocolError,
)
from ucv.plugins.device import Device
from ucv.streams.rtsp_probe import describe, probe_paths
from ucv_rtsp.paths import Vendor, candidates, sub_path, vendor_of

#: Seconds for the answer about one path.
_LIMIT = 5.0


async def find_streams(device: Device) -> dict[str, Any]:
    """Return ``{"paths": {role: path}, "vendor": name or None}``.

    The first question goes without credentials: most cameras ask for them before they look at the
    path, and their realm tells whose they are, which costs no try of the account. Then the paths
    are tried, those of the vendor first; after two refused credentials the search ends.
    Raises `InvalidAuth`, `StreamNotFound`, `CannotConnect`, `ConnectTimeout`.
    """
    host, port = device.host, int(device.config.get("port", 554))
    vendor = await _greet(device, port)
    async with device.lockout.turn() as turn:
        try:
            found = await probe_paths(
                host,
                port,
                candidates(vendor),
                device.credentials,
                timeout=_LIMIT,
                clock=device.clock,
            )
        except InvalidAuth:
            turn.refused()
            raise
        turn.accepted()
    main = _path(found[0].asked)
    paths = {"main": main}
    if (sub := sub_path(main)) is not None:
        try:
            await probe_paths(
                host, port, [sub], device.credentials, timeout=_LIMIT, clock=device.clock
            )
        except (CameraConnectionError, ProtocolError) as error:
            # It may not be for this user, or not while another connection lasts. The main stream
            # was let in, so a refusal here is not the password's, and it is not asked again.
            device.log.debug("no sub stream at %s: %s", sub, error.code)
        else:
            paths["sub"] = sub
    device.log.info("Found %s", ", ".join(f"{role} at {path}" for role, path in paths.items()))
    return {"paths": paths, "vendor": vendor.name if vendor else None}


async def _greet(device: Device, port: int) -> Vendor | None:
    """Ask without credentials, and return whose camera it is, None if it does not tell."""
    try:
        hello = await describe(device.url("rtsp", "/", port), timeout=_LIMIT, clock=device.clock)
    except (ConnectionClosed, ProtocolError) as error:
        # Some cameras hang up at an unknown path; others may still be known to them.
        device.log.debug("the first question was answered with %s", error.code)
        return None
    vendor = vendor_of(hello.realm, hello.server)
    device.log.debug("realm %r, server %r: %s", hello.realm, hello.server, vendor)
    if hello.status == 401 and device.credentials is None:
        raise InvalidAuth("The camera asks for a user name and password.")
    return vendor


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"
