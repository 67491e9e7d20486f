"""The picture a virtual camera sees: a bay at some hour of the day, with a clock that is true.

Drawn straight into the planes of one video frame, and only what moves is drawn again: no imaging
library is needed, and a 1080p picture costs well under a millisecond of Python.

Along the bottom edge stands the number of the picture as black and white blocks, for programs:
`read_counter` finds it in decoded pixels, so that a test can tell when a picture was taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import av

from ucv.testing import font

# The counter: a white and a black block, 16 bits (most significant first), even parity. Each block
# is a fortieth of the picture's width, so that a reader needs to know no more than the width.
COUNTER_BITS = 16
_COUNTER_BLOCKS = 2 + COUNTER_BITS + 1
_BLOCKS_PER_WIDTH = 40
_WHITE, _BLACK, _MIDDLE = 235, 16, 126
_NEUTRAL = 128

Colour = tuple[int, int, int]
"""Y, Cb, Cr (BT.709, limited range)."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one hour of the day."""

    zenith: Colour
    horizon: Colour
    sun: Colour
    far_hills: Colour
    near_hills: Colour
    water: Colour


PALETTES = (
    Palette(
        (96, 168, 84),
        (190, 134, 118),
        (232, 108, 136),
        (104, 144, 116),
        (70, 126, 112),
        (92, 152, 104),
    ),
    Palette(
        (60, 150, 122),
        (164, 92, 174),
        (206, 70, 168),
        (70, 134, 142),
        (40, 128, 134),
        (74, 128, 142),
    ),
    Palette(
        (30, 150, 120),
        (58, 152, 116),
        (190, 124, 130),
        (38, 140, 122),
        (24, 134, 124),
        (34, 144, 118),
    ),
    Palette(
        (140, 150, 112),
        (206, 124, 130),
        (234, 118, 132),
        (150, 132, 120),
        (98, 118, 116),
        (128, 134, 112),
    ),
)


