"""Pictures in streams of motion JPEG; how parts are written is tried with `MultipartParser`."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media.errors import MediaError
from ucv.media.mjpeg import MAX_JUNK, MjpegParser


def picture(number: int = 0, size: int = 50) -> bytes:
    head = b"\xff\xd8\xff\xe0\0\x04\0\0\xff\xda\0\x04\0\0"
    return head + bytes((number,)) * size + b"\xff\xd9"


THREE = [picture(number) for number in range(3)]


def found(data: bytes, piece: int = 0, boundary: str | None = "frame") -> list[bytes]:
    parser = MjpegParser(boundary)
    pieces = [data[i : i + piece] for i in range(0, len(data), piece)] if piece else [data]
    return [one for part in pieces for one in parser.feed(part)]


def part(body: bytes, length: int | None = None, kind: bytes = b"image/jpeg") -> bytes:
    told = b"" if length is None else b"Content-Length: %d\r\n" % length
    return b"--frame\r\nContent-Type: " + kind + b"\r\n" + told + b"\r\n" + body + b"\r\n"


@pytest.mark.parametrize("piece", [0, 1, 5, 64])
def test_pictures_that_just_follow_each_other_are_found(piece: int) -> None:
    assert found(b"".join(THREE), piece) == THREE
    assert found(b"\r\n" + b"\r\nframe\r\n\r\n".join(THREE), piece) == THREE


@pytest.mark.parametrize("piece", [0, 1, 5, 64])
def test_without_a_length_a_picture_is_there_with_its_last_byte(piece: int) -> None:
    data = b"".join(map(part, THREE))
    end = data.rindex(b"\xff\xd9") + 2
    assert found(data[:end], piece) == THREE
    assert len(found(data[: end - 1], piece)) == 2


def test_with_a_length_a_picture_is_there_with_its_last_byte() -> None:
    parser = MjpegParser("frame")
    data = part(THREE[0], len(THREE[0]))
    end = data.rindex(b"\xff\xd9") + 2
    assert parser.feed(data[: end - 1]) == []
    assert parser.feed(data[end - 1 : end]) == [THREE[0]]


@pytest.mark.parametrize("error", [-20, -3, 2, 5, 900])
def test_wrong_lengths_cut_no_picture_but_the_first(error: int) -> None:
    data = b"".join(part(one, len(one) + error) for one in THREE * 3)
    assert found(data, 100)[1:] == (THREE * 3)[1:]
    assert found(data)[1:] == (THREE * 3)[1:]


def test_a_picture_without_an_end_is_passed_on_at_the_next_delimiter() -> None:
    cut = THREE[0][:-2]
    assert found(part(cut) + part(THREE[1])) == [cut, THREE[1]]


def test_a_broken_picture_among_bare_ones_is_passed_over() -> None:
    assert found(THREE[0] + THREE[1][:30] + THREE[2]) == [THREE[0], THREE[2]]


def test_other_parts_are_passed_over() -> None:
    data = part(THREE[0]) + part(b"sound", 5, b"audio/basic") + part(THREE[1])
    assert found(data) == THREE[:2]


def test_what_stands_around_a_picture_in_its_part_is_left_out() -> None:
    body = b"\r\n" + THREE[0] + b"\0\0\r\n"
    assert found(part(body, len(body)) + part(THREE[1])) == THREE[:2]


@pytest.mark.parametrize(
    "data",
    [
        part(b"\xff\xd8\xff", 5_000),
        part(picture(size=5_000)),
        picture(size=5_000),
        picture() + b"x" * (MAX_JUNK + 10),
        part(b"word", 4, b"text/plain") * (MAX_JUNK // 4),
    ],
    ids=["declared", "undeclared", "bare", "junk", "no pictures"],
)
def test_too_much_is_refused_before_all_of_it_is_there(data: bytes) -> None:
    parser = MjpegParser("frame", max_picture=1000)
    with pytest.raises(MediaError):
        for start in range(0, len(data), 500):
            parser.feed(data[start : start + 500])


@given(
    st.lists(
        st.sampled_from(
            [
                b"\xff\xd8\xff",
                b"\xff\xd9",
                b"--frame\r\n",
                b"\r\n\r\n",
                b"Content-Length: 9\r\n",
                b"\xff\xda\0\x04\0\0",
                b"\xff",
                b"\0",
                picture(),
            ]
        ),
        max_size=30,
    ),
    st.integers(1, 60),
)
def test_anything_in_any_pieces_ends_in_pictures_or_an_error(
    tokens: list[bytes], piece: int
) -> None:
    data = b"".join(tokens)
    try:
        pictures = found(data, piece)
    except MediaError:
        return
    assert all(one.startswith(b"\xff\xd8\xff") for one in pictures)
    assert sum(map(len, pictures)) <= len(data)


@given(st.binary(max_size=500), st.integers(1, 60))
def test_garbage_ends_in_pictures_or_an_error(data: bytes, piece: int) -> None:
    with suppress(MediaError):
        assert sum(map(len, found(data, piece, None))) <= len(data)
