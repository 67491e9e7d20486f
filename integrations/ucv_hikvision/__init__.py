"""Cameras and recorders of Hikvision, and of those that sell them under other names: ISAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing, suppress
from typing import Any

from ucv import (
    CameraEvent,
    CameraViewerError,
    Channel,
    DayNight,
    Device,
    DeviceInfo,
    Integration,
    NotSupported,
    Preset,
    ProtocolError,
    PtzVector,
    Snapshot,
    Stream,
    fields,
    hookimpl,
)
from ucv_hikvision import imaging, ptz
from ucv_hikvision.alert_stream import alerts, has_alerts, triggers
from ucv_hikvision.isapi import ABSENT
from ucv_hikvision.quirks import IRCUT_FILTER, SUPPLEMENT_LIGHT, PictureSource, RtspPath
from ucv_hikvision.recognition import HANDLERS
from ucv_hikvision.response_status import Code
from ucv_hikvision.unit import Unit

#: Seconds after which a device that could not make a picture is asked once more.
PICTURE_PAUSE = 0.3


class Hikvision(Integration):
    """Cameras, domes, recorders and door stations that speak ISAPI.

    Also sold as HiLook, Annke, LTS, Hyundai and many others. A recorder brings one camera for each
    channel. Events come over the alert stream, and only those that the device is set to tell the
    "surveillance center" of.
    """

    domain = "hikvision"
    name = "Hikvision"
    version = "1.0.0"
    schema = {
        **fields.HOST,
        **fields.CREDENTIALS,
        **fields.TLS,
        **fields.TRANSPORT,
        fields.describe(
            "event_source",
            label="Events",
            help="Where events come from; the alert stream takes one of the camera's few places.",
            assumed="stream",
            advanced=True,
        ): fields.Select({"stream": "Alert stream", "none": "None"}),
        fields.describe(
            "rtsp_path",
            label="RTSP path",
            help="Which path the streams have; another one than usual is for old firmware.",
            assumed="auto",
            advanced=True,
        ): fields.Select(
            {
                RtspPath.AUTO.value: "Automatic",
                RtspPath.STREAMING.value: "/Streaming/Channels/101",
                RtspPath.ISAPI.value: "/ISAPI/Streaming/Channels/101",
                RtspPath.PSIA.value: "/PSIA/streaming/channels/101",
                RtspPath.H264.value: "/h264/ch1/main/av_stream",
            }
        ),
        fields.describe(
            "light_output",
            label="Lamp at alarm output",
            help="Number of the alarm output that a lamp is wired to, instead of the camera's own.",
            advanced=True,
        ): fields.Integer(1, 64),
    }
    options = ("transport", "event_source", "rtsp_path", "light_output")

    # --- set-up ---------------------------------------------------------------------------------

    async def setup(self, device: Device) -> None:
        """Begin with a device; asks it nothing yet."""
        device.runtime = Unit(device)

    async def unload(self, device: Device) -> None:
        """Stop what moves: it would go on turning after whoever began it is gone."""
        unit: Unit | None = device.runtime
        for number in sorted(unit.moving) if unit is not None else ():
            with suppress(CameraViewerError):
                await self._move(device, number, PtzVector(pan=0.0, tilt=0.0, zoom=0.0))

    async def probe(self, device: Device) -> DeviceInfo:
        """Ask who it is, what its clock shows and how many pictures it has."""
        return await _unit(device).identify()

    async def channels(self, device: Device) -> list[Channel] | None:
        """Return a recorder's cameras, and their streams with them; None for a camera."""
        return await _unit(device).channels()

    async def streams(self, device: Device) -> list[Stream]:
        """Return what a channel streams, as the device is set."""
        return await _unit(device).streams_of(device)

    async def capabilities(self, device: Device) -> Collection[str]:
        """Ask what the camera can do; of a recorder's channels only whether they move.

        A recorder does not pass on the settings of pictures and lamps of its network cameras, and
        a restart would be that of all.
        """
        unit = _unit(device)
        number = unit.number(device)
        names = {"snapshot"}
        if device.channel is None or device.channel.online is not False:
            moves = await unit.movement(number)
            names |= moves.capabilities if moves is not None else set()
        if device.channel is not None:
            return names
        names.add("reboot")
        found = await unit.image_document(number, IRCUT_FILTER)
        if found is not None and imaging.filter_mode(found[1]) is not None:
            names.add("day_night")
        with suppress(NotSupported):
            if "light_output" not in device.config:
                await self._lamp(device)
            names.add("light")
        if _listens(device) and await self._reports(unit):
            names.add("events")
        return names

    async def _reports(self, unit: Unit) -> bool:
        if await unit.isapi.peek("Event/triggers") is not None:
            return True
        return await has_alerts(unit.isapi)

    async def diagnostics(self, device: Device) -> Mapping[str, Any]:
        """Return which policies hold, and which events reach the alert stream."""
        unit = _unit(device)
        login = unit.isapi.login
        told: dict[str, Any] = {
            "prefix": unit.isapi.prefix.value,
            "device_type": unit.identity.kind if unit.identity is not None else None,
            "recorder": unit.is_recorder,
            "clock_offset": unit.clock_offset,
            "ports": unit.ports,
            "streams": {
                str(entry.number): f"{entry.codec} {entry.width}x{entry.height}"
                for entries in (unit.streams or {}).values()
                for entry in entries
            },
            "picture_sources": {str(n): s.value for n, s in unit.picture_sources.items()},
            "login": None
            if login is None
            else {
                "locked": login.locked,
                "unlock_in": login.unlock_in,
                "tries": login.tries,
                "activated": login.activated,
            },
        }
        with suppress(CameraViewerError):
            root = await unit.isapi.get("Event/triggers")
            told["events"] = [
                {"type": t.kind, "channel": t.channel, "reaches_the_stream": t.told}
                for t in triggers(root)
            ]
        return told

    # --- pictures -------------------------------------------------------------------------------

    async def snapshot(self, device: Device) -> Snapshot:
        """Fetch a picture of the main stream, wherever the device has it."""
        unit = _unit(device)
        number = unit.number(device)
        usual, proxy = (
            f"{source.value}/channels/{number}01/picture"
            for source in (PictureSource.STREAMING, PictureSource.PROXY)
        )
        if number not in unit.picture_sources:
            try:
                return Snapshot(await self._picture(device, usual))
            except (*ABSENT, ProtocolError) as error:
                misplaced = error.details.get("status_code") == Code.BAD_XML_CONTENT
                if not misplaced and not (unit.is_recorder and isinstance(error, ABSENT)):
                    raise
        picture = Snapshot(await self._picture(device, proxy))
        unit.picture_sources[number] = PictureSource.PROXY
        return picture

    async def _picture(self, device: Device, path: str) -> bytes:
        try:
            return await _unit(device).isapi.picture(path)
        except ProtocolError as error:
            # Its encoder is busy with another picture: the one failure that passes at once.
            if error.details.get("status_code") != Code.DEVICE_ERROR:
                raise
        await device.clock.sleep(PICTURE_PAUSE)
        return await _unit(device).isapi.picture(path)

    # --- events ---------------------------------------------------------------------------------

    async def events(self, device: Device) -> AsyncIterator[CameraEvent]:
        """Yield what the alert stream says; of a recorder, of all its channels."""
        if not _listens(device):
            raise NotSupported("Events are switched off in the options.")
        unit = _unit(device)
        async with aclosing(alerts(unit.isapi)) as told:
            async for alert in told:
                for event in unit.translator.translate(alert):
                    yield event

    # --- movement -------------------------------------------------------------------------------

    async def ptz_move(self, device: Device, velocity: PtzVector) -> None:
        """Begin to move."""
        unit = _unit(device)
        number = unit.number(device)
        unit.moving.add(number)
        await self._move(device, number, velocity)

    async def ptz_stop(self, device: Device) -> None:
        """Stop all movement."""
        unit = _unit(device)
        number = unit.number(device)
        await self._move(device, number, PtzVector(pan=0.0, tilt=0.0, zoom=0.0))
        unit.moving.discard(number)

    async def _move(self, device: Device, number: int, velocity: PtzVector) -> None:
        path = f"PTZCtrl/channels/{number}/continuous"
        await _unit(device).isapi.put(path, ptz.velocity_document(velocity))

    async def ptz_absolute(self, device: Device, position: PtzVector) -> None:
        """Move to a position within the range that the camera tells."""
        space, now = await self._space(device)
        await self._put_position(device, space.at(position, now))

    async def ptz_relative(self, device: Device, translation: PtzVector) -> None:
        """Move by a part of the range, from where the camera says it is."""
        space, now = await self._space(device)
        await self._put_position(device, space.beyond(translation, now))

    async def _space(self, device: Device) -> tuple[ptz.Space, ptz.Position]:
        unit = _unit(device)
        number = unit.number(device)
        moves = await unit.movement(number)
        if moves is None or moves.space is None:
            raise NotSupported("The camera cannot be sent to positions.")
        now = ptz.position(await unit.isapi.get(f"PTZCtrl/channels/{number}/status"))
        if now is None:
            raise ProtocolError("The camera does not tell its position.")
        return moves.space, now

    async def _put_position(self, device: Device, place: ptz.Position) -> None:
        unit = _unit(device)
        path = f"PTZCtrl/channels/{unit.number(device)}/absolute"
        await unit.isapi.put(path, ptz.position_document(place))

    async def ptz_home(self, device: Device) -> None:
        """Move to the home position."""
        unit = _unit(device)
        await unit.isapi.put(f"PTZCtrl/channels/{unit.number(device)}/homeposition/goto")

    async def ptz_presets(self, device: Device) -> list[Preset]:
        """Return the positions that were stored, without the camera's built-in commands."""
        return ptz.presets(await _unit(device).isapi.get(self._presets_path(device)))

    async def ptz_goto_preset(self, device: Device, preset_id: str) -> None:
        """Move to a stored position."""
        await _unit(device).isapi.put(f"{self._preset_path(device, preset_id)}/goto")

    async def ptz_create_preset(self, device: Device, name: str) -> Preset:
        """Store where the camera looks, under the lowest number that is free."""
        unit = _unit(device)
        moves = await unit.movement(unit.number(device))
        taken = await self.ptz_presets(device)
        number = ptz.free_preset(taken, moves.presets if moves is not None else 0)
        if number is None:
            raise NotSupported("The camera has no place for another preset; delete one first.")
        path = f"{self._presets_path(device)}/{number}"
        await unit.isapi.put(path, ptz.preset_document(number, name))
        return Preset(str(number), ptz.preset_name(name))

    async def ptz_delete_preset(self, device: Device, preset_id: str) -> None:
        """Forget a stored position."""
        await _unit(device).isapi.delete(self._preset_path(device, preset_id))

    def _presets_path(self, device: Device) -> str:
        return f"PTZCtrl/channels/{_unit(device).number(device)}/presets"

    def _preset_path(self, device: Device, preset_id: str) -> str:
        number = ptz.preset_number(preset_id)
        if number is None:
            # Some of them restart the camera.
            raise NotSupported("This number is no position, but a command of the camera's own.")
        return f"{self._presets_path(device)}/{number}"

    # --- light ----------------------------------------------------------------------------------

    async def day_night(self, device: Device) -> DayNight:
        """Return the mode of the infrared cut filter; a schedule counts as automatic."""
        path, mode = await self._filter(device)
        if mode is None:
            raise NotSupported(f"The camera does not tell the mode of {path}.")
        return mode

    async def set_day_night(self, device: Device, mode: DayNight) -> None:
        """Choose a mode."""
        path, _ = await self._filter(device)
        word = imaging.FILTER_TYPES[mode]
        await _unit(device).isapi.change(path, "IrcutFilterType", word)

    async def _filter(self, device: Device) -> tuple[str, DayNight | None]:
        unit = _unit(device)
        found = await unit.image_document(unit.number(device), IRCUT_FILTER)
        if found is None:
            raise NotSupported("The camera has no infrared cut filter that can be set.")
        return found[0], imaging.filter_mode(found[1])

    async def light(self, device: Device) -> bool:
        """Return whether the lamp may be on: it is allowed to, if the camera switches it."""
        output = device.config.get("light_output")
        if output is not None:
            state = await _unit(device).isapi.get(f"System/IO/outputs/{output}/status")
            return imaging.output_is_on(state)
        return (await self._lamp(device)).is_on

    async def set_light(self, device: Device, *, on: bool) -> None:
        """Switch the lamp, on in the mode it last had."""
        unit = _unit(device)
        output = device.config.get("light_output")
        if output is not None:
            document = imaging.output_document(on=on)
            await unit.isapi.put(f"System/IO/outputs/{output}/trigger", document)
            return
        lamp = await self._lamp(device)
        mode = imaging.LIGHT_OFF
        if on:
            offered = lamp.offered
            if not offered:
                told = await unit.isapi.peek(f"{lamp.path}/capabilities")
                offered = () if told is None else imaging.light_modes(told)
            mode = imaging.mode_when_on(unit.light_modes.get(unit.number(device)), offered)
        await unit.isapi.change(lamp.path, "supplementLightMode", mode)

    async def _lamp(self, device: Device) -> imaging.Lamp:
        """Return what the lamp does, and keep the mode in which it is on."""
        unit = _unit(device)
        number = unit.number(device)
        found = await unit.image_document(number, SUPPLEMENT_LIGHT)
        lamp = None if found is None else imaging.lamp(*found)
        if lamp is None:
            raise NotSupported("The camera has no lamp that can be switched.")
        if lamp.is_on:
            unit.light_modes[number] = lamp.mode
        return lamp

    # --- the device -----------------------------------------------------------------------------

    async def reboot(self, device: Device) -> None:
        """Restart the camera."""
        await _unit(device).isapi.put("System/reboot")


def _unit(device: Device) -> Unit:
    unit: Unit = device.runtime
    return unit


def _listens(device: Device) -> bool:
    return str(device.config.get("event_source", "stream")) != "none"


@hookimpl
def ucv_register_integrations(integrations: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    integrations.add(Hikvision)


@hookimpl
def ucv_register_discovery(handlers: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    for handler in HANDLERS:
        handlers.add(handler)
