"""Real H.264 from libx264, the RTP packets it travels in, and a sink that keeps what arrives."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.media.rtp import Depacketizer, depacketizer_for
from ucv.media.sdp import MediaDescription

RATE = 25
TICKS = 90_000 // RATE


@dataclass(frozen=True)
class Picture:
    """One coded picture: its NAL units and presentation time in frames."""

    nals: tuple[bytes, ...]
    shown: int

    @property
    def keyframe(self) -> bool:
        return any(nal[0] & 31 == 5 for nal in self.nals)


def split(data: bytes) -> Iterator[bytes]:
    """Take a byte stream apart, without the code under test."""
    yield from data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]


@cache
def encoded(
    frames: int, width: int = 160, height: int = 120, options: tuple[tuple[str, str], ...] = ()
) -> tuple[Picture, ...]:
    """Encode moving grey bars; pictures come in decoding order."""
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.options = {"preset": "ultrafast", "g": "10", "x264-params": "scenecut=0"} | dict(
        options
    )
    packets = []
    for number in range(frames):
        frame = av.VideoFrame(width, height, "yuv420p")
        for index, plane in enumerate(frame.planes):
            row = bytes((number * 9 + x * (index + 1)) & 0xFF for x in range(plane.line_size))
            plane.update(row * plane.height)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return tuple(Picture(tuple(split(bytes(p))), p.pts or 0) for p in packets)


def payloads(nals: tuple[bytes, ...], mtu: int) -> Iterator[bytes]:
    """Packetize as RFC 6184 has it: parameter sets in a STAP-A, large NAL units in FU-As."""
    small = [nal for nal in nals if nal[0] & 31 in (7, 8)]
    if small:
        yield b"\x78" + b"".join(struct.pack(">H", len(nal)) + nal for nal in small)
    for nal in nals:
        if nal in small:
            continue
        if len(nal) <= mtu:
            yield nal
            continue
        body = nal[1:]
        for start in range(0, len(body), mtu):
            flags = (0x80 if start == 0 else 0) | (0x40 if start + mtu >= len(body) else 0)
            header = bytes((nal[0] & 0xE0 | 28, nal[0] & 31 | flags))
            yield header + body[start : start + mtu]


@dataclass
class Packetizer:
    """Makes RTP packets with one sequence."""

    sequence: int = 65_500  # wraps soon
    offset: int = 0  # of the timestamp
    ssrc: int = 0x1234
    mtu: int = 300

    def packet(self, payload: bytes, timestamp: int, *, marker: bool = False) -> bytes:
        header = struct.pack(
            ">BBHII",
            0x80,
            96 | (0x80 if marker else 0),
            self.sequence & 0xFFFF,
            timestamp & 0xFFFF_FFFF,
            self.ssrc,
        )
        self.sequence += 1
        return header + payload

    def packets(self, picture: Picture) -> list[bytes]:
        parts = list(payloads(picture.nals, self.mtu))
        timestamp = self.offset + picture.shown * TICKS
        return [
            self.packet(part, timestamp, marker=index == len(parts) - 1)
            for index, part in enumerate(parts)
        ]


@dataclass
class Recorder:
    """Keeps what a depacketizer delivers."""

    formats: list[VideoFormat] = field(default_factory=list)
    units: list[AccessUnit] = field(default_factory=list)
    events: list[AccessUnit | VideoFormat] = field(default_factory=list)
    lost: int = 0

    def on_format(self, video_format: VideoFormat) -> None:
        self.formats.append(video_format)
        self.events.append(video_format)

    def on_access_unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)
        self.events.append(unit)

    def on_loss(self, packets: int) -> None:
        self.lost += packets


class Receiver:
    """A depacketizer with its sink, fed from one receive buffer as a socket would fill it."""

    def __init__(
        self, *, fmtp: dict[str, str] | None = None, max_access_unit: int = 1 << 20
    ) -> None:
        self.sink = Recorder()
        media = MediaDescription("video", 96, "H264", 90_000, fmtp or {}, frame_rate=12.5)
        self.depacketizer: Depacketizer = depacketizer_for(
            media, self.sink, max_access_unit=max_access_unit
        )
        self._buffer = bytearray(70_000)
        self.now = 100.0

    def push(self, *packets: bytes) -> None:
        for packet in packets:
            self._buffer[7 : 7 + len(packet)] = packet
            self.depacketizer.push(self._buffer, 7, 7 + len(packet), self.now)

    def push_rtcp(self, packet: bytes) -> None:
        self.depacketizer.push_rtcp(bytearray(b"$\1??" + packet), 4, 4 + len(packet))


def sprop(*nals: bytes) -> dict[str, str]:
    return {"sprop-parameter-sets": ",".join(base64.b64encode(nal).decode() for nal in nals)}


def decoded(init: bytes, fragments: bytes) -> list[tuple[int, int]]:
    """Decode a whole MP4 with every error fatal; presentation time and a pixel of each picture."""
    import io

    pictures = []
    with av.open(io.BytesIO(init + fragments), "r") as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            assert frame.pts is not None
            assert not frame.is_corrupt
            pictures.append((frame.pts, bytes(frame.planes[0])[0]))
    return pictures


@dataclass(frozen=True)
class H264Kit:
    """All of the above, since test modules cannot import one another."""

    encoded: Callable[..., tuple[Picture, ...]] = encoded
    packetizer: type[Packetizer] = Packetizer
    receiver: type[Receiver] = Receiver
    recorder: type[Recorder] = Recorder
    sprop: Callable[..., dict[str, str]] = sprop
    decoded: Callable[[bytes, bytes], list[tuple[int, int]]] = decoded
    ticks: int = TICKS


@pytest.fixture(scope="session")
def h264() -> H264Kit:
    return H264Kit()
