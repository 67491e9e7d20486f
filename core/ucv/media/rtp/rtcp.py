"""RTCP: sender reports tell what time it was at the camera (RFC 3550, section 6.4.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

#: Packet types (RFC 3550, 12.1).
SENDER_REPORT = 200
GOODBYE = 203

_HEADER = struct.Struct(">BBH")
_REPORT = struct.Struct(">IIII")

#: Seconds from the NTP epoch (1900) to the Unix epoch.
_NTP_TO_UNIX = 2_208_988_800
#: A camera whose clock is before 2000 does not know the time: many send their uptime.
#: (NTP's seconds wrap in February 2036; until then, small numbers are uptimes, not the next era.)
_PLAUSIBLE = 946_684_800


@dataclass(frozen=True, slots=True)
class SenderReport:
    """One moment: ``timestamp`` (32-bit RTP) at ``wall`` (seconds since the epoch).

    ``wall`` is 0.0 if the camera does not know the time.
    """

    ssrc: int
    timestamp: int
    wall: float


@dataclass(frozen=True, slots=True)
class Goodbye:
    """These sources have ended (6.6)."""

    ssrcs: tuple[int, ...]


def parse(buffer: bytes | bytearray, start: int, end: int) -> list[SenderReport | Goodbye]:
    """Return the reports and goodbyes of the compound packet in ``buffer[start:end]``.

    What is of no interest is passed over; the rest of a packet that contradicts itself is ignored.
    """
    found: list[SenderReport | Goodbye] = []
    while end - start >= _HEADER.size:
        first, kind, words = _HEADER.unpack_from(buffer, start)
        stop = start + 4 + 4 * words
        if first >> 6 != 2 or stop > end:
            break
        if kind == SENDER_REPORT and words >= 6:
            ssrc, seconds, fraction, timestamp = _REPORT.unpack_from(buffer, start + 4)
            found.append(SenderReport(ssrc, timestamp, _wall(seconds, fraction)))
        elif kind == GOODBYE:
            count = min(first & 0x1F, words)
            found.append(Goodbye(struct.unpack_from(f">{count}I", buffer, start + 4)))
        start = stop
    return found


def _wall(seconds: int, fraction: int) -> float:
    """Return the Unix time of an NTP time stamp; 0.0 if it cannot be true."""
    unix = seconds - _NTP_TO_UNIX
    return unix + fraction / 2**32 if unix >= _PLAUSIBLE else 0.0
