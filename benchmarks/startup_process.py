"""A hub with many entries, from its making to all of them loaded; tells what that took as JSON.

`python -m benchmarks.startup_process FOLDER` starts a hub on a configuration directory and ends it.
Its entries are of the integration ``virtual``, whose devices take no time to answer, or of
``deaf``, whose devices never do.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import uvloop

from benchmarks.processes import answer
from ucv import DeviceInfo, Integration, Stream
from ucv.config import fields
from ucv.entries.entry import EntryChanged, EntryState
from ucv.hub import Hub
from ucv.plugins.device import Device
from ucv.plugins.hookspecs import hookimpl
from ucv.plugins.quarantine import Source
from ucv.plugins.sources import Candidate
from ucv_bridge.server import serve

#: Seconds in which all entries must be loaded, at the latest.
_LIMIT = 300.0
#: Seconds a hub with deaf cameras is watched before it is stopped.
_DEAF = 0.5


class Virtual(Integration):
    """Cameras that answer at once."""

    domain = "virtual"
    name = "Virtual"
    schema = {**fields.HOST, **fields.CREDENTIALS}

    async def probe(self, device: Device) -> DeviceInfo:
        """See `Integration.probe`."""
        return DeviceInfo(unique_id=f"serial-{device.entry_id}", model="V1")

    async def streams(self, device: Device) -> list[Stream]:
        """See `Integration.streams`."""
        return [Stream(role, device.url("rtsp", f"/{role}")) for role in ("main", "sub")]


class Deaf(Virtual):
    """Cameras that never answer."""

    domain = "deaf"
    name = "Deaf"

    async def setup(self, device: Device) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


def _plugin() -> Candidate:
    module = ModuleType("virtual")

    @hookimpl
    def ucv_register_integrations(integrations: Any) -> None:
        integrations.add(Virtual)
        integrations.add(Deaf)

    setattr(module, "ucv_register_integrations", ucv_register_integrations)  # noqa: B010 - a module made here has no declared names
    return Candidate("virtual", "virtual", Source.INSTALLED, lambda: module, lambda: None)


class Loading:
    """Counts the entries that are loaded; asking for all of them would cost more than they do."""

    def __init__(self, hub: Hub) -> None:
        self._loaded: set[str] = set()
        self._changed = asyncio.Event()
        hub.bus.subscribe(EntryChanged, self._note)

    def _note(self, event: EntryChanged) -> None:
        if event.status.state is EntryState.LOADED:
            self._loaded.add(event.entry.id)
            self._changed.set()

    async def wait(self, entries: int) -> None:
        """Wait until so many are loaded."""
        async with asyncio.timeout(_LIMIT):
            while len(self._loaded) < entries:
                self._changed.clear()
                await self._changed.wait()


async def run(folder: Path) -> dict[str, float]:
    """Return the seconds until each stage, and what the process holds in MiB."""
    began = time.perf_counter()
    hub = Hub(folder, plugins=[_plugin()])
    loading = Loading(hub)
    await hub.start()
    started = time.perf_counter()
    try:
        running = await serve(hub, "127.0.0.1", 0)
        try:
            await _health(running.url)
            served = time.perf_counter()
            deaf = any(view.config.integration == "deaf" for view in hub.entries.list())
            await (asyncio.sleep(_DEAF) if deaf else loading.wait(len(hub.entries.list())))
            loaded = time.perf_counter()
            gc.collect()
            memory = _anonymous()
        finally:
            await running.stop()
    finally:
        stopping = time.perf_counter()
        await hub.stop()
    return {
        "entries": len(hub.entries.list()),
        "started": started - began,
        "served": served - began,
        "loaded": loaded - began,
        "stopped": time.perf_counter() - stopping,
        "cpu": time.process_time(),
        "memory": memory,
    }


def _anonymous() -> float:
    """Return the MiB that are this process's alone, whoever else has the same libraries loaded."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0


async def _health(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = f"GET /api/health HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    writer.write(request.encode())
    status = await reader.readline()
    writer.close()
    if b" 200 " not in status:
        raise RuntimeError(f"the hub is not well: {status!r}")


if __name__ == "__main__":
    answer(uvloop.run(run(Path(sys.argv[1]))))
