"""H.264 over RTP, the short way: pictures of one NAL unit in fragments, with nothing amiss.

The hot path of every camera: 1080p at 4 Mbit/s is 350 packets a second, and all but one picture a
second are one slice in some fourteen fragments (FU-A, RFC 6184, 5.8). Between two of them the
processor has forgotten the code, so that each function costs microseconds the first time: the way
from the first fragment to the delivered picture is kept within a few of them.
"""

from __future__ import annotations

import struct

from ucv.media.access_unit import HEADROOM, AccessUnit
from ucv.media.rtp.depacketizer import MediaSink
from ucv.media.rtp.h264 import H264Depacketizer
from ucv.media.rtp.run import following_fragments
from ucv.media.sdp import MediaDescription

_FU_A = 28
_FU_START = 0x80
_FU_END = 0x40
_FIRST_MACROBLOCK = 0x80
"""In the first byte of a slice: first_mb_in_slice is 0, so the picture begins."""
_SLICE = 1  # NAL unit of a picture that builds on others
_NONE = -1

_HEADERS = struct.Struct(">HHIIBB").unpack_from  # RTP, FU indicator, FU header
_LENGTH = struct.Struct(">I").pack_into
_NOTHING = bytearray()
_FRONT = bytes(HEADROOM + 4)  # and the length of the NAL unit


class QuickH264Depacketizer(H264Depacketizer):
    """Delivers exactly what `H264Depacketizer` delivers.

    Whatever is out of the ordinary is left to it: loss, other kinds of NAL unit and packet,
    optional parts of the RTP header.
    """

    __slots__ = ("_indicator", "_plain")

    def __init__(self, media: MediaDescription, sink: MediaSink, *, max_access_unit: int) -> None:
        super().__init__(media, sink, max_access_unit=max_access_unit)
        self._plain = 0x8000 | media.payload_type  # version 2, no marker, nothing optional
        self._indicator = 0  # of the last packet, if that was a fragment

    def push(self, buffer: bytearray, start: int, end: int, received: float) -> None:
        """See `Depacketizer.push`."""
        if end - start > 14:
            head, sequence, timestamp, ssrc, indicator, fu = _HEADERS(buffer, start)
            self._indicator = indicator
            if (
                sequence == self._expected
                and head == self._plain
                and ssrc == self._ssrc
                and indicator & 0x1F == _FU_A
                and buffer is self._buffer
            ):
                if fu == self._open and timestamp == self._rtp_timestamp:
                    self._expected = sequence + 1 & 0xFFFF
                    self._received = received
                    self._unit += self._view[start + 14 : end]
                    if len(self._unit) > self._max:
                        self._oversized()
                    return
                if (
                    fu == _FU_START | _SLICE
                    and self._rtp_timestamp == _NONE
                    and buffer[start + 14] & _FIRST_MACROBLOCK
                    and not self._waiting
                ):
                    ahead = timestamp - self._timestamp & 0xFFFF_FFFF
                    if ahead < 0x8000_0000:
                        self._expected = sequence + 1 & 0xFFFF
                        self._received = received
                        self._rtp_timestamp = timestamp
                        self._timestamp += ahead
                        header = (indicator & 0xE0 | _SLICE).to_bytes(1, "big")
                        payload = self._view[start + 14 : end]
                        self._unit = _NOTHING.join((_FRONT, header, payload))
                        self._nal_start = HEADROOM
                        self._slices = True
                        self._open = _SLICE
                        return
        super().push(buffer, start, end, received)

    def push_run(
        self, channel: int, buffer: bytearray, start: int, end: int, received: float
    ) -> int:
        """See `Depacketizer.push_run`."""
        if self._open == _NONE or buffer is not self._buffer:
            return start
        headers = (
            self._plain,
            self._expected,
            self._rtp_timestamp,
            self._ssrc,
            self._indicator,
            self._open,
        )
        payloads, stop, ended = following_fragments(self._view, start, end, channel, headers)
        if not payloads:
            return stop
        self._received = received
        self._expected = self._expected + len(payloads) & 0xFFFF
        unit = self._unit = _NOTHING.join((self._unit, *payloads))
        if len(unit) > self._max:
            self._oversized()
        if ended:
            kind, self._open = self._open, _NONE
            if kind == _SLICE and not self._keyframe and self.marker_ends:
                wall = 0.0 if self._report is None else self._wall()
                _LENGTH(unit, self._nal_start, len(unit) - self._nal_start - 4)
                self._ended, self._rtp_timestamp = self._rtp_timestamp, _NONE
                self._unit = bytearray()
                self._ignored = _NONE
                self._recovery = self._slices = False
                self._sink.on_access_unit(
                    AccessUnit(unit, self._timestamp, keyframe=False, received=received, wall=wall)
                )
            else:
                self._end_nal(kind)
                if self.marker_ends:
                    self._finish()
        return stop
