"""Commands that make cameras do something: move, light up, restart; and what they report."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import fields as fields_of
from typing import Any

import orjson
import voluptuous as vol

from ucv.cameras.camera_event import CameraEvent, CameraReported, DeviceReported
from ucv.cameras.imaging import DayNight
from ucv.cameras.ptz import PtzVector
from ucv.errors import Forbidden, ValidationError
from ucv_bridge.answers import redacted
from ucv_bridge.api.command import NAME, Call, Command
from ucv_bridge.auth.principal import Role

#: Events that wait for one client; older ones are dropped, and counted.
_MAX_WAITING = 256

_CAMERA: dict[Any, Any] = {vol.Required("camera_id"): NAME}
_AXIS = vol.All(vol.Coerce(float), vol.Range(min=-1, max=1))
_VECTOR: dict[Any, Any] = {
    **_CAMERA,
    vol.Optional("pan"): _AXIS,
    vol.Optional("tilt"): _AXIS,
    vol.Optional("zoom"): _AXIS,
}
_PRESET: dict[Any, Any] = {**_CAMERA, vol.Required("preset_id"): NAME}


def _vector(call: Call) -> PtzVector:
    given = call.arguments
    try:
        return PtzVector(given.get("pan"), given.get("tilt"), given.get("zoom"))
    except ValueError as error:
        raise ValidationError(str(error)) from error


def _camera_id(call: Call) -> str:
    """Return which camera is meant; raises `Forbidden` before anything is told of it."""
    camera_id: str = call.arguments["camera_id"]
    if not call.caller.principal.may_view(camera_id):
        raise Forbidden
    return camera_id


async def _ask(call: Call, method: str, *arguments: Any, **keywords: Any) -> Any:
    camera_id = _camera_id(call)
    return await call.context.hub.control.ask(camera_id, method, *arguments, **keywords)


async def _move(call: Call) -> None:
    control, camera_id = call.context.hub.control, call.arguments["camera_id"]
    await _ask(call, "ptz_move", _vector(call))
    # Who loses the connection with the button held must not leave the camera turning.
    call.caller.on_close(f"move {camera_id}", lambda: control.stop_soon(camera_id))


async def _stop(call: Call) -> None:
    await _ask(call, "ptz_stop")


async def _relative(call: Call) -> None:
    await _ask(call, "ptz_relative", _vector(call))


async def _absolute(call: Call) -> None:
    await _ask(call, "ptz_absolute", _vector(call))


async def _home(call: Call) -> None:
    await _ask(call, "ptz_home")


async def _presets(call: Call) -> Any:
    return {"presets": await _ask(call, "ptz_presets")}


async def _go(call: Call) -> None:
    await _ask(call, "ptz_goto_preset", call.arguments["preset_id"])


async def _create(call: Call) -> Any:
    preset = await _ask(call, "ptz_create_preset", call.arguments["name"])
    await call.caller.audit("camera.preset.create", call.arguments["camera_id"])
    return {"preset": preset}


async def _delete(call: Call) -> None:
    await _ask(call, "ptz_delete_preset", call.arguments["preset_id"])
    await call.caller.audit("camera.preset.delete", call.arguments["camera_id"])


async def _imaging(call: Call) -> Any:
    camera = call.context.hub.cameras.get(_camera_id(call))

    async def asked(capability: str, method: str) -> Any:
        return await _ask(call, method) if capability in camera.capabilities else None

    day_night, light = await asyncio.gather(
        asked("day_night", "day_night"), asked("light", "light")
    )
    return {"day_night": day_night, "light": light}


async def _set_imaging(call: Call) -> Any:
    given = call.arguments
    if "day_night" in given:
        await _ask(call, "set_day_night", DayNight(given["day_night"]))
    if "light" in given:
        await _ask(call, "set_light", on=given["light"])
    return await _imaging(call)


async def _reboot(call: Call) -> None:
    await _ask(call, "reboot")
    await call.caller.audit("camera.reboot", call.arguments["camera_id"])


class _EventTopic:
    """What cameras report, in order; a client that falls behind loses the oldest."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._waiting: deque[bytes] = deque(maxlen=_MAX_WAITING)

    def push(self, event: bytes) -> None:
        """Add one."""
        self._waiting.append(event)
        self._wake()

    def take(self) -> bytes | None:
        """See `Topic.take`."""
        if not self._waiting:
            return None
        event = self._waiting.popleft()
        if self._waiting:
            self._wake()
        return event


async def _subscribe(call: Call) -> None:
    topic = _EventTopic(call.caller.wake)
    redactor = call.context.hub.redactor
    may_view = call.caller.principal.may_view
    wanted = call.arguments.get("camera_id")

    def listener(reported: CameraReported) -> None:
        if wanted in (None, reported.camera_id) and may_view(reported.camera_id):
            view = {
                "kind": "event",
                "camera_id": reported.camera_id,
                "event": redacted(event_view(reported.event), redactor),
                "received": reported.received,
            }
            topic.push(orjson.dumps(view, default=str))

    def device_listener(reported: DeviceReported) -> None:
        if wanted is None and may_view(reported.entry_id):
            view = {
                "kind": "event",
                "camera_id": None,
                "entry_id": reported.entry_id,
                "event": redacted(event_view(reported.event), redactor),
                "received": reported.received,
            }
            topic.push(orjson.dumps(view, default=str))

    hub = call.context.hub
    active = [
        {"camera_id": camera.id, "event": redacted(event_view(event), redactor)}
        for camera in hub.cameras.list()
        if wanted in (None, camera.id) and may_view(camera.id)
        for event in hub.entries.active_events(camera)
    ]
    # First what goes on already, then every change.
    topic.push(orjson.dumps({"kind": "snapshot", "active": active}, default=str))
    ends = [
        hub.bus.subscribe(CameraReported, listener),
        hub.bus.subscribe(DeviceReported, device_listener),
    ]

    def end() -> None:
        for one in ends:
            one()

    call.caller.subscribe(call.id, topic, end)


def event_view(event: CameraEvent) -> dict[str, Any]:
    """Return what a camera reported as JSON values."""
    return {"kind": event.kind, **{f.name: getattr(event, f.name) for f in fields_of(event)}}


_ADMIN = Role.ADMIN
COMMANDS = (
    Command("ptz/move", _move, _VECTOR, _ADMIN),
    Command("ptz/stop", _stop, _CAMERA, _ADMIN),
    Command("ptz/relative", _relative, _VECTOR, _ADMIN),
    Command("ptz/absolute", _absolute, _VECTOR, _ADMIN),
    Command("ptz/home", _home, _CAMERA, _ADMIN),
    Command("ptz/presets", _presets, _CAMERA),
    Command("ptz/presets/go", _go, _PRESET, _ADMIN),
    Command("ptz/presets/create", _create, {**_CAMERA, vol.Required("name"): NAME}, _ADMIN),
    Command("ptz/presets/delete", _delete, _PRESET, _ADMIN),
    Command("imaging/get", _imaging, _CAMERA),
    Command(
        "imaging/set",
        _set_imaging,
        {
            **_CAMERA,
            vol.Optional("day_night"): vol.In([mode.value for mode in DayNight]),
            vol.Optional("light"): bool,
        },
        _ADMIN,
    ),
    Command("cameras/reboot", _reboot, _CAMERA, _ADMIN),
    Command("cameras/events/subscribe", _subscribe, {vol.Optional("camera_id"): NAME}),
)
