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
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks.baseline import serve_baseline
from benchmarks.processes import answer
from ucv.hub import Hub
from ucv.media.fmp4 import Fragment
from ucv.streams.fanout import Fanout
from ucv_bridge.server import serve

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


async def run(urls: list[str], folder: Path, token: str) -> None:
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
    running = await serve(hub, "127.0.0.1", 0)
    baseline = await serve_baseline(hub)
    try:
        async with asyncio.timeout(_LIVE_LIMIT):
            while not _all_live(hub, len(urls)):  # noqa: ASYNC110 - no hurry
                await asyncio.sleep(0.1)
        gc.collect()
        gc.freeze()
        port = baseline.addresses[0][1]
        answer({"url": running.url, "baseline": f"http://127.0.0.1:{port}", "token": token})
        while await loop.run_in_executor(None, sys.stdin.readline):
            times = {"cpu": time.process_time(), "at": time.monotonic()}
            answer({**times, **timed.take()})
    finally:
        await baseline.cleanup()
        await running.stop()
        await hub.stop()


def _all_live(hub: Hub, cameras: int) -> bool:
    found = [hub.streams.get(camera.id) for camera in hub.cameras.list()]
    return len(found) == cameras and all(stream.status.state == "live" for stream in found)


def main() -> None:
    """Run with a configuration that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        command = ("from ucv.cli import main; main()", "token", "create", "benchmark")
        made = subprocess.run(
            [sys.executable, "-c", *command, "--config", folder, "--role", "viewer"],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        uvloop.run(run(sys.argv[1:], Path(folder), made.stdout.strip()))


if __name__ == "__main__":
    main()
