"""Everything that is known of one entry, as one JSON without secrets."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import ucv
from ucv.cameras.camera import Camera
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock
from ucv.config.drafts import public_mapping
from ucv.diagnostics.history import History
from ucv.diagnostics.plain import plain
from ucv.entries.entry import EntryConfig
from ucv.entries.manager import EntryManager
from ucv.errors import CameraViewerError, NotFoundError
from ucv.plugins.api import API_VERSION
from ucv.plugins.calls import Calls
from ucv.plugins.faults import PluginFaults
from ucv.plugins.loader import PluginManager
from ucv.secrets import Redactor
from ucv.streams.manager import StreamManager

#: Seconds an integration gets for its own part.
OWN_LIMIT = 5.0


class Diagnostics:
    """Puts together what the parts of the hub know."""

    def __init__(
        self,
        *,
        clock: Clock,
        calls: Calls,
        plugins: PluginManager,
        faults: PluginFaults,
        entries: EntryManager,
        cameras: CameraRegistry,
        streams: StreamManager,
        history: History,
        redactor: Redactor,
    ) -> None:
        self._clock = clock
        self._calls = calls
        self._plugins = plugins
        self._faults = faults
        self._entries = entries
        self._cameras = cameras
        self._streams = streams
        self._history = history
        self._redactor = redactor

    async def of_entry(self, entry_id: str) -> dict[str, Any]:
        """Return all of it; raises `NotFoundError`.

        Every known secret is taken out of every text by its value, and the entry's user name too.
        Addresses stay: without them, little can be told.
        """
        entry = self._entries.get(entry_id)
        config, status = entry.config, entry.status
        redact = self._redact_for(config)
        own = self._plain(config, await self._own(config), redact)
        whole = {
            "made_at": self._clock.time(),
            "hub": {
                "version": ucv.__version__,
                "python": platform.python_version(),
                "platform": platform.platform(),
                "implementation": sys.implementation.name,
            },
            "plugin": self._plugin(config),
            "entry": {
                **public_mapping(config),
                "origin": config.origin,
                "version": config.version,
                "unique_id": config.unique_id,
                "facts": config.facts,
                "refused_logins": self._refusals(config),
                "secrets_kept": sorted(config.secrets),
                "state": status.state,
                "reason": asdict(status.reason) if status.reason else None,
                "next_try": status.next_try or None,
                "changes": self._history.of_entry(entry_id),
            },
            "cameras": [self._camera(camera) for camera in self._cameras.of_entry(entry_id)],
        }
        result: dict[str, Any] = plain(whole, redact, limit=200_000)
        result["integration"] = own
        return result

    def _plain(self, config: EntryConfig, told: Any, redact: Callable[[str], str]) -> Any:
        # Bounded apart: the integration's part must not crowd out the hub's own.
        try:
            return plain(told, redact)
        # A mapping of the plugin's own making may raise whatever it likes when it is read.
        except Exception as error:
            owner = self._plugins.owner_of(config.integration)
            self._calls.fault(owner, f"diagnostics of {config.id}", error)
            return {"error": "What the integration tells cannot be read."}

    def _redact_for(self, config: EntryConfig) -> Callable[[str], str]:
        username = config.data.get("username")
        names = Redactor()
        if isinstance(username, str):
            names.add(username)
        return lambda text: names.redact(self._redactor.redact(text))

    async def _own(self, config: EntryConfig) -> Any:
        try:
            integration, device = self._entries.loaded(config.id)
        except CameraViewerError:
            return {}
        try:
            return await self._calls.call(integration, "diagnostics", device, limit=OWN_LIMIT)
        except CameraViewerError as error:
            return {"error": error.message}

    def _refusals(self, config: EntryConfig) -> int | None:
        """Return how many logins the device has refused since the last that it let in."""
        try:
            _, device = self._entries.loaded(config.id)
        except CameraViewerError:
            return None
        return device.lockout.refusals

    def _plugin(self, config: EntryConfig) -> dict[str, Any]:
        name = self._plugins.owner_of(config.integration)
        plugin = self._plugins.find(name)
        integration = self._plugins.integrations.get(config.integration)
        return {
            "name": name,
            "source": plugin.source if plugin else None,
            "version": integration.version if integration else None,
            "api": integration.api if integration else None,
            "api_of_hub": ".".join(map(str, API_VERSION)),
            "entry_version": integration.entry_version if integration else None,
            "faults": [
                asdict(fault) for fault in self._faults.of(name) if _concerns(fault.what, config)
            ],
        }

    def _camera(self, camera: Camera) -> dict[str, Any]:
        return {
            "id": camera.id,
            "name": camera.name,
            "unique_id": camera.unique_id,
            "manufacturer": camera.manufacturer,
            "model": camera.model,
            "serial": camera.serial,
            "mac": camera.mac,
            "firmware": camera.firmware,
            "channel": camera.channel,
            "online": camera.online,
            "clock_offset": camera.clock_offset,
            "goes_on": [
                {"kind": event.kind, "source": event.source, "since": event.at}
                for event in self._entries.active_events(camera)
            ],
            "capabilities": camera.capabilities,
            "streams": [
                {**asdict(profile), **self._stream(camera.id, profile.name)}
                for profile in camera.profiles
            ],
        }

    def _stream(self, camera_id: str, profile: str) -> Mapping[str, Any]:
        try:
            stream = self._streams.get(camera_id, profile)
        except NotFoundError:
            return {"status": None}
        seen = stream.format
        return {
            "status": asdict(stream.status),
            "negotiated": None
            if seen is None
            else {
                "codec": seen.codec,
                "codec_string": seen.codec_string,
                "width": seen.width,
                "height": seen.height,
                "frame_rate": seen.frame_rate,
            },
            "health": asdict(stream.health) if stream.health else None,
            "history": self._history.of_stream(camera_id, profile),
        }


def _concerns(what: str, config: EntryConfig) -> bool:
    """Say whether a plugin's fault is about this entry, or about none at all."""
    return " of " not in what or what.endswith(f" of {config.id}")
