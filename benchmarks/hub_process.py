"""A hub with its bridge, as `ucv run` has it, that tells what it costs.

`python -m benchmarks.hub_process URL …` prints its address and a token as JSON when every camera is
live. Each line of input is answered with the processor seconds and the moment, and with the delays
since the last line: from when a picture was read from the camera's socket until it was written to
the sockets of all its viewers, in milliseconds. It ends with its input.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from aiohttp import web

from benchmarks.baseline import add_baseline
from benchmarks.processes import answer
from ucv.hub import Hub
from ucv.media.fmp4 import Fragment
from ucv.streams.fanout import Fanout
from ucv_bridge import server
from ucv_bridge.auth.accounts import Accounts
from ucv_bridge.auth.principal import Role
from ucv_bridge.context import BridgeContext

_LIVE_LIMIT = 60.0


class TimedFanout:
    """Notes the delay of every picture of every stream."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.delays: list[float] = []
        publish = Fanout.publish

        def note(received: float) -> None:
            self.delays.append((time.monotonic() - received) * 1000)

        def timed(fanout: Fanout, fragment: Fragment) -> None:
            publish(fanout, fragment)
            # uvloop writes to the sockets at the end of the turn: not before that has it been sent.
            loop.call_soon(note, fragment.received)

        Fanout.publish = timed  # type: ignore[assignment,method-assign]  # only here, to look inside

    def take(self) -> dict[str, float]:
        """Return percentiles of the delays since the last time."""
        delays, self.delays = sorted(self.delays), []
        if not delays:
            return {"pictures": 0}
        return {
            "pictures": len(delays),
            "p50": delays[len(delays) // 2],
            "p99": delays[int(len(delays) * 0.99)],
            "most": delays[-1],
        }


async def run(urls: list[str], folder: Path) -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    timed = TimedFanout(loop)
    cameras = [
        {
            "id": f"camera{number}",
            "name": f"Camera {number}",
            "integration": "rtsp",
            "url": url,
            "preload": True,
        }
        for number, url in enumerate(urls)
    ]
    (folder / "ucv.yaml").write_text(json.dumps({"cameras": cameras}))
    hub = Hub(folder)
    await hub.start()
    token = await Accounts(hub.database, hub.clock).create_token("benchmark", Role.VIEWER)
    running = await server.serve(hub, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(_LIVE_LIMIT):
            while not _all_live(hub, len(urls)):  # noqa: ASYNC110 - no hurry
                await asyncio.sleep(0.1)
        gc.collect()
        gc.freeze()
        answer({"url": running.url, "token": token})
        while await loop.run_in_executor(None, sys.stdin.readline):
            times = {"cpu": time.process_time(), "at": time.monotonic()}
            answer({**times, **timed.take()})
    finally:
        await running.stop()
        await hub.stop()


def _all_live(hub: Hub, cameras: int) -> bool:
    found = [hub.streams.get(camera.id) for camera in hub.cameras.list()]
    return len(found) == cameras and all(stream.status.state == "live" for stream in found)


def main() -> None:
    """Run with a configuration that is thrown away."""
    add_media_routes = server.add_media_routes

    def with_baseline(app: web.Application, context: BridgeContext) -> None:
        add_media_routes(app, context)
        add_baseline(app, context)

    server.add_media_routes = with_baseline  # type: ignore[assignment]  # only here, to compare
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(run(sys.argv[1:], Path(folder)))


if __name__ == "__main__":
    main()
