"""Cameras that show motion JPEG over HTTP, or nothing but still pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

import voluptuous as vol

from ucv import Device, DeviceInfo, Integration, NotSupported, Snapshot, Stream, fields, hookimpl
from ucv.streams.mjpeg_source import IDLE_TIMEOUT, MAX_PICTURE, STILLS_PER_SECOND, fill_in
from ucv_mjpeg.probing import Seen, find, look, mac_of
from ucv_mjpeg.recognition import HANDLERS


def _one_place(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check that it is said once where the camera is, and that all of it is on one device."""
    if ("url" in value) is ("host" in value):
        given = "twice, by url and host" if "url" in value else "neither by url nor by host"
        key = "host" if "url" in value else "url"
        raise vol.Invalid(f"it is said {given}, where the camera is", path=[key])
    if "url" in value:
        for key in ("http_port", "tls"):
            if key in value:
                raise vol.Invalid(f"{key} goes with host; in an address it is part of it", [key])
    if "snapshot_url" in value:
        host = value.get("host") or urlsplit(value["url"]).hostname
        if urlsplit(value["snapshot_url"]).hostname != host:
            raise vol.Invalid("the still pictures must come from the same host", ["snapshot_url"])
    return value


class Mjpeg(Integration):
    """Any camera that shows JPEG pictures over HTTP, as a stream or one by one.

    Its pictures are shown as they come, and turned into H.264 only for players that need it.
    ``unique_id`` is MAC address and path of cameras that tell the one before the login (Axis), and
    host, port and path of all others: they tell nothing that stays the same at a new address.
    """

    domain = "mjpeg"
    name = "MJPEG"
    version = "1.0.0"
    schema = vol.All(
        {
            fields.describe(
                "url",
                label="Address",
                help="Address of the stream, or of a still picture, which is then asked for again"
                " and again. User name and password in it are taken out; where the camera wants"
                " them in the query, write {username} and {password} there.",
                placeholder="http://192.0.2.10/mjpg/video.mjpg",
            ): fields.Url("http", "https"),
            fields.describe(
                "host",
                label="Host",
                help="Name or IP address alone: then the paths cameras are known to use are tried.",
                placeholder="192.0.2.10",
            ): fields.Host(),
            fields.describe(
                "http_port",
                label="HTTP port",
                help="Goes with host; only needed if it is not the usual one.",
                advanced=True,
            ): fields.Port(),
            **fields.CREDENTIALS,
            **fields.TLS,
            fields.describe(
                "snapshot_url",
                label="Address of still pictures",
                help="Where the camera has single pictures, often larger than those of its stream.",
                placeholder="http://192.0.2.10/snapshot.jpg",
                advanced=True,
            ): fields.Url("http", "https"),
            fields.describe(
                "frame_rate",
                label="Still pictures per second",
                help="How often a camera is asked that has nothing but still pictures.",
                assumed=STILLS_PER_SECOND,
                advanced=True,
            ): fields.Number(0.05, 30),
            fields.describe(
                "idle_timeout",
                label="Silence",
                help="How long a camera may send nothing before it is taken to be gone.",
                unit="s",
                assumed=IDLE_TIMEOUT,
                advanced=True,
            ): fields.Seconds(2, 120),
        },
        _one_place,
    )
    options = ("snapshot_url", "frame_rate", "idle_timeout")

    # --- set-up ---------------------------------------------------------------------------------

    async def setup(self, device: Device) -> None:
        """Find the stream of a camera of which only the host is known, once."""
        if "host" in device.config and "found" not in device.config:
            await device.remember(found=await find(device, _scheme(device)))

    async def probe(self, device: Device) -> DeviceInfo:
        """Look at its first pictures, for their size and rate."""
        url = _url(device)
        mac = await mac_of(device, url)
        device.runtime = await look(device, url)
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        vendor = device.config.get("found", {}).get("vendor")
        if mac is not None:
            # With the path, for encoders have several cameras.
            return DeviceInfo(unique_id=f"{mac}{path}", mac=mac, manufacturer="Axis")
        return DeviceInfo(unique_id=f"{parts.hostname}:{port}{path}", manufacturer=vendor)

    async def streams(self, device: Device) -> list[Stream]:
        """Return the one stream, as it was seen."""
        seen: Seen = device.runtime
        config = device.config
        options: dict[str, Any] = {"source": "mjpeg"}
        for key in ("fingerprint", "frame_rate", "idle_timeout"):
            if key in config:
                options[key] = config[key]
        rate = float(config.get("frame_rate", STILLS_PER_SECOND)) if seen.still else seen.frame_rate
        return [
            Stream(
                "main",
                _url(device),
                codec="mjpeg",
                width=seen.width,
                height=seen.height,
                frame_rate=rate,
                options=options,
            )
        ]

    async def capabilities(self, device: Device) -> Collection[str]:
        """Return whether it has still pictures of its own: nothing else is known of it."""
        return {"snapshot"} if _stills(device) is not None else ()

    async def diagnostics(self, device: Device) -> Mapping[str, Any]:
        """Return what was seen at the first look."""
        seen: Seen | None = device.runtime
        if seen is None:
            return {}
        return {
            "size": [seen.width, seen.height],
            "frame_rate": seen.frame_rate,
            "still_pictures": seen.still,
        }

    # --- pictures -------------------------------------------------------------------------------

    async def snapshot(self, device: Device) -> Snapshot:
        """Fetch a still picture, of a camera that has them."""
        url = _stills(device)
        if url is None:
            raise NotSupported("The camera has no still pictures of its own.")
        target, _ = fill_in(url, device.credentials)
        return Snapshot(await device.http.get_bytes(target, limit=MAX_PICTURE))


def _scheme(device: Device) -> str:
    return "https" if device.config.get("tls") else "http"


def _url(device: Device) -> str:
    """Return the address of the stream, given or found."""
    config = device.config
    if "url" in config:
        return str(config["url"])
    return device.url(_scheme(device), config["found"]["path"], config["found"]["port"])


def _stills(device: Device) -> str | None:
    """Return where there are still pictures, None if nowhere."""
    if "snapshot_url" in device.config:
        return str(device.config["snapshot_url"])
    seen: Seen | None = device.runtime
    return _url(device) if seen is not None and seen.still else None


@hookimpl
def ucv_register_integrations(integrations: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    integrations.add(Mjpeg)


@hookimpl
def ucv_register_discovery(handlers: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    for handler in HANDLERS:
        handlers.add(handler)
