"""Fragmented MP4 for players in browsers: one fragment for each picture (ISO 14496-12, 14496-15).

The headers of a fragment have a fixed size, so they are written into the free bytes before the
picture's payload, and the payload is never copied:

    buffer: │ free │ moof mfhd traf tfhd tfdt trun │ mdat header │ payload │
            0      start                                         HEADROOM
"""

from __future__ import annotations

import struct

from ucv.media.access_unit import HEADROOM, AccessUnit, VideoFormat
from ucv.media.errors import MediaError
from ucv.media.h264 import HIGH_PROFILES, parse_sps
from ucv.media.timeline import Timeline

#: The only track's number.
TRACK_ID = 1

#: Sample flags (14496-12, 8.8.3.1): depends on no other sample; or depends, and no sync sample.
_KEYFRAME = 0x0200_0000
_DELTA_FRAME = 0x0101_0000

# moof(mfhd(sequence), traf(tfhd, tfdt(decode time), trun(duration, size, flags, offset))), mdat
_FRAGMENT = struct.Struct(">20s I 36s Q 20s I I I i I 4s")
#: Bytes of moof and mdat header.
HEADER_SIZE = _FRAGMENT.size
_START = HEADROOM - HEADER_SIZE
_DECODE_TIME = struct.Struct(">Q")
_DECODE_TIME_AT = 60
_DURATION = struct.Struct(">I")
_DURATION_AT = 88
_OFFSET = struct.Struct(">i")
_OFFSET_AT = 100
_MOOF_SIZE = HEADER_SIZE - 8

_MOOF = struct.pack(">I4s I4sI", _MOOF_SIZE, b"moof", 16, b"mfhd", 0)
# tfhd 0x020000: default-base-is-moof; tfdt version 1: a decode time of 64 bits
_TRAF = struct.pack(
    ">I4s I4sII I4sI",
    _MOOF_SIZE - 24,
    b"traf",
    16,
    b"tfhd",
    0x020000,
    TRACK_ID,
    20,
    b"tfdt",
    0x0100_0000,
)
# trun version 1: signed composition offsets; 0xF01: data offset, and all four of each sample
_TRUN = struct.pack(">I4sIIi", 36, b"trun", 0x0100_0F01, 1, HEADER_SIZE)


