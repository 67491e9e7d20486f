"""The white light and the siren of a Dahua device: coaxialControlIO.cgi."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from ucv.clock import Clock, TimerHandle
from ucv.testing.dahua.answers import Commands, WriteFailed, Writes, lines, number
from ucv.testing.http_message import Answer, Request

#: Seconds after which a device ends either by itself.
DURATION = 10.0
#: By the Type of a request.
_OUTPUTS = MappingProxyType({1: "WhiteLight", 2: "Speaker"})
_ON, _OFF = 1, 2


class Coaxial:
    """What is lit or sounds, by channel (from 1) and output, ``WhiteLight`` or ``Speaker``."""

    def __init__(self, clock: Clock, channel: Callable[[Request], int]) -> None:
        self._clock = clock
        self._channel = channel
        self._timers: dict[tuple[int, str], TimerHandle] = {}

    def on(self, channel: int, output: str) -> bool:
        """Return whether an output is on."""
        return (channel, output) in self._timers

    def all_off(self) -> None:
        """Switch everything off."""
        for channel, output in list(self._timers):
            self._switch_off(channel, output)

    @property
    def commands(self) -> Commands:
        """Its commands that tell something."""
        return {"coaxialControlIO.cgi?action=getStatus": self._status}

    @property
    def writes(self) -> Writes:
        """Its commands that change something."""
        return {"coaxialControlIO.cgi?action=control": self._control}

    def _control(self, request: Request) -> None:
        channel = self._channel(request)
        output = _OUTPUTS.get(number(request, "info[0].Type"))
        wish = number(request, "info[0].IO")
        if output is None or wish not in (_ON, _OFF):
            raise WriteFailed
        self._switch_off(channel, output)
        if wish == _ON:
            self._timers[channel, output] = self._clock.call_later(
                DURATION, lambda: self._switch_off(channel, output)
            )

    def _switch_off(self, channel: int, output: str) -> None:
        if (timer := self._timers.pop((channel, output), None)) is not None:
            timer.cancel()

    def _status(self, request: Request) -> Answer:
        channel = self._channel(request)
        return lines(
            f"status.status.{output}={'On' if self.on(channel, output) else 'Off'}"
            for output in ("Speaker", "WhiteLight")
        )
