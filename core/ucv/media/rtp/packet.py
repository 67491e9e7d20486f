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
