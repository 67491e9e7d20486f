"""WebSocket frames (RFC 6455, section 5.2) made for writing straight to a transport.

Server to client: never masked, never compressed, never fragmented.
"""

from __future__ import annotations

import struct

from ucv.media.fmp4 import Fragment

_TEXT = 0x81
_BINARY = 0x82

_pack_2 = struct.Struct("!BB").pack
_pack_4 = struct.Struct("!BBH").pack
_pack_10 = struct.Struct("!BBQ").pack


def text_frame(payload: bytes) -> bytes:
    """Return a whole text message; ``payload`` is UTF-8."""
    return _header(_TEXT, len(payload)) + payload


def binary_header(size: int) -> bytes:
    """Return the header of a binary message with a payload of ``size`` bytes."""
    return _header(_BINARY, size)


def fragment_frame(fragment: Fragment) -> memoryview:
    """Return the fragment as a whole binary message, without copying it.

    The header is written into the free bytes before the fragment, once; all viewers share it.
    """
    return fragment.frame or _framed(fragment, fragment.start)


def payload_frame(fragment: Fragment) -> memoryview:
    """Return what the fragment holds, such as a JPEG picture, as `fragment_frame` does the whole.

    The header takes the place of moof and mdat: of one stream, viewers want the one or the other.
    """
    return fragment.frame or _framed(fragment, fragment.start + fragment.header_size)


def _framed(fragment: Fragment, start: int) -> memoryview:
    """Write the header before that place of the buffer, and keep the message."""
    buffer = fragment.buffer
    header = _header(_BINARY, len(buffer) - start)
    begin = start - len(header)
    buffer[begin:start] = header
    fragment.frame = frame = memoryview(buffer)[begin:]
    return frame


def _header(opcode: int, size: int) -> bytes:
    if size < 126:
        return _pack_2(opcode, size)
    if size < 65_536:
        return _pack_4(opcode, 126, size)
    return _pack_10(opcode, 127, size)
