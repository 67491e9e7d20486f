"""Doorkeeper door stations: paired by a code, with a bell, a motor and a light."""

import contextlib

import voluptuous as vol

from ucv import (
    Abort,
    AccessDenied,
    CameraViewerError,
    DeviceInfo,
    Integration,
    InvalidAuth,
    MdnsHandler,
    Motion,
    Snapshot,
    Stream,
    fields,
    hookimpl,
)

from .api import EventReader, Station

#: How often a person may mistype the code before the station shows no more.
ATTEMPTS = 3

CODE = {
    fields.describe(
        vol.Required("code"), label="Code", help="Six digits.", placeholder="123456"
    ): vol.All(fields.Text(6), vol.Match(r"\d{6}\Z", msg="expected six digits"))
}


class Doorkeeper(Integration):
    """Door stations of the Doorkeeper series.

    Its account opens pictures and movement. What happens at the door it tells only to a hub that
    somebody paired with it, by the code on its display.
    """

    domain = "doorkeeper"
    name = "Doorkeeper"
    version = "1.0.0"
    schema = {
        **fields.HOST,
        **fields.CREDENTIALS,
        fields.describe(
            "token",
            label="Token",
            help="Comes from pairing; leave it empty to be asked for the code.",
            advanced=True,
        ): fields.Secret(),
        fields.describe(
            vol.Optional("motion", default=True), label="Motion", help="Report motion, too."
        ): fields.Boolean(),
        fields.describe(
            vol.Optional("speed", default=50), label="Speed", help="Of movement.", unit="%"
        ): fields.Integer(1, 100),
    }
    options = ("motion", "speed")

    # --- set-up ---------------------------------------------------------------------------------

    async def setup(self, device):
        device.runtime = Station(device)

    async def unload(self, device):
        station = device.runtime
        # It would go on turning after whoever began it is gone.
        if station is not None and station.moves:
            with contextlib.suppress(CameraViewerError):
                await station.halt()

    async def probe(self, device):
        told = await device.runtime.describe()
        return DeviceInfo(
            unique_id=told["serial"],
            serial=told["serial"],
            model=told["model"],
            firmware=told["firmware"],
            manufacturer="Doorkeeper",
        )

    async def streams(self, device):
        return [
            Stream("main", device.url("rtsp", "/door/high")),
            Stream("sub", device.url("rtsp", "/door/low")),
        ]

    async def capabilities(self, device):
        station = device.runtime
        names = {"snapshot"}
        if "motor" in station.features:
            names |= {"ptz", "ptz_presets", "ptz_home"}
        if "light" in station.features:
            names.add("light")
        if station.has_token:
            names.add("events")
        return names

    async def diagnostics(self, device):
        station = device.runtime
        return {"features": sorted(station.features), "last_event": station.last_event}

    # --- pairing --------------------------------------------------------------------------------

    async def steps(self, flow):
        station = flow.device.runtime
        if await station.is_paired():
            return None
        # Whoever was asked to log in again has chosen long ago.
        if flow.source != "reauth":
            choice = await flow.menu(
                "bell",
                {"pair": "Pair it now", "later": "Without the bell, for now"},
                title="The bell",
                text="To tell who rings, the station must be paired. You need to stand before it.",
            )
            if choice == "later":
                return None
        return {"token": await self._pair(flow, station)}

    async def _pair(self, flow, station):
        error = ""
        for _ in range(ATTEMPTS):
            flow.progress("Asking the station for a code …")
            await station.show_code()
            given = await flow.form(
                "pair",
                CODE,
                title="Pair the station",
                text="The station shows six digits now. Type them here.",
                error=error,
            )
            flow.progress("Pairing …")
            token = await station.pair(given["code"])
            if token is not None:
                return token
            error = "That was another code. The station shows a new one."
        raise Abort("not_paired", f"The code was wrong {ATTEMPTS} times. Begin again.")

    # --- what it can do -------------------------------------------------------------------------

    async def snapshot(self, device):
        return Snapshot(await device.runtime.picture())

    async def events(self, device):
        # When the connection ends, in whatever way, the hub calls this again.
        station, reader = device.runtime, EventReader()
        try:
            async with station.listen() as stream:
                async for chunk in stream:
                    for number, event in reader.feed(chunk):
                        station.last_event = number
                        if device.config["motion"] or not isinstance(event, Motion):
                            yield event
        except AccessDenied:
            raise InvalidAuth("The station has forgotten this hub; pair it again.") from None

    async def ptz_move(self, device, velocity):
        factor = device.config["speed"] / 100
        axes = (velocity.pan, velocity.tilt, velocity.zoom)
        await device.runtime.move(*(factor * (axis or 0.0) for axis in axes))

    async def ptz_stop(self, device):
        await device.runtime.halt()

    async def ptz_home(self, device):
        await device.runtime.go_home()

    async def ptz_presets(self, device):
        return await device.runtime.positions()

    async def ptz_goto_preset(self, device, preset_id):
        await device.runtime.go_to(preset_id)

    async def ptz_create_preset(self, device, name):
        return await device.runtime.remember_position(name)

    async def ptz_delete_preset(self, device, preset_id):
        await device.runtime.forget_position(preset_id)

    async def light(self, device):
        return await device.runtime.is_lit()

    async def set_light(self, device, *, on):
        await device.runtime.switch_light(on)


@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Doorkeeper)


@hookimpl
def ucv_register_discovery(handlers):
    handlers.add(MdnsHandler("doorkeeper", "_doorkeeper._tcp.local."))
