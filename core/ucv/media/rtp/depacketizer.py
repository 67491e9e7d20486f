"""What a depacketizer is, and where it delivers."""

from __future__ import annotations

from typing import Protocol

from ucv.media.access_unit import AccessUnit, VideoFormat


class MediaSink(Protocol):
    """Where pictures go; called from within `Depacketizer.push`."""

    def on_format(self, video_format: VideoFormat) -> None:
        """Take the format of what follows: before the first picture, and when it changes."""

    def on_access_unit(self, unit: AccessUnit) -> None:
        """Take one picture, with its buffer."""

    def on_loss(self, packets: int) -> None:
        """Count packets that never arrived."""


class Depacketizer(Protocol):
    """Makes pictures of the RTP packets of one medium, which it gets in their order."""

    def push(self, buffer: bytearray, start: int, end: int, received: float) -> None:
        """Take the RTP packet in ``buffer[start:end]``, read at ``received`` (monotonic seconds).

        What is in the buffer is copied out before this returns. The buffer must keep its size: a
        view of it is kept for the next packet. Raises `MediaError` when the stream cannot go on.
        """

    def push_run(
        self, channel: int, buffer: bytearray, start: int, end: int, received: float
    ) -> int:
        """Take what can be taken quickly of the interleaved packets from ``start`` on.

        They follow, in ``buffer[start:end]``, a packet of ``channel``, read at the same time; each
        begins with its "$" (RFC 2326, 10.12). Returns where the first begins that was not taken.
        """

    def push_rtcp(self, buffer: bytearray, start: int, end: int) -> None:
        """Take the RTCP packet in ``buffer[start:end]``."""
