"""Processor time of each further viewer on a WebSocket."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.ingest import GOP, RATE
from benchmarks.processes import Child
from benchmarks.report import TIMES, Row
from benchmarks.scale import Progress, Scale

#: Viewers at once, all of one camera, so that they count for much and the camera for little.
_MOST = 40
_SETTLE = 0.5


def run(scale: Scale, progress: Progress) -> list[Row]:
    """Measure the hub with viewers of each kind in turn, and with none around each."""
    viewers = min(_MOST, scale.viewers)
    camera = (scale.width, scale.height, RATE, GOP, scale.bit_rate)
    kinds = ("shared", "baseline", "retimed")
    costs: dict[str, list[float]] = {kind: [] for kind in kinds}
    with (
        Child("camera_server", *map(str, camera), "1") as server,
        Child("hub_process", *server.answer) as hub,
    ):
        for number in range(scale.pairs):
            for kind in kinds:
                progress(f"viewers: {kind}, round {number + 1} of {scale.pairs}")
                alone = _load(hub, scale.seconds / 2)
                with Child("view_clients", *_where(hub, kind), kind, "1", str(viewers)) as clients:
                    before: int = clients.ask()
                    watched = _load(hub, scale.seconds)
                    bits = (clients.ask() - before) * 8 / scale.seconds / viewers
                if bits < scale.bit_rate / 4:
                    raise RuntimeError(f"viewers ({kind}) got {bits / 1e6:.2f} Mbit/s each")
                costs[kind].append((watched - alone) / viewers)

    def row(kind: str, name: str) -> Row:
        pairs = zip(costs[kind], costs["baseline"], strict=True)
        return Row(
            f"processor time of each further viewer, {name}",
            median(cost / baseline for cost, baseline in pairs),
            TIMES,
            0.5,
            baseline="WebSocketResponse.send_bytes of a fragment packaged for each",
            note=f"{median(costs[kind]) * 1000:.2f} against "
            f"{median(costs['baseline']) * 1000:.2f} ms in a second; {viewers} viewers, "
            f"{scale.pairs} pairs",
        )

    return [row("shared", "the page's player"), row("retimed", "go2rtc's protocol")]


def _where(hub: Child, kind: str) -> tuple[str, str]:
    return hub.answer["baseline" if kind == "baseline" else "url"], hub.answer["token"]


def _load(hub: Child, seconds: float) -> float:
    """Return processor seconds of the hub for each second."""
    time.sleep(_SETTLE)
    before = hub.ask()
    time.sleep(seconds)
    after = hub.ask()
    return float((after["cpu"] - before["cpu"]) / (after["at"] - before["at"]))
