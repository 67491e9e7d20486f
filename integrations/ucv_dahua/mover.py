"""Moves the channels of one device: what each can do, what it was told, its presets."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ucv import CameraViewerError, NotSupported, Preset, PtzVector
from ucv_dahua.cgi import Cgi
from ucv_dahua.keyvalue import Table
from ucv_dahua.ptz import (
    ALL_MOVEMENTS,
    MAX_PRESETS,
    Movement,
    Order,
    free_preset,
    movement,
    movements,
    preset_name,
    preset_number,
    presets,
)
from ucv_dahua.quirks import FirstPtzChannel

_SCRIPT, _CAPS = "ptz.cgi", "getCurrentProtocolCaps"


@dataclass(slots=True)
class _Moving:
    """``orders`` are those that were begun and not stopped, ``last`` those of the last movement.

    ``alone`` is held while orders are sent, so that a stop never overtakes its start.
    """

    orders: list[Order] = field(default_factory=list)
    last: tuple[Order, ...] = ALL_MOVEMENTS
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)


class Mover:
    """Movement of one device. Channels are counted from 0.

    ``first`` is the number that the device begins to count at, None to find out.
    """

    def __init__(self, cgi: Cgi, *, first: FirstPtzChannel | None, top_speed: int) -> None:
        self._cgi = cgi
        self._top_speed = top_speed
        self.first = first
        self._known: dict[int, Movement | None] = {}
        self._moving: dict[int, _Moving] = defaultdict(_Moving)

    # --- what there is --------------------------------------------------------------------------

    async def capabilities(self, channel: int) -> set[str]:
        """Ask what a channel can do; remembered until `forget`."""
        if channel not in self._known:
            self._known[channel] = await self._ask(channel)
        can = self._known[channel]
        if can is None:
            return set()
        names = {"ptz"}
        if can.presets:
            names.add("ptz_presets")
        return names

    async def _ask(self, channel: int) -> Movement | None:
        if self.first is None:
            await self._find_first()
            if channel == 0 and channel in self._known:
                return self._known[channel]
        told = await self._cgi.probe(_SCRIPT, _CAPS, {"channel": self._number(channel)})
        return None if told is None else await self._movement(channel, told)

    async def _find_first(self) -> None:
        """Find the number of the first channel: 0, unless that is refused and 1 is not."""
        for first in FirstPtzChannel:
            told = await self._cgi.probe(_SCRIPT, _CAPS, {"channel": first})
            if told is not None and told.at("caps"):
                self.first = first
                self._known[0] = await self._movement(0, told)
                return

    async def _movement(self, channel: int, told: Table) -> Movement | None:
        can = movement(told)
        if can is None or can.presets is not None:
            return can
        query = {"channel": self._number(channel)}
        listed = await self._cgi.probe(_SCRIPT, "getPresets", query)
        return replace(can, presets=0 if listed is None else MAX_PRESETS)

    def _number(self, channel: int) -> int:
        return channel + (self.first or FirstPtzChannel.ZERO)

    def forget(self, channels: Iterable[int]) -> None:
        """Ask again what these channels can do: there may be other cameras behind them."""
        for channel in channels:
            self._known.pop(channel, None)

    # --- movement -------------------------------------------------------------------------------

    async def move(self, channel: int, velocity: PtzVector) -> None:
        """Begin to move; what is not part of the new movement is stopped first."""
        orders = movements(velocity, self._top_speed)
        moving = self._moving[channel]
        async with moving.alone:
            wanted = {order.code for order in orders}
            await self._stop(
                channel, moving, [order for order in moving.orders if order.code not in wanted]
            )
            moving.last = orders or moving.last
            for order in orders:
                # Also one that fails may have been carried out.
                moving.orders = [other for other in moving.orders if other.code != order.code]
                moving.orders.append(order)
                await self._cgi.order(_SCRIPT, "start", order.query(self._number(channel)))

    async def stop(self, channel: int) -> None:
        """Stop: what was begun here, or else the last movement again, or every one there is."""
        moving = self._moving[channel]
        async with moving.alone:
            await self._stop(channel, moving, list(moving.orders) or list(moving.last))

    async def _stop(self, channel: int, moving: _Moving, orders: list[Order]) -> None:
        failure: CameraViewerError | None = None
        for order in orders:
            try:
                await self._cgi.order(_SCRIPT, "stop", order.query(self._number(channel)))
            except CameraViewerError as error:
                failure = failure or error  # what else moves is to stop all the same
            else:
                moving.orders = [other for other in moving.orders if other.code != order.code]
        if failure is not None:
            raise failure

    async def stop_all(self) -> None:
        """Stop every channel that was told to move; for letting go of the device."""
        for channel, moving in self._moving.items():
            if moving.orders:
                with suppress(CameraViewerError):
                    await self.stop(channel)

    # --- presets --------------------------------------------------------------------------------

    async def presets(self, channel: int) -> list[Preset]:
        """Return the positions that a channel remembers."""
        return presets(
            await self._cgi.table(_SCRIPT, "getPresets", {"channel": self._number(channel)})
        )

    async def go_to(self, channel: int, preset_id: str) -> None:
        """Move to one."""
        await self._preset(channel, "GotoPreset", _preset_number(preset_id))

    async def create_preset(self, channel: int, name: str) -> Preset:
        """Remember where it looks, under the lowest number that is free.

        The name is part of the configuration: where the device does not take it, the preset has the
        name that the device gives it.
        """
        can = self._known.get(channel)
        taken = await self.presets(channel)
        number = free_preset(taken, (can.presets or 0) if can is not None else 0)
        if number is None:
            raise NotSupported("The camera has no place for another preset; delete one first.")
        await self._preset(channel, "SetPreset", number)
        place = f"PtzPreset[{channel}][{number - 1}]"
        with suppress(CameraViewerError):
            await self._cgi.set_config({f"{place}.Name": preset_name(name)})
        made = {preset.id: preset for preset in await self.presets(channel)}
        return made.get(str(number)) or Preset(str(number), f"Preset {number}")

    async def delete_preset(self, channel: int, preset_id: str) -> None:
        """Forget one."""
        await self._preset(channel, "ClearPreset", _preset_number(preset_id))

    async def _preset(self, channel: int, code: str, number: int) -> None:
        order = Order(code, arg2=number)
        await self._cgi.order(_SCRIPT, "start", order.query(self._number(channel)))


def _preset_number(preset_id: str) -> int:
    number = preset_number(preset_id)
    if number is None:
        raise NotSupported("The camera has no such preset.")
    return number
