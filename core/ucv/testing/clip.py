"""Short H.264 clips of a `Scene`, encoded once, to be looped in step with the wall clock.

A clip's length divides a minute: played so that the picture of each moment is the one it shows,
its burnt-in clock gives the true second within the loop, and `read_counter` the exact picture.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.video.codeccontext import VideoCodecContext

from ucv.testing.scene import COUNTER_BITS, Scene

_SPS, _PPS, _IDR = 7, 8, 5
#: Raised whenever the pictures change, so that old caches are not used.
_EDITION = 2
#: Pixels; below this the counter's blocks are smaller than what the encoder keeps apart.
_MIN_WIDTH = 320
#: 4 Mbit/s for 1080p25.
_BITS_PER_PIXEL = 0.08


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """What a clip is to be.

    ``rate`` is pictures per second, ``duration`` and ``keyframe_interval`` are seconds,
    ``bit_rate`` is bits per second (None: as a camera of that size has). ``variant`` chooses the
    scenery.
    """

    name: str
    width: int
    height: int
    rate: int
    duration: int = 10
    keyframe_interval: float = 1.0
    bit_rate: int | None = None
    variant: int = 0

    def __post_init__(self) -> None:
        if 60 % self.duration:
            raise ValueError("The duration of a clip must divide a minute.")
        if self.rate * self.duration > 1 << COUNTER_BITS:
            raise ValueError("The clip has more pictures than its counter can number.")
        if self.width < _MIN_WIDTH or self.width % 2 or self.height % 2:
            raise ValueError("Both sides of a picture must be even, and its counter must fit.")


@dataclass(frozen=True, slots=True)
class Picture:
    """One coded picture: its NAL units without start codes, SPS and PPS left out."""

    nal_units: tuple[bytes, ...]
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """An encoded clip; ``pictures`` has ``rate`` x ``duration`` of them, the first a keyframe."""

    request: ClipRequest
    sps: bytes
    pps: bytes
    pictures: tuple[Picture, ...]

    def index_at(self, epoch: float) -> int:
        """Return which picture shows that moment (seconds since the epoch)."""
        return int(epoch * self.request.rate) % len(self.pictures)

    def age_of(self, counter: int, epoch: float) -> float:
        """Return how many seconds before ``epoch`` the picture of that number was taken.

        Up to the clip's length, after which the numbers come again.
        """
        return (epoch - counter / self.request.rate) % self.request.duration


def encode(request: ClipRequest) -> Clip:
    """Encode a clip: no B-frames, one slice for each picture. Takes seconds; no event loop."""
    context = VideoCodecContext.create("libx264", "w")
    context.width, context.height = request.width, request.height
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, request.rate)
    context.framerate = Fraction(request.rate, 1)
    context.thread_count = 1
    interval = max(1, round(request.keyframe_interval * request.rate))
    parameters = f"keyint={interval}:min-keyint={interval}:scenecut=0:sliced-threads=0:bframes=0"
    bit_rate = request.bit_rate or round(
        request.width * request.height * request.rate * _BITS_PER_PIXEL
    )
    context.bit_rate = bit_rate
    parameters += f":vbv-maxrate={bit_rate // 1000}:vbv-bufsize={bit_rate // 1000}"
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": parameters,
    }

    scene = Scene(
        request.name, request.width, request.height, float(request.duration), request.variant
    )
    sets: dict[int, bytes] = {}
    pictures: list[Picture] = []

    def take(packets: list[Any]) -> None:
        for packet in packets:
            units = split_annex_b(bytes(packet))
            sets.update((unit[0] & 31, unit) for unit in units if unit[0] & 31 in (_SPS, _PPS))
            coded = tuple(unit for unit in units if unit[0] & 31 in (1, _IDR))
            pictures.append(Picture(coded, keyframe=any(unit[0] & 31 == _IDR for unit in coded)))

    for number in range(request.rate * request.duration):
        scene.draw(number / request.rate, number)
        scene.frame.pts = number
        take(context.encode(scene.frame))
    take(context.encode(None))
    return Clip(request, sets[_SPS], sets[_PPS], tuple(pictures))


def load(requests: list[ClipRequest], folder: Path | None = None) -> list[Clip]:
    """Return clips from the cache in ``folder``, encoding what it lacks, several at a time.

    Takes seconds; no event loop. A damaged or unwritable cache is done without.
    """
    with ThreadPoolExecutor(max_workers=max(1, os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda request: _load(request, folder), requests))


def split_annex_b(stream: bytes) -> list[bytes]:
    """Return the NAL units between start codes (ISO 14496-10, annex B)."""
    parts = stream.split(b"\0\0\1")
    units = [part[:-1] if part.endswith(b"\0") else part for part in parts[1:]]
    return [unit for unit in units if unit]


def _load(request: ClipRequest, folder: Path | None) -> Clip:
    if folder is None:
        return encode(request)
    digest = hashlib.sha256(json.dumps([_EDITION, asdict(request)]).encode()).hexdigest()[:24]
    path = folder / f"clip-{digest}.bin"
    try:
        return _unpack(request, path.read_bytes())
    except (OSError, ValueError):
        clip = encode(request)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(_pack(clip))
        temporary.replace(path)
    except OSError:
        pass  # the next start encodes again
    return clip


def _pack(clip: Clip) -> bytes:
    """Return a line with a digest of all that follows, one with sizes, and the NAL units."""
    units = [clip.sps, clip.pps, *(unit for p in clip.pictures for unit in p.nal_units)]
    header = {
        "pictures": [[len(p.nal_units), p.keyframe] for p in clip.pictures],
        "sizes": [len(unit) for unit in units],
    }
    body = json.dumps(header).encode() + b"\n" + b"".join(units)
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _unpack(request: ClipRequest, packed: bytes) -> Clip:
    digest, _, rest = packed.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise ValueError("damaged")
    line, _, body = rest.partition(b"\n")
    header = json.loads(line)
    units, position = [], 0
    for size in header["sizes"]:
        units.append(body[position : position + size])
        position += size
    coded = iter(units[2:])
    pictures = tuple(
        Picture(tuple(next(coded) for _ in range(count)), keyframe=bool(keyframe))
        for count, keyframe in header["pictures"]
    )
    return Clip(request, units[0], units[1], pictures)
