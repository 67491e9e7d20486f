"""Where JPEG pictures end, and what size they are."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media.errors import MediaError
from ucv.media.jpeg import MAX_SEGMENTS, PictureEnd, picture_size


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def picture(
    width: int = 640, height: int = 480, *, app: bytes = b"", coded: bytes = b"\x12\xff\x00\x34"
) -> bytes:
    """Write a picture as its segments stand in a file; nothing in it can be decoded."""
    frame = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x03" + bytes(9)
    return (
        b"\xff\xd8"
        + segment(0xE0, b"JFIF\0")
        + (segment(0xE1, app) if app else b"")
        + segment(0xC4, b"tables")
        + segment(0xC0, frame)
        + segment(0xDA, b"scan")
        + coded
        + b"\xff\xd9"
    )


def end_of(data: bytes, piece: int = 0) -> int | None:
    """Give the data in pieces, and return the first end that is told."""
    walk = PictureEnd()
    for size in range(piece, len(data) + piece, piece) if piece else (len(data),):
        if (end := walk(data[:size])) is not None:
            return end
    return None


@pytest.mark.parametrize("piece", [0, 1, 2, 3, 50])
def test_the_end_is_found_whatever_comes_after_it(piece: int) -> None:
    one = picture()
    assert end_of(one + picture(), piece) == len(one)
    assert end_of(one[:-1], piece) is None


def test_a_thumbnail_with_markers_of_its_own_is_not_the_end() -> None:
    one = picture(app=b"Exif\0\0" + picture(160, 120))
    assert end_of(one) == len(one)
    assert picture_size(one) == (640, 480)


def test_stuffed_bytes_restarts_and_fill_are_no_end() -> None:
    one = picture(coded=b"a\xff\x00d\xff\xd0b\xff\xd7c\xff\xff")
    assert end_of(one, 1) == len(one)


def test_several_scans_are_one_picture() -> None:
    scans = b"1" + segment(0xC4, b"\xff\xd9") + segment(0xDA, b"2") + b"3"
    one = picture(coded=scans)
    assert end_of(one) == len(one)


@pytest.mark.parametrize(
    "data",
    [
        picture()[:-2] + picture(),
        b"\xff\xd8no segment",
        b"\xff\xd8\xff\xe0\0\0",
        b"\xff\xd8" + segment(0xFE, b"") * (MAX_SEGMENTS + 1),
        b"\xff\xc0no picture",
    ],
    ids=["no end", "no marker", "no length", "too many segments", "no beginning"],
)
def test_a_picture_without_an_end_is_known_to_be_broken(data: bytes) -> None:
    walk = PictureEnd()
    assert walk(data) is None
    assert walk.broken
    assert walk(data + b"\xff\xd9") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"GIF89a",
        picture(0, 480),
        picture()[:27],
        b"\xff\xd8" + segment(0xDA, b""),
    ],
    ids=["nothing", "cut", "another format", "no width", "cut in the frame", "scan at once"],
)
def test_what_does_not_tell_its_size_is_refused(data: bytes) -> None:
    with pytest.raises(MediaError):
        picture_size(data)


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_have_an_end_within_them_or_none(data: bytes, piece: int) -> None:
    for whole in (data, b"\xff\xd8" + data, picture()[:60] + data):
        end = end_of(whole, piece)
        assert end is None or whole[end - 2 : end] == b"\xff\xd9"
        assert end == end_of(whole)
        with suppress(MediaError):
            assert min(picture_size(whole)) > 0


@given(st.binary(max_size=200))
def test_whatever_is_coded_the_end_comes_after_it(coded: bytes) -> None:
    stuffed = coded.replace(b"\xff", b"\xff\x00")
    one = picture(coded=stuffed)
    assert end_of(one + b"more", 7) == len(one)
