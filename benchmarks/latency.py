"""The delay that the hub adds between a camera and its viewers."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.ingest import GOP, RATE
from benchmarks.processes import Child
from benchmarks.report import Row
from benchmarks.scale import Progress, Scale

_SETTLE = 2.0


def run(scale: Scale, progress: Progress) -> list[Row]:
    """Let many viewers watch many cameras, and look at every picture."""
    camera = (scale.width, scale.height, RATE, GOP, scale.bit_rate)
    windows = []
    progress(f"latency: {scale.cameras} cameras, {scale.viewers} viewers")
    with (
        Child("camera_server", *map(str, camera), str(scale.cameras)) as server,
        Child("hub_process", *server.answer) as hub,
        Child(
            "view_clients",
            hub.answer["url"],
            hub.answer["token"],
            "shared",
            str(scale.cameras),
            str(scale.viewers),
        ) as clients,
    ):
        time.sleep(_SETTLE)
        hub.ask()
        for number in range(scale.pairs):
            progress(f"latency: window {number + 1} of {scale.pairs}")
            before: int = clients.ask()
            time.sleep(scale.seconds)
            window = hub.ask()
            bits = (clients.ask() - before) * 8 / scale.seconds / scale.viewers
            if window["pictures"] < scale.cameras * RATE * scale.seconds / 2:
                raise RuntimeError(f"only {window['pictures']} pictures in {scale.seconds} s")
            if bits < scale.bit_rate / 2:
                raise RuntimeError(f"viewers got {bits / 1e6:.2f} Mbit/s each")
            windows.append(window)
    pictures = sum(window["pictures"] for window in windows)
    return [
        Row(
            f"delay the hub adds at {scale.cameras} cameras and {scale.viewers} viewers, p99",
            median(window["p99"] for window in windows),
            "ms",
            10.0,
            note=f"median {median(window['p50'] for window in windows):.2f} ms, worst of all "
            f"{max(window['most'] for window in windows):.2f} ms; {pictures:,} pictures in "
            f"{scale.pairs} windows, from the camera's socket to those of all viewers",
        )
    ]
