"""Cameras as REST and WebSocket clients see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ucv.cameras.camera import Camera, StreamProfile
from ucv.config.drafts import public_mapping
from ucv.entries.entry import EntryConfig, EntryOrigin
from ucv.entries.store import EntryView
from ucv.errors import NotFoundError
from ucv.hub import Hub
from ucv.streams.live import LiveStream
from ucv.streams.state import Reason


class CameraViews:
    """Puts together what the parts of the hub know of a camera."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def all(self) -> list[dict[str, Any]]:
        """Return all cameras, in the order of their entries' names."""
        by_entry: dict[str, list[Camera]] = {}
        for camera in self._hub.cameras.list():
            by_entry.setdefault(camera.entry_id, []).append(camera)
        views: list[dict[str, Any]] = []
        for entry in self._hub.entries.list():
            views += self._views(entry, by_entry.get(entry.config.id, ()))
        return views

    def one(self, camera_id: str) -> dict[str, Any]:
        """Return one camera; raises `NotFoundError`."""
        entry = self.entry_of(camera_id)
        camera = self._hub.cameras.find(camera_id)
        return self._view(entry, camera)

    def of_entry(self, entry_id: str) -> list[dict[str, Any]]:
        """Return the cameras of an entry; none if there is no such entry."""
        try:
            entry = self._hub.entries.get(entry_id)
        except NotFoundError:
            return []
        return self._views(entry, self._hub.cameras.of_entry(entry_id))

    def entry_of(self, camera_id: str) -> EntryView:
        """Return the entry that a camera belongs to; raises `NotFoundError`.

        An entry that was never set up stands for its camera, under its own id.
        """
        camera = self._hub.cameras.find(camera_id)
        try:
            if camera is not None:
                return self._hub.entries.get(camera.entry_id)
            if not self._hub.cameras.of_entry(camera_id):
                return self._hub.entries.get(camera_id)
        except NotFoundError:
            pass
        raise NotFoundError("There is no such camera.", details={"camera": camera_id[:64]})

    def entry(self, view: EntryView) -> dict[str, Any]:
        """Return an entry by itself."""
        config, status = view.config, view.status
        return {
            "id": config.id,
            "name": config.name,
            "integration": config.integration,
            "origin": config.origin,
            "read_only": config.origin is EntryOrigin.YAML,
            "preload": config.preload,
            "disabled": config.disabled,
            "config": public_mapping(config),
            "state": status.state,
            "reason": self._reason(status.reason),
            "next_try": status.next_try or None,
        }

    def _views(self, entry: EntryView, cameras: Iterable[Camera]) -> list[dict[str, Any]]:
        return [self._view(entry, camera) for camera in cameras] or [self._view(entry, None)]

    def _view(self, entry: EntryView, camera: Camera | None) -> dict[str, Any]:
        config, status = entry.config, entry.status
        profiles = camera.profiles if camera else ()
        streams = {profile.name: self._stream(camera, profile) for profile in profiles}
        main = camera.profile() if camera else None
        main_stream = streams[main.name] if main else None
        reason = main_stream.status.reason if main_stream else status.reason
        return {
            "id": camera.id if camera else config.id,
            "name": _name(config, camera),
            "integration": config.integration,
            "read_only": config.origin is EntryOrigin.YAML,
            "origin": config.origin,
            "preload": config.preload,
            "disabled": config.disabled,
            "unique_id": camera.unique_id if camera else config.unique_id,
            "manufacturer": camera.manufacturer if camera else None,
            "model": camera.model if camera else None,
            "serial": camera.serial if camera else None,
            "mac": camera.mac if camera else None,
            "firmware": camera.firmware if camera else None,
            "channel": camera.channel if camera else None,
            "online": camera.online if camera else None,
            "clock_offset": camera.clock_offset if camera else None,
            "config": public_mapping(config),
            "entry": {
                "id": config.id,
                "name": config.name,
                "state": status.state,
                "reason": self._reason(status.reason),
                "next_try": status.next_try or None,
            },
            "state": main_stream.status.state if main_stream else None,
            "reason": self._reason(reason),
            "profiles": [self._profile(profile, streams[profile.name]) for profile in profiles],
            "capabilities": camera.capabilities if camera else (),
        }

    def _stream(self, camera: Camera | None, profile: StreamProfile) -> LiveStream | None:
        try:
            return self._hub.streams.get(camera.id, profile.name) if camera else None
        except NotFoundError:  # known from before, but not set up now
            return None

    def _profile(self, profile: StreamProfile, stream: LiveStream | None) -> dict[str, Any]:
        seen = stream.format if stream else None
        return {
            "name": profile.name,
            "role": profile.role,
            "codec": seen.codec if seen else profile.codec,
            "codec_string": seen.codec_string if seen else None,
            "width": (seen and seen.width) or profile.width,
            "height": (seen and seen.height) or profile.height,
            "frame_rate": (seen and seen.frame_rate) or profile.frame_rate,
            "bit_rate": profile.bit_rate or None,
            "audio": profile.audio,
            "stream": self._status(stream),
        }

    def _status(self, stream: LiveStream | None) -> dict[str, Any]:
        if stream is None:
            return {"state": "idle", "reason": None, "next_try": None, "since": None, "viewers": 0}
        status = stream.status
        return {
            "state": status.state,
            "reason": self._reason(status.reason),
            "next_try": status.next_try or None,
            "since": status.since or None,
            "viewers": stream.viewers,
        }

    def _reason(self, reason: Reason | None) -> dict[str, str] | None:
        if reason is None:
            return None
        # The words may be a plugin's or a camera's own.
        return {"code": reason.code, "message": self._hub.redactor.redact(reason.message)}


def _name(config: EntryConfig, camera: Camera | None) -> str:
    # The camera of the entry itself is called what the entry is, at once when that changes.
    return config.name if camera is None or camera.id == config.id else camera.name
