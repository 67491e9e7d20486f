"""Cameras and recorders of Dahua, and of those that sell them under other names: CGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing, suppress
from typing import Any

from ucv import (
    CameraEvent,
    Channel,
    ConnectionClosed,
    CurrentEvents,
    DayNight,
    Device,
    DeviceInfo,
    Integration,
    NotSupported,
    Preset,
    PtzVector,
    Snapshot,
    Stream,
    fields,
    hookimpl,
)
from ucv_dahua.quirks import FirstChannel, FirstPtzChannel
from ucv_dahua.recognition import HANDLERS
from ucv_dahua.unit import Unit

#: Seconds between two questions, where events are asked for.
POLL_INTERVAL = 2.0


class Dahua(Integration):
    """Cameras, domes, recorders and door stations of Dahua, Amcrest, Lorex, IMOU, Intelbras ….

    They speak CGI, which some have to be allowed to in their own pages. A recorder brings one
    camera for each channel. Events come over a connection that is kept open, or are asked for.
    """

    domain = "dahua"
    name = "Dahua"
    version = "1.0.0"
    api = ">=1.1,<2"
    schema = {
        **fields.HOST,
        **fields.CREDENTIALS,
        **fields.TLS,
        **fields.TRANSPORT,
        fields.describe(
            "event_source",
            label="Events",
            help="How events come: over a connection that is kept open, by asking, or not at all.",
            assumed="attach",
            advanced=True,
        ): fields.Select({"attach": "Kept open", "poll": "Asked for", "off": "None"}),
        fields.describe(
            "poll_interval",
            label="Ask every",
            help="Where events are asked for: how often. What is over before is not seen.",
            unit="s",
            assumed=POLL_INTERVAL,
            advanced=True,
        ): fields.Seconds(1, 60),
        fields.describe(
            "heartbeat",
            label="Heartbeat",
            help="How often the device says that it is alive; twice without, and it is taken to be"
            " gone. Longer for slow networks.",
            unit="s",
            assumed=5,
            advanced=True,
        ): fields.Integer(1, 60),
        fields.describe(
            "all_events",
            label="All events",
            help="Report also what has no type here, under the device's own names.",
            assumed=False,
            advanced=True,
        ): fields.Boolean(),
        fields.describe(
            "lamp",
            label="Light",
            help="Which lamp is switched: one of the lighting settings, or the white light of"
            " cameras that deter (coaxial control), which goes out by itself after seconds.",
            assumed="auto",
            advanced=True,
        ): fields.Select(
            {"auto": "Automatic", "tables": "Lighting settings", "coaxial": "Coaxial control"}
        ),
        fields.describe(
            "ptz_speed",
            label="Top speed",
            help="Speed of the fastest movement, from 1 to 8.",
            assumed=8,
            advanced=True,
        ): fields.Integer(1, 8),
        fields.describe(
            "first_channel",
            label="First channel",
            help="Number of the first channel in pictures and streams; found out unless given.",
            assumed="auto",
            advanced=True,
        ): fields.Select(
            {
                "auto": "Automatic",
                str(FirstChannel.ONE.value): "1",
                str(FirstChannel.ZERO.value): "0 (old firmware)",
            }
        ),
        fields.describe(
            "first_ptz_channel",
            label="First channel of movement",
            help="Number of the first channel for movement; found out unless given.",
            assumed="auto",
            advanced=True,
        ): fields.Select(
            {
                "auto": "Automatic",
                str(FirstPtzChannel.ZERO.value): "0",
                str(FirstPtzChannel.ONE.value): "1",
            }
        ),
    }
    options = (
        "transport",
        "event_source",
        "poll_interval",
        "heartbeat",
        "all_events",
        "lamp",
        "ptz_speed",
        "first_channel",
        "first_ptz_channel",
    )

    # --- set-up ---------------------------------------------------------------------------------

    async def setup(self, device: Device) -> None:
        """Begin with a device; asks it nothing yet."""
        device.runtime = Unit(device)

    async def unload(self, device: Device) -> None:
        """Stop what moves: it would go on turning after whoever began it is gone."""
        unit: Unit | None = device.runtime
        if unit is not None:
            await unit.mover.stop_all()

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
        """Ask what the camera can do; of a recorder's channels only those that are there.

        A recorder's channel cannot be restarted by itself.
        """
        unit = _unit(device)
        number, channel = unit.number(device), device.channel
        names = {"snapshot"}
        if channel is None or channel.online is not False:
            names |= await unit.mover.capabilities(number)
            names |= await unit.lighting.capabilities(number, thorough=channel is None)
        if channel is None:
            names.add("reboot")
            if device.config.get("event_source") != "off" and await unit.events.exists():
                names.add("events")
        return names

    async def diagnostics(self, device: Device) -> Mapping[str, Any]:
        """Return which policies hold, and what was found of channels and streams."""
        return _unit(device).diagnostics()

    # --- pictures -------------------------------------------------------------------------------

    async def snapshot(self, device: Device) -> Snapshot:
        """Fetch a picture."""
        return Snapshot(await _unit(device).picture(device))

    # --- events ---------------------------------------------------------------------------------

    async def events(self, device: Device) -> AsyncIterator[CameraEvent | CurrentEvents]:
        """Yield what happens; of a recorder, at all its channels."""
        source, config = _unit(device).events, device.config
        match config.get("event_source", "attach"):
            case "off":
                raise NotSupported("Events are switched off in the options.")
            case "poll":
                told = source.poll(float(config.get("poll_interval", POLL_INTERVAL)))
            case _:
                told = source.attach()
        async with aclosing(told):
            async for event in told:
                yield event

    # --- movement -------------------------------------------------------------------------------

    async def ptz_move(self, device: Device, velocity: PtzVector) -> None:
        """Begin to move."""
        unit = _unit(device)
        await unit.mover.move(unit.number(device), velocity)

    async def ptz_stop(self, device: Device) -> None:
        """Stop all movement."""
        unit = _unit(device)
        await unit.mover.stop(unit.number(device))

    async def ptz_presets(self, device: Device) -> list[Preset]:
        """Return the positions that were stored."""
        unit = _unit(device)
        return await unit.mover.presets(unit.number(device))

    async def ptz_goto_preset(self, device: Device, preset_id: str) -> None:
        """Move to a stored position."""
        unit = _unit(device)
        await unit.mover.go_to(unit.number(device), preset_id)

    async def ptz_create_preset(self, device: Device, name: str) -> Preset:
        """Store where the camera looks, under the lowest number that is free."""
        unit = _unit(device)
        return await unit.mover.create_preset(unit.number(device), name)

    async def ptz_delete_preset(self, device: Device, preset_id: str) -> None:
        """Forget a stored position."""
        unit = _unit(device)
        await unit.mover.delete_preset(unit.number(device), preset_id)

    # --- light ----------------------------------------------------------------------------------

    async def day_night(self, device: Device) -> DayNight:
        """Return the mode; whatever the camera decides by itself is automatic."""
        unit = _unit(device)
        return await unit.lighting.day_night(unit.number(device))

    async def set_day_night(self, device: Device, mode: DayNight) -> None:
        """Choose a mode, for the day's and the night's settings alike."""
        unit = _unit(device)
        await unit.lighting.set_day_night(unit.number(device), mode)

    async def light(self, device: Device) -> bool:
        """Return whether the lamp was switched on."""
        unit = _unit(device)
        return await unit.lighting.is_lit(unit.number(device))

    async def set_light(self, device: Device, *, on: bool) -> None:
        """Switch the lamp."""
        unit = _unit(device)
        await unit.lighting.switch(unit.number(device), on=on)

    # --- the device -----------------------------------------------------------------------------

    async def reboot(self, device: Device) -> None:
        """Restart the camera; some are gone before they could say so."""
        with suppress(ConnectionClosed):
            await _unit(device).cgi.order("magicBox.cgi", "reboot")


def _unit(device: Device) -> Unit:
    unit: Unit = device.runtime
    return unit


@hookimpl
def ucv_register_integrations(integrations: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    integrations.add(Dahua)


@hookimpl
def ucv_register_discovery(handlers: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    for handler in HANDLERS:
        handlers.add(handler)
