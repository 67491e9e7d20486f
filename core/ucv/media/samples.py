"""H.264 samples of containers and byte streams as access units.

Containers keep NAL units after their length (ISO 14496-15, "AVCC"), byte streams after a start code
(ISO 14496-10, annex B). The parameter sets stand apart ("extradata") or in the stream.
"""

from __future__ import annotations

from collections.abc import Iterator

from ucv.media.access_unit import HEADROOM, AccessUnit, VideoFormat
from ucv.media.errors import MediaError
from ucv.media.h264 import SLICE_PREFIX, NalType, ParameterSets, is_recovery_point, parse_slice

_START_CODE = b"\0\0\1"
_SLICES = frozenset(range(1, 6))


def split_byte_stream(data: bytes) -> Iterator[bytes]:
    """Yield the NAL units between start codes (annex B), without the zeros around them."""
    start = data.find(_START_CODE)
    while start >= 0:
        start += 3
        following = data.find(_START_CODE, start)
        nal = data[start : following if following >= 0 else len(data)].rstrip(b"\0")
        if nal:
            yield nal
        start = following


def split_lengths(data: bytes, size: int) -> Iterator[bytes]:
    """Yield the NAL units after their lengths of ``size`` bytes; `MediaError` if one is cut."""
    position = 0
    while position + size <= len(data):
        length = int.from_bytes(data[position : position + size], "big")
        position += size
        if position + length > len(data):
            raise MediaError(f"a NAL unit of {length} bytes in a sample of {len(data)}")
        if length:
            yield data[position : position + length]
        position += length


def _configuration(record: bytes) -> list[bytes]:
    """Return the parameter sets of an AVCDecoderConfigurationRecord (14496-15, 5.3.3.1)."""
    found: list[bytes] = []
    position = 5
    for mask in (0x1F, 0xFF):  # SPS, PPS
        if position >= len(record):
            break
        count = record[position] & mask
        position += 1
        for _ in range(count):
            length = int.from_bytes(record[position : position + 2], "big")
            position += 2
            found.append(record[position : position + length])
            position += length
    return found


class SampleReader:
    """Makes access units of samples, from the first keyframe on.

    ``extradata`` is an AVCDecoderConfigurationRecord, parameter sets in annex B, or empty. After a
    keyframe `format` is that of the pictures that follow.
    """

    def __init__(
        self, extradata: bytes = b"", *, clock_rate: int = 90_000, frame_rate: float = 0.0
    ) -> None:
        self.format: VideoFormat | None = None
        self._parameter_sets = ParameterSets(clock_rate=clock_rate, frame_rate=frame_rate)
        self._waiting = True
        self._length_size = 0  # byte stream
        if len(extradata) >= 7 and extradata[0] == 1:
            self._length_size = (extradata[4] & 3) + 1
            self._parameter_sets.add_all(_configuration(extradata))
        else:
            self._parameter_sets.add_all(split_byte_stream(extradata))

    def wait_for_keyframe(self) -> None:
        """Pass over everything up to the next keyframe: something was lost."""
        self._waiting = True

    def read(self, data: bytes, timestamp: int, received: float) -> AccessUnit | None:
        """Return the sample as access unit, None if it is not to be shown.

        ``timestamp`` is the presentation time in ticks, ``received`` in monotonic seconds. Raises
        `MediaError` for a sample that cannot be taken apart.
        """
        nals = split_lengths(data, self._length_size) if self._length_size else None
        buffer = bytearray(HEADROOM)
        keyframe = recovery = slices = False
        pps_id = 0
        for nal in nals or split_byte_stream(data):
            kind = nal[0] & 0x1F
            if kind in (NalType.SPS, NalType.PPS):
                self._parameter_sets.add_all((nal,))
                continue
            if kind not in _SLICES and kind != NalType.SEI:
                continue
            if kind == NalType.SEI:
                recovery = recovery or is_recovery_point(nal[:SLICE_PREFIX])
            elif not slices:
                slices = True
                if kind == NalType.IDR or recovery:
                    keyframe, pps_id = parse_slice(nal[:SLICE_PREFIX])
            buffer += len(nal).to_bytes(4, "big")
            buffer += nal
        if not slices:
            return None
        if keyframe:
            self.format = self._parameter_sets.format(pps_id)
            self._waiting = self.format is None
        if self._waiting:
            return None
        return AccessUnit(buffer, timestamp, keyframe=keyframe, received=received)
