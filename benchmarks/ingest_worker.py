"""Reads cameras in one of several ways in a process of its own, and prints what that cost.

`python -m benchmarks.ingest_worker WAY WARM_UP SECONDS URL …` prints one line of JSON: processor
seconds for each second and camera, memory, and bytes of the GOP rings. WAY is native, relay, av or
hub_av (the native source's work, done by PyAV's threads).
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psutil
import uvloop

from ucv.bus import EventBus
from ucv.cameras.camera import StreamProfile
from ucv.clock import SystemClock
from ucv.streams.live import LiveStream, OpenSource
from ucv.streams.rtsp_source import RtspSource
from ucv.streams.source import Source, SourceRequest

#: Seconds until all cameras must be read.
LIVE_LIMIT = 30.0


class Meter:
    """Processor time and bytes between two moments."""

    def __init__(self) -> None:
        self.bytes = 0
        self._cpu = 0.0
        self._bytes = 0
        self._wall = 0.0

    def start(self) -> None:
        """Begin."""
        gc.collect()
        self._cpu, self._bytes, self._wall = time.process_time(), self.bytes, time.monotonic()

    def result(self, cameras: int) -> dict[str, float]:
        """Return the cost for one camera since `start`, and what it received."""
        wall = time.monotonic() - self._wall
        return {
            "cpu_per_camera": (time.process_time() - self._cpu) / wall / cameras,
            "bits_per_camera": (self.bytes - self._bytes) * 8 / wall / cameras,
        }


async def native(urls: list[str], warm_up: float, seconds: float) -> dict[str, float]:
    """Read through live streams as the hub does, without viewers."""
    clock = SystemClock()
    return await _live(urls, warm_up, seconds, lambda url: RtspSource(SourceRequest(url), clock))


async def hub_av(urls: list[str], warm_up: float, seconds: float) -> dict[str, float]:
    """Do the same work with PyAV's threads instead of the native source."""
    # Its memory must not count for the other ways.
    from ucv.streams.av_source import AvSource  # noqa: PLC0415

    clock = SystemClock()
    return await _live(urls, warm_up, seconds, lambda url: AvSource(SourceRequest(url), clock))


async def _live(
    urls: list[str], warm_up: float, seconds: float, open_source: Callable[[str], Source]
) -> dict[str, float]:
    clock, bus, meter = SystemClock(), EventBus(), Meter()

    def stream(url: str) -> LiveStream:
        async def sources() -> list[OpenSource]:
            return [partial(open_source, url)]

        return LiveStream(url, StreamProfile("main", "main", url), sources, clock=clock, bus=bus)

    streams = [stream(url) for url in urls]
    for live in streams:
        live.preload = True
    await _all(streams, warm_up)
    meter.start()
    measured = []
    for _ in range(max(1, round(seconds))):
        await asyncio.sleep(1)
        measured += [live.health.bitrate for live in streams if live.health]
    result = meter.result(len(urls))
    result["bits_per_camera"] = sum(measured) / len(measured)
    gc.collect()
    result["uss"] = psutil.Process().memory_full_info().uss
    result["ring_bytes"] = sum(live.ring_bytes for live in streams)
    result["live"] = sum(live.status.state == "live" for live in streams)
    for live in streams:
        await live.stop()
    return result


async def _all(streams: list[LiveStream], warm_up: float) -> None:
    """Wait until all are live and have settled."""
    async with asyncio.timeout(LIVE_LIMIT):
        while any(live.status.state != "live" for live in streams):  # noqa: ASYNC110 - no hurry
            await asyncio.sleep(0.1)
    await asyncio.sleep(warm_up)


class _Discard(asyncio.BufferedProtocol):
    """Reads 64 KiB at a time and throws it away."""

    def __init__(self, meter: Meter) -> None:
        self._buffer = bytearray(64 * 1024)
        self._meter = meter

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._meter.bytes += nbytes


async def relay(urls: list[str], warm_up: float, seconds: float) -> dict[str, float]:
    """Read the same sockets with the least that asyncio can do."""
    meter = Meter()
    loop = asyncio.get_running_loop()
    transports = []
    for url in urls:
        sock = await loop.run_in_executor(None, _play, url)
        transports.append((await loop.create_connection(lambda: _Discard(meter), sock=sock))[0])
    await asyncio.sleep(warm_up)
    meter.start()
    await asyncio.sleep(seconds)
    result = meter.result(len(urls))
    result["live"] = sum(not transport.is_closing() for transport in transports)
    for transport in transports:
        transport.close()
    return result


def _play(url: str) -> Any:
    """Start a session with the shortest dialogue, and return its socket."""
    import socket  # noqa: PLC0415 - only this way of reading needs it

    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port), timeout=10)

    def ask(method: str, target: str, extra: str = "") -> str:
        ask.count += 1  # type: ignore[attr-defined]  # a counter on the function is enough here
        cseq = ask.count  # type: ignore[attr-defined]  # as above
        sock.sendall(f"{method} {target} RTSP/1.0\r\nCSeq: {cseq}\r\n{extra}\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += sock.recv(1)
        head = answer.decode()
        if length := re.search(r"(?i)content-length: *(\d+)", head):
            body = b""
            while len(body) < int(length[1]):
                body += sock.recv(int(length[1]) - len(body))
            head += body.decode()
        assert " 200 " in head, head
        return head

    ask.count = 0  # type: ignore[attr-defined]  # as above
    description = ask("DESCRIBE", url, "Accept: application/sdp\r\n")
    video = description[description.index("m=video") :]
    control = re.search(r"a=control:(\S+)", video)
    assert control is not None
    base = re.search(r"(?i)content-base: *(\S+)", description)
    target = control[1]
    if "://" not in target:
        target = (base[1] if base else url).rstrip("/") + "/" + target
    transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
    session = re.search(r"(?i)session: *([^;\s]+)", ask("SETUP", target, transport))
    assert session is not None
    ask("PLAY", url, f"Session: {session[1]}\r\nRange: npt=0-\r\n")
    sock.setblocking(False)
    return sock


async def pyav(urls: list[str], warm_up: float, seconds: float) -> dict[str, float]:
    """Read through PyAV, one thread for each camera; packets are demuxed, not decoded."""
    import av  # noqa: PLC0415 - its memory must not count for the other ways

    meter = Meter()
    stop = threading.Event()

    def read(url: str) -> None:
        options = {"rtsp_transport": "tcp", "fflags": "nobuffer", "timeout": "10000000"}
        with av.open(url, options=options) as container:
            for packet in container.demux(video=0):
                meter.bytes += packet.size
                if stop.is_set():
                    return

    threads = [threading.Thread(target=read, args=(url,), daemon=True) for url in urls]
    for thread in threads:
        thread.start()
    await asyncio.sleep(warm_up + 2)  # it takes about two seconds to open
    meter.start()
    await asyncio.sleep(seconds)
    result = meter.result(len(urls))
    result["live"] = sum(thread.is_alive() for thread in threads)
    stop.set()
    for thread in threads:
        thread.join(5)
    return result


WAYS = {"native": native, "relay": relay, "hub_av": hub_av, "av": pyav}


def main() -> None:
    """Run one way and print its result."""
    way, warm_up, seconds, *urls = sys.argv[1:]
    print(json.dumps(uvloop.run(WAYS[way](urls, float(warm_up), float(seconds)))))


if __name__ == "__main__":
    main()