class Scene:
    """Draws picture after picture of one bay into ``frame`` (yuv420p), each at its moment.

    ``duration`` (seconds) is when everything is back where it began; ``variant`` chooses the hour
    of the day and the shape of the hills.
    """

    def __init__(self, name: str, width: int, height: int, duration: float, variant: int) -> None:
        self.frame = av.VideoFrame(width, height, "yuv420p")
        self._width, self._height, self._duration = width, height, duration
        self._palette = PALETTES[variant % len(PALETTES)]
        self._planes = [(memoryview(plane), plane.line_size) for plane in self.frame.planes]
        self._horizon = height * 58 // 100 & ~1
        self._scale = max(1, height // 180)
        self._draw_sky()
        self._draw_hills(Random(f"hills {variant}"))
        self._fill(self._horizon, height, 0, width, self._palette.water)
        self._strips = _water_strips(self._palette.water[0], width)
        self._letter = max(1, height // 150)
        self._write(name, 4 * self._scale, 4 * self._scale, self._letter)
        self._background = [bytes(plane) for plane, _ in self._planes]
        self._boat = (0, 0, 0, 0)

    def draw(self, seconds: float, counter: int) -> None:
        """Draw the picture of that many seconds into the loop, with its number."""
        self._restore(*self._boat)
        self._shimmer(Random(counter))
        self._sail(seconds)
        self._clock(seconds)
        write_counter(self.frame, counter)

    # --- what stands still ----------------------------------------------------------------------

    def _draw_sky(self) -> None:
        top, bottom = self._palette.zenith, self._palette.horizon
        for y in range(0, self._horizon, 2):
            part = y / self._horizon
            mixed = [round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True)]
            self._fill(y, y + 2, 0, self._width, (mixed[0], mixed[1], mixed[2]))
        radius = self._height // 11
        centre_x, centre_y = self._width * 30 // 100, self._horizon - radius * 2
        for y in range(-radius & ~1, radius, 2):
            half = math.isqrt(max(0, radius * radius - y * y))
            self._fill(
                centre_y + y, centre_y + y + 2, centre_x - half, centre_x + half, self._palette.sun
            )

    def _draw_hills(self, random: Random) -> None:
        for colour, count, tallest in (
            (self._palette.far_hills, 6, 0.26),
            (self._palette.near_hills, 5, 0.14),
        ):
            for _ in range(count):
                peak = random.uniform(-0.05, 1.05) * self._width
                rise = random.uniform(0.4, 1.0) * tallest * self._height
                slope = random.uniform(1.6, 3.0)
                for y in range(int(rise) & ~1, 0, -2):
                    half = (rise - y) * slope
                    top = self._horizon - y
                    self._fill(top, top + 2, int(peak - half), int(peak + half), colour)

    def _write(self, text: str, x: int, y: int, scale: int) -> None:
        """Write white on a dark plate."""
        dots = font.rows(text)
        plate = (y, y + (font.HEIGHT + 4) * scale, x, x + (len(dots[0]) + 4) * scale)
        self._fill(*plate, (_BLACK + 14, _NEUTRAL, _NEUTRAL))
        plane, stride = self._planes[0]
        for row, line in enumerate(dots):
            coded = b"".join(bytes([_WHITE if dot else _BLACK + 14]) * scale for dot in line)
            coded = coded[: max(0, self._width - x - 2 * scale)]
            for offset in range(scale):
                start = (y + (row + 2) * scale + offset) * stride + x + 2 * scale
                plane[start : start + len(coded)] = coded

    def boat_at(self, seconds: float) -> float:
        """Return where the boat is, as a part of the width; outside of it beyond 0 to 1."""
        size = self._height // 7
        return ((seconds / self._duration) * (self._width + 2 * size) - size) / self._width

    # --- what moves -----------------------------------------------------------------------------

    def _shimmer(self, random: Random) -> None:
        plane, stride = self._planes[0]
        width, rows = self._width, self._height - self._horizon
        for row in range(rows):
            strip = self._strips[row * len(self._strips) // rows]
            offset = random.randrange(len(strip) - width)
            start = (self._horizon + row) * stride
            plane[start : start + width] = strip[offset : offset + width]

    def _sail(self, seconds: float) -> None:
        size = self._height // 7
        x = int((seconds / self._duration) * (self._width + 2 * size)) - size & ~1
        sway = math.sin(2 * math.pi * round(self._duration / 4) * seconds / self._duration)
        base = self._horizon + size // 3 + (int(sway * size / 20) & ~1)
        for y in range(0, size, 2):
            half = y * 45 // 100
            top = base - size + y
            self._fill(top, top + 2, x - half // 4, x + half, (228, 124, 132))
        for y in range(0, size // 4, 2):
            half = size * 6 // 10 - y
            self._fill(base + y, base + y + 2, x - half, x + half, (60, 118, 170))
        self._boat = (base - size, base + size // 4 + 2, x - size, x + size)

    def _clock(self, seconds: float) -> None:
        scale = self._letter
        # A loop of ten seconds cannot know the tens; it shows only what is true.
        digits = len(str(math.ceil(self._duration) - 1))
        text = f"{int(seconds):0{digits}d}.{int(seconds * 100) % 100:02d} S"
        width = (len(text) * (font.WIDTH + 1) + 3) * scale
        x = (self._width - width - 4 * self._scale) & ~1
        self._write(text, x, 4 * self._scale, scale)
        self._dial(seconds, self._width - width // 2 - 4 * self._scale, self._height * 27 // 100)

    def _dial(self, seconds: float, centre_x: int, centre_y: int) -> None:
        radius = self._height // 10
        dot = max(2, self._height // 180) & ~1
        self._restore(
            centre_y - radius - dot, centre_y + radius + 2 * dot,
            centre_x - radius - dot, centre_x + radius + 2 * dot,
        )  # fmt: skip

        def mark(angle: float, distance: float, colour: Colour) -> None:
            x = int(centre_x + math.sin(angle) * distance) & ~1
            y = int(centre_y - math.cos(angle) * distance) & ~1
            self._fill(y, y + dot, x, x + dot, colour)

        # One turn is one loop, so that the hand never jumps.
        marks = 12 if self._duration > 10 else math.ceil(self._duration)
        for number in range(marks):
            mark(2 * math.pi * number / marks, radius, (_WHITE, _NEUTRAL, _NEUTRAL))
        for step in range(0, radius * 9 // 10, dot):
            mark(2 * math.pi * seconds / self._duration, step, (81, 90, 240))

    # --- rectangles -----------------------------------------------------------------------------

    def _fill(self, top: int, bottom: int, left: int, right: int, colour: Colour) -> None:
        """Fill a rectangle, cut to the picture; chroma takes every second row and column."""

        def value(plane: int, _: int, length: int) -> bytes:
            return bytes([colour[plane]]) * length

        self._spans(top, bottom, left, right, value)

    def _restore(self, top: int, bottom: int, left: int, right: int) -> None:
        """Put back what stood there before anything moved."""
        background = self._background
        self._spans(
            top, bottom, left, right,
            lambda plane, start, length: background[plane][start : start + length],
        )  # fmt: skip

    def _spans(
        self,
        top: int,
        bottom: int,
        left: int,
        right: int,
        pixels: Callable[[int, int, int], bytes],
    ) -> None:
        left, right = max(0, left), min(self._width, right)
        top, bottom = max(0, top), min(self._height, bottom)
        if left >= right:
            return
        for plane, (target, stride) in enumerate(self._planes):
            shift = 1 if plane else 0
            length = max(1, (right - left) >> shift)
            for y in range(top >> shift, bottom >> shift):
                start = y * stride + (left >> shift)
                target[start : start + length] = pixels(plane, start, length)


def _water_strips(luma: int, width: int) -> list[bytes]:
    """Return noise around ``luma`` for six depths, from calm at the horizon to rough in front."""
    raw = Random("water").randbytes(width + 4096)
    strips = []
    for depth in range(6):
        swing = 6 + 4 * depth
        table = bytes(
            min(_WHITE, max(_BLACK, luma + round((value - 127.5) / 127.5 * swing)))
            for value in range(256)
        )
        strips.append(raw.translate(table))
    return strips


def write_counter(frame: av.VideoFrame, counter: int) -> None:
    """Burn a number into a picture (yuv420p), for `read_counter`."""
    width, height = frame.width, frame.height
    block = width // _BLOCKS_PER_WIDTH
    bits = [counter >> bit & 1 for bit in reversed(range(COUNTER_BITS))]
    values = [1, 0, *bits, sum(bits) & 1]
    coded = b"".join(bytes([_WHITE if value else _BLACK]) * block for value in values)
    grey = bytes([_NEUTRAL]) * (len(coded) // 2)
    for number, plane in enumerate(frame.planes):
        target = memoryview(plane)
        line = grey if number else coded
        shift = 1 if number else 0
        for y in range((height - block) >> shift, height >> shift):
            start = y * plane.line_size
            target[start : start + len(line)] = line


def read_counter(frame: av.VideoFrame) -> int | None:
    """Return the number burnt into a decoded picture; None if none can be read with certainty."""
    if frame.format.name not in {"yuv420p", "yuvj420p", "gray"}:
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    luma = memoryview(plane)
    block = frame.width // _BLOCKS_PER_WIDTH
    start = (frame.height - 1 - block // 2) * plane.line_size + block // 2
    bits = [luma[start + block * position] > _MIDDLE for position in range(_COUNTER_BLOCKS)]
    if not bits[0] or bits[1] or sum(bits[2:]) & 1:
        return None
    return sum(bit << place for place, bit in enumerate(reversed(bits[2:-1])))