class Fragment:
    """One picture as moof and mdat, in the buffer it arrived in.

    - ``buffer``: all of it; the ``start`` bytes before the moof are free, for a WebSocket header;
    - ``header_size``: bytes from the start of the moof to the payload, always the same;
    - ``keyframe``: decoding can start here;
    - ``decode_time``, ``duration``: ticks of the format's clock rate (the duration an estimate);
      ``offset``: ticks from there to when it is shown, may be negative;
    - ``received``: monotonic seconds of the read from the socket; ``wall``: seconds since the epoch
      of the capture by the camera's clock, 0.0 if unknown;
    - ``sequence``: the number in mfhd;
    - ``frame``: None, until whoever sends it to many keeps what it framed here.
    """

    __slots__ = (
        "buffer",
        "decode_time",
        "duration",
        "frame",
        "header_size",
        "keyframe",
        "offset",
        "received",
        "sequence",
        "start",
        "wall",
    )

    def __init__(
        self,
        unit: AccessUnit,
        *,
        decode_time: int,
        offset: int,
        duration: int,
        sequence: int,
    ) -> None:
        self.buffer = unit.buffer
        self.start = _START
        self.header_size = HEADER_SIZE
        self.keyframe = unit.keyframe
        self.decode_time = decode_time
        self.offset = offset
        self.duration = duration
        self.received = unit.received
        self.wall = unit.wall
        self.sequence = sequence
        self.frame: memoryview | None = None

    @property
    def boxes(self) -> memoryview:
        """The moof and mdat, not copied."""
        return memoryview(self.buffer)[self.start :]

    @property
    def payload(self) -> memoryview:
        """What the mdat holds: NAL units, each after its length in 4 bytes; not copied."""
        return memoryview(self.buffer)[self.start + self.header_size :]

    @property
    def size(self) -> int:
        """Bytes of moof and mdat."""
        return len(self.buffer) - self.start

    def retimed(self, decode_time: int, duration: int | None = None) -> bytes:
        """Return moof and mdat header for another decode time, to be sent before the `payload`.

        With another ``duration``, the offset to when it is shown shrinks or grows as much.
        """
        header = bytearray(self.boxes[: self.header_size])
        _DECODE_TIME.pack_into(header, _DECODE_TIME_AT, decode_time)
        if duration is not None:
            _DURATION.pack_into(header, _DURATION_AT, duration)
            _OFFSET.pack_into(header, _OFFSET_AT, self.offset * duration // max(1, self.duration))
        return bytes(header)


class Packager:
    """Makes the fragments of one format.

    Decode times start at 0 and the sequence numbers at 1; given the packager of the format
    ``before``, both go on where that one stopped.
    """

    __slots__ = ("_place", "_sequence", "timeline", "video_format")

    def __init__(self, video_format: VideoFormat, *, before: Packager | None = None) -> None:
        start = 0
        self._sequence = 0
        if before is not None and before._sequence:
            old = before.timeline
            start = (old.last + 1) * video_format.clock_rate // old.clock_rate
            self._sequence = before._sequence
        self.video_format = video_format
        self.timeline: Timeline = Timeline(
            video_format.clock_rate,
            reorder_depth=_reorder_depth(video_format),
            frame_rate=video_format.frame_rate,
            start=start,
        )
        self._place = self.timeline.place

    def package(self, unit: AccessUnit) -> Fragment:
        """Write the headers into the unit's headroom; the fragment takes over its buffer."""
        decode_time, offset, duration = self._place(unit.timestamp, unit.received)
        self._sequence = sequence = (self._sequence + 1) & 0xFFFF_FFFF
        buffer = unit.buffer
        size = len(buffer) - HEADROOM
        _FRAGMENT.pack_into(
            buffer,
            _START,
            _MOOF,
            sequence,
            _TRAF,
            decode_time,
            _TRUN,
            duration,
            size,
            _KEYFRAME if unit.keyframe else _DELTA_FRAME,
            offset,
            size + 8,
            b"mdat",
        )
        return Fragment(
            unit, decode_time=decode_time, offset=offset, duration=duration, sequence=sequence
        )


def _reorder_depth(video_format: VideoFormat) -> int | None:
    try:
        return parse_sps(video_format.sps[0]).reorder_depth
    except (IndexError, MediaError):
        return None


def mime(video_format: VideoFormat) -> str:
    """Return the type for ``MediaSource.addSourceBuffer`` (RFC 6381)."""
    return f'video/mp4; codecs="{video_format.codec_string}"'


def decoder_configuration(video_format: VideoFormat) -> bytes:
    """Return the AVCDecoderConfigurationRecord (14496-15, 5.3.3): lengths of 4 bytes.

    Raises `MediaError` if the format has no valid SPS.
    """
    if not video_format.sps:
        raise MediaError("a format without a sequence parameter set")
    sps = parse_sps(video_format.sps[0])
    record = bytearray((1, sps.profile, sps.constraints, sps.level, 0xFF))
    record.append(0xE0 | len(video_format.sps[:31]))
    for nal in video_format.sps[:31]:
        record += struct.pack(">H", len(nal)) + nal
    record.append(len(video_format.pps[:255]))
    for nal in video_format.pps[:255]:
        record += struct.pack(">H", len(nal)) + nal
    if sps.profile in HIGH_PROFILES:
        depths = (0xF8 | sps.bit_depth_luma - 8, 0xF8 | sps.bit_depth_chroma - 8)
        record += bytes((0xFC | sps.chroma_format, *depths, 0))
    return bytes(record)


def init_segment(video_format: VideoFormat) -> bytes:
    """Return ftyp and moov: one video track, no samples, in ticks of the format's clock rate.

    Raises `MediaError` if the format has no valid SPS.
    """
    brands = b"isomiso6avc1mp41"
    return _box(b"ftyp", b"iso6", struct.pack(">I", 1), brands) + _box(
        b"moov",
        _movie_header(video_format),
        _track(video_format),
        _box(b"mvex", _full_box(b"trex", 0, struct.pack(">5I", TRACK_ID, 1, 0, 0, 0))),
    )


_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _full_box(kind: bytes, flags: int, *content: bytes) -> bytes:
    """Return a box of version 0."""
    return _box(kind, struct.pack(">I", flags), *content)


def _movie_header(video_format: VideoFormat) -> bytes:
    return _full_box(
        b"mvhd",
        0,
        struct.pack(">4I", 0, 0, video_format.clock_rate, 0),  # times, timescale, duration
        struct.pack(">IH10x", 0x10000, 0x0100),  # rate 1.0, volume 1.0
        _MATRIX,
        struct.pack(">24xI", TRACK_ID + 1),  # next_track_ID
    )


def _track(video_format: VideoFormat) -> bytes:
    width, height = video_format.width, video_format.height
    track_header = _full_box(
        b"tkhd",
        3,  # enabled, in movie
        struct.pack(">IIIII8xHHHH", 0, 0, TRACK_ID, 0, 0, 0, 0, 0, 0),
        _MATRIX,
        struct.pack(">II", width << 16, height << 16),
    )
    media_header = _full_box(
        b"mdhd",
        0,
        struct.pack(">4IHH", 0, 0, video_format.clock_rate, 0, 0x55C4, 0),  # language "und"
    )
    handler = _full_box(b"hdlr", 0, struct.pack(">I4s12x", 0, b"vide"), b"Video\0")
    reference = _full_box(b"dref", 0, struct.pack(">I", 1), _full_box(b"url ", 1))
    tables = _box(
        b"stbl",
        _full_box(b"stsd", 0, struct.pack(">I", 1), _sample_entry(video_format)),
        _full_box(b"stts", 0, struct.pack(">I", 0)),
        _full_box(b"stsc", 0, struct.pack(">I", 0)),
        _full_box(b"stsz", 0, struct.pack(">II", 0, 0)),
        _full_box(b"stco", 0, struct.pack(">I", 0)),
    )
    information = _box(
        b"minf",
        _full_box(b"vmhd", 1, struct.pack(">4H", 0, 0, 0, 0)),
        _box(b"dinf", reference),
        tables,
    )
    return _box(b"trak", track_header, _box(b"mdia", media_header, handler, information))


def _sample_entry(video_format: VideoFormat) -> bytes:
    return _box(
        b"avc1",
        struct.pack(">6xH16x", 1),  # data_reference_index
        struct.pack(">HH", video_format.width, video_format.height),
        struct.pack(">IIIH", 0x480000, 0x480000, 0, 1),  # 72 dpi, one frame for each sample
        struct.pack(">32xHh", 24, -1),  # no name, depth, no colour table
        _box(b"avcC", decoder_configuration(video_format)),
    )
