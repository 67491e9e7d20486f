"""JPEG pictures by their segments (ITU-T T.81, annex B): where they end and what size they are.

Nothing is decoded. Pictures that cameras embed in others as thumbnails have markers of their own,
so a picture's end is found by walking over its segments, and not by looking for the bytes of one.
"""

from __future__ import annotations

import re

from ucv.media.errors import MediaError

#: What a picture begins with: the marker SOI, and the beginning of the next one.
START = b"\xff\xd8\xff"
#: What it ends with: EOI.
END = b"\xff\xd9"
#: Segments of one picture; there are some ten, and one more for each scan.
MAX_SEGMENTS = 512

#: In coded data, what is a marker and no coded byte (FF 00), restart (FF D0 to D7) or fill (FF FF).
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01
#: Start of frame in all its kinds: C0 to CF without DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class PictureEnd:
    """Finds the end of one picture that arrives in pieces; looks at each byte once.

    Called with the buffer that the picture begins, it returns the place after EOI, or None while
    that has not come, and from then on if the picture is damaged: `broken`.
    """

    __slots__ = ("_in_scan", "_position", "_segments", "broken")

    def __init__(self) -> None:
        self.broken = False
        self._position = 0
        self._in_scan = False
        self._segments = 0

    def __call__(self, buffer: bytes | bytearray) -> int | None:
        """Go on with what has come since the last call."""
        size = len(buffer)
        while not self.broken:
            if self._in_scan and not self._pass_coded(buffer):
                return None
            at = self._position
            if at + 2 > size:
                return None
            if buffer[at] != 0xFF:
                break
            marker = buffer[at + 1]
            if marker == 0xFF:  # fill
                self._position += 1
            elif marker == _EOI:
                return at + 2
            elif marker in (_SOI, _TEM):
                if (at == 0) is not (marker == _SOI):
                    break  # another picture begins, and this one has no end
                self._position += 2
            else:
                if at == 0:
                    break
                if at + 4 > size:
                    return None
                length = int.from_bytes(buffer[at + 2 : at + 4], "big")
                self._segments += 1
                if length < 2 or self._segments > MAX_SEGMENTS:
                    break
                self._position += 2 + length
                self._in_scan = marker == _SOS
        self.broken = True
        return None

    def _pass_coded(self, buffer: bytes | bytearray) -> bool:
        """Go to the marker that ends a scan's coded data; False if that has not come."""
        found = _MARKER.search(buffer, self._position)
        if found is None:
            # The first byte of a marker may have come without the second.
            self._position = max(self._position, len(buffer) - 1)
            return False
        self._position = found.start()
        self._in_scan = False
        return True


def picture_size(data: bytes | bytearray | memoryview) -> tuple[int, int]:
    """Return width and height in pixels, from the frame header (T.81, B.2.2).

    Raises `MediaError` for what is no JPEG picture, or one that does not tell its size.
    """
    if bytes(data[:3]) != START:
        raise MediaError("this is no JPEG picture")
    position = 2
    for _ in range(MAX_SEGMENTS):
        while position + 1 < len(data) and data[position] == data[position + 1] == 0xFF:
            position += 1
        head = bytes(data[position : position + 9])
        if len(head) < 4 or head[0] != 0xFF or head[1] == _SOS:
            break
        if head[1] in _FRAMES:
            width, height = int.from_bytes(head[7:9], "big"), int.from_bytes(head[5:7], "big")
            if len(head) < 9 or not (width and height):
                break
            return width, height
        position += 2 + int.from_bytes(head[2:4], "big")
    raise MediaError("the JPEG picture does not tell its size")
