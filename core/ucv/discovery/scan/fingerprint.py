"""Asks a host with open ports what it is: gently, and never with credentials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ucv.clock import Clock
from ucv.discovery.scan.ports import MUTE, RTSP_TLS, TLS, speaks_rtsp
from ucv.discovery.scan.questions import Silent, ask_http, ask_onvif, ask_rtsp
from ucv.plugins.identity import normal_mac
from ucv.plugins.sightings import Fingerprint, HttpAnswer, OnvifAnswer, RtspAnswer
from ucv.streams.rtsp_connection import time_limit

#: Seconds for all questions to one host, and ports of it that are asked at most: some hosts accept
#: connections to every port.
HOST_LIMIT: Final = 20.0
MAX_ASKED: Final = 24

#: This machine's table of IPv4 neighbours (proc_net(5)).
_NEIGHBOURS: Final = Path("/proc/net/arp")
#: Paths that a vendor's cameras have, by a port that only they use. Most ask for a log-in before
#: they look at the path, but not all.
_PATHS: Final = {
    37777: "/cam/realmonitor?channel=1&subtype=0",
    2020: "/stream1",
    8000: "/Streaming/Channels/101",
}


async def fingerprint(
    host: str, ports: Sequence[int], *, clock: Clock, neighbours: Path = _NEIGHBOURS
) -> Fingerprint:
    """Ask at the open ports of a host, one after the other, and return what answered.

    Takes at most `HOST_LIMIT` seconds; what was found until then counts. Raises nothing that the
    host causes.
    """
    visit = _Visit(host, tuple(ports), clock)
    try:
        async with time_limit(clock, HOST_LIMIT):
            for port in [port for port in ports if port not in MUTE][:MAX_ASKED]:
                await visit.ask(port)
    except TimeoutError:
        pass  # the rest of its ports stay merely open
    return Fingerprint(
        host,
        tuple(sorted(ports)),
        rtsp=tuple(visit.rtsp),
        http=tuple(visit.http),
        onvif=tuple(visit.onvif),
        mac=mac_of(host, neighbours),
    )


class _Visit:
    """Questions to one host, one at a time, and its answers."""

    def __init__(self, host: str, ports: tuple[int, ...], clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._path = next((path for port, path in _PATHS.items() if port in ports), "/")
        self.rtsp: list[RtspAnswer] = []
        self.http: list[HttpAnswer] = []
        self.onvif: list[OnvifAnswer] = []

    async def ask(self, port: int) -> None:
        """Ask what is at a port, in the language that is most likely there, then in the other."""
        try:
            if speaks_rtsp(port) or port in RTSP_TLS:
                if not await self._asked_rtsp(port):
                    await self._asked_http(port)
            elif not await self._asked_http(port) and port not in TLS:
                await self._asked_rtsp(port)
        except Silent:
            return

    async def _asked_rtsp(self, port: int) -> bool:
        answer = await ask_rtsp(
            self._host, port, self._path, clock=self._clock, secure=port in RTSP_TLS
        )
        if answer is not None:
            self.rtsp.append(answer)
        return answer is not None

    async def _asked_http(self, port: int) -> bool:
        tls = port in TLS
        answer = await ask_http(self._host, port, clock=self._clock, tls=tls)
        if answer is None:
            return False
        self.http.append(answer)
        service = await ask_onvif(self._host, port, clock=self._clock, tls=tls)
        if service is not None:
            self.onvif.append(service)
        return True


def mac_of(host: str, table: Path = _NEIGHBOURS) -> str | None:
    """Return the hardware address of a neighbour, None where it is none or not known."""
    try:
        lines = table.read_text(errors="replace").splitlines()[1:]
    except OSError:
        return None  # another system
    for line in lines:
        fields = line.split()
        # Flag 0x2: the entry is complete.
        if len(fields) >= 4 and fields[0] == host and fields[2] != "0x0":
            return normal_mac(fields[3])
    return None
