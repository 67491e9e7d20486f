import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ucv.media.errors import MediaError
from ucv.media.rtsp import framing
from ucv.media.rtsp.framing import Demultiplexer

RESPONSE = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 5\r\n\r\nhello"
KEEP_ALIVE = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n"


def interleaved(channel: int, payload: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(payload).to_bytes(2, "big") + payload


def rtp(number: int, size: int = 100) -> bytes:
    header = b"\x80\x60" + number.to_bytes(2, "big") + bytes(4) + b"SSRC"
    return header + bytes([number % 256]) * size


def rtcp() -> bytes:
    return b"\x80\xc8\x00\x06" + bytes(24)


class Receiver:
    """Collects what a demultiplexer delivers, as copies."""

    def __init__(self, channels: tuple[int, ...] = (0, 1)) -> None:
        self.packets: list[tuple[int, bytes]] = []
        self.messages: list[tuple[bytes, bytes]] = []
        self.demultiplexer = Demultiplexer(self.on_packet, self.on_message, channels)

    def on_packet(self, channel: int, buffer: bytearray, start: int, end: int) -> None:
        self.packets.append((channel, bytes(buffer[start:end])))

    def on_message(self, head: bytes, body: bytes) -> None:
        self.messages.append((head, body))

    def feed(self, data: bytes, sizes: list[int] | None = None) -> None:
        """Read ``data`` in pieces of these sizes, round and round; at once without."""
        position = turn = 0
        while position < len(data):
            buffer = self.demultiplexer.get_buffer()
            size = sizes[turn % len(sizes)] if sizes else len(data)
            piece = data[position : position + min(size, len(buffer))]
            buffer[: len(piece)] = piece
            self.demultiplexer.received(len(piece))
            position += len(piece)
            turn += 1


def test_packets_and_messages_come_out_in_their_order() -> None:
    receiver = Receiver()
    receiver.feed(interleaved(0, rtp(1)) + RESPONSE + interleaved(1, rtcp()) + KEEP_ALIVE)
    assert receiver.packets == [(0, rtp(1)), (1, rtcp())]
    assert receiver.messages == [
        (b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 5", b"hello"),
        (b"RTSP/1.0 200 OK\r\nCSeq: 3", b""),
    ]
    assert receiver.demultiplexer.skipped == 0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("rtp"), st.integers(0, 65_000)),
            st.tuples(st.just("rtcp"), st.just(0)),
            st.tuples(st.just("message"), st.integers(0, 3000)),
        ),
        min_size=1,
        max_size=20,
    ),
    st.lists(st.integers(1, 40_000), min_size=1, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_it_does_not_matter_how_the_bytes_are_cut(
    things: list[tuple[str, int]], sizes: list[int]
) -> None:
    data = b""
    packets = []
    bodies = []
    for number, (kind, size) in enumerate(things):
        if kind == "message":
            bodies.append(bytes([number]) * size)
            data += b"RTSP/1.0 200 OK\r\ncontent-length:%d\r\n\r\n%b" % (size, bodies[-1])
        else:
            payload = rtp(number, size) if kind == "rtp" else rtcp()
            packets.append((int(kind == "rtcp"), payload))
            data += interleaved(*packets[-1])
    receiver = Receiver()
    receiver.feed(data, sizes)
    assert receiver.packets == packets
    assert [body for _, body in receiver.messages] == bodies
    assert receiver.demultiplexer.skipped == 0


def test_one_byte_at_a_time_does() -> None:
    receiver = Receiver()
    receiver.feed((interleaved(0, rtp(1)) + RESPONSE) * 3, [1])
    assert len(receiver.packets) == len(receiver.messages) == 3


def test_a_bare_line_feed_and_line_ends_between_messages_are_put_up_with() -> None:
    receiver = Receiver()
    receiver.feed(b"RTSP/1.0 200 OK\nCSeq: 1\n\n\r\n\r\n" + RESPONSE + b"\r\n")
    assert [head[:15] for head, _ in receiver.messages] == [b"RTSP/1.0 200 OK"] * 2
    assert receiver.demultiplexer.skipped == 0


def test_requests_of_the_server_are_messages() -> None:
    receiver = Receiver()
    for data in (b"OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"SET_PARAMETER * RTSP/1.0\n\n"):
        receiver.feed(data, [3])
    assert len(receiver.messages) == 2


def test_http_is_recognised_so_that_it_can_be_reported() -> None:
    receiver = Receiver()
    receiver.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert receiver.messages


def test_the_largest_packet_passes() -> None:
    receiver = Receiver()
    receiver.feed(interleaved(0, rtp(1, 65_523)) * 5, [1460])
    assert [len(p) for _, p in receiver.packets] == [65_535] * 5


def test_channels_that_the_server_chose_are_taken() -> None:
    receiver = Receiver((4, 5))
    receiver.feed(interleaved(4, rtp(1)) + interleaved(5, rtcp()))
    assert [channel for channel, _ in receiver.packets] == [4, 5]


def test_packets_of_media_that_were_not_set_up_are_passed_over_whole() -> None:
    receiver = Receiver()
    trap = interleaved(2, interleaved(0, rtp(66, 10)) * 3)
    receiver.feed(trap + interleaved(0, rtp(1)) + trap + interleaved(0, rtp(2)))
    assert receiver.packets == [(0, rtp(1)), (0, rtp(2))]
    assert receiver.demultiplexer.skipped == 0


def test_before_anything_is_set_up_packets_of_an_old_session_are_passed_over() -> None:
    receiver = Receiver(())
    receiver.feed(interleaved(0, rtp(1)) + RESPONSE + interleaved(0, rtp(2)) + KEEP_ALIVE)
    assert len(receiver.messages) == 2
    assert not receiver.packets


@pytest.mark.parametrize("sizes", [None, [1], [7], [1000]])
def test_garbage_between_packets_costs_no_packet(sizes: list[int] | None) -> None:
    noise = random.Random(7)
    data = b""
    for number in range(50):
        garbage = noise.randbytes(noise.randrange(1, 200)).replace(b"$", b"#")
        data += garbage + interleaved(0, rtp(number))
    receiver = Receiver()
    receiver.feed(data, sizes)
    assert receiver.packets == [(0, rtp(n)) for n in range(50)]
    assert receiver.demultiplexer.skipped == len(data) - 50 * len(interleaved(0, rtp(0)))


def test_a_dollar_in_the_garbage_is_no_packet_unless_it_looks_like_one() -> None:
    receiver = Receiver()
    bad = b"x$$$\x00\xff\xff\x00\x00\x00\x00$\x07\x00\x10$\x01\x00\x04\x80\xc8\x00\x06zz"
    receiver.feed(bad + interleaved(0, rtp(1)), [1])
    assert receiver.packets == [(0, rtp(1))]
    assert receiver.demultiplexer.skipped == len(bad)


def test_a_hole_in_the_stream_costs_the_packets_it_touches_only() -> None:
    packets = [interleaved(0, rtp(n, 1400)) for n in range(20)]
    data = b"".join(packets)
    hole = 5 * len(packets[0]) + 700
    receiver = Receiver()
    receiver.feed(data[:hole] + data[hole + 900 :], [4096])
    numbers = [int.from_bytes(p[2:4], "big") for _, p in receiver.packets]
    assert set(numbers) >= set(range(20)) - {5, 6, 7}
    assert numbers[-1] == 19


def test_a_message_after_garbage_is_found() -> None:
    receiver = Receiver()
    receiver.feed(b"\x00\x01garbage RTS" + RESPONSE, [5])
    assert receiver.messages[0][1] == b"hello"
    assert receiver.demultiplexer.skipped == 13


@pytest.mark.parametrize("size", [1000, 1])
def test_endless_headers_are_cut_off(size: int) -> None:
    receiver = Receiver()
    with pytest.raises(MediaError, match="headers"):
        receiver.feed(b"RTSP/1.0 200 OK\r\n" + b"X-Filler: yes\r\n" * 5000, [size])


@pytest.mark.parametrize("length", [b"65537", b"99999999999999999", b"-1", b"many", b"\xb2"])
def test_an_impossible_body_is_refused(length: bytes) -> None:
    receiver = Receiver()
    with pytest.raises(MediaError, match="body"):
        receiver.feed(b"RTSP/1.0 200 OK\r\nContent-Length: " + length + b"\r\n\r\n")


def test_the_largest_message_passes() -> None:
    head = b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n" % framing.MAX_BODY
    head += b"X: %b\r\n" % (b"y" * (framing.MAX_HEAD - len(head) - 10))
    receiver = Receiver()
    receiver.feed(interleaved(0, rtp(1)) + head + b"\r\n" + b"b" * framing.MAX_BODY, [1460])
    assert len(receiver.messages[0][1]) == framing.MAX_BODY


def test_what_a_callback_raises_reaches_the_reader() -> None:
    def fail(*_: object) -> None:
        raise LookupError

    demultiplexer = Demultiplexer(fail, fail, (0,))
    data = interleaved(0, rtp(1))
    demultiplexer.get_buffer()[: len(data)] = data
    with pytest.raises(LookupError):
        demultiplexer.received(len(data))


PIECES = st.one_of(
    st.binary(max_size=400),
    st.sampled_from(
        [
            b"$",
            b"$\x00",
            b"$\x00\x00\x00",
            b"$\x01\xff\xff",
            b"RTSP/1.",
            b"RTSP/1.0 200 OK\r\n",
            b"\r\n\r\n",
            b"\n\n",
            b"OPTIONS ",
            b"Content-Length: 70\r\n",
            RESPONSE,
            interleaved(0, rtp(1)),
            interleaved(1, rtcp()),
            interleaved(9, rtp(1)),
        ]
    ),
)


@given(
    st.lists(PIECES, max_size=40),
    st.lists(st.integers(1, 500), min_size=1, max_size=4),
    st.sampled_from([(), (0, 1), (2, 3), (0, 255)]),
)
@settings(deadline=None)
def test_no_bytes_break_it_or_fill_it(
    pieces: list[bytes], sizes: list[int], channels: tuple[int, ...]
) -> None:
    data = b"".join(pieces)
    receiver = Receiver(channels)
    try:
        receiver.feed(data, sizes)
    except MediaError:
        return
    delivered = sum(len(p) for _, p in receiver.packets)
    delivered += sum(len(head) + len(body) for head, body in receiver.messages)
    assert delivered + receiver.demultiplexer.skipped <= len(data)
    assert len(receiver.demultiplexer.get_buffer()) > 0


@given(st.lists(PIECES, max_size=10), st.lists(st.integers(1, 300), min_size=1, max_size=4))
@settings(deadline=None)
def test_after_any_garbage_a_long_enough_stream_is_found_again(
    pieces: list[bytes], sizes: list[int]
) -> None:
    receiver = Receiver()
    stream = b"".join(interleaved(0, rtp(n, 1000)) for n in range(200))
    try:
        receiver.feed(b"".join(pieces) + stream, sizes)
    except MediaError:
        return  # garbage that is the beginning of a message without end
    assert receiver.packets[-1] == (0, rtp(199, 1000))
