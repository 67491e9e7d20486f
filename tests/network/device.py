"""Devices made of software, on hosts of a lab.

Run as a program on a host, with JSON of the device's kind and arguments, it serves one device.
Lines of JSON on its standard input say what to do next, and each is answered by one.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.network.lab import Host, Running

#: Kinds of devices by the integration for them.
KINDS = {
    "dahua": ("ucv.testing.dahua", "DahuaDevice"),
    "hikvision": ("ucv.testing.hikvision", "HikvisionDevice"),
    "onvif": ("ucv.testing.onvif", "OnvifDevice"),
    "mjpeg": ("ucv.testing.mjpeg_device", "MjpegDevice"),
    "rtsp": ("ucv.testing.virtual_camera", "VirtualCamera"),
}
USER, PASSWORD = "admin", "camera-secret"
#: Seconds that a device gets to start (it may have to draw its pictures first), and to answer.
START_LIMIT, LIMIT = 60.0, 10.0

_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.network.device import main
main()
"""


class LabDevice:
    """A device in a process of its own: ``device = await serve(host, "dahua", serial="A1")``."""

    def __init__(self, host: Host, kind: str, running: Running) -> None:
        self.host = host
        self.kind = kind
        self._running = running

    async def announce(self, *protocols: str) -> float:
        """Answer to those who look, by these protocols or all that its kind has.

        Returns when it began to, in seconds since the epoch.
        """
        answer = await self._do(do="announce", protocols=list(protocols) or None)
        return float(answer["began"])

    async def logins(self) -> int:
        """Return how many requests with credentials it has had, whatever protocol they came by."""
        return int((await self._do(do="count"))["logins"])

    async def requests(self) -> int:
        """Return how many requests it has had by HTTP and RTSP, with or without credentials."""
        return int((await self._do(do="count"))["requests"])

    async def pull_plug(self) -> None:
        """End it without a word to anybody."""
        await self._running.stop(signal.SIGKILL)

    async def _do(self, **what: Any) -> Any:
        before = len(self._running.lines)
        self._running.send(json.dumps(what))
        line = await self._running.line(_is_answer, after=before, limit=LIMIT)
        return json.loads(line)


async def serve(
    host: Host, kind: str, *, port: int = 80, rtsp: int = 554, **more: Any
) -> LabDevice:
    """Start a device at a host's address; ``more`` is what its kind takes."""
    arguments = {"kind": kind, "host": host.address, "port": port, "rtsp": rtsp, **more}
    program = [sys.executable, "-c", _PROGRAM, str(Path(__file__).parents[2])]
    running = await host.run([*program, json.dumps(arguments)])
    await running.line(_is_answer, limit=START_LIMIT)
    return LabDevice(host, kind, running)


def _is_answer(line: str) -> bool:
    return line.startswith('{"at":')


# --- the program ----------------------------------------------------------------------------------


def make(kind: str, *, host: str, port: int, rtsp: int, **more: Any) -> Any:
    """Return a device, not started."""
    module, name = KINDS[kind]
    made = getattr(importlib.import_module(module), name)
    if kind == "mjpeg":
        return made(USER, PASSWORD, host=host, port=port, **more)
    more = {"name": kind.capitalize(), **more}
    account = {"username": USER, "password": PASSWORD}
    return made(**account, host=host, http_port=port, rtsp_port=rtsp, **more)


async def work(kind: str, **arguments: Any) -> None:
    """Serve a device and do what is said until nothing more is."""
    from ucv.testing.discovery import announce

    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    async with AsyncExitStack() as stack:
        device = await stack.enter_async_context(make(kind, **arguments))
        say()
        async for line in lines:
            what = json.loads(line)
            if what["do"] == "announce":
                began = time.time()
                await stack.enter_async_context(
                    announce(device, interface=arguments["host"], protocols=what["protocols"])
                )
                say(began=began)
            else:
                say(**counted(device))


def counted(device: Any) -> dict[str, int]:
    """Return how many requests a device has had, and how many of them had credentials."""
    # One that has only HTTP is its own server.
    http = getattr(device, "http", device).counters
    rtsp = getattr(device, "rtsp", None)
    if rtsp is None:
        return {"requests": http.total, "logins": http.logins}
    asked = sum(rtsp.counters.requests.values())
    return {"requests": http.total + asked, "logins": http.logins + rtsp.counters.logins}


def say(**answer: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps({"at": time.time(), **answer}) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve the device that the arguments describe."""
    asyncio.run(work(**json.loads(sys.argv[2])))
