"""Sender reports and goodbyes, in compound packets and in noise."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media.rtp.rtcp import Goodbye, SenderReport, parse

NTP_EPOCH = 2_208_988_800


def report(seconds: int, fraction: int = 0, timestamp: int = 42, ssrc: int = 7) -> bytes:
    return struct.pack(">BBHIIIIII", 0x80, 200, 6, ssrc, seconds, fraction, timestamp, 10, 1000)


def test_a_report_says_when_a_timestamp_was() -> None:
    packet = b"junk" + report(NTP_EPOCH + 1_700_000_000, 1 << 30)
    assert parse(packet, 4, len(packet)) == [SenderReport(7, 42, 1_700_000_000.25)]


def test_a_description_and_a_goodbye_may_follow() -> None:
    description = struct.pack(">BBHI", 0x81, 202, 2, 7) + b"\1\2hi\0\0\0\0"[:4]
    goodbye = struct.pack(">BBHII", 0x82, 203, 2, 7, 8)
    packet = report(NTP_EPOCH + 1_700_000_000) + description + goodbye
    found = parse(packet, 0, len(packet))
    assert isinstance(found[0], SenderReport)
    assert found[1:] == [Goodbye((7, 8))]


@pytest.mark.parametrize("seconds", [0, 3600, NTP_EPOCH, NTP_EPOCH + 86_400 * 365])
def test_a_camera_that_does_not_know_the_time_is_not_believed(seconds: int) -> None:
    (found,) = parse(report(seconds), 0, 28)
    assert isinstance(found, SenderReport)
    assert found.wall == 0.0


def test_a_packet_that_is_cut_short_is_ignored() -> None:
    whole = report(NTP_EPOCH + 1_700_000_000)
    for end in range(len(whole)):
        assert parse(whole, 0, end) == []


@given(st.binary(max_size=200))
def test_noise_never_raises(noise: bytes) -> None:
    parse(noise, 0, len(noise))


@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.integers(198, 206), st.integers(0, 9), st.binary()),
        max_size=6,
    )
)
def test_plausible_headers_never_raise(parts: list[tuple[int, int, int, bytes]]) -> None:
    packet = b"".join(struct.pack(">BBH", *head) + body for *head, body in parts)
    parse(packet, 0, len(packet))
