"""The short way, in runs and one by one, must deliver exactly what the long way delivers."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.media.errors import MediaError
from ucv.media.rtp.h264 import H264Depacketizer
from ucv.media.rtp.quick import QuickH264Depacketizer
from ucv.media.rtsp.framing import Demultiplexer
from ucv.media.sdp import MediaDescription

SETS = "Z0LAH9oBQBbsBagICAoAAAMAAgAAAwBlHjBlQA==,aM48gA=="
MEDIA = MediaDescription("video", 96, "H264", 90_000, {"sprop-parameter-sets": SETS})
SPS = base64.b64decode(SETS.split(",", maxsplit=1)[0])
SIZE = 100
#: A sender report: NTP time, RTP time 0, counts (RFC 3550, 6.4.1).
REPORT = b"\x80\xc8\x00\x06" + struct.pack(">IIIIII", 7, 3_900_000_000 + 1000, 0, 0, 1, 1)


@dataclass
class Sink:
    """Keeps all that was delivered, in a form that can be compared."""

    log: list[object] = field(default_factory=list)

    def on_format(self, video_format: VideoFormat) -> None:
        self.log.append(video_format)

    def on_access_unit(self, unit: AccessUnit) -> None:
        self.log.append(
            (bytes(unit.buffer), unit.timestamp, unit.keyframe, unit.received, unit.wall)
        )

    def on_loss(self, packets: int) -> None:
        self.log.append(packets)


def interleaved(channel: int, packet: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(packet).to_bytes(2, "big") + packet


def fragments(nal: bytes, sequence: int, timestamp: int, *, last: bool) -> list[bytes]:
    """Packetise a NAL unit into FU-A packets of `SIZE` bytes, the last of what is left."""
    indicator, kind = nal[0] & 0xE0 | 28, nal[0] & 31
    parts = [nal[i : i + SIZE] for i in range(1, len(nal), SIZE)]
    packets = []
    for number, part in enumerate(parts):
        begins, ends = number == 0, number == len(parts) - 1
        head = 0x8060 | (0x80 if ends and last else 0)
        fu = kind | (0x80 if begins else 0) | (0x40 if ends else 0)
        packets.append(
            struct.pack(">HHIIBB", head, (sequence + number) & 0xFFFF, timestamp, 7, indicator, fu)
            + part
        )
    return packets


def stream(pictures: list[tuple[int, int]], first: int) -> list[bytes]:
    """Return interleaved packets of pictures of (bytes, slices) each, every fifth a keyframe."""
    packets: list[bytes] = []
    sequence = first
    for number, (size, slices) in enumerate(pictures):
        for piece in range(slices):
            start = b"\x88\x80" if piece == 0 else b"\x48\x80"
            if number % 5:
                nal = b"\x41" + start + bytes([number]) * size
            else:
                nal = b"\x65" + start + bytes([number]) * size
            made = fragments(nal, sequence, number * 3600, last=piece == slices - 1)
            sequence += len(made)
            packets += [interleaved(0, packet) for packet in made]
    return packets


def read(data: bytes, sizes: list[int], way: str) -> tuple[list[object], int]:
    """Read the stream in pieces; return what was delivered, and the calls it took."""
    sink = Sink()
    kind = H264Depacketizer if way == "long" else QuickH264Depacketizer
    depacketizer = kind(MEDIA, sink, max_access_unit=1 << 20)
    calls = 0
    now = 0.0

    def on_packet(channel: int, buffer: bytearray, start: int, end: int) -> None:
        nonlocal calls
        calls += 1
        if channel == 0:
            depacketizer.push(buffer, start, end, now)
        else:
            depacketizer.push_rtcp(buffer, start, end)

    demultiplexer = Demultiplexer(on_packet, lambda *_: None, (0, 1))
    if way == "runs":
        demultiplexer.on_run = lambda c, b, s, e: depacketizer.push_run(c, b, s, e, now)
    position = turn = 0
    try:
        while position < len(data):
            buffer = demultiplexer.get_buffer()
            piece = data[position : position + min(sizes[turn % len(sizes)], len(buffer))]
            buffer[: len(piece)] = piece
            now += 1.0
            demultiplexer.received(len(piece))
            position += len(piece)
            turn += 1
    except MediaError as error:
        sink.log.append(str(error))
    return [*sink.log, demultiplexer.skipped], calls


def test_a_picture_costs_two_calls_however_many_packets_it_has() -> None:
    data = b"".join(stream([(5000, 1)] * 10, 0))
    delivered, calls = read(data, [len(data)], "runs")
    assert len([d for d in delivered if isinstance(d, tuple)]) == 10
    assert calls == 10
    assert read(data, [len(data)], "long") == (delivered, 510)


def test_the_sequence_number_wraps_within_a_run() -> None:
    data = b"".join(stream([(5000, 1)] * 2, 65_520))
    delivered, calls = read(data, [len(data)], "runs")
    assert len([d for d in delivered if isinstance(d, tuple)]) == 2
    assert calls == 2


PICTURES = st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 3)), min_size=1, max_size=12)
MISHAPS = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "swap", "rtcp", "damage", "garbage", "foreign"]),
        st.integers(0, 10_000),
        st.integers(0, 255),
    ),
    max_size=6,
)


@given(
    PICTURES,
    MISHAPS,
    st.lists(st.integers(1, 5000), min_size=1, max_size=4),
    st.sampled_from([0, 65_500]),
)
@settings(deadline=None)
def test_runs_deliver_what_single_packets_deliver(
    pictures: list[tuple[int, int]],
    mishaps: list[tuple[str, int, int]],
    sizes: list[int],
    first: int,
) -> None:
    packets = stream(pictures, first)
    for kind, where, value in mishaps:
        at = where % len(packets)
        match kind:
            case "drop":
                packets[at] = b""
            case "double":
                packets.insert(at, packets[at])
            case "swap":
                packets[at - 1], packets[at] = packets[at], packets[at - 1]
            case "rtcp":
                packets.insert(at, interleaved(1, REPORT))
            case "foreign":
                packets.insert(at, interleaved(2, bytes(20)))
            case "garbage":
                packets.insert(at, b"#" * (value + 1))
            case "damage" if packets[at]:
                offset = where % min(len(packets[at]), 20)
                damaged = bytearray(packets[at])
                damaged[offset] ^= value
                packets[at] = bytes(damaged)
    data = b"".join(packets)
    expected, _ = read(data, sizes, "long")
    assert read(data, sizes, "quick")[0] == expected
    assert read(data, sizes, "runs")[0] == expected
