"""The channels of a Dahua device: a camera's own one, or the cameras of a recorder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ucv.testing.dahua import tables
from ucv.testing.dahua.answers import Commands, Refusal, always, failure, lines, number
from ucv.testing.dahua.config_store import ConfigStore
from ucv.testing.http_message import Answer, Request

_SIZES_OF_RECORDERS = (4, 8, 16, 32, 64, 128)


@dataclass(slots=True)
class Input:
    """One channel; ``number`` is counted from 1."""

    number: int
    name: str
    model: str
    serial: str
    mac: str
    online: bool = True


def slots_for(channels: int) -> int:
    """Return how many cameras a recorder can have that has so many."""
    return next(size for size in _SIZES_OF_RECORDERS if size >= channels)


class Inputs:
    """Keeps the channels and the tables and answers that tell of them in step.

    ``slots`` is how many there may be: 1 for a camera. Iterating gives the channels there are.
    """

    def __init__(
        self,
        store: ConfigStore,
        *,
        recorder: bool,
        slots: int,
        codec: str,
        extra_streams: int,
        quirks: Collection[str],
    ) -> None:
        self.recorder = recorder
        self.slots = slots
        self._store = store
        self._codec = codec
        self._extra_streams = extra_streams
        self._quirks = quirks
        self._by_number: dict[int, Input] = {}
        if recorder:
            for index in range(slots):
                store[f"ChannelTitle[{index}].Name"] = f"Channel{index + 1}"

    def __contains__(self, channel: int) -> bool:
        return channel in self._by_number

    def __getitem__(self, channel: int) -> Input:
        return self._by_number[channel]

    @property
    def numbers(self) -> list[int]:
        """The channels there are, counted from 1."""
        return sorted(self._by_number)

    def add(self, one: Input) -> None:
        """Connect a camera; raises `ValueError` where there is one, or no place."""
        if one.number in self or not 1 <= one.number <= self.slots:
            raise ValueError(f"There is no free place {one.number}.")
        self._by_number[one.number] = one
        index = one.number - 1
        self._store[f"ChannelTitle[{index}].Name"] = one.name
        tables.fill_channel(
            self._store,
            index,
            codec=self._codec,
            extra_streams=self._extra_streams,
            quirks=self._quirks,
        )
        if self.recorder and "analogue-inputs" not in self._quirks:
            self._store.fill(self._remote(one.number), self._row(one))

    def remove(self, channel: int) -> None:
        """Disconnect a camera for good; raises `KeyError` when there is none."""
        del self._by_number[channel]
        tables.clear_channel(self._store, channel - 1)
        self._store[f"ChannelTitle[{channel - 1}].Name"] = f"Channel{channel}"
        enable = f"{self._remote(channel)}.Enable"
        if enable in self._store:
            self._store[enable] = "stale-remote-enable" in self._quirks

    def free(self) -> int:
        """Return the first channel without a camera; raises `ValueError` when there is none."""
        for channel in range(1, self.slots + 1):
            if channel not in self:
                return channel
        raise ValueError("The recorder is full.")

    def from_request(self, request: Request, *, base: int, default: int | None = None) -> int:
        """Return the channel, counted from 1, that a request names counting from ``base``.

        Raises `Refusal` (400) when there is no such channel.
        """
        channel = number(request, "channel", default) - base + 1
        if channel not in self:
            raise Refusal
        return channel

    # --- what is answered -----------------------------------------------------------------------

    @property
    def commands(self) -> Commands:
        """The commands that tell of channels."""
        connected = self.recorder and "analogue-inputs" not in self._quirks
        return {
            "devVideoInput.cgi?action=getCollect": self._collect,
            "LogicDeviceManager.cgi?action=getCameraState": (
                self._states if connected else always(failure(501))
            ),
        }

    def _collect(self, _request: Request) -> Answer:
        return lines([f"result={self.slots}"])

    def _states(self, request: Request) -> Answer:
        wanted = number(request, "uniqueChannels[0]")
        if not -1 <= wanted < self.slots:
            raise Refusal
        indexes = range(self.slots) if wanted == -1 else [wanted]
        told = []
        for place, index in enumerate(indexes):
            online = index + 1 in self and self._by_number[index + 1].online
            state = "Connected" if online else "Unconnect"
            told += [f"states[{place}].channel={index}"]
            told += [f"states[{place}].connectionState={state}"]
        return lines(told)

    def _remote(self, channel: int) -> str:
        return f"RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_{channel - 1}"

    def _row(self, one: Input) -> Mapping[str, str | int | bool]:
        stale = "stale-remote-enable" in self._quirks and one.number % 2 == 0
        return {
            "Address": f"192.0.2.{one.number}",
            "DeviceClass": "IPC",
            "DeviceType": one.model,
            "Enable": not stale,
            "HttpPort": 80,
            "Mac": one.mac,
            "Name": one.name,
            "Port": 37777,
            "ProtocolType": "Onvif" if "onvif-cameras" in self._quirks else "Private",
            "RtspPort": 554,
            "SerialNo": one.serial,
            "UserName": "admin",
            "Vendor": "Dahua",
            "VideoInputChannels": 1,
            "VideoInputs[0].Name": one.name,
        }
