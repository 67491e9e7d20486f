"""RTP: from packets in the receive buffer to access units (RFC 3550, RFC 6184)."""

from __future__ import annotations

from ucv.media.errors import UnsupportedMedia
from ucv.media.rtp.depacketizer import Depacketizer, MediaSink
from ucv.media.rtp.quick import QuickH264Depacketizer
from ucv.media.sdp import MediaDescription

__all__ = ["MAX_ACCESS_UNIT", "Depacketizer", "MediaSink", "depacketizer_for"]

#: Bytes of a picture beyond which a stream is given up.
MAX_ACCESS_UNIT = 8 * 1024 * 1024
#: Ticks per second beyond which a clock is not believed; RFC 6184 wants 90,000.
MAX_CLOCK_RATE = 10_000_000


def depacketizer_for(
    media: MediaDescription, sink: MediaSink, *, max_access_unit: int = MAX_ACCESS_UNIT
) -> Depacketizer:
    """Return what reads the packets of this medium, and delivers its pictures to ``sink``.

    Raises `UnsupportedMedia` for a codec or packetization that cannot be read here.
    """
    if media.kind != "video" or media.encoding != "H264":
        raise UnsupportedMedia(f"no depacketizer for {media.kind} {media.encoding or '?'}")
    if media.fmtp.get("packetization-mode", "").strip() == "2":
        raise UnsupportedMedia("H.264 in interleaved mode (packetization-mode=2)")
    if not 0 < media.clock_rate <= MAX_CLOCK_RATE:
        raise UnsupportedMedia(f"a clock of {media.clock_rate} Hz")
    return QuickH264Depacketizer(media, sink, max_access_unit=max_access_unit)
