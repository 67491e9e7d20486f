"""Cameras for the measurements: RTSP servers that loop one clip, each at a phase of its own.

`python -m benchmarks.camera_server WIDTH HEIGHT RATE GOP BIT_RATE CAMERAS [whole]` prints their
addresses as JSON, and serves until its input ends. GOP is in pictures. Each RTP packet is written
to the socket alone, as cameras do; with `whole`, each picture.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from benchmarks.processes import CLIPS, answer
from ucv.testing import rtsp_server
from ucv.testing.clip import Clip, ClipRequest, load
from ucv.testing.rtsp_connection import ServerConnection
from ucv.testing.rtsp_server import RtspServer

_GOLDEN = 0.618_034


async def serve(clip: Clip, cameras: int) -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        urls = []
        for number in range(cameras):
            # Real cameras do not send their keyframes all at the same moment.
            phase = number * _GOLDEN % 1 * clip.request.keyframe_interval
            server = await stack.enter_async_context(RtspServer(now=_shifted(phase)))
            server.add("/live", clip)
            urls.append(server.url("/live"))
        gc.freeze()
        answer(urls)
        await loop.run_in_executor(None, sys.stdin.read)


def _shifted(phase: float) -> Callable[[], float]:
    return lambda: time.time() + phase


def request(width: int, height: int, rate: int, gop: int, bit_rate: int) -> ClipRequest:
    """Return the clip to ask for: the shortest that a minute has room for."""
    interval = gop / rate
    durations = [seconds for seconds in (10, 12, 15, 20, 30, 60) if not seconds * rate % gop]
    return ClipRequest("BENCHMARK", width, height, rate, durations[0], interval, bit_rate=bit_rate)


class PacketWise(ServerConnection):
    """Writes packet by packet. On asyncio's own loop each goes out at once; uvloop joins them."""

    def send(self, data: bytes | bytearray) -> None:
        """See `ServerConnection.send`."""
        packets, start = memoryview(data), 0
        while start < len(packets) and packets[start] == 0x24:  # "$": RFC 2326, 10.12
            size = packets[start + 2] << 8 | packets[start + 3]
            super().send(bytes(packets[start : start + 4 + size]))
            start += 4 + size
        if start < len(packets):
            super().send(bytes(packets[start:]))


def main() -> None:
    """Encode the clip, or take it from the cache, and serve it."""
    width, height, rate, gop, bit_rate, cameras = map(int, sys.argv[1:7])
    clip = load([request(width, height, rate, gop, bit_rate)], CLIPS)[0]
    if sys.argv[7:] != ["whole"]:
        vars(rtsp_server)["ServerConnection"] = PacketWise  # only in this process
    asyncio.run(serve(clip, cameras))


if __name__ == "__main__":
    main()
