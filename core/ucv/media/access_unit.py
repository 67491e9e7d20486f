"""Coded pictures on their way from the camera to the viewers.

An access unit is assembled in the buffer it is later sent from: its payload follows `HEADROOM` free
bytes, into which the fMP4 writer and the bridge put their headers. So a picture is copied once, out
of the receive buffer, and never again.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Free bytes before the payload: a WebSocket header (10) and the fixed-size moof and mdat headers.
HEADROOM = 160


class AccessUnit:
    """One coded picture: the NAL units of one time stamp (ISO 14496-10, 3.1), no AUD, SPS, PPS.

    Or, of a stream of the codec "mjpeg", one whole JPEG picture.

    - ``buffer``: `HEADROOM` free bytes, then each NAL unit after its 4-byte big-endian length (the
      "AVCC" form of ISO 14496-15, 5.3). Whoever receives the unit owns the buffer.
    - ``timestamp``: the camera's presentation time in ticks of the format's clock rate, unwrapped
      to a growing 64-bit count.
    - ``keyframe``: decoding can start here (IDR, or recovery point that the depacketizer accepts).
    - ``received``: monotonic seconds when its last byte was read from the socket.
    - ``wall``: seconds since the epoch when the camera captured it, by RTCP sender report; 0.0 if
      unknown.
    """

    __slots__ = ("buffer", "keyframe", "received", "timestamp", "wall")

    def __init__(
        self,
        buffer: bytearray,
        timestamp: int,
        *,
        keyframe: bool,
        received: float = 0.0,
        wall: float = 0.0,
    ) -> None:
        self.buffer = buffer
        self.timestamp = timestamp
        self.keyframe = keyframe
        self.received = received
        self.wall = wall

    @property
    def payload(self) -> memoryview:
        """The length-prefixed NAL units, not copied."""
        return memoryview(self.buffer)[HEADROOM:]

    @property
    def size(self) -> int:
        """Bytes of payload."""
        return len(self.buffer) - HEADROOM


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a decoder must know before the first picture; equal formats need no new init segment.

    ``codec`` is "h264" or "mjpeg"; ``codec_string`` is that of RFC 6381 ("avc1.640029"), "mjpeg"
    for JPEG pictures; ``sps`` and ``pps`` are NAL units without start code; ``clock_rate`` is ticks
    per second;
    ``frame_rate`` is what the SPS declares (VUI) or the SDP says, 0.0 if neither does.
    """

    codec: str
    codec_string: str
    width: int
    height: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    clock_rate: int = 90_000
    frame_rate: float = 0.0
