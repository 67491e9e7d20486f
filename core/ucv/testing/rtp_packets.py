"""Packs pictures into interleaved RTP packets (RFC 6184, RFC 7826 section 14), for a server."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from ucv.testing.clip import Clip, Picture

PAYLOAD_TYPE = 96
CLOCK_RATE = 90_000
#: Bytes of an RTP payload; with all headers it fits an Ethernet frame.
MAX_PAYLOAD = 1400
_STAP_A, _FU_A = 24, 28
#: Seconds between the epochs of NTP (1900) and Unix.
_NTP_OFFSET = 2_208_988_800


@dataclass(frozen=True, slots=True)
class PackedPicture:
    """The packets of one picture, complete but for what changes each time it is sent.

    ``template`` holds interleaved packets on channel 0; ``offsets`` is where each begins.
    """

    template: bytes
    offsets: tuple[int, ...]
    keyframe: bool

    def stamped(self, sequence: int, timestamp: int, ssrc: int, channel: int = 0) -> bytearray:
        """Return the packets with these numbers; the sequence goes up by one for each packet."""
        packets = bytearray(self.template)
        for number, offset in enumerate(self.offsets):
            packets[offset + 1] = channel
            struct.pack_into(
                ">HII",
                packets,
                offset + 6,
                (sequence + number) & 0xFFFF,
                timestamp & 0xFFFFFFFF,
                ssrc,
            )
        return packets


@lru_cache(maxsize=4)
def pack(clip: Clip) -> tuple[PackedPicture, ...]:
    """Pack every picture of a clip; keyframes have SPS and PPS before them, as cameras do.

    The latest ones are kept: a recorder shows one clip on all of its channels.
    """
    return tuple(pack_picture(clip, picture) for picture in clip.pictures)


def sender_report(ssrc: int, epoch: float, timestamp: int, packets: int, octets: int) -> bytes:
    """Return an RTCP sender report (RFC 3550, 6.4.1): that time stamp is that moment."""
    seconds = int(epoch)
    fraction = int((epoch - seconds) * 2**32)
    return struct.pack(
        ">BBHIIIIII",
        0x80,
        200,
        6,
        ssrc,
        (seconds + _NTP_OFFSET) & 0xFFFFFFFF,
        fraction,
        timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )


def interleaved(channel: int, packet: bytes) -> bytes:
    """Put a packet into the RTSP connection."""
    return struct.pack(">cBH", b"$", channel, len(packet)) + packet


def pack_picture(clip: Clip, picture: Picture) -> PackedPicture:
    """Pack one picture; of the clip, only its parameter sets are used."""
    payloads: list[bytes] = []
    if picture.keyframe:
        sets = b"".join(struct.pack(">H", len(unit)) + unit for unit in (clip.sps, clip.pps))
        payloads.append(bytes([(clip.sps[0] & 0x60) | _STAP_A]) + sets)
    for unit in picture.nal_units:
        payloads += _payloads(unit)
    template = bytearray()
    offsets = []
    for number, payload in enumerate(payloads):
        offsets.append(len(template))
        marker = 0x80 if number == len(payloads) - 1 else 0
        header = struct.pack(">BBHII", 0x80, marker | PAYLOAD_TYPE, 0, 0, 0)
        template += interleaved(0, header + payload)
    return PackedPicture(bytes(template), tuple(offsets), picture.keyframe)


def _payloads(unit: bytes) -> list[bytes]:
    if len(unit) <= MAX_PAYLOAD:
        return [unit]
    indicator = (unit[0] & 0xE0) | _FU_A
    kind = unit[0] & 0x1F
    step = MAX_PAYLOAD - 2
    parts = []
    for start in range(1, len(unit), step):
        first, last = start == 1, start + step >= len(unit)
        header = (0x80 if first else 0) | (0x40 if last else 0) | kind
        parts.append(bytes([indicator, header]) + unit[start : start + step])
    return parts
