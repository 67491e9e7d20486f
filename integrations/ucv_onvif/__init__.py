"""Cameras and recorders of any brand that speak ONVIF."""

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
from ucv_onvif import imaging
from ucv_onvif.recognition import HANDLERS
from ucv_onvif.session import DEVICE_SERVICE
from ucv_onvif.unit import Unit
from ucv_onvif.wsdl import Binding


class Onvif(Integration):
    """Cameras, domes and recorders of any brand that speak ONVIF, profiles S and T.

    The account for ONVIF is often one of its own, to be made in the device's pages; some devices
    have ONVIF switched off until then. A device with several video sources brings one camera for
    each.
    """

    domain = "onvif"
    name = "ONVIF"
    version = "1.0.0"
    api = ">=1.1,<2"
    schema = {
        **fields.HOST,
        **fields.CREDENTIALS,
        **fields.TLS,
        fields.describe(
            "path",
            label="Path",
            help="Where the device service is, if not at the usual place.",
            placeholder=DEVICE_SERVICE,
            advanced=True,
        ): fields.Text(256),
        fields.describe(
            "login",
            label="Login",
            help="How the device is logged in to; found out unless given.",
            assumed="auto",
            advanced=True,
        ): fields.Select(
            {
                "auto": "Automatic",
                "token": "Token in the message (WS-UsernameToken)",
                "digest": "HTTP Digest",
            }
        ),
        **fields.TRANSPORT,
        fields.describe(
            "event_source",
            label="Events",
            help="How motion, inputs and what else the device notices come: from a pull point, of"
            " which it has few, or not at all.",
            assumed="pull",
            advanced=True,
        ): fields.Select({"pull": "Pull point", "off": "None"}),
        fields.describe(
            "all_events",
            label="All events",
            help="Report also what has no type here, under the device's own topics.",
            assumed=False,
            advanced=True,
        ): fields.Boolean(),
    }
    options = ("transport", "event_source", "all_events")

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
        """Ask who it is, what its clock shows and which profiles it has."""
        return await _unit(device).identify()

    async def channels(self, device: Device) -> list[Channel] | None:
        """Return the cameras of a device with several video sources."""
        return await _unit(device).channels()

    async def streams(self, device: Device) -> list[Stream]:
        """Return what a source streams."""
        return await _unit(device).streams(device)

    async def capabilities(self, device: Device) -> Collection[str]:
        """Return what a source can do, as the device told."""
        return await _unit(device).capabilities(device)

    async def diagnostics(self, device: Device) -> Mapping[str, Any]:
        """Return which policies hold, and what was found of services and profiles."""
        return _unit(device).diagnostics()

    # --- pictures -------------------------------------------------------------------------------

    async def snapshot(self, device: Device) -> Snapshot:
        """Fetch a picture."""
        return await _unit(device).picture(device)

    # --- events ---------------------------------------------------------------------------------

    async def events(self, device: Device) -> AsyncIterator[CameraEvent | CurrentEvents]:
        """Yield what happens at all sources."""
        if device.config.get("event_source") == "off":
            raise NotSupported("Events are switched off in the options.")
        async with aclosing(_unit(device).pull_point.events()) as told:
            async for event in told:
                yield event

    # --- movement -------------------------------------------------------------------------------

    async def ptz_move(self, device: Device, velocity: PtzVector) -> None:
        """Begin to move."""
        unit = _unit(device)
        await unit.mover.move(unit.source(device), velocity)

    async def ptz_stop(self, device: Device) -> None:
        """Stop all movement."""
        unit = _unit(device)
        await unit.mover.stop(unit.source(device))

    async def ptz_relative(self, device: Device, translation: PtzVector) -> None:
        """Move by a part of the range."""
        unit = _unit(device)
        await unit.mover.relative(unit.source(device), translation)

    async def ptz_absolute(self, device: Device, position: PtzVector) -> None:
        """Move to a position."""
        unit = _unit(device)
        await unit.mover.absolute(unit.source(device), position)

    async def ptz_presets(self, device: Device) -> list[Preset]:
        """Return the positions that were stored."""
        unit = _unit(device)
        return await unit.mover.presets(unit.source(device))

    async def ptz_goto_preset(self, device: Device, preset_id: str) -> None:
        """Move to a stored position."""
        unit = _unit(device)
        await unit.mover.go_to(unit.source(device), preset_id)

    async def ptz_create_preset(self, device: Device, name: str) -> Preset:
        """Store where the camera looks."""
        unit = _unit(device)
        return await unit.mover.create_preset(unit.source(device), name)

    async def ptz_delete_preset(self, device: Device, preset_id: str) -> None:
        """Forget a stored position."""
        unit = _unit(device)
        await unit.mover.delete_preset(unit.source(device), preset_id)

    async def ptz_home(self, device: Device) -> None:
        """Return to the home position."""
        unit = _unit(device)
        await unit.mover.go_home(unit.source(device))

    # --- light ----------------------------------------------------------------------------------

    async def day_night(self, device: Device) -> DayNight:
        """Return the mode chosen."""
        unit = _unit(device)
        return await imaging.day_night(unit.session, unit.source(device).token)

    async def set_day_night(self, device: Device, mode: DayNight) -> None:
        """Choose a mode."""
        unit = _unit(device)
        await imaging.set_day_night(unit.session, unit.source(device).token, mode)

    # --- the device -----------------------------------------------------------------------------

    async def reboot(self, device: Device) -> None:
        """Restart the device; some are gone before they could say so."""
        with suppress(ConnectionClosed):
            await _unit(device).session.call(Binding.DEVICE, "SystemReboot")


def _unit(device: Device) -> Unit:
    unit: Unit = device.runtime
    return unit


@hookimpl
def ucv_register_integrations(integrations: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    integrations.add(Onvif)


@hookimpl
def ucv_register_discovery(handlers: Any) -> None:
    """See `ucv.plugins.hookspecs`."""
    for handler in HANDLERS:
        handlers.add(handler)
