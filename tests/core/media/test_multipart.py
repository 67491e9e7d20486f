"""Multipart streams as cameras write them, whole and in pieces of any size."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ucv.media.errors import MediaError
from ucv.media.multipart import MAX_HEADERS, MultipartParser, Part, boundary_of

EVENTS = [b"Code=VideoMotion;action=Start;index=0", b"Heartbeat", b"<Alert>\n<a/>\n</Alert>"]


def stream(
    bodies: list[bytes],
    *,
    delimiter: bytes = b"--frame",
    newline: bytes = b"\r\n",
    length: int | None = 0,
    blank: bytes | None = None,
    first: bool = True,
    end: bytes = b"--frame--\r\n",
) -> bytes:
    """Write parts; ``length`` is added to each Content-Length, None: there is none."""
    out = b""
    for index, body in enumerate(bodies):
        if index or first:
            out += delimiter + newline
        out += b"Content-Type: text/plain" + newline
        if length is not None:
            out += b"Content-Length:%d" % (len(body) + length) + newline
        out += newline if blank is None else blank
        out += body + newline
    return out + end


def parsed(data: bytes, boundary: str | None = "frame", piece: int = 0) -> list[bytes]:
    return [part.body for part in parts_of(data, boundary, piece)]


def parts_of(data: bytes, boundary: str | None = "frame", piece: int = 0) -> list[Part]:
    parser = MultipartParser(boundary)
    pieces = [data] if not piece else [data[i : i + piece] for i in range(0, len(data), piece)]
    return [part for one in pieces for part in parser.feed(one)]


STYLES = {
    "as in the standard": {},
    "bare line feeds": {"newline": b"\n"},
    "a blank after the dashes": {"delimiter": b"-- frame"},
    "doubled dashes": {"delimiter": b"----frame"},
    "no dashes": {"delimiter": b"frame"},
    "no length": {"length": None},
    "no length and bare line feeds": {"length": None, "newline": b"\n"},
    "the line break counted": {"length": 2},
    "a length far too large": {"length": 60},
    "a length too small": {"length": -3},
    "no blank line after the headers": {"blank": b""},
    "no delimiter before the first part": {"first": False},
}


@pytest.mark.parametrize("style", STYLES)
def test_parts_are_found_however_they_are_written(style: str) -> None:
    data = stream(EVENTS, **STYLES[style])  # type: ignore[arg-type]  # arguments by name
    assert [body.strip() for body in parsed(data)] == EVENTS


# A length that is too small is noticed by what follows it, so not where nothing has come yet; and
# in single bytes, what is written without a blank line is only told from a header when it goes on.
@pytest.mark.parametrize("style", [s for s in STYLES if s != "a length too small"])
@pytest.mark.parametrize("piece", [1, 2, 7, 64])
def test_parts_are_found_in_pieces_of_any_size(style: str, piece: int) -> None:
    data = stream(EVENTS, **STYLES[style])  # type: ignore[arg-type]  # arguments by name
    assert [body.strip() for body in parsed(data, piece=piece)] == EVENTS


@pytest.mark.parametrize("boundary", [None, "another", "--frame", "FRAME"])
def test_the_boundary_of_the_stream_goes_before_the_declared_one(boundary: str | None) -> None:
    assert parsed(stream(EVENTS), boundary) == EVENTS
    assert parsed(stream(EVENTS, length=None), boundary) == EVENTS


def test_a_part_is_there_as_soon_as_its_length_is() -> None:
    parser = MultipartParser("frame")
    head = b"--frame\r\nContent-Length: 5\r\n\r\n"
    assert parser.feed(head + b"hell") == []
    assert [part.body for part in parser.feed(b"o")] == [b"hello"]


def test_the_head_of_an_answer_in_the_middle_of_the_stream_is_passed_over() -> None:
    again = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
    data = stream(EVENTS[:1], end=b"") + again + stream(EVENTS[1:])
    assert parsed(data) == EVENTS


def test_a_picture_that_holds_line_breaks_and_dashes_is_not_cut() -> None:
    picture = b"\xff\xd8\r\n--fra\r\n--frames\r\n\r\nframe: 1\n-- \xff\xd9"
    for length in (0, None):
        assert parsed(stream([picture] * 3, length=length)) == [picture] * 3


def test_headers_are_named_in_lower_case_and_kept_without_blanks() -> None:
    (part,) = parts_of(b"--frame\r\nCONTENT-TYPE:image/jpeg \r\nContent-length:\t2\r\n\r\nab\r\n")
    assert part.headers == {"content-type": "image/jpeg", "content-length": "2"}
    assert "ab" not in repr(part)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=frame", "frame"),
        ('multipart/x-mixed-replace;boundary="--frame"', "frame"),
        ("multipart/x-mixed-replace; charset=x; BOUNDARY = --my boundary", "my boundary"),
        ('multipart/mixed; boundary="cut', "cut"),
        ("multipart/mixed", None),
        ("multipart/mixed; boundary=", None),
        ("multipart/mixed; boundary=--", None),
    ],
)
def test_boundaries_are_read_as_they_are_declared(content_type: str, boundary: str | None) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "data",
    [
        b"--frame\r\nContent-Length: 2000\r\n\r\n",
        b"--frame\r\n\r\n" + b"\xff" * 2000,
        b"--frame\r\n" + b"a: b\r\n" * (MAX_HEADERS + 1),
        b"--frame\r\nname: " + b"x" * 40_000,
        b"nothing of this is a part\r\n" * 5_000,
        b"x" * 200_000,
    ],
    ids=["declared", "undeclared", "headers", "header", "junk", "line"],
)
def test_too_much_is_refused(data: bytes) -> None:
    parser = MultipartParser("frame", max_part=1000)
    with pytest.raises(MediaError):
        for start in range(0, len(data), 4096):
            parser.feed(data[start : start + 4096])


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(1, 50), st.booleans())
def test_whatever_parts_hold_comes_out_as_it_went_in(
    bodies: list[bytes], piece: int, with_length: bool
) -> None:
    bodies = [b"\xff" + body + b"\xd9" for body in bodies if b"frame" not in body]
    data = stream(bodies, length=0 if with_length else None)
    assert parsed(data, piece=piece) == bodies


@given(st.binary(max_size=400), st.one_of(st.none(), st.text(max_size=8)), st.integers(1, 60))
@example(b"--\r\n--\r\n\r\n--\r\n", None, 1)
@example(b"Content-Length: 99999999999999999999\r\n\r\n", "x", 3)
def test_garbage_ends_in_parts_or_in_an_error(
    data: bytes, boundary: str | None, piece: int
) -> None:
    try:
        found = parsed(data, boundary, piece)
    except MediaError:
        return
    assert sum(map(len, found)) <= len(data)


@given(
    st.lists(
        st.sampled_from(
            [
                b"--frame",
                b"\r\n",
                b"\n",
                b"Content-Length: 4",
                b"Content-Length: -1",
                b"HTTP/1.1 200 OK",
                b"Code=x",
                b"\xff\xd8\xff",
                b"--",
                b": ",
                b"--other",
            ]
        ),
        max_size=40,
    ),
    st.integers(1, 30),
)
def test_pieces_of_the_format_in_any_order_end_in_parts_or_in_an_error(
    tokens: list[bytes], piece: int
) -> None:
    try:
        parsed(b"".join(tokens), piece=piece)
    except MediaError:
        return
