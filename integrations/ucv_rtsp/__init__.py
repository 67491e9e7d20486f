"""Cameras by RTSP address, or by host alone: then the paths cameras are known to use are tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import voluptuous as vol

from ucv import DeviceInfo, Integration, Stream, fields, hookimpl
from ucv.plugins.device import Device
from ucv_rtsp.descriptions import known
from ucv_rtsp.probing import find_streams
from ucv_rtsp.recognition import HANDLERS

SCHEMES = ("rtsp", "rtsps")
_MAX_STREAMS = 8
#: What the configuration calls a way of reading, and the name of its stream provider. "auto" names
#: none: then the best comes first, and the next where it cannot read what the camera sends.
_PROVIDERS = {"native": "rtsp", "av": "av"}
_SOURCES = {"auto": "Automatic", "native": "Native", "av": "FFmpeg"}


def _one_main_stream(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check that the main stream is given once: by ``url``, in ``urls``, or by ``host``."""
    roles = [stream["role"] for stream in value.get("urls", ())]
    if len(set(roles)) != len(roles):
        raise vol.Invalid("each stream needs a role of its own", path=["urls"])
    given = [key for key in ("url", "host") if key in value]
    if "main" in roles:
        given.append("urls")
    if not given:
        raise vol.Invalid("give the address of the camera as url, urls or host", path=["url"])
    if len(given) > 1:
        message = f"the main stream is given twice, by {given[0]} and {given[1]}"
        raise vol.Invalid(message, path=[given[1]])
    if "port" in value and "host" not in value:
        raise vol.Invalid("port goes with host; in an address it is part of it", path=["port"])
    return value


class Rtsp(Integration):
    """Any camera that speaks RTSP.

    With addresses given, set-up does no I/O: a camera that is away does not delay the start, and
    its stream says what is wrong. ``unique_id`` is then host, port and path of the main stream,
    for RTSP tells nothing that stays the same at a new address.
    """

    domain = "rtsp"
    name = "RTSP"
    version = "1.0.0"
    schema = vol.All(
        {
            fields.describe(
                "url",
                label="Address",
                help="Address of the main stream. User name and password in it are taken out.",
                placeholder="rtsp://192.0.2.10:554/Streaming/Channels/101",
            ): fields.Url(*SCHEMES),
            fields.describe(
                "urls",
                label="Addresses by role",
                help="Several streams of one camera, each with its role, instead of one address.",
                advanced=True,
            ): vol.All(
                [
                    {
                        fields.describe(
                            vol.Required("url"), label="Address", help="Address of the stream."
                        ): fields.Url(*SCHEMES),
                        fields.describe(
                            vol.Optional("role", default="main"),
                            label="Role",
                            help='What the stream is for: "main", "sub" or another short word.',
                        ): fields.Role(),
                    }
                ],
                vol.Length(min=1, max=_MAX_STREAMS),
            ),
            fields.describe(
                "host",
                label="Host",
                help="Name or IP address alone: then the paths cameras are known to use are tried.",
                placeholder="192.0.2.10",
            ): fields.Host(),
            fields.describe(
                "port",
                label="RTSP port",
                help="Goes with host; only needed if it is none of the usual ones.",
                placeholder="554",
                advanced=True,
            ): fields.Port(),
            **fields.CREDENTIALS,
            fields.describe(
                "transport",
                label="Transport",
                help="How video travels: within the RTSP connection (TCP).",
                assumed="tcp",
                advanced=True,
            ): vol.In({"tcp": "TCP"}),
            fields.describe(
                "source",
                label="Reader",
                help="What reads the streams; automatic takes the first that can.",
                assumed="auto",
                advanced=True,
            ): vol.In(_SOURCES),
            fields.describe(
                "tls_verify",
                label="Verify certificate",
                help="Whether an rtsps:// camera must show a certificate that this system trusts.",
                assumed=True,
                advanced=True,
            ): fields.Boolean(),
        },
        _one_main_stream,
    )

    async def setup(self, device: Device) -> None:
        """Find the streams of a camera of which only the host is known, once."""
        if "host" in device.config and "found" not in device.config:
            await device.remember(found=await find_streams(device))

    async def probe(self, device: Device) -> DeviceInfo:
        """Return what identifies the camera; asks it nothing."""
        main = _streams(device)["main"]
        parts = urlsplit(main)
        port = parts.port or (322 if parts.scheme == "rtsps" else 554)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return DeviceInfo(unique_id=f"{parts.hostname}:{port}{path}", manufacturer=_vendor(device))

    async def streams(self, device: Device) -> list[Stream]:
        """Return the streams that were given or found, the main one first."""
        config = device.config
        options = {key: config[key] for key in ("transport", "tls_verify") if key in config}
        if (provider := _PROVIDERS.get(config.get("source", "auto"))) is not None:
            options["source"] = provider
        found = config.get("found", {})
        return [
            Stream(role, url, options=options, **known(found, role))
            for role, url in _streams(device).items()
        ]


def _streams(device: Device) -> dict[str, str]:
    """Return the addresses by role, the main one first."""
    config = device.config
    streams: dict[str, str] = {}
    if "url" in config:
        streams["main"] = config["url"]
    for role, path in config.get("found", {}).get("paths", {}).items():
        port = config.get("port") or config["found"].get("port", 554)
        streams[role] = device.url("rtsp", path, port)
    for stream in config.get("urls", ()):
        streams[stream["role"]] = stream["url"]
    return dict(sorted(streams.items(), key=lambda item: item[0] != "main"))


def _vendor(device: Device) -> str | None:
    vendor: str | None = device.config.get("found", {}).get("vendor")
    return vendor


@hookimpl
def ucv_register_integrations(integrations: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    integrations.add(Rtsp)


@hookimpl
def ucv_register_discovery(handlers: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    for handler in HANDLERS:
        handlers.add(handler)
