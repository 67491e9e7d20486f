"""A camera made of software: an RTSP server (RFC 2326) on loopback that loops clips.

It speaks RTP over the RTSP connection, in step with the wall clock, and can be told to misbehave
(`Faults`). It counts what it is asked, so that a test can tell how a client behaved.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ucv.testing.account_lock import AccountLock
from ucv.testing.clip import Clip
from ucv.testing.own_address import check_own
from ucv.testing.rtp_packets import (
    CLOCK_RATE,
    PackedPicture,
    interleaved,
    pack,
    sender_report,
)
from ucv.testing.rtsp_auth import Authenticator
from ucv.testing.rtsp_connection import ServerConnection

#: Seconds between sender reports.
_REPORT_PERIOD = 5.0
#: Pictures sent late in one go when the event loop was held up; older ones are left out.
_MAX_LATE = 50


@dataclass(slots=True)
class Faults:
    """What is wrong with a server or a mount. Every switch may be turned at any time.

    - ``silent``: requests are read and never answered.
    - ``endless_headers``: the answer's headers never end.
    - ``garbage``: these bytes come between packets.
    - ``cut_after``: the connection is closed in the middle of a packet after that many pictures.
    - ``muted``: connected, playing, but no pictures come.
    - ``delay``: seconds before each answer.
    - ``slow``: seconds between single bytes of answers.
    - ``redirect``: DESCRIBE answers 302 with this address.
    - ``refuse_status``: every request is answered with this status.
    - ``missing``: 404, but only for who has logged in: as cameras do that ask for credentials
      before they look what the path is. For all other paths if the mount's path is ``*``.
    - ``lockout``: requests with credentials are answered with this status (401 or 403) as if the
      account were locked.
    - ``away``: connections are closed as soon as they are made.
    """

    silent: bool = False
    endless_headers: bool = False
    garbage: bytes = b""
    cut_after: int | None = None
    muted: bool = False
    delay: float = 0.0
    slow: float = 0.0
    redirect: str | None = None
    refuse_status: int | None = None
    missing: bool = False
    lockout: int | None = None
    away: bool = False


@dataclass(slots=True)
class Counters:
    """What a server has been asked.

    ``refused`` counts requests with wrong credentials, ``locked`` those refused because the account
    was locked, ``logins`` all that carried credentials.
    """

    connections: int = 0
    connected_at: list[float] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    locked: int = 0
    logins: int = 0
    dropped: int = 0

    def count(self, method: str) -> None:
        """Count one request."""
        self.requests[method] = self.requests.get(method, 0) + 1


class Mount:
    """One path of a server: a clip, who may see it, and its faults."""

    def __init__(
        self, path: str, clip: Clip, auth: Authenticator, now: Callable[[], float]
    ) -> None:
        self.path = path
        self.clip = clip
        self.auth = auth
        self.faults = Faults()
        self.sent = 0
        self._now = now
        self._pictures = pack(clip)
        self._changed: Clip | None = None
        self._viewers: dict[ServerConnection, int] = {}
        self._waiting: set[ServerConnection] = set()
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._packets = self._octets = 0
        self._next = 0
        self._report_due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def viewers(self) -> int:
        """How many connections play it."""
        return len(self._viewers)

    def change_clip(self, clip: Clip) -> None:
        """Go on with another clip from its next keyframe, as when someone changes the encoder.

        Raises `ValueError` when its rate is another: pictures are numbered by it.
        """
        if clip.request.rate != self.clip.request.rate:
            raise ValueError("A clip can only be followed by one of the same rate.")
        self._changed = clip

    def play(self, connection: ServerConnection, channel: int) -> None:
        """Send to this connection from the next keyframe on."""
        self.join(connection, channel)
        if self._timer is None:
            self._next = math.ceil(self._now() * self.clip.request.rate)
            self._later()

    def join(self, connection: ServerConnection, channel: int) -> None:
        """Let this connection wait for the next keyframe."""
        self._viewers[connection] = channel
        self._waiting.add(connection)
        self._report_due = 0.0

    def disconnect(self) -> None:
        """Cut the connections of all who play it."""
        for connection in list(self._viewers):
            connection.abort()

    def leave(self, connection: ServerConnection) -> None:
        """Send to it no longer; harmless when it does not play."""
        self._viewers.pop(connection, None)
        self._waiting.discard(connection)
        if not self._viewers and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _later(self) -> None:
        delay = self._next / self.clip.request.rate - self._now()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, delay), self._send_due)

    def _send_due(self) -> None:
        due = math.floor(self._now() * self.clip.request.rate)
        self._next = max(self._next, due - _MAX_LATE)
        while self._next <= due and self._viewers:
            self._send(self._next)
            self._next += 1
        if self._viewers:
            self._later()
        else:
            self._timer = None

    def _send(self, number: int) -> None:
        changed = self._changed
        if changed is not None and changed.pictures[number % len(changed.pictures)].keyframe:
            self.clip, self._changed = changed, None
            self._pictures = pack(changed)
        self.deliver(number, self._pictures[number % len(self._pictures)])

    def deliver(self, number: int, picture: PackedPicture) -> None:
        """Send a picture to who plays it; its time is its number by the clip's rate."""
        timestamp = number * CLOCK_RATE // self.clip.request.rate
        report = self._report(number, timestamp)
        by_channel: dict[int, bytearray] = {}
        for connection, channel in list(self._viewers.items()):
            if report:
                connection.send(interleaved(channel + 1, report))
            if connection in self._waiting and not picture.keyframe:
                continue
            self._waiting.discard(connection)
            if channel not in by_channel:
                by_channel[channel] = picture.stamped(
                    self._sequence, timestamp, self._ssrc, channel
                )
            self._deliver(connection, picture, by_channel[channel])
        self._sequence += len(picture.offsets)
        self._packets += len(picture.offsets)
        self._octets += len(picture.template)

    def _deliver(
        self, connection: ServerConnection, picture: PackedPicture, packets: bytearray
    ) -> None:
        faults = self.faults
        if faults.muted:
            return
        self.sent += 1
        connection.pictures += 1
        if faults.cut_after is not None and connection.pictures > faults.cut_after:
            connection.send(packets[: picture.offsets[-1] + 40])
            connection.close()
            return
        if faults.garbage:
            connection.send(faults.garbage)
        connection.send(packets)

    def _report(self, number: int, timestamp: int) -> bytes | None:
        now = self._now()
        if now < self._report_due:
            return None
        self._report_due = now + _REPORT_PERIOD
        moment = number / self.clip.request.rate
        return sender_report(self._ssrc, moment, timestamp, self._packets, self._octets)


