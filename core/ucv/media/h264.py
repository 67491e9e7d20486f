"""H.264 parameter sets and slice headers, as far as a player must know them (ISO 14496-10).

Whatever reads bits here gets bytes from the network: each loop is bounded by a number checked
before, and anything out of range is a `MediaError`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from ucv.media.access_unit import VideoFormat
from ucv.media.errors import MediaError

#: Bytes beyond which no parameter set is read or kept; real ones have 10 to 60.
MAX_PARAMETER_SET = 4096
#: Pixels beyond which no picture is accepted, for each side. Level 6.2 allows 16,888.
MAX_SIDE = 16_888
#: Pictures per second beyond which a declared rate is not believed.
MAX_FRAME_RATE = 240.0

#: Bytes at a slice's start that hold the fields which `parse_slice` reads, with room to spare.
SLICE_PREFIX = 32

#: Profiles whose SPS holds the chroma format and bit depths (7.3.2.1.1).
HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_INTRA_SLICES = (2, 4, 7, 9)
_RECOVERY_POINT = 6
_EXTENDED_SAR = 255


class NalType(IntEnum):
    """NAL unit types that are handled by name (table 7-1)."""

    SLICE = 1
    IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8


class BitReader:
    """Reads an RBSP bit by bit, most significant first; `MediaError` past its end."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def bits(self, count: int) -> int:
        """Return the next ``count`` bits, unsigned."""
        left = self._left - count
        if left < 0:
            raise MediaError("a parameter set or header ends too early")
        self._left = left
        return (self._value >> left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """Return the next bit."""
        return bool(self.bits(1))

    def ue(self, limit: int = 0xFFFF_FFFE) -> int:
        """Return an unsigned Exp-Golomb number (9.1); `MediaError` if it is beyond ``limit``."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 31:
                raise MediaError("an Exp-Golomb number of more than 32 bits")
        value = (1 << zeros) - 1 + self.bits(zeros)
        if value > limit:
            raise MediaError(f"the value {value} is out of range (at most {limit})")
        return value

    def se(self) -> int:
        """Return a signed Exp-Golomb number (9.1.1)."""
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)


@dataclass(frozen=True, slots=True)
class Sps:
    """What a sequence parameter set says.

    - ``profile``, ``constraints``, ``level``: the three bytes of the codec string;
    - ``width``, ``height``: pixels to be shown, cropping applied;
    - ``frame_rate``: pictures per second by the VUI's timing, 0.0 if it has none;
    - ``reorder_depth``: pictures that may precede another in decoding and follow it in output
      (``max_num_reorder_frames``), None if the stream does not say.
    """

    id: int
    profile: int
    constraints: int
    level: int
    chroma_format: int
    bit_depth_luma: int
    bit_depth_chroma: int
    width: int
    height: int
    frame_rate: float
    reorder_depth: int | None


def _rbsp(nal: bytes, limit: int) -> bytes:
    """Return the payload after the NAL header, without emulation prevention (7.4.1.1)."""
    return nal[1:limit].replace(b"\0\0\3", b"\0\0")


def parse_sps(nal: bytes) -> Sps:
    """Read a sequence parameter set (7.3.2.1.1), given as NAL unit without start code.

    Raises `MediaError` for anything out of range. A damaged VUI is passed over, since only the
    rate is in it.
    """
    if len(nal) < 4 or nal[0] & 31 != NalType.SPS or len(nal) > MAX_PARAMETER_SET:
        raise MediaError(f"not a sequence parameter set ({len(nal)} bytes)")
    reader = BitReader(_rbsp(nal, MAX_PARAMETER_SET))
    profile, constraints, level = reader.bits(8), reader.bits(8), reader.bits(8)
    sps_id = reader.ue(31)
    chroma_format, luma, chroma = 1, 8, 8
    if profile in HIGH_PROFILES:
        chroma_format, luma, chroma = _chroma(reader)
    reader.ue(12)  # log2_max_frame_num_minus4
    _picture_order_count(reader)
    reader.ue(16)  # max_num_ref_frames
    reader.bits(1)  # gaps_in_frame_num_value_allowed_flag
    columns, rows = reader.ue(MAX_SIDE // 16) + 1, reader.ue(MAX_SIDE // 16) + 1
    fields = 1 if reader.flag() else 2
    if fields == 2:
        reader.bits(1)  # mb_adaptive_frame_field_flag
    reader.bits(1)  # direct_8x8_inference_flag
    width, height = columns * 16, rows * 16 * fields
    if reader.flag():
        unit_x = 2 if chroma_format in (1, 2) else 1
        unit_y = (2 if chroma_format == 1 else 1) * fields
        width -= unit_x * (reader.ue(MAX_SIDE) + reader.ue(MAX_SIDE))
        height -= unit_y * (reader.ue(MAX_SIDE) + reader.ue(MAX_SIDE))
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise MediaError(f"a picture of {width}x{height} pixels")
    frame_rate, reorder_depth = 0.0, None
    try:
        if reader.flag():
            frame_rate, reorder_depth = _vui(reader)
    except MediaError:
        pass  # cameras cut their VUI short
    if reorder_depth is None and profile == 66:
        reorder_depth = 0  # Baseline has no B slices (A.2.1)
    return Sps(
        id=sps_id,
        profile=profile,
        constraints=constraints,
        level=level,
        chroma_format=chroma_format,
        bit_depth_luma=luma,
        bit_depth_chroma=chroma,
        width=width,
        height=height,
        frame_rate=frame_rate,
        reorder_depth=reorder_depth,
    )


def _chroma(reader: BitReader) -> tuple[int, int, int]:
    """Read chroma format, luma and chroma bit depth, and pass over the scaling lists."""
    chroma_format = reader.ue(3)
    if chroma_format == 3:
        reader.bits(1)  # separate_colour_plane_flag
    luma, chroma = 8 + reader.ue(6), 8 + reader.ue(6)
    reader.bits(1)  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():
        for index in range(12 if chroma_format == 3 else 8):
            if reader.flag():
                _scaling_list(reader, 16 if index < 6 else 64)
    return chroma_format, luma, chroma


def _scaling_list(reader: BitReader, size: int) -> None:
    """Pass over one scaling list (7.3.2.1.1.1)."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.se()) % 256
        last = following or last


def _picture_order_count(reader: BitReader) -> None:
    """Pass over how the order of output is coded."""
    kind = reader.ue(2)
    if kind == 0:
        reader.ue(12)  # log2_max_pic_order_cnt_lsb_minus4
    elif kind == 1:
        reader.bits(1)  # delta_pic_order_always_zero_flag
        reader.se()  # offset_for_non_ref_pic
        reader.se()  # offset_for_top_to_bottom_field
        for _ in range(reader.ue(255)):
            reader.se()  # offset_for_ref_frame


def _vui(reader: BitReader) -> tuple[float, int | None]:
    """Read frame rate and reorder depth from the usability information (E.1.1)."""
    if reader.flag() and reader.bits(8) == _EXTENDED_SAR:
        reader.bits(32)  # sar_width, sar_height
    if reader.flag():
        reader.bits(1)  # overscan_appropriate_flag
    if reader.flag():
        reader.bits(4)  # video_format, video_full_range_flag
        if reader.flag():
            reader.bits(24)  # colour_primaries, transfer_characteristics, matrix_coefficients
    if reader.flag():
        reader.ue(5)  # chroma_sample_loc_type_top_field
        reader.ue(5)  # chroma_sample_loc_type_bottom_field
    rate = 0.0
    if reader.flag():
        units, scale = reader.bits(32), reader.bits(32)
        reader.bits(1)  # fixed_frame_rate_flag
        rate = scale / (2 * units) if units else 0.0
        if rate > MAX_FRAME_RATE:
            rate = 0.0
    try:
        return rate, _reorder_depth(reader)
    except MediaError:
        return rate, None


def _reorder_depth(reader: BitReader) -> int | None:
    """Read ``max_num_reorder_frames`` behind the VUI's timing, None if it is not there."""
    hrd = False
    for _ in ("NAL", "VCL"):
        if reader.flag():
            hrd = True
            _hrd(reader)
    if hrd:
        reader.bits(1)  # low_delay_hrd_flag
    reader.bits(1)  # pic_struct_present_flag
    if not reader.flag():
        return None
    reader.bits(1)  # motion_vectors_over_pic_boundaries_flag
    for _ in range(4):
        reader.ue()  # max_bytes_per_pic_denom … log2_max_mv_length_vertical
    return reader.ue(16)


def _hrd(reader: BitReader) -> None:
    """Pass over the parameters of a hypothetical reference decoder (E.1.2)."""
    count = reader.ue(31) + 1
    reader.bits(8)  # bit_rate_scale, cpb_size_scale
    for _ in range(count):
        reader.ue()  # bit_rate_value_minus1
        reader.ue()  # cpb_size_value_minus1
        reader.bits(1)  # cbr_flag
    reader.bits(20)  # four lengths


def parse_pps_ids(nal: bytes) -> tuple[int, int]:
    """Return the ids of a picture parameter set and of the SPS it belongs to (7.3.2.2)."""
    if len(nal) < 2 or nal[0] & 31 != NalType.PPS or len(nal) > MAX_PARAMETER_SET:
        raise MediaError(f"not a picture parameter set ({len(nal)} bytes)")
    reader = BitReader(_rbsp(nal, SLICE_PREFIX))
    return reader.ue(255), reader.ue(31)


def parse_slice(nal: bytes) -> tuple[bool, int]:
    """Return whether a slice is intra-coded, and the id of its PPS (7.3.3).

    Raises `MediaError` if it is too short. The first `SLICE_PREFIX` bytes of the NAL unit do.
    """
    reader = BitReader(_rbsp(nal, SLICE_PREFIX))
    reader.ue()  # first_mb_in_slice
    return reader.ue(9) in _INTRA_SLICES, reader.ue(255)


def is_recovery_point(nal: bytes) -> bool:
    """Say whether an SEI lets decoding start at its picture: recovery after no frames (D.1.7).

    Only the SEI's first message is looked at; that is where encoders put it.
    """
    try:
        reader = BitReader(_rbsp(nal, SLICE_PREFIX))
        return reader.bits(8) == _RECOVERY_POINT and reader.bits(8) > 0 and reader.ue() == 0
    except MediaError:
        return False


def codec_string(sps: Sps) -> str:
    """Return the ``codecs`` parameter for MP4 ("avc1.640029": RFC 6381, 3.3)."""
    return f"avc1.{sps.profile:02x}{sps.constraints:02x}{sps.level:02x}"


class ParameterSets:
    """The parameter sets of a stream, out of band and in band, by id."""

    def __init__(self, *, clock_rate: int = 90_000, frame_rate: float = 0.0) -> None:
        self._clock_rate = clock_rate
        self._frame_rate = frame_rate
        self._sps: dict[int, tuple[bytes, Sps]] = {}
        self._pps: dict[int, tuple[bytes, int]] = {}
        self._known: set[bytes] = set()
        self._formats: dict[int, VideoFormat] = {}

    def add(self, nal: bytes) -> None:
        """Keep an SPS or PPS; raises `MediaError` for one that cannot be read."""
        nal = nal.rstrip(b"\0")  # trailing_zero_8bits that careless packetizers leave
        if nal in self._known:
            return
        if nal[:1] and nal[0] & 31 == NalType.SPS:
            sps = parse_sps(nal)
            self._sps[sps.id] = (nal, sps)
        else:
            pps_id, sps_id = parse_pps_ids(nal)
            self._pps[pps_id] = (nal, sps_id)
        self._formats.clear()
        self._known = {held[0] for held in (*self._sps.values(), *self._pps.values())}

    def add_all(self, nals: Iterable[bytes]) -> None:
        """Keep those that can be read, and pass over the others."""
        for nal in nals:
            try:
                self.add(nal)
            except MediaError:
                continue

    def format(self, pps_id: int) -> VideoFormat | None:
        """Return the format of pictures that use this PPS, None if a parameter set is missing."""
        if (known := self._formats.get(pps_id)) is not None:
            return known
        _, sps_id = self._pps.get(pps_id, (b"", -1))
        if sps_id not in self._sps:
            return None
        nal, sps = self._sps[sps_id]
        video_format = VideoFormat(
            codec="h264",
            codec_string=codec_string(sps),
            width=sps.width,
            height=sps.height,
            sps=(nal,),
            pps=tuple(held for _, (held, owner) in sorted(self._pps.items()) if owner == sps_id),
            clock_rate=self._clock_rate,
            frame_rate=sps.frame_rate or self._frame_rate,
        )
        self._formats[pps_id] = video_format
        return video_format
