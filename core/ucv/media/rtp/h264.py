"""H.264 over RTP: single NAL units, STAP-A, FU-A (RFC 6184).

The long way, which takes whatever a camera may send; what it sends nearly always takes the short
way of `quick`.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator

from ucv.media.access_unit import HEADROOM, AccessUnit, VideoFormat
from ucv.media.errors import MediaError
from ucv.media.h264 import (
    SLICE_PREFIX,
    NalType,
    ParameterSets,
    is_recovery_point,
    parse_slice,
)
from ucv.media.rtp import rtcp
from ucv.media.rtp.depacketizer import MediaSink
from ucv.media.rtp.packet import MARKER, payload_bounds, signed, unwrap
from ucv.media.sdp import MediaDescription

_STAP_A = 24
_FU_A = 28
_FU_START = 0x80
_FU_END = 0x40
#: NAL unit types that are copied: slices and SEI. Parameter sets go into the format; delimiters,
#: filler, and the layers of SVC and MVC are of no use to a player.
_KEPT = frozenset(range(1, 9))
_PARAMETER_SETS = (NalType.SPS, NalType.PPS)
_NONE = -1

#: Packets behind the expected sequence number that are late or sent twice (RFC 3550, A.1:
#: MAX_MISORDER), and ahead of it, beyond which the sender has started anew (MAX_DROPOUT).
_MAX_MISORDER = 100
_MAX_DROPOUT = 3000

_HEADER = struct.Struct(">HHII")  # flags and payload type, sequence, timestamp, SSRC
_LENGTH = struct.Struct(">I")
_NO_LENGTH = b"\0\0\0\0"


class H264Depacketizer:
    """Reads the packets of one H.264 medium; see `Depacketizer`.

    A lost packet costs its picture and, since they build on it, all up to the next keyframe. An
    IDR picture is a keyframe, and so is an intra picture with a recovery point, as cameras send
    that never repeat the IDR.

    ``malformed`` counts packets and parameter sets that could not be read.

    Quirk *marker on each slice*: some encoders mark every packet that ends a NAL unit, not only the
    last of the picture. Seen from a slice that goes on with a picture already ended; from then on
    (``marker_ends`` is False) a picture ends where the next one's timestamp begins.
    """

    __slots__ = (
        "_buffer",
        "_clock_rate",
        "_discard",
        "_ended",
        "_expected",
        "_format",
        "_ignored",
        "_keyframe",
        "_max",
        "_nal_start",
        "_open",
        "_parameter_sets",
        "_payload_type",
        "_pps_id",
        "_received",
        "_recovery",
        "_report",
        "_rtp_timestamp",
        "_sink",
        "_slices",
        "_ssrc",
        "_timestamp",
        "_unit",
        "_view",
        "_waiting",
        "malformed",
        "marker_ends",
    )

    def __init__(self, media: MediaDescription, sink: MediaSink, *, max_access_unit: int) -> None:
        self._sink = sink
        self._max = max_access_unit + HEADROOM
        self._clock_rate = media.clock_rate
        self._payload_type = media.payload_type
        self._parameter_sets = ParameterSets(
            clock_rate=media.clock_rate, frame_rate=media.frame_rate
        )
        self._parameter_sets.add_all(_sprop(media.fmtp.get("sprop-parameter-sets", "")))
        self._format: VideoFormat | None = None
        self._report: rtcp.SenderReport | None = None
        self.malformed = 0
        self.marker_ends = True
        # Of the connection
        self._buffer: bytearray | None = None
        self._view = memoryview(b"")
        self._ssrc = _NONE
        self._expected = 0  # sequence number
        self._timestamp = 0  # unwrapped, of the picture in work
        self._ended = _NONE  # RTP timestamp of the last picture delivered
        self._waiting = True  # for a keyframe
        # Of the picture in work
        self._rtp_timestamp = _NONE
        self._received = 0.0
        self._unit = bytearray()  # empty: nothing to keep yet
        self._nal_start = 0
        self._open = _NONE  # type of the fragmented NAL unit in work
        self._ignored = _NONE  # type of the one that is passed over
        self._discard = False
        self._slices = False
        self._keyframe = False
        self._recovery = False
        self._pps_id = 0

    def push(self, buffer: bytearray, start: int, end: int, received: float) -> None:
        """See `Depacketizer.push`."""
        bounds = payload_bounds(buffer, start, end)
        if bounds is None:
            self.malformed += 1
            return
        head, sequence, timestamp, ssrc = _HEADER.unpack_from(buffer, start)
        ours = head & 0x7F == self._payload_type
        if not self._in_order(sequence, ssrc, ours=ours) or not ours:
            return
        if buffer is not self._buffer:
            self._buffer = buffer
            self._view = memoryview(buffer)
        if timestamp != self._rtp_timestamp:
            self._finish()
            self._rtp_timestamp = timestamp
            self._timestamp = unwrap(timestamp, self._timestamp)
        self._received = received
        begin, stop = bounds
        if begin < stop:
            self._payload(begin, stop)
        if head & MARKER and self.marker_ends:
            self._finish()

    def push_run(
        self, channel: int, buffer: bytearray, start: int, end: int, received: float
    ) -> int:
        """See `Depacketizer.push_run`; nothing is quick here."""
        del channel, buffer, end, received
        return start

    def push_rtcp(self, buffer: bytearray, start: int, end: int) -> None:
        """See `Depacketizer.push_rtcp`."""
        for item in rtcp.parse(buffer, start, end):
            if isinstance(item, rtcp.SenderReport):
                self._report = item

    # --- packets ------------------------------------------------------------------------------

    def _in_order(self, sequence: int, ssrc: int, *, ours: bool) -> bool:
        """Follow the sequence numbers; False for a packet to be ignored."""
        if ssrc != self._ssrc:
            if not ours:
                return False
            self._start(ssrc, sequence)
        ahead = (sequence - self._expected) & 0xFFFF
        if ahead:
            if ahead >= 0x10000 - _MAX_MISORDER:
                return False
            # How many packets a sender that started anew has left out is not known.
            self._sink.on_loss(ahead if ahead <= _MAX_DROPOUT else 1)
            self._damage()
        self._expected = (sequence + 1) & 0xFFFF
        return True

    def _start(self, ssrc: int, sequence: int) -> None:
        """Follow another sender, or the first one."""
        if self._ssrc != _NONE:
            self._report = None
            self._damage()
            self._rtp_timestamp = _NONE
        self._ssrc = ssrc
        self._expected = sequence

    def _payload(self, begin: int, stop: int) -> None:
        """Take apart a payload (RFC 6184, 5.2)."""
        view = self._view
        kind = view[begin] & 0x1F
        if kind == _FU_A:
            self._fragment(begin, stop)
            return
        if self._open != _NONE:
            self._damage()  # its last fragment never came
        self._ignored = _NONE
        if kind == _STAP_A:
            self._aggregate(begin + 1, stop)
        elif 0 < kind < _STAP_A:
            self._whole(begin, stop)
        else:
            self.malformed += 1
            self._damage()

    def _whole(self, begin: int, stop: int) -> None:
        """Take a complete NAL unit."""
        if self._begin_nal(self._view[begin], begin + 1, stop):
            self._unit += self._view[begin + 1 : stop]
            self._end_nal(self._view[begin] & 0x1F)

    def _aggregate(self, begin: int, stop: int) -> None:
        """Take several NAL units, each after its 16-bit length (5.7.1)."""
        view = self._view
        while stop - begin > 2:
            size = view[begin] << 8 | view[begin + 1]
            begin += 2
            if begin + size > stop:
                self.malformed += 1
                self._damage()
                return
            if size:
                self._whole(begin, begin + size)
            begin += size

    def _fragment(self, begin: int, stop: int) -> None:
        """Take a fragment of a NAL unit (5.8)."""
        view = self._view
        if stop - begin < 3:
            return  # holds nothing
        fu = view[begin + 1]
        kind = fu & 0x1F
        if fu & _FU_START:
            if self._open != _NONE:
                self._damage()
            kept = self._begin_nal(view[begin] & 0xE0 | kind, begin + 2, stop)
            self._open, self._ignored = (kind, _NONE) if kept else (_NONE, kind)
        if kind == self._open:
            self._unit += view[begin + 2 : stop]
            if len(self._unit) > self._max:
                self._oversized()
            if fu & _FU_END:
                self._open = _NONE
                self._end_nal(kind)
        elif kind != self._ignored:
            self._damage()  # its first fragment never came

    # --- NAL units ----------------------------------------------------------------------------

    def _begin_nal(self, header: int, begin: int, stop: int) -> bool:
        """Make room for a NAL unit whose bytes after the header start at ``begin``.

        Returns whether it is to be kept.
        """
        kind = header & 0x1F
        if kind not in _KEPT or begin >= stop:
            return False
        if kind not in _PARAMETER_SETS:
            if self._discard:
                return False
            if not self._slices:
                prefix = bytes((header,)) + self._view[begin : min(stop, begin + SLICE_PREFIX)]
                if kind == NalType.SEI:
                    self._recovery = self._recovery or is_recovery_point(prefix)
                elif not self._first_slice(kind, prefix):
                    return False
        unit = self._unit
        if not unit:
            unit = self._unit = bytearray(HEADROOM)
        self._nal_start = len(unit)
        unit += _NO_LENGTH
        unit.append(header)
        return True

    def _first_slice(self, kind: int, prefix: bytes) -> bool:
        """Judge the picture by its first slice; False if it is not to be shown."""
        begins = prefix[1] >= 0x80  # first_mb_in_slice is 0
        if not begins and self._rtp_timestamp == self._ended:
            self.marker_ends = False
            self._damage()
            return False
        if kind == NalType.IDR or self._recovery:
            try:
                intra, self._pps_id = parse_slice(prefix)
            except MediaError:
                intra = False
            self._keyframe = intra
        if self._waiting and not (self._keyframe and begins):
            self._drop()
            return False
        self._slices = True
        return True

    def _end_nal(self, kind: int) -> None:
        unit, start = self._unit, self._nal_start
        if kind in _PARAMETER_SETS:
            nal = bytes(unit[start + 4 :])
            del unit[start:]
            try:
                self._parameter_sets.add(nal)
            except MediaError:
                self.malformed += 1
            return
        _LENGTH.pack_into(unit, start, len(unit) - start - 4)
        if len(unit) > self._max:
            self._oversized()

    # --- pictures -----------------------------------------------------------------------------

    def _finish(self) -> None:
        """Deliver the picture in work, if it is whole, and begin the next."""
        if self._open != _NONE:
            self._damage()
        if self._slices:
            self._ended = self._rtp_timestamp
            self._deliver()
        self._unit = bytearray()
        self._rtp_timestamp = _NONE
        self._ignored = _NONE
        self._discard = self._slices = self._keyframe = self._recovery = False

    def _deliver(self) -> None:
        if self._keyframe:
            video_format = self._parameter_sets.format(self._pps_id)
            if video_format is None:
                self._waiting = True
                return
            self._waiting = False
            if video_format != self._format:
                self._format = video_format
                self._sink.on_format(video_format)
        self._sink.on_access_unit(
            AccessUnit(
                self._unit,
                self._timestamp,
                keyframe=self._keyframe,
                received=self._received,
                wall=self._wall(),
            )
        )

    def _wall(self) -> float:
        """Return when the picture was captured, by the last sender report."""
        report = self._report
        if report is None or not report.wall:
            return 0.0
        return report.wall + signed(self._rtp_timestamp - report.timestamp) / self._clock_rate

    def _damage(self) -> None:
        """Give up the picture in work, and those that build on it."""
        self._waiting = True
        self._drop()

    def _drop(self) -> None:
        """Pass over the rest of the picture in work."""
        self._unit = bytearray()
        self._open = self._ignored = _NONE
        self._slices = False
        self._discard = True

    def _oversized(self) -> None:
        limit = self._max - HEADROOM
        last = (self._expected - 1) & 0xFFFF
        self._damage()
        raise MediaError(f"a picture of more than {limit} bytes at RTP sequence number {last}")


def _sprop(value: str) -> Iterator[bytes]:
    """Decode ``sprop-parameter-sets`` (8.1); what is no Base64 is passed over."""
    for part in value.split(","):
        try:
            yield base64.b64decode(part.strip() + "==")
        except (binascii.Error, ValueError):
            continue
