"""How long a viewer of a warm stream waits for its first picture."""

from __future__ import annotations

import socket
import struct
import time
from statistics import median
from urllib.parse import urlsplit

from benchmarks.processes import Child
from benchmarks.report import Row
from benchmarks.scale import Progress, Scale
from benchmarks.view_clients import masked_text, upgrade

_PLAY = '{"type":"mse","value":"avc1.640029"}'
_BINARY = 2
_LIMIT = 10.0
#: Seconds that a group lasts at most: cameras with longer ones send more pictures a second.
_LONGEST = 10
#: The longest groups fill the hub's ring with pictures of this many bits at that size.
_LONG_BITS = 40_000
_LONG_SIZE = (640, 360)


def run(scale: Scale, progress: Progress) -> list[Row]:
    """Ask at moments spread over the groups, when the ring is full and when it is nearly empty."""
    waits: dict[int, float] = {}
    for gop in scale.gops:
        progress(f"first picture: groups of {gop} pictures")
        rate = max(25, gop // _LONGEST)
        size, bit_rate = (scale.width, scale.height), scale.bit_rate
        if rate > 25:
            size, bit_rate = _LONG_SIZE, _LONG_BITS * rate
        camera = (*size, rate, gop, bit_rate, 1)
        with (
            Child("camera_server", *map(str, camera)) as server,
            Child("hub_process", *server.answer) as hub,
        ):
            spent = []
            for _ in range(scale.tries):
                time.sleep(max(0.05, 2 * gop / rate / scale.tries))
                spent.append(first_picture(hub.answer["url"], hub.answer["token"]) * 1000)
        waits[gop] = median(spent)
    each = ", ".join(f"{wait:.1f} at {gop}" for gop, wait in waits.items())
    return [
        Row(
            "first picture for a viewer of a warm stream",
            max(waits.values()),
            "ms",
            20.0,
            note="from the request to the keyframe received; the worst of the medians by pictures "
            f"in a GOP: {each}; {scale.tries} viewers each",
        )
    ]


def first_picture(url: str, token: str) -> float:
    """Return the seconds from asking to having received the first fragment as a whole."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=_LIMIT) as client:
        client.sendall(upgrade(url, "/api/ws?src=camera0", token))
        stream = client.makefile("rb")
        if b" 101 " not in stream.readline():
            raise RuntimeError("the hub does not upgrade the connection")
        while stream.readline().strip():
            pass
        asked = time.perf_counter()
        client.sendall(masked_text(_PLAY))
        while True:
            head, size = stream.read(2)
            if size == 126:
                (size,) = struct.unpack("!H", stream.read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", stream.read(8))
            message = stream.read(size)
            if head & 15 == _BINARY and message[4:8] == b"moof":
                return time.perf_counter() - asked
