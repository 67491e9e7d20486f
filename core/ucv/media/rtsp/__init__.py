"""RTSP 1.0 (RFC 2326) as a client speaks it, without I/O.

`framing` splits what a socket brings into RTP packets and RTSP messages, `session` says what to
send and what the answers mean.
"""

from ucv.media.rtsp.events import (
    AuthRefused,
    Described,
    Event,
    Failed,
    Playing,
    Redirected,
    SetUp,
    TornDown,
)
from ucv.media.rtsp.framing import Demultiplexer
from ucv.media.rtsp.messages import Method, RtspUrl, parse_url
from ucv.media.rtsp.session import RtspSession, State

__all__ = [
    "AuthRefused",
    "Demultiplexer",
    "Described",
    "Event",
    "Failed",
    "Method",
    "Playing",
    "Redirected",
    "RtspSession",
    "RtspUrl",
    "SetUp",
    "State",
    "TornDown",
    "parse_url",
]
