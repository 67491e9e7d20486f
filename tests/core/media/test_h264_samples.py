"""Samples of containers as access units."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media.errors import MediaError
from ucv.media.fmp4 import Packager, decoder_configuration, init_segment
from ucv.media.samples import SampleReader, split_byte_stream, split_lengths


def byte_stream(nals: Any) -> bytes:
    return b"".join(b"\0\0\0\1" + nal for nal in nals)


def test_byte_streams_and_lengths_give_the_same_pictures(h264: Any) -> None:
    pictures = h264.encoded(20, 160, 120, (("x264-params", "bframes=2"),))
    annex_b = SampleReader()
    first = [annex_b.read(byte_stream(p.nals), p.shown * 3600, 1.0) for p in pictures]
    assert annex_b.format is not None
    avcc = SampleReader(decoder_configuration(annex_b.format))
    second = [
        avcc.read(b"".join(struct.pack(">I", len(n)) + n for n in p.nals), p.shown * 3600, 1.0)
        for p in pictures
    ]
    assert avcc.format == annex_b.format
    for one, other in zip(first, second, strict=True):
        assert one is not None
        assert other is not None
        assert one.buffer == other.buffer
        assert one.keyframe == other.keyframe
    packager = Packager(annex_b.format)
    boxes = b"".join(bytes(packager.package(unit).boxes) for unit in first if unit)
    assert len(h264.decoded(init_segment(annex_b.format), boxes)) == 20


def test_nothing_is_shown_before_the_first_keyframe_or_after_a_loss(h264: Any) -> None:
    pictures = h264.encoded(21)
    reader = SampleReader(byte_stream(n for n in pictures[0].nals if n[0] & 31 in (7, 8)))
    assert reader.read(byte_stream(pictures[1].nals), 0, 0.0) is None
    assert reader.read(byte_stream(pictures[10].nals), 0, 0.0) is not None
    reader.wait_for_keyframe()
    assert reader.read(byte_stream(pictures[11].nals), 0, 0.0) is None
    assert reader.read(byte_stream(pictures[20].nals), 0, 0.0) is not None


def test_a_keyframe_without_parameter_sets_shows_nothing(h264: Any) -> None:
    reader = SampleReader()
    nals = [n for n in h264.encoded(1)[0].nals if n[0] & 31 == 5]
    assert reader.read(byte_stream(nals), 0, 0.0) is None


def test_a_sample_that_is_cut_is_an_error() -> None:
    with pytest.raises(MediaError):
        list(split_lengths(b"\0\0\0\5abc", 4))


def test_zeros_around_start_codes_are_no_content() -> None:
    assert list(split_byte_stream(b"\0\0\0\1ab\0\0\0\0\1\0\0\1c")) == [b"ab", b"c"]


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_noise_is_an_error_or_nothing(extradata: bytes, sample: bytes) -> None:
    for prefix in (b"", b"\1\x64\0\x29\xff\xe1"):
        try:
            assert SampleReader(prefix + extradata).read(sample, 0, 0.0) is None
        except MediaError:
            continue
