"""Day and night and the lamps of one device's channels, by tables that are asked once for all."""

from __future__ import annotations

from collections.abc import Iterable

from ucv import DayNight, NotSupported, ProtocolError
from ucv_dahua.cgi import Cgi
from ucv_dahua.imaging import (
    coaxial_light,
    coaxial_order,
    day_night,
    day_night_settings,
    lamp_of,
    places,
)
from ucv_dahua.keyvalue import Table
from ucv_dahua.quirks import Lamp

_COAXIAL = "coaxialControlIO.cgi"
#: Table that holds the settings of a lamp.
_TABLES = {
    Lamp.WHITE_V2: "Lighting_V2",
    Lamp.INFRARED_V2: "Lighting_V2",
    Lamp.INFRARED: "Lighting",
}


class Lighting:
    """What a device does about light. Channels are counted from 0.

    ``coaxial``: whether the lamp is the white light of ``coaxialControlIO``; None to find out,
    which costs a request for each channel without a lamp in the tables.
    """

    def __init__(self, cgi: Cgi, *, coaxial: bool | None) -> None:
        self._cgi = cgi
        self._coaxial = coaxial
        self._tables: dict[str, Table] = {}
        #: By channel; None for one without.
        self.lamps: dict[int, Lamp | None] = {}

    def forget(self, channels: Iterable[int]) -> None:
        """Ask again what these channels have: there may be other cameras behind them."""
        self._tables.clear()
        for channel in channels:
            self.lamps.pop(channel, None)

    async def capabilities(self, channel: int, *, thorough: bool) -> set[str]:
        """Return what a channel has; ``thorough`` asks also what only the channel itself tells."""
        names = set()
        if day_night((await self._known("VideoInDayNight")).at(channel)) is not None:
            names.add("day_night")
        if channel not in self.lamps:
            self.lamps[channel] = await self._find_lamp(channel, thorough=thorough)
        if self.lamps[channel] is not None:
            names.add("light")
        return names

    async def _find_lamp(self, channel: int, *, thorough: bool) -> Lamp | None:
        if self._coaxial:
            return Lamp.COAXIAL
        v2 = (await self._known("Lighting_V2")).at(channel)
        lamp = lamp_of(v2, Table(), coaxial=False)
        if lamp is Lamp.WHITE_V2:
            return lamp
        if thorough and self._coaxial is None:
            told = await self._cgi.probe(_COAXIAL, "getStatus", {"channel": channel + 1})
            if told is not None and coaxial_light(told) is not None:
                return Lamp.COAXIAL
        return lamp or lamp_of(v2, (await self._known("Lighting")).at(channel), coaxial=False)

    async def _known(self, name: str) -> Table:
        """Return a table for all channels, asked for once; empty if there is none."""
        if name not in self._tables:
            query = {"name": name}
            told = await self._cgi.probe("configManager.cgi", "getConfig", query) or Table()
            self._tables[name] = told.at("table", name)
        return self._tables[name]

    # --- day and night --------------------------------------------------------------------------

    async def day_night(self, channel: int) -> DayNight:
        """Return the mode that holds now."""
        mode = day_night((await self._cgi.config("VideoInDayNight")).at(channel))
        if mode is None:
            raise ProtocolError("The camera does not tell its mode for day and night.")
        return mode

    async def set_day_night(self, channel: int, mode: DayNight) -> None:
        """Choose a mode."""
        table = await self._cgi.config("VideoInDayNight")
        values = day_night_settings(channel, table.at(channel), mode)
        if not values:
            raise NotSupported("The camera has no mode for day and night.")
        await self._cgi.set_config(values)

    # --- lamps ----------------------------------------------------------------------------------

    async def is_lit(self, channel: int) -> bool:
        """Return whether the lamp is switched on; one that is on by itself is not."""
        lamp = self._lamp(channel)
        if lamp is Lamp.COAXIAL:
            told = await self._cgi.table(_COAXIAL, "getStatus", {"channel": channel + 1})
            return bool(coaxial_light(told))
        table = await self._cgi.config(_TABLES[lamp])
        return any(place.is_on for place in places(lamp, channel, table.at(channel)))

    async def switch(self, channel: int, *, on: bool) -> None:
        """Switch the lamp."""
        lamp = self._lamp(channel)
        if lamp is Lamp.COAXIAL:
            await self._cgi.order(_COAXIAL, "control", coaxial_order(channel + 1, on=on))
            return
        table = await self._cgi.config(_TABLES[lamp])
        values: dict[str, str | int] = {}
        for place in places(lamp, channel, table.at(channel)):
            values |= place.settings(on=on)
        if not values:
            raise ProtocolError("The camera does not tell the settings of its lamp.")
        await self._cgi.set_config(values)

    def _lamp(self, channel: int) -> Lamp:
        lamp = self.lamps.get(channel)
        if lamp is None:
            raise NotSupported("The camera has no lamp that can be switched.")
        return lamp
