"""Processor time and memory of each camera that nobody watches."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from typing import Any

from benchmarks.processes import ROOT, Child
from benchmarks.report import TIMES, Row
from benchmarks.scale import Progress, Scale

#: Pictures per second, and pictures from keyframe to keyframe.
RATE = GOP = 25


def run(scale: Scale, progress: Progress) -> list[Row]:
    """Measure the ways of reading in turn, all from the same cameras."""
    camera = (scale.width, scale.height, RATE, GOP, scale.bit_rate)
    runs: list[dict[str, dict[str, float]]] = []
    with Child("camera_server", *map(str, camera), str(scale.cameras + 1)) as server:
        urls: list[str] = server.answer
        for number in range(scale.pairs):
            results = {}
            for way in ("native", "hub_av", "relay", "av"):
                progress(f"ingest: {way}, round {number + 1} of {scale.pairs}")
                results[way] = read(way, scale, urls[: scale.cameras])
            runs.append(results)
        further = []
        for number in range(scale.pairs):
            progress(f"memory, round {number + 1} of {scale.pairs}")
            one = read("native", scale, urls[:1])
            many = read("native", scale, urls)
            grown = many["uss"] - one["uss"]
            further.append((grown - many["ring_bytes"] + one["ring_bytes"]) / scale.cameras / 2**20)

    whole = []
    with Child("camera_server", *map(str, camera), str(scale.cameras), "whole") as server:
        for number in range(scale.pairs):
            progress(f"ingest of whole pictures, round {number + 1} of {scale.pairs}")
            native, relay = (read(way, scale, server.answer) for way in ("native", "relay"))
            whole.append(native["cpu_per_camera"] / relay["cpu_per_camera"])

    def cost(way: str) -> float:
        return median(results[way]["cpu_per_camera"] for results in runs) * 1000

    def ratio(way: str) -> float:
        return median(
            results["native"]["cpu_per_camera"] / results[way]["cpu_per_camera"] for results in runs
        )

    rate = median(results["native"]["bits_per_camera"] for results in runs) / 1e6
    cameras = f"{scale.cameras} cameras at {rate:.1f} Mbit/s, {scale.pairs} pairs"
    return [
        Row(
            "processor time for each camera",
            ratio("hub_av"),
            TIMES,
            0.3,
            baseline="the same work done by a PyAV thread",
            note=f"{cost('native'):.2f} against {cost('hub_av'):.2f} ms in a second "
            f"({cost('av'):.2f} for a thread that demuxes and throws away); {cameras}",
        ),
        Row(
            "processor time for each camera",
            ratio("relay"),
            TIMES,
            3.0,
            baseline="a relay that reads the same sockets and throws the bytes away",
            note=f"{cost('native'):.2f} against {cost('relay'):.2f} ms in a second; {cameras}; "
            f"{median(whole):.2f} where each picture arrives in one piece",
        ),
        Row(
            "memory of each further camera",
            median(further),
            "MiB",
            2.0,
            note=f"USS at {scale.cameras + 1} cameras less that at 1, without the GOP rings",
        ),
    ]


def read(way: str, scale: Scale, urls: list[str]) -> dict[str, float]:
    """Read the cameras in a process of its own."""
    window = (str(scale.warm_up), str(scale.seconds))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ingest_worker", way, *window, *urls],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    if result["live"] != len(urls):
        raise RuntimeError(f"{way} read {result['live']} of {len(urls)} cameras")
    return result
