from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from ucv.media.h264 import parse_sps
from ucv.testing.clip import Clip, ClipRequest, encode, load, split_annex_b
from ucv.testing.scene import COUNTER_BITS, Scene, read_counter

SMALL = ClipRequest("CÁMARA 1", 320, 180, 10, duration=4, keyframe_interval=2, bit_rate=300_000)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode(SMALL)


def decoded(clip: Clip) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    frames: list[av.VideoFrame] = []
    for number, picture in enumerate(clip.pictures):
        units = (clip.sps, clip.pps, *picture.nal_units) if picture.keyframe else picture.nal_units
        packet = av.Packet(b"".join(b"\0\0\0\1" + unit for unit in units))
        packet.pts = packet.dts = number
        frames += decoder.decode(packet)
    return frames + decoder.decode(None)


def test_every_picture_is_one_slice_and_keyframes_come_at_the_interval(clip: Clip) -> None:
    assert len(clip.pictures) == 40
    assert all(len(picture.nal_units) == 1 for picture in clip.pictures)
    assert [n for n, picture in enumerate(clip.pictures) if picture.keyframe] == [0, 20]


def test_the_parameter_sets_tell_size_and_rate(clip: Clip) -> None:
    sps = parse_sps(clip.sps)
    assert (sps.width, sps.height, sps.frame_rate) == (320, 180, 10.0)


def test_the_counter_of_every_decoded_picture_is_its_number(clip: Clip) -> None:
    frames = decoded(clip)
    assert [read_counter(frame) for frame in frames] == list(range(40))
    assert {av.video.frame.PictureType(frame.pict_type).name for frame in frames} == {"I", "P"}


@pytest.mark.parametrize("width", [320, 854, 1920])
@pytest.mark.parametrize("number", [0, 1, 0x5555, 2**COUNTER_BITS - 1])
def test_the_counter_can_be_read_at_every_size(width: int, number: int) -> None:
    scene = Scene("X", width, 240, 60.0, 1)
    scene.draw(12.5, number)
    assert read_counter(scene.frame) == number


def test_a_picture_without_a_counter_is_not_misread() -> None:
    black = av.VideoFrame(320, 240, "yuv420p")
    for plane in black.planes:
        plane.update(bytes(plane.buffer_size))
    assert read_counter(black) is None


def test_the_bit_rate_is_about_what_was_asked_for() -> None:
    request = replace(SMALL, width=640, height=360, bit_rate=800_000)
    size = sum(len(unit) for p in encode(request).pictures for unit in p.nal_units)
    assert size * 8 / request.duration == pytest.approx(800_000, rel=0.25)


def test_the_picture_of_a_moment_tells_its_age(clip: Clip) -> None:
    epoch = 1_700_000_000.0  # a multiple of the four seconds of the loop
    assert clip.index_at(epoch) == 0
    assert clip.index_at(epoch + 1.05) == 10
    assert clip.age_of(10, epoch + 1.3) == pytest.approx(0.3)
    assert clip.age_of(39, epoch + 4.1) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration": 7}, "divide a minute"),
        ({"rate": 1200, "duration": 60}, "counter can number"),
        ({"width": 318}, "must fit"),
        ({"height": 181}, "even"),
    ],
)
def test_a_clip_whose_clock_or_counter_would_lie_is_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)


def test_a_cached_clip_is_read_again_and_a_damaged_one_made_anew(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "new" / "cache"
    encoded: list[ClipRequest] = []

    def counting(request: ClipRequest) -> Clip:
        encoded.append(request)
        return clip

    monkeypatch.setattr("ucv.testing.clip.encode", counting)
    assert load([SMALL], folder) == [clip]
    assert load([SMALL], folder) == [clip]
    assert len(encoded) == 1
    (file,) = folder.iterdir()
    packed = bytearray(file.read_bytes())
    packed[-1] ^= 1
    for damaged in (bytes(packed), packed[:-100], b"", b"{}\n", b"[1]\n", b"\xff\n"):
        file.write_bytes(damaged)
        encoded.clear()
        assert load([SMALL], folder) == [clip]
        assert len(encoded) == 1


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.testing.clip.encode", lambda _: clip)
    (tmp_path / "file").write_text("in the way")
    assert load([SMALL], tmp_path / "file") == [clip]


def test_start_codes_of_both_lengths_part_nal_units() -> None:
    assert split_annex_b(b"\0\0\0\1\x67ab\0\0\1\x68c\0\0\0\1\x65d") == [
        b"\x67ab",
        b"\x68c",
        b"\x65d",
    ]
    assert split_annex_b(b"no start code") == []
