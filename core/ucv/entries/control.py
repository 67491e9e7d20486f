"""Asks cameras to do what they can do: still pictures, movement, light, reboot."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ucv.cameras.camera import Camera
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock, TimerHandle
from ucv.entries.manager import EntryManager
from ucv.entries.supervisor import reason_of
from ucv.errors import CameraViewerError, InvalidAuth, NotSupported
from ucv.plugins.calls import Calls
from ucv.plugins.capabilities import CAPABILITY_OF
from ucv.plugins.values import Snapshot
from ucv.streams.manager import StreamManager
from ucv.streams.snapshot import snapshot as stream_snapshot

_log = logging.getLogger(__name__)

#: Seconds after which a movement is stopped that nobody has renewed or stopped: whoever holds the
#: button may have lost the connection.
MOVE_LIMIT = 5.0
#: How often a camera is told to stop that cannot be told, and seconds in between.
STOP_TRIES, STOP_PAUSE = 5, 2.0
#: Seconds a stopping hub waits for cameras that are told to stop.
STOP_LIMIT = 1.0
#: Largest still picture taken from a device, in bytes.
MAX_SNAPSHOT = 16 * 1024 * 1024


class CameraControl:
    """What people and programs ask of cameras, whichever plugin brought them."""

    def __init__(
        self,
        *,
        clock: Clock,
        calls: Calls,
        entries: EntryManager,
        cameras: CameraRegistry,
        streams: StreamManager,
    ) -> None:
        self._clock = clock
        self._calls = calls
        self._entries = entries
        self._cameras = cameras
        self._streams = streams
        self._moving: dict[str, TimerHandle] = {}
        self._stops: set[asyncio.Task[None]] = set()

    async def ask(self, camera_id: str, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method of a capability and return its result.

        Raises `NotFoundError`, `NotSupported` for what the camera cannot do, `StreamNotLive` while
        it is not set up, and what the integration raises. Refused credentials stop all traffic.
        """
        camera = self._cameras.get(camera_id)
        capability = CAPABILITY_OF[method]
        integration, device = self._entries.loaded(camera.entry_id, camera_id)
        if capability not in camera.capabilities or not hasattr(integration, method):
            raise NotSupported(details={"camera": camera_id, "capability": capability})
        moving = self._moving.get(camera_id)
        try:
            result = await self._calls.call(integration, method, device, *arguments, **keywords)
        except InvalidAuth as error:
            self._entries.refused(camera.entry_id, reason_of(error), device)
            raise
        finally:
            if method == "ptz_move":
                self._stop_later(camera_id)
        # One that moved again meanwhile is still to be stopped, as is one that could not be told.
        if method == "ptz_stop" and self._moving.get(camera_id) is moving:
            self._forget_move(camera_id)
        return result

    async def snapshot(self, camera_id: str, profile: str | None = None) -> Snapshot:
        """Return a still picture: the device's own if it has any, or else of its live stream.

        With ``profile``, always of that stream. Raises what `ask` and `ucv.streams.snapshot` do.
        """
        camera = self._cameras.get(camera_id)
        if profile is None and self._has_own_snapshot(camera):
            try:
                picture: Snapshot = await self.ask(camera_id, "snapshot")
            except InvalidAuth:
                raise
            except CameraViewerError as error:
                if not camera.profiles:
                    raise
                _log.info("%s gave no picture of its own: %s", camera_id, error.message)
            else:
                if len(picture.data) <= MAX_SNAPSHOT:
                    return picture
        return Snapshot(await stream_snapshot(self._streams.get(camera_id, profile)))

    def stop_soon(self, camera_id: str) -> None:
        """Stop the movement of a camera, if it was told to move and not to stop."""
        if camera_id in self._moving:
            self._forget_move(camera_id)
            self._stop_now(camera_id)

    async def stop(self) -> None:
        """Tell cameras that move to stop, and wait for that, but not for long."""
        for camera_id in list(self._moving):
            self.stop_soon(camera_id)
        if not self._stops:
            return
        _, late = await asyncio.wait(set(self._stops), timeout=STOP_LIMIT)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _has_own_snapshot(self, camera: Camera) -> bool:
        try:
            integration, _ = self._entries.loaded(camera.entry_id)
        except CameraViewerError:
            return False
        return hasattr(integration, "snapshot")

    def _stop_later(self, camera_id: str) -> None:
        self._forget_move(camera_id)
        self._moving[camera_id] = self._clock.call_later(
            MOVE_LIMIT, lambda: self._stop_now(camera_id)
        )

    def _forget_move(self, camera_id: str) -> None:
        if (timer := self._moving.pop(camera_id, None)) is not None:
            timer.cancel()

    def _stop_now(self, camera_id: str) -> None:
        self._moving.pop(camera_id, None)
        task = asyncio.create_task(self._stop_movement(camera_id), name=f"stop {camera_id}")
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _stop_movement(self, camera_id: str) -> None:
        for _ in range(STOP_TRIES):
            try:
                await self.ask(camera_id, "ptz_stop")
            except CameraViewerError as error:
                _log.warning("%s could not be told to stop moving: %s", camera_id, error.message)
                if not error.retry:
                    return
            else:
                return
            await self._clock.sleep(STOP_PAUSE)
            if camera_id in self._moving:  # it was moved again, which has its own end
                return
