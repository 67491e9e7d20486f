"""What a virtual camera sees, as JPEG pictures."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange

from ucv.testing.scene import Scene


@lru_cache(maxsize=16)
def jpeg_loop(name: str, width: int, height: int, rate: int, seconds: int) -> tuple[bytes, ...]:
    """Return ``rate`` x ``seconds`` pictures, to be shown in a loop; the counter is its index.

    Drawn and encoded once in a process, which takes some milliseconds for each; no event loop.
    """
    scene = Scene(name, width, height, float(seconds), 0)
    pictures = []
    for number in range(rate * seconds):
        scene.draw(number / rate, number)
        # JPEG knows no limited range.
        frame = scene.frame.reformat(format="yuvj420p", dst_color_range=ColorRange.JPEG)
        frame.pts = 0
        encoder = VideoCodecContext.create("mjpeg", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
        encoder.time_base = Fraction(1, rate)
        encoder.thread_count = 1
        encoder.options = {"qmin": "4", "qmax": "4"}
        packets = (*encoder.encode(frame), *encoder.encode(None))
        pictures.append(b"".join(bytes(packet) for packet in packets))
    return tuple(pictures)
