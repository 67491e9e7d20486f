"""What a device has, as far as a person chooses of it: its channels, and the streams of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ucv.config.common import MAX_CHANNELS
from ucv.errors import PluginError
from ucv.plugins.device import Device
from ucv.plugins.values import Channel, Stream

#: Calls a method of the integration with a handle.
CallMethod = Callable[[str, Device], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Survey:
    """``channels`` is None for a device that is one camera; its streams are then under None."""

    channels: tuple[Channel, ...] | None
    streams: Mapping[str | None, tuple[Stream, ...]]


async def survey(device: Device, call: CallMethod) -> Survey:
    """Ask a device that is set up; raises `PluginError` and what the integration does."""
    channels = checked_channels(await call("channels", device))
    if channels is None:
        return Survey(None, {None: tuple(await call("streams", device))})
    streams: dict[str | None, tuple[Stream, ...]] = {
        channel.id: tuple(await call("streams", device.view(channel))) for channel in channels
    }
    return Survey(tuple(channels), streams)


def checked_channels(told: Any) -> list[Channel] | None:
    """Return what an integration says of its channels; raises `PluginError` if it is none."""
    if told is None:
        return None
    channels = list(told)
    if not all(isinstance(channel, Channel) for channel in channels):
        raise PluginError("The integration's channels must return ucv.Channel values.")
    if len({channel.id for channel in channels}) != len(channels):
        raise PluginError("The integration returned two channels with one id.")
    if len(channels) > MAX_CHANNELS:
        raise PluginError(f"The integration returned more than {MAX_CHANNELS} channels.")
    return channels
