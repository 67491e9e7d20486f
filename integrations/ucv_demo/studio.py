"""The server that all virtual cameras share."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from ucv.testing.clip import Clip, load
from ucv.testing.rtsp_auth import Authenticator, AuthKind
from ucv.testing.rtsp_server import Mount, RtspServer
from ucv_demo.cameras import CAMERAS, VirtualCamera

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return where encoded clips are kept: the user's cache folder (XDG)."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "ucv" / "demo"


class Studio:
    """Runs the server while at least one virtual camera is open. Belongs to one event loop."""

    def __init__(self) -> None:
        self._server: RtspServer | None = None
        self._lock = asyncio.Lock()
        self._open: dict[str, str] = {}
        self._encoding: dict[str, asyncio.Task[list[Clip]]] = {}
        self._drops: dict[str, asyncio.Task[None]] = {}

    async def open(self, entry_id: str, variant: str) -> None:
        """Open a camera; encodes its clips first where the cache lacks them."""
        self._open[entry_id] = variant
        camera = CAMERAS[variant]
        # Entries that share a camera share the work; cancelling one must not cancel the other's.
        task = self._encoding.get(variant)
        if task is None:
            requests = list(camera.clips.values())
            task = self._encoding[variant] = asyncio.create_task(
                asyncio.to_thread(load, requests, cache_folder()), name=f"encode {variant}"
            )
        clips = await asyncio.shield(task)
        async with self._lock:
            if entry_id not in self._open:
                return
            if self._server is None:
                self._server = RtspServer(server_header="UCV virtual camera")
                await self._server.start()
                _log.info("Virtual cameras are served on port %d of loopback", self._server.port)
            if _path(variant, "main") not in self._server.mounts:
                self._mount(self._server, variant, camera, clips)

    async def close(self, entry_id: str) -> None:
        """Close a camera; harmless when it is not open."""
        variant = self._open.pop(entry_id, None)
        if variant is None or variant in self._open.values():
            return
        encoding = self._encoding.pop(variant, None)
        if encoding is not None:
            # A thread cannot be cancelled; it ends by itself within seconds.
            await asyncio.gather(encoding, return_exceptions=True)
        async with self._lock:
            # Another entry may have opened the camera in the meantime.
            if variant in self._open.values():
                return
            drops = self._drops.pop(variant, None)
            if drops is not None:
                drops.cancel()
                await asyncio.gather(drops, return_exceptions=True)
            if self._server is None:
                return
            for path in [p for p in self._server.mounts if p.startswith(f"/{variant}/")]:
                self._server.mounts.pop(path).disconnect()
            if not self._open:
                await self._server.stop()
                self._server = None

    def url(self, variant: str, role: str) -> str:
        """Return where a stream of an open camera is."""
        if self._server is None:
            raise RuntimeError("No camera is open.")
        return self._server.url(_path(variant, role))

    def _mount(
        self, server: RtspServer, variant: str, camera: VirtualCamera, clips: list[Clip]
    ) -> None:
        auth = None
        if camera.password:
            auth = Authenticator(AuthKind.DIGEST, camera.username, camera.password)
        mounts = [
            server.add(_path(variant, role), clip, auth)
            for role, clip in zip(camera.clips, clips, strict=True)
        ]
        if camera.drops_out is not None:
            self._drops[variant] = asyncio.create_task(
                _drop_out(mounts, *camera.drops_out), name=f"drop-outs of {variant}"
            )


def _path(variant: str, role: str) -> str:
    return f"/{variant}/{role}"


async def _drop_out(mounts: list[Mount], there: float, away: float) -> None:
    """Come and go, as a camera with a loose plug does."""
    while True:
        await asyncio.sleep(there)
        for mount in mounts:
            mount.faults.refuse_status = 503
            mount.disconnect()
        await asyncio.sleep(away)
        for mount in mounts:
            mount.faults.refuse_status = None
