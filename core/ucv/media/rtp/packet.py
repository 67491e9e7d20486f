"""RTP packets where they lie in the receive buffer (RFC 3550, section 5.1)."""

from __future__ import annotations

import struct

#: Bytes of the fixed header.
HEADER_SIZE = 12

#: ``0x80`` in the header's second byte: for video, the last packet of a picture.
MARKER = 0x80

_PADDING = 0x20
_EXTENSION = 0x10
_EXTENSION_HEADER = struct.Struct(">2xH")


def payload_bounds(buffer: bytearray, start: int, end: int) -> tuple[int, int] | None:
    """Return where the payload of the packet in ``buffer[start:end]`` begins and ends.

    Contributing sources, header extension and padding are left out (5.1, 5.3.1). None if it is no
    RTP version 2 packet, or its lengths contradict each other.
    """
    if end - start < HEADER_SIZE:
        return None
    first = buffer[start]
    if first >> 6 != 2:
        return None
    begin = start + HEADER_SIZE + 4 * (first & 0x0F)
    if first & _EXTENSION:
        if begin + 4 > end:
            return None
        begin += 4 + 4 * int(_EXTENSION_HEADER.unpack_from(buffer, begin)[0])
    if first & _PADDING and begin < end:
        padding = buffer[end - 1]
        if padding == 0:
            return None
        end -= padding
    return (begin, end) if begin <= end else None


def signed(difference: int) -> int:
    """Return the difference of two 32-bit numbers that wrap, from -2³¹ to 2³¹ - 1."""
    return (difference + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000


def unwrap(timestamp: int, last: int) -> int:
    """Return the 32-bit timestamp as the count nearest to ``last``; 0 stands for no last one."""
    if not last:
        return timestamp + (1 << 32)  # room for a clock that goes backwards
    return last + signed(timestamp - last)
