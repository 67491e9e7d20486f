"""Virtual cameras for people without one: a real RTSP server on loopback, read like any camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from ucv import DeviceInfo, Integration, Stream, fields, hookimpl
from ucv.plugins.device import Device
from ucv_demo.brands import Brands, brand_entries
from ucv_demo.cameras import CAMERAS, VirtualCamera
from ucv_demo.studio import Studio


class Demo(Integration):
    """Each entry is one virtual camera; all share one server, made with the first of them."""

    domain = "demo"
    name = "Virtual cameras"
    version = "1.0.0"
    schema = {
        fields.describe(
            vol.Required("variant"), label="Camera", help="Which of the virtual cameras it is."
        ): vol.In({variant: CAMERAS[variant].name for variant in sorted(CAMERAS)}),
        **fields.CREDENTIALS,
    }

    def __init__(self) -> None:
        self._studio = Studio()
        self._brands = Brands()

    def demo_entries(self) -> list[Mapping[str, Any]]:
        """Return one mapping for each virtual camera, as in the YAML's list of cameras.

        First those that move and report, one of each brand, for their own integrations.
        """
        own = [_mapping(variant, camera) for variant, camera in CAMERAS.items()]
        return [*brand_entries(), *own]

    async def setup(self, device: Device) -> None:
        """Start the camera; the first one also starts the server, and the devices of brands."""
        await self._brands.open(device.entry_id)
        await self._studio.open(device.entry_id, device.config["variant"])

    async def unload(self, device: Device) -> None:
        """Stop the camera; the last one also stops the server."""
        await self._studio.close(device.entry_id)
        await self._brands.close(device.entry_id)

    async def probe(self, device: Device) -> DeviceInfo:
        """Return who it says it is."""
        variant = device.config["variant"]
        return DeviceInfo(
            unique_id=f"demo-{variant}", manufacturer="UCV", model="Virtual camera", serial=variant
        )

    async def streams(self, device: Device) -> list[Stream]:
        """Return its streams."""
        variant = device.config["variant"]
        camera = CAMERAS[variant]
        return [
            Stream(
                role,
                self._studio.url(variant, role),
                codec="h264",
                width=clip.width,
                height=clip.height,
                frame_rate=clip.rate,
            )
            for role, clip in camera.clips.items()
        ]


def _mapping(variant: str, camera: VirtualCamera) -> dict[str, Any]:
    mapping: dict[str, Any] = {
        "id": f"demo-{variant}",
        "name": camera.name,
        "integration": Demo.domain,
        "variant": variant,
    }
    if camera.password:
        mapping |= {"username": camera.username, "password": camera.password}
    return mapping


@hookimpl
def ucv_register_integrations(integrations: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    integrations.add(Demo)
