"""Runs of packets on an interleaved connection (RFC 2326, 10.12), taken with little work each.

A picture of 20 kB is one NAL unit in some fourteen fragments (FU-A, RFC 6184, 5.8), all but the
last of one size, with headers that differ in the sequence number alone. Taken together they cost
half of what they cost one by one.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

from ucv.media.rtp.packet import MARKER

#: The first 16 bits of RTP, sequence number, timestamp, SSRC, FU indicator and FU header.
PacketHeaders: TypeAlias = tuple[int, int, int, int, int, int]

_FRAME = struct.Struct(">BBH").unpack_from  # "$", channel, length
_PACKET = struct.Struct(">HHIIBB").unpack_from  # `PacketHeaders`
_LIKE = struct.Struct(">6sH10s").unpack_from  # what is the same, the sequence number, and again
_HEADERS = 18  # bytes of all that
_END = 0x40


def following_fragments(
    view: memoryview, start: int, end: int, channel: int, headers: PacketHeaders
) -> tuple[list[memoryview], int, bool]:
    """Return the payloads of the FU-A packets at ``start`` that follow each other.

    Then where they end, and whether the last of them ends the NAL unit and the picture.
    The first must be of ``channel`` and have exactly these ``headers``, but for end bit and marker,
    which come together; the others, the like with the next sequence numbers. Whatever is different
    ends the run, and so does a packet that goes beyond ``end``.
    """
    payloads: list[memoryview] = []
    head, sequence, timestamp, ssrc, indicator, fu = headers
    while end - start > _HEADERS:
        dollar, on, length = _FRAME(view, start)
        stride = length + 4
        if dollar != 0x24 or on != channel or length <= 14 or start + stride > end:
            break
        found = _PACKET(view, start + 4)
        if found == (head | MARKER, sequence, timestamp, ssrc, indicator, fu | _END):
            payloads.append(view[start + _HEADERS : start + stride])
            return payloads, start + stride, True
        if found != (head, sequence, timestamp, ssrc, indicator, fu):
            break
        before = bytes(view[start : start + 6])
        behind = bytes(view[start + 8 : start + _HEADERS])
        while start + stride <= end:
            this, number, that = _LIKE(view, start)
            if number != sequence or this != before or that != behind:
                break
            payloads.append(view[start + _HEADERS : start + stride])
            sequence = sequence + 1 & 0xFFFF
            start += stride
    return payloads, start, False
