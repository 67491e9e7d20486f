"""Where the payload of an RTP packet lies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ucv.media.rtp.packet import payload_bounds, signed, unwrap

PLAIN = bytes((0x80, 96)) + bytes(10)


def bounds(packet: bytes) -> tuple[int, int] | None:
    return payload_bounds(bytearray(packet), 0, len(packet))


def test_what_is_optional_is_left_out() -> None:
    assert bounds(PLAIN + b"abc") == (12, 15)
    assert bounds(b"\x82" + PLAIN[1:] + bytes(8) + b"abc") == (20, 23)
    assert bounds(b"\x90" + PLAIN[1:] + b"\0\0\0\1xxxx" + b"abc") == (20, 23)
    assert bounds(b"\xa0" + PLAIN[1:] + b"abc\0\2") == (12, 15)


def test_what_contradicts_itself_is_no_packet() -> None:
    assert bounds(PLAIN[:11]) is None
    assert bounds(b"\x40" + PLAIN[1:]) is None
    assert bounds(b"\x8f" + PLAIN[1:] + bytes(8)) is None
    assert bounds(b"\x90" + PLAIN[1:] + b"\0\0") is None
    assert bounds(b"\x90" + PLAIN[1:] + b"\0\0\xff\xff") is None
    assert bounds(b"\xa0" + PLAIN[1:] + b"abc\0\x10") is None
    assert bounds(b"\xa0" + PLAIN[1:] + b"abc\0") is None


@given(st.binary(max_size=80))
def test_the_bounds_lie_in_the_packet(packet: bytes) -> None:
    found = bounds(packet)
    assert found is None or 12 <= found[0] <= found[1] <= len(packet)


@given(st.integers(2**32, 2**48), st.integers(-(2**31), 2**31 - 1))
def test_unwrapping_finds_the_nearest_count(last: int, step: int) -> None:
    assert unwrap((last + step) & 0xFFFF_FFFF, last) == last + step


def test_differences_wrap() -> None:
    assert signed(5 - 0xFFFF_FFFF) == 6
    assert signed(0xFFFF_FFFF - 5) == -6