class RtspServer:
    """Serves mounts on loopback: ``async with RtspServer() as server: server.add("/live", clip)``.

    ``session_timeout`` is announced and enforced, in seconds. ``now`` is the wall clock. ``host``
    is an address of this machine only. ``lock`` counts wrong credentials for any mount; several
    servers of one device may share it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        lock: AccountLock | None = None,
        session_timeout: float = 60.0,
        server_header: str = "Virtual Camera",
        now: Callable[[], float] = time.time,
    ) -> None:
        check_own(host)
        self.host = host
        self.lock = lock or AccountLock()
        self.faults = Faults()
        self.counters = Counters()
        self.mounts: dict[str, Mount] = {}
        self.session_timeout = session_timeout
        self.server_header = server_header
        self.connections: set[ServerConnection] = set()
        self._port = port
        self._now = now
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on, the same after `stop` and `start`."""
        return self._port

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"rtsp://{self.host}:{self._port}{path}"

    def add(self, path: str, clip: Clip, auth: Authenticator | None = None) -> Mount:
        """Serve a clip under a path."""
        mount = self.mounts[path] = Mount(path, clip, auth or Authenticator(), self._now)
        return mount

    async def start(self) -> None:
        """Listen, on the same port as before if it did."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: ServerConnection(self), self.host, self._port, reuse_address=True
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut all connections."""
        if self._server is not None:
            self._server.close()
            for connection in list(self.connections):
                connection.abort()
            await self._server.wait_closed()
            self._server = None
        # Aborted transports report their loss in the loop's next turns.
        while self.connections:  # noqa: ASYNC110 - each turn of the loop reports some
            await asyncio.sleep(0)

    async def __aenter__(self) -> RtspServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def drop_connections(self) -> None:
        """Cut all connections, and go on listening."""
        for connection in list(self.connections):
            connection.abort()
