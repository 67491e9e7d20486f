"""SPS, PPS and slice headers: those of encoders and cameras, and noise."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media.errors import MediaError
from ucv.media.h264 import (
    BitReader,
    ParameterSets,
    codec_string,
    is_recovery_point,
    parse_pps_ids,
    parse_slice,
    parse_sps,
)


@pytest.mark.parametrize(
    ("text", "codec", "size", "rate", "depth"),
    [
        # What IP cameras and streaming servers send as sprop-parameter-sets.
        ("Z0IAKeKQFAe2AtwEBAaQeJEV", "avc1.420029", (640, 480), 0.0, 0),
        ("Z0LAHtkDxWhAAAADAEAAAAwDxYuS", "avc1.42c01e", (240, 160), 24.0, 0),
        (
            "Z2QAKq2EAQwgCGEAQwgCGEAQwgCEO1A8ARPyzcBAQFAAAD6AAAnECEA=",
            "avc1.64002a",
            (1920, 1080),
            20.0,
            None,
        ),
        ("Z01AHppkBQF/y4C3AQEBQAAA+gAAOpgh", "avc1.4d401e", (640, 360), 30.0, None),
    ],
)
def test_parameter_sets_of_cameras_are_read(
    text: str, codec: str, size: tuple[int, int], rate: float, depth: int | None
) -> None:
    sps = parse_sps(base64.b64decode(text))
    assert codec_string(sps) == codec
    assert (sps.width, sps.height) == size
    assert sps.frame_rate == rate
    assert sps.reorder_depth == depth


@pytest.mark.parametrize("size", [(160, 120), (1920, 1080), (1280, 720), (638, 358), (16, 16)])
@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
def test_cropping_gives_the_size_that_is_shown(
    h264: Any, size: tuple[int, int], profile: str
) -> None:
    (picture, *_) = h264.encoded(1, *size, (("profile", profile),))
    sps = parse_sps(next(nal for nal in picture.nals if nal[0] & 31 == 7))
    assert (sps.width, sps.height) == size
    assert sps.frame_rate == 25.0
    assert sps.reorder_depth == 0


@pytest.mark.parametrize(("frames", "depth"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_the_reorder_depth_is_read(h264: Any, frames: int, depth: int) -> None:
    options = (("x264-params", f"bframes={frames}:b-pyramid=normal:scenecut=0"),)
    picture = h264.encoded(20, 160, 120, options)[0]
    assert parse_sps(next(n for n in picture.nals if n[0] & 31 == 7)).reorder_depth == depth


def test_interlaced_pictures_are_twice_as_high_as_their_fields(h264: Any) -> None:
    picture = h264.encoded(1, 320, 240, (("x264-params", "tff=1"),))[0]
    sps = parse_sps(next(n for n in picture.nals if n[0] & 31 == 7))
    assert (sps.width, sps.height) == (320, 240)


def test_slices_and_picture_parameter_sets_name_what_they_belong_to(h264: Any) -> None:
    first, second = h264.encoded(2)
    assert parse_pps_ids(next(n for n in first.nals if n[0] & 31 == 8)) == (0, 0)
    assert parse_slice(next(n for n in first.nals if n[0] & 31 == 5)) == (True, 0)
    assert parse_slice(next(n for n in second.nals if n[0] & 31 == 1)) == (False, 0)


def test_a_recovery_point_is_one_only_when_recovery_takes_no_frames() -> None:
    assert is_recovery_point(b"\x06\x06\x01\xc4\x80")  # recovery_frame_cnt is 0
    assert not is_recovery_point(b"\x06\x06\x01\x24\x80")
    assert not is_recovery_point(b"\x06\x05\x01\xc4\x80")
    assert not is_recovery_point(b"\x06")


def test_exponential_golomb_numbers_are_bounded() -> None:
    assert BitReader(b"\xa6\x42\x98\xe2\x04\x8a").ue() == 0
    assert [BitReader(bytes((b,))).ue() for b in (0x80, 0x40, 0x60, 0x20)] == [0, 1, 2, 3]
    assert [BitReader(bytes((b,))).se() for b in (0x80, 0x40, 0x60, 0x20)] == [0, 1, -1, 2]
    with pytest.raises(MediaError, match="more than 32 bits"):
        BitReader(bytes(100)).ue()
    with pytest.raises(MediaError, match="out of range"):
        BitReader(b"\x20").ue(2)
    with pytest.raises(MediaError, match="too early"):
        BitReader(b"").bits(1)


def test_a_format_needs_both_parameter_sets(h264: Any) -> None:
    picture = h264.encoded(1)[0]
    sps, pps = (next(n for n in picture.nals if n[0] & 31 == kind) for kind in (7, 8))
    sets = ParameterSets(clock_rate=90_000)
    assert sets.format(0) is None
    sets.add(pps)
    assert sets.format(0) is None
    sets.add(sps)
    video_format = sets.format(0)
    assert video_format is not None
    assert (video_format.sps, video_format.pps) == ((sps,), (pps,))
    sets.add(sps + b"\0\0")
    assert sets.format(0) is video_format
    assert sets.format(1) is None


def test_a_damaged_parameter_set_does_not_replace_a_good_one(h264: Any) -> None:
    picture = h264.encoded(1)[0]
    sets = ParameterSets()
    sets.add_all(n for n in picture.nals if n[0] & 31 in (7, 8))
    before = sets.format(0)
    sets.add_all([b"\x67", b"\x67\x42", b"\x68", b"", b"\x67" + bytes(5000)])
    assert sets.format(0) == before


@given(st.binary(max_size=120))
def test_noise_is_refused_or_gives_a_size(noise: bytes) -> None:
    for profile in (b"\x42", b"\x64", b""):
        try:
            sps = parse_sps(b"\x67" + profile + noise)
        except MediaError:
            continue
        assert 0 < sps.width <= 20_000
        assert 0 < sps.height <= 20_000
        assert 0.0 <= sps.frame_rate <= 240.0


@given(st.data())
def test_real_parameter_sets_with_flipped_bits_are_survived(h264: Any, data: st.DataObject) -> None:
    picture = h264.encoded(1, 1280, 720, (("profile", "high"),))[0]
    sps = bytearray(next(n for n in picture.nals if n[0] & 31 == 7))
    for _ in range(data.draw(st.integers(1, 3))):
        sps[data.draw(st.integers(1, len(sps) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    sets = ParameterSets()
    sets.add_all([bytes(sps), b"\x68\xce\x0f\xc8"])
    sets.format(0)


@given(st.binary(max_size=40))
def test_noise_in_headers_is_refused(noise: bytes) -> None:
    for parse in (parse_slice, parse_pps_ids, is_recovery_point):
        try:
            parse(noise)
        except MediaError:
            continue
