"""How long a scan of a network takes against nmap, and how long it holds the event loop."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from statistics import median
from typing import Any

import uvloop

from benchmarks.processes import Child
from benchmarks.report import TIMES, Row
from benchmarks.scale import Progress, Scale
from ucv.bus import EventBus
from ucv.clock import SystemClock
from ucv.discovery.scan.connect import ConnectScan
from ucv.discovery.scan.history import MemoryScanStore
from ucv.discovery.scan.manager import ScanManager
from ucv.discovery.scan.targets import parse_targets

#: Hosts that answer nothing at any port.
SILENT = 10


def run(scale: Scale, progress: Progress) -> list[Row]:
    """Scan a network with silent hosts, then one where all answer; nmap and the hub in turn."""
    nmap = shutil.which("nmap")
    if nmap is None:
        raise RuntimeError("This is measured against nmap. On Debian: apt-get install nmap")
    cameras = 2 * scale.cameras
    whole, alone, seconds, held = [], [], [], []
    with Child("scan_hosts", str(cameras), str(SILENT)) as child:
        for pair in range(scale.pairs):
            progress(f"scan: a network with silent hosts, pair {pair + 1} of {scale.pairs}")
            theirs = _nmap(nmap, child.answer)
            took, held_for = uvloop.run(_whole_scan(child.answer))
            seconds.append(took)
            held.append(held_for)
            whole.append(took / theirs)
    with Child("scan_hosts", str(cameras), "0") as child:
        for pair in range(scale.pairs):
            progress(f"scan: a network that answers, pair {pair + 1} of {scale.pairs}")
            theirs = _nmap(nmap, child.answer)
            alone.append(uvloop.run(_connections(child.answer)) / theirs)
    network = f"254 addresses, {cameras} cameras, 8 ports"
    return [
        Row(
            "quick scan of a network, every device asked what it is",
            median(whole),
            TIMES,
            1.0,
            "nmap -sT -n -Pn, which asks none",
            note=f"{network}, {SILENT} silent hosts; {scale.pairs} pairs",
        ),
        Row("the same", median(seconds), "s", 3.0, note="the median"),
        Row(
            "open ports of a network where every host answers",
            median(alone),
            TIMES,
            1.0,
            "nmap -sT -n -Pn, with its start",
            note=f"{network}; only the connections; {scale.pairs} pairs",
        ),
        Row(
            "longest wait of other tasks for their turn, during a scan",
            median(held) * 1000,
            "ms",
            20.0,
            note="half a picture at 25 a second; processor time, the worst of each scan",
        ),
    ]


def _nmap(program: str, network: dict[str, Any]) -> float:
    """Return how many seconds nmap takes; it must find what there is."""
    ports = ",".join(map(str, network["ports"]))
    began = time.perf_counter()
    output = subprocess.run(
        [program, "-sT", "-n", "-Pn", "-p", ports, "-oG", "-", network["range"]],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    took = time.perf_counter() - began
    assert output.count("/open/tcp") == network["open"]
    return took


async def _whole_scan(network: dict[str, Any]) -> tuple[float, float]:
    """Scan as the hub does; return the seconds, and the longest time that the loop was held."""
    manager = ScanManager(
        clock=SystemClock(), handlers=lambda: [], bus=EventBus(), store=MemoryScanStore()
    )
    began = time.perf_counter()
    view = await manager.start(network["range"], ports=network["ports"])
    longest, before = 0.0, time.thread_time()
    while not manager.get(view.id).state.over:
        await asyncio.sleep(0.001)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    took = time.perf_counter() - began
    results = manager.results(view.id)
    assert sum(len(result.ports) for result in results) == network["open"]
    assert all(result.rtsp and result.http for result in results)
    await manager.stop()
    return took, longest


async def _connections(network: dict[str, Any]) -> float:
    """Only look for open ports, as nmap does; return the seconds."""
    found: list[tuple[str, int]] = []
    began = time.perf_counter()
    scan = ConnectScan(
        parse_targets(network["range"]),
        network["ports"],
        clock=SystemClock(),
        on_open=lambda host, port: found.append((host, port)),
        on_host=lambda _host, _ports: None,
    )
    await scan.run()
    took = time.perf_counter() - began
    assert len(found) == network["open"]
    return took
