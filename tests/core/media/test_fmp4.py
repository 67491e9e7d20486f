"""Fragments as players read them: decoded by libav, every picture, no error."""

from __future__ import annotations

import io
import struct
from typing import Any

import av
import pytest

from ucv.media.access_unit import HEADROOM, AccessUnit, VideoFormat
from ucv.media.errors import MediaError
from ucv.media.fmp4 import (
    HEADER_SIZE,
    Fragment,
    Packager,
    decoder_configuration,
    init_segment,
    mime,
)
from ucv.media.timeline import Timeline

STREAMS = {
    "without B-frames": (),
    "with B-frames": (("x264-params", "bframes=2:scenecut=0"),),
    "with a pyramid of B-frames": (("x264-params", "bframes=3:b-pyramid=normal:scenecut=0"),),
    "with several slices": (("slices", "4"),),
    "in High profile": (("profile", "high"), ("preset", "medium")),
}


def packaged(receiver: Any) -> list[Fragment]:
    """Package what came out of the depacketizer, a new packager for each format."""
    fragments = []
    packager: Packager | None = None
    for event in receiver.sink.events:
        if isinstance(event, VideoFormat):
            packager = Packager(event, before=packager)
        else:
            assert packager is not None
            fragments.append(packager.package(event))
    return fragments


def received(h264: Any, pictures: Any, **sender_options: Any) -> Any:
    sender, receiver = h264.packetizer(**sender_options), h264.receiver()
    for number, picture in enumerate(pictures):
        receiver.now = 10 + number / 25
        receiver.push(*sender.packets(picture))
    return receiver


def reference(pictures: Any) -> list[int]:
    """Decode the pictures as libx264 made them; a pixel of each."""
    stream = b"".join(b"\0\0\0\1" + nal for p in pictures for nal in p.nals)
    with av.open(io.BytesIO(stream), "r", format="h264") as container:
        return [bytes(frame.planes[0])[0] for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("offset", [0, 2**32 - 20 * 3600], ids=["", "over the timestamp's wrap"])
def test_every_picture_is_decoded_in_order(h264: Any, name: str, offset: int) -> None:
    pictures = h264.encoded(50, 160, 120, STREAMS[name])
    receiver = received(h264, pictures, offset=offset)
    fragments = packaged(receiver)
    assert len(fragments) == 50
    shown = h264.decoded(
        init_segment(receiver.sink.formats[0]), b"".join(bytes(f.boxes) for f in fragments)
    )
    assert [pixel for _, pixel in shown] == reference(pictures)
    first = shown[0][0]
    assert [time - first for time, _ in shown] == [n * h264.ticks for n in range(50)]


def test_a_stream_that_does_not_declare_its_reordering_is_decoded_too(h264: Any) -> None:
    pictures = h264.encoded(50, 160, 120, STREAMS["with B-frames"])
    receiver = received(h264, pictures)
    packager = Packager(receiver.sink.formats[0])
    packager._place = Timeline(90_000).place
    boxes = b"".join(bytes(packager.package(unit).boxes) for unit in receiver.sink.units)
    shown = h264.decoded(init_segment(receiver.sink.formats[0]), boxes)
    assert [pixel for _, pixel in shown] == reference(pictures)
    first = shown[0][0]  # libav moves all of it, since the first offsets are negative
    assert [time - first for time, _ in shown] == [n * h264.ticks for n in range(50)]


def test_other_parameter_sets_in_mid_stream_go_on_in_the_same_time(h264: Any) -> None:
    first, second = h264.encoded(20), h264.encoded(20, 320, 240)
    sender, receiver = h264.packetizer(), h264.receiver()
    for picture in first:
        receiver.push(*sender.packets(picture))
    sender.offset += 20 * h264.ticks
    for picture in second:
        receiver.push(*sender.packets(picture))
    fragments = packaged(receiver)
    assert [f.sequence for f in fragments] == list(range(1, 41))
    assert fragments[20].decode_time > fragments[19].decode_time
    for video_format, part in zip(
        receiver.sink.formats, (fragments[:20], fragments[20:]), strict=True
    ):
        boxes = b"".join(bytes(f.boxes) for f in part)
        assert len(h264.decoded(init_segment(video_format), boxes)) == 20


def test_what_is_left_after_losses_is_decoded_without_an_error(h264: Any) -> None:
    pictures = h264.encoded(60, 320, 240)
    sender, receiver = h264.packetizer(mtu=60), h264.receiver()
    for number, picture in enumerate(pictures):
        packets = sender.packets(picture)
        if number % 17 == 5:
            del packets[len(packets) // 2]
        receiver.push(*packets)
    fragments = packaged(receiver)
    assert receiver.sink.lost == 4
    assert 20 < len(fragments) < 60
    boxes = b"".join(bytes(f.boxes) for f in fragments)
    assert len(h264.decoded(init_segment(receiver.sink.formats[0]), boxes)) == len(fragments)


def test_the_payload_is_not_copied(h264: Any) -> None:
    receiver = received(h264, h264.encoded(1))
    unit: AccessUnit = receiver.sink.units[0]
    payload = bytes(unit.payload)
    fragment = Packager(receiver.sink.formats[0]).package(unit)
    assert fragment.buffer is unit.buffer
    assert bytes(fragment.payload) == payload
    assert fragment.start + fragment.header_size == HEADROOM
    assert fragment.start >= 10, "room for a WebSocket header"
    assert fragment.size == len(fragment.boxes) == HEADER_SIZE + len(payload)


@pytest.mark.parametrize("name", ["without B-frames", "with B-frames"])
def test_each_viewer_may_have_its_own_time(h264: Any, name: str) -> None:
    receiver = received(h264, h264.encoded(10, 160, 120, STREAMS[name]))
    fragments = packaged(receiver)
    before = bytes(fragments[5].boxes)
    own = b"".join(
        f.retimed(n * 90, duration=90) + bytes(f.payload) for n, f in enumerate(fragments)
    )
    assert bytes(fragments[5].boxes) == before
    shown = h264.decoded(init_segment(receiver.sink.formats[0]), own)
    assert [time - shown[0][0] for time, _ in shown] == [n * 90 for n in range(10)]


def test_boxes_say_their_size(h264: Any) -> None:
    receiver = received(h264, h264.encoded(2))
    for fragment in packaged(receiver):
        boxes = bytes(fragment.boxes)
        moof, kind = struct.unpack(">I4s", boxes[:8])
        assert kind == b"moof"
        mdat, kind = struct.unpack(">I4s", boxes[moof : moof + 8])
        assert kind == b"mdat"
        assert moof + mdat == len(boxes)
        (flags,) = struct.unpack(">I", boxes[96:100])
        assert bool(flags & 0x10000) is not fragment.keyframe


def test_the_type_names_the_codec(h264: Any) -> None:
    video_format = received(h264, h264.encoded(1)).sink.formats[0]
    assert mime(video_format) == f'video/mp4; codecs="{video_format.codec_string}"'


def test_the_configuration_of_high_profile_tells_of_chroma(h264: Any) -> None:
    high = received(h264, h264.encoded(1, 160, 120, STREAMS["in High profile"]))
    record = decoder_configuration(high.sink.formats[0])
    assert record[0] == 1
    assert record[-4:] == b"\xfd\xf8\xf8\0"


@pytest.mark.parametrize("sps", [(), (b"\x67",)])
def test_a_format_without_a_valid_parameter_set_is_refused(sps: tuple[bytes, ...]) -> None:
    with pytest.raises(MediaError):
        init_segment(VideoFormat("h264", "avc1.640029", 16, 16, sps, ()))
