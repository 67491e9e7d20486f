"""An Acme camera made of software: the vendor of the plugin authors' worked example.

HTTP ``/api/info`` → ``{"serial": "ACME-0001", "model": "A1"}``, ``/snap.jpg``; RTSP ``/live/main``
and ``/live/sub``. One account, by Digest, for both.
"""

from __future__ import annotations

from typing import Any

from zeroconf.asyncio import AsyncZeroconf

from ucv.testing.virtual_camera import VirtualCamera, jpeg

SERVICE_TYPE = "_acme-cam._tcp.local."


class AcmeDevice(VirtualCamera):
    """One camera; ``async with AcmeDevice() as camera:``. ``options`` are `VirtualCamera`'s."""

    def __init__(self, *, serial: str = "ACME-0001", model: str = "A1", **options: Any) -> None:
        options = {"password": "acme-secret", "realm": "Acme", **options}
        super().__init__("Acme", **options)
        self.serial = serial
        self.model = model
        self.http.route("/api/info", lambda _: {"serial": self.serial, "model": self.model})
        self.http.route("/snap.jpg", lambda _: jpeg("Acme"))

    async def announce_acme(self, zeroconf: AsyncZeroconf) -> None:
        """Announce its API as ``_acme-cam._tcp.local.``, until `withdraw`; call once started."""
        properties = {"serial": self.serial, "model": self.model}
        label = f"{self.model} {self.serial}"
        await self.announce(zeroconf, SERVICE_TYPE, properties, label=label)
