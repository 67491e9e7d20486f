"""Splits what an RTSP connection brings into RTP packets and messages (RFC 2326, 10.12).

This is the hot path of every camera read over TCP, some 350 packets a second for 4 Mbit/s. So the
packets stay where the socket put them, and each costs a few integer operations and one call.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection

from ucv.media.errors import MediaError

#: Bytes of the receive buffer: the longest thing that must fit is one message, or one packet.
BUFFER_SIZE = 128 * 1024
#: Bytes of an RTSP message up to the empty line.
MAX_HEAD = 16 * 1024
#: Bytes of its body.
MAX_BODY = 64 * 1024

#: What is left over moves to the front when the buffer is filled up to here, so that a read always
#: finds room for half the buffer, but small reads do not each pay for a move.
_COMPACT_AT = BUFFER_SIZE // 2
_DOLLAR = 0x24
_NO_CHANNEL = -1
_unpack_header = struct.Struct(">BBH").unpack_from
_METHODS = rb"(?:OPTIONS|ANNOUNCE|REDIRECT|[GS]ET_PARAMETER|TEARDOWN|PLAY_NOTIFY|DESCRIBE|PAUSE) "
_MESSAGE = re.compile(rb"RTSP/1\.|HTTP/1\.|" + _METHODS)
_START = re.compile(rb"\$|" + _MESSAGE.pattern)
#: Strings of which a message's beginning may have arrived only in part.
_PREFIXES = tuple(
    word.encode()
    for word in (
        "RTSP/1.",
        "HTTP/1.",
        "OPTIONS ",
        "ANNOUNCE ",
        "REDIRECT ",
        "GET_PARAMETER ",
        "SET_PARAMETER ",
        "TEARDOWN ",
        "PLAY_NOTIFY ",
        "DESCRIBE ",
        "PAUSE ",
    )
)
_LONGEST_PREFIX = max(map(len, _PREFIXES))
_HEAD_END = re.compile(rb"\n\r?\n")
_CONTENT_LENGTH = re.compile(
    rb"\n[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Ll][Ee][Nn][Gg][Tt][Hh]\s*:([^\r\n]*)"
)


class Demultiplexer:
    """Owns the receive buffer of one connection, and calls back for each thing in it.

    ``on_packet(channel, buffer, start, end)`` is called for each interleaved packet of an expected
    channel; its payload is ``buffer[start:end]``, valid only during the call.
    Where ``on_run(channel, buffer, start, end)`` is set, it is offered what follows each packet, up
    to what has been read; it takes whole packets from the start on, and returns where it stopped.
    ``on_message(head, body)`` is called for each RTSP message; head ends before the empty line.
    Set ``channels`` to the channels that the server may send on.

    Bytes that are neither are passed over up to the next thing that looks like a beginning, and
    counted in ``skipped``; whole packets of other channels are passed over uncounted.
    What the callbacks raise passes through `received`.
    """

    __slots__ = (
        "_buffer",
        "_channels",
        "_head",
        "_limit",
        "_needed",
        "_on_message",
        "_searched",
        "_tail",
        "_view",
        "on_packet",
        "on_run",
        "skipped",
    )

    def __init__(
        self,
        on_packet: Callable[[int, bytearray, int, int], object],
        on_message: Callable[[bytes, bytes], object],
        channels: Collection[int] = (),
    ) -> None:
        self.on_packet = on_packet
        self.on_run: Callable[[int, bytearray, int, int], int] | None = None
        self._on_message = on_message
        self._buffer = bytearray(BUFFER_SIZE)
        self._view = memoryview(self._buffer)
        self._head = 0  # what is before it has been dealt with
        self._tail = 0  # what is from it on is free
        self._needed = 0  # bytes from the head on without which a message cannot be complete
        self._searched = 0  # bytes from the head on in which a message's end was looked for
        self.skipped = 0
        self.channels = channels

    @property
    def channels(self) -> Collection[int]:
        """The channels that the server may send on."""
        return self._channels

    @channels.setter
    def channels(self, channels: Collection[int]) -> None:
        self._channels = frozenset(channels)
        # One comparison for each packet. The numbers are small and contiguous in practice; a
        # packet on a number that was left out between them is for the callback to ignore.
        self._limit = max(channels, default=_NO_CHANNEL)

    def get_buffer(self, _size: int = -1) -> memoryview:
        """Return the free part of the buffer to read into, never empty, whatever size is wanted."""
        return self._view[self._tail :] if self._tail else self._view

    def received(self, count: int) -> None:
        """Deal with ``count`` bytes put into what `get_buffer` returned.

        Raises `MediaError` for a message beyond `MAX_HEAD` or `MAX_BODY`.
        """
        buffer = self._buffer
        head = self._head
        tail = self._tail = self._tail + count
        on_packet = self.on_packet
        run = self.on_run
        limit = self._limit
        while tail - head >= 4:
            marker, channel, length = _unpack_header(buffer, head)
            if marker == _DOLLAR and channel <= limit:
                end = head + 4 + length
                if end > tail:
                    break
                on_packet(channel, buffer, head + 4, end)
                head = end if run is None else run(channel, buffer, end, tail)
            else:
                self._head = head
                more = self._other()
                head = self._head
                run, limit = self.on_run, self._limit
                if not more:
                    break
        if head == tail:
            self._head = self._tail = 0
        elif tail > _COMPACT_AT and head:
            buffer[: tail - head] = buffer[head:tail]
            self._head, self._tail = 0, tail - head
        else:
            self._head = head

    def _other(self) -> bool:
        """Deal with what is no expected packet; False if more bytes are needed to tell."""
        if _MESSAGE.match(self._buffer, self._head, self._tail):
            return self._message()
        return self._resynchronise()

    def _message(self) -> bool:
        """Deliver the message at the head; False if it is not complete yet."""
        buffer, head, tail = self._buffer, self._head, self._tail
        if tail - head < self._needed:
            return False
        # Two bytes back: the end may have arrived in part.
        end = _HEAD_END.search(buffer, head + max(0, self._searched - 2), tail)
        if end is None:
            if tail - head > MAX_HEAD:
                raise MediaError(f"an RTSP message with more than {MAX_HEAD} bytes of headers")
            self._searched = tail - head
            return False
        if end.start() - head > MAX_HEAD:
            raise MediaError(f"an RTSP message with more than {MAX_HEAD} bytes of headers")
        body_end = end.end() + self._content_length(end.end())
        if body_end > tail:
            self._needed = body_end - head
            self._searched = end.start() - head
            return False
        content = bytes(self._view[head : end.start()]).rstrip(b"\r")
        body = bytes(self._view[end.end() : body_end])
        self._head = body_end
        self._needed = self._searched = 0
        self._on_message(content, body)
        return True

    def _content_length(self, head_end: int) -> int:
        """Return the length of the body that the message at the head announces."""
        match = _CONTENT_LENGTH.search(self._buffer, self._head, head_end)
        if match is None:
            return 0
        digits = match[1].strip()
        if not digits.isdigit() or len(digits) > 9 or int(digits) > MAX_BODY:
            raise MediaError(f"an RTSP message with a body of {digits[:20]!r} bytes")
        return int(digits)

    def _resynchronise(self) -> bool:
        """Move the head to the next thing that looks like a beginning; False if none is sure.

        In that case a byte of garbage stays in front: a packet is trusted only at the head.
        """
        buffer, head, tail = self._buffer, self._head, self._tail
        if (end := self._foreign_packet()) is not None:
            self._head = end
            return True
        # A "$" at the head was judged to be no beginning before it came to this.
        position = head + (buffer[head] == _DOLLAR)
        while match := _START.search(buffer, position, tail):
            start = match.start()
            if match[0] == b"$" and tail - start < 8:
                self._skip(start - 1)  # too little to judge it
                return False
            if match[0] != b"$" or self._plausible(start):
                self._skip(start)
                return True
            position = start + 1
        partial = self._partial_beginning(max(position, tail - _LONGEST_PREFIX))
        self._skip(min(partial, tail - 1))
        return False

    def _plausible(self, start: int) -> bool:
        """Judge whether a "$" found among garbage begins a packet of an expected channel.

        What follows must look like RTCP (version 2, a known type, a length that fits) or like RTP
        as cameras send it (version 2, no contributing sources). Whatever follows the packet is no
        argument: it may be garbage again.
        """
        buffer = self._buffer
        if buffer[start + 1] not in self._channels:
            return False
        length = buffer[start + 2] << 8 | buffer[start + 3]
        first, second = buffer[start + 4], buffer[start + 5]
        if first & 0xC0 != 0x80:
            return False
        if 200 <= second <= 207:
            return 4 * ((buffer[start + 6] << 8 | buffer[start + 7]) + 1) <= length
        return first & 0x0F == 0 and length >= 12

    def _foreign_packet(self) -> int | None:
        """Return the end of a packet of another channel at the head, if it clearly is one.

        Servers send on channels of media that were never set up; skipped as a whole, since it could
        contain anything.
        """
        buffer, head, tail = self._buffer, self._head, self._tail
        if buffer[head] != _DOLLAR:
            return None
        end = head + 4 + (buffer[head + 2] << 8 | buffer[head + 3])
        if end > tail:
            return None
        follows = end == tail or buffer[end] == _DOLLAR or self._partial_beginning(end) == end
        return end if follows or _MESSAGE.match(buffer, end, tail) else None

    def _partial_beginning(self, position: int) -> int:
        """Return where, from ``position`` on, the bytes could be the first of a message's."""
        for start in range(position, self._tail):
            rest = bytes(self._view[start : self._tail])
            if any(prefix.startswith(rest) for prefix in _PREFIXES):
                return start
        return self._tail

    def _skip(self, to: int) -> None:
        """Pass over everything up to ``to``; line ends after a message are no garbage."""
        if bytes(self._view[self._head : min(to, self._head + 5)]).strip(b"\r\n"):
            self.skipped += to - self._head
        self._head = to
        self._needed = self._searched = 0
