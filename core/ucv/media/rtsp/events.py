"""What a server said, as far as it matters to whoever drives the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ucv.media import sdp
from ucv.media.rtsp.messages import Method


@dataclass(frozen=True, slots=True)
class Described:
    """DESCRIBE succeeded: choose a medium, and call `RtspSession.setup`."""

    description: sdp.SessionDescription


@dataclass(frozen=True, slots=True)
class SetUp:
    """SETUP succeeded; packets will come on these channels. PLAY is on its way."""

    rtp_channel: int
    rtcp_channel: int


@dataclass(frozen=True, slots=True)
class Playing:
    """PLAY succeeded. Call `RtspSession.keep_alive` at the latest every ``interval`` seconds."""

    interval: float


@dataclass(frozen=True, slots=True)
class Redirected:
    """Connect to this URL instead; credentials are for the same host only."""

    url: str


@dataclass(frozen=True, slots=True)
class AuthRefused:
    """The server refuses the credentials (``tried``), or asks for some and there are none."""

    realm: str
    tried: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The server refused a request that the session cannot go on without."""

    method: Method
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class TornDown:
    """The session is over: TEARDOWN was answered, or the server ended it."""


Event: TypeAlias = Described | SetUp | Playing | Redirected | AuthRefused | Failed | TornDown
