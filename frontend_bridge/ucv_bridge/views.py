"""Cameras, entries and measurements as the JSON that clients see; never a secret."""

from __future__ import annotations

import dataclasses
from typing import Any

from ucv.bus import EventBus
from ucv.cameras.camera import Camera, StreamProfile
from ucv.config.drafts import public_mapping
from ucv.entries.entry import EntryOrigin
from ucv.entries.manager import EntryView
from ucv.errors import NotFoundError
from ucv.hub import Hub
from ucv.streams.state import Reason, StreamFormatChanged, StreamHealth, StreamState


def reason_json(reason: Reason | None) -> dict[str, str] | None:
    """Return code and sentence, or None."""
    return None if reason is None else {"code": reason.code, "message": reason.message}


def entry_json(view: EntryView) -> dict[str, Any]:
    """Return an entry with its state."""
    config, status = view.config, view.status
    return {
        "id": config.id,
        "integration": config.integration,
        "name": config.name,
        "origin": config.origin.value,
        "read_only": config.origin is EntryOrigin.YAML,
        "state": status.state.value,
        "reason": reason_json(status.reason),
        "next_try": status.next_try or None,
        "preload": config.preload,
        "disabled": config.disabled,
        "data": public_mapping(config),
    }


def health_json(health: StreamHealth) -> dict[str, Any]:
    """Return one second's measurements."""
    return dataclasses.asdict(health)


class CameraViews:
    """Puts together what entries, registry and streams each know of a camera.

    Remembers the formats that streams told, for profiles whose integration did not know them.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._formats: dict[tuple[str, str], StreamFormatChanged] = {}
        self._unsubscribe = hub.bus.subscribe(StreamFormatChanged, self._note_format)

    def close(self) -> None:
        """Stop listening."""
        self._unsubscribe()

    @property
    def bus(self) -> EventBus:
        """Where changes are told."""
        return self._hub.bus

    def ids(self) -> list[str]:
        """Return the ids of all cameras in the order of their names.

        An entry that never could be set up counts as a camera of the entry's id.
        """
        ids: list[str] = []
        for view in self._hub.entries.list():
            cameras = self._hub.cameras.of_entry(view.config.id)
            ids += [camera.id for camera in cameras] or [view.config.id]
        return ids

    def all(self) -> list[dict[str, Any]]:
        """Return all cameras."""
        return [camera for camera_id in self.ids() if (camera := self.find(camera_id))]

    def get(self, camera_id: str) -> dict[str, Any]:
        """Return one camera; raises `NotFoundError`."""
        if (found := self.find(camera_id)) is None:
            raise NotFoundError("There is no such camera.", details={"camera": camera_id[:64]})
        return found

    def find(self, camera_id: str) -> dict[str, Any] | None:
        """Return one camera, or None."""
        camera = self._hub.cameras.find(camera_id)
        try:
            view = self._hub.entries.get(camera.entry_id if camera else camera_id)
        except NotFoundError:
            return None
        return self._camera_json(camera, view)

    def _camera_json(self, camera: Camera | None, view: EntryView) -> dict[str, Any]:
        config, status = view.config, view.status
        profiles = [self._profile_json(camera.id, p) for p in camera.profiles] if camera else []
        main_profile = camera.profile() if camera else None
        main = next((p for p in profiles if main_profile and p["name"] == main_profile.name), None)
        stream = main["stream"] if main else None
        return {
            "id": camera.id if camera else config.id,
            "name": camera.name if camera else config.name,
            "integration": config.integration,
            "read_only": config.origin is EntryOrigin.YAML,
            "origin": config.origin.value,
            "preload": config.preload,
            "disabled": config.disabled,
            "unique_id": camera.unique_id if camera else config.unique_id,
            "manufacturer": camera.manufacturer if camera else None,
            "model": camera.model if camera else None,
            "config": public_mapping(config),
            "entry": {
                "id": config.id,
                "state": status.state.value,
                "reason": reason_json(status.reason),
                "next_try": status.next_try or None,
            },
            "state": stream["state"] if stream else None,
            "reason": (stream["reason"] if stream else None) or reason_json(status.reason),
            "profiles": profiles,
            "capabilities": list(camera.capabilities) if camera else [],
        }

    def _profile_json(self, camera_id: str, profile: StreamProfile) -> dict[str, Any]:
        told = self._formats.get((camera_id, profile.name))
        return {
            "name": profile.name,
            "role": profile.role,
            "codec": told.codec if told else profile.codec,
            "codec_string": told.codec_string if told else None,
            "width": told.width if told else profile.width,
            "height": told.height if told else profile.height,
            "frame_rate": (told.frame_rate if told else 0.0) or profile.frame_rate,
            "stream": self._stream_json(camera_id, profile.name),
        }

    def _stream_json(self, camera_id: str, profile: str) -> dict[str, Any]:
        try:
            stream = self._hub.streams.get(camera_id, profile)
        except NotFoundError:
            # The entry is not set up, or is being set up: nothing is connected.
            state = StreamState.IDLE.value
            return {"state": state, "reason": None, "next_try": None, "since": None, "viewers": 0}
        status = stream.status
        return {
            "state": status.state.value,
            "reason": reason_json(status.reason),
            "next_try": status.next_try or None,
            "since": status.since or None,
            "viewers": stream.viewers,
        }

    def _note_format(self, event: StreamFormatChanged) -> None:
        self._formats[event.camera_id, event.profile] = event
