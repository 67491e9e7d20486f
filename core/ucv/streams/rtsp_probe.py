"""Asks an RTSP server what it has, without playing it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ucv.clock import Clock, SystemClock
from ucv.errors import (
    CameraViewerError,
    ConnectionClosed,
    ConnectTimeout,
    ProtocolError,
    StreamNotFound,
)
from ucv.media import sdp
from ucv.media.digest import MAX_REFUSALS, Authorizer
from ucv.media.errors import MediaError
from ucv.media.h264 import parse_sps
from ucv.media.rtsp import AuthRefused, Described, Event, Failed, Redirected, RtspSession, RtspUrl
from ucv.streams.rtsp_connection import (
    MAX_REDIRECTS,
    RtspConnection,
    authorizer_for,
    credentials_of,
    failure,
    parse,
    time_limit,
    trusted,
)
from ucv.streams.source import Credentials

_CLOCK = SystemClock()
#: Paths in a row that the camera leaves unanswered before the search ends.
_MAX_SILENCES = 2


@dataclass(frozen=True, slots=True)
class VideoStream:
    """A video that a description offers: ``codec`` in upper case ("H264"), 0 where unknown."""

    codec: str
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class RtspDescription:
    """What the server answered to DESCRIBE.

    ``url`` is where it was found (redirections followed), without credentials; ``status`` and
    ``reason`` are those of the answer (200, 401, 404 …); ``realm`` and ``server`` tell many vendors
    apart, "" if not sent; ``methods`` are those of OPTIONS; ``authenticated`` says whether
    credentials were needed and accepted; ``audio`` names the codecs of the sound in upper case.
    ``asked`` is the URL that was asked for, which stays the
    camera's where a redirection leads to another server or to an address of one session.
    """

    url: str
    status: int
    reason: str = ""
    realm: str = ""
    server: str = ""
    methods: tuple[str, ...] = ()
    authenticated: bool = False
    video: tuple[VideoStream, ...] = ()
    audio: tuple[str, ...] = ()
    asked: str = ""


async def describe(
    url: str,
    credentials: Credentials | None = None,
    *,
    timeout: float = 5.0,  # noqa: ASYNC109 - by the injected clock
    tls_verify: bool = True,
    clock: Clock = _CLOCK,
) -> RtspDescription:
    """Describe one URL over one connection, within ``timeout`` seconds.

    Credentials in the URL do where ``credentials`` is None. A refusal such as 404, or 401 where
    there are no credentials, is a description with that status and no video.
    Raises `CannotConnect`, `ConnectTimeout`, `ConnectionClosed`, `ProtocolError`, and `InvalidAuth`
    when credentials are refused.
    """
    start = parse(url)
    authorizer = authorizer_for(credentials or credentials_of(start))
    visitor = _Visitor(authorizer, clock, tls_verify=tls_verify)
    try:
        async with time_limit(clock, timeout):
            answer = await _follow(start, visitor)
    except TimeoutError:
        raise ConnectTimeout(f"{start.host}:{start.port} does not answer.") from None
    finally:
        await visitor.leave()
    if isinstance(answer, RtspDescription):
        return answer
    if authorizer is not None:
        raise failure(answer)
    return RtspDescription(
        start.target, 401, "Unauthorized", answer.realm, visitor.server, asked=start.target
    )


async def probe_paths(
    host: str,
    port: int,
    paths: Iterable[str],
    credentials: Credentials | None = None,
    *,
    timeout: float = 5.0,  # noqa: ASYNC109 - by the injected clock, and for each path
    limit: int = 1,
    secure: bool = False,
    tls_verify: bool = True,
    clock: Clock = _CLOCK,
) -> list[RtspDescription]:
    """Describe candidate paths in turn, and return the first ``limit`` that have video.

    Each path has ``timeout`` seconds. The first request carries no credentials, which costs no
    try of the account; after `MAX_REFUSALS` refused requests with credentials the search ends.
    Raises `InvalidAuth` then, or if nothing is found and the camera asked for credentials;
    `StreamNotFound` if it has video at none of the paths; otherwise as `describe`.
    """
    authorizer = authorizer_for(credentials)
    scheme = "rtsps" if secure else "rtsp"
    address = f"[{host}]" if ":" in host else host
    visitor = _Visitor(authorizer, clock, tls_verify=tls_verify)
    found: list[RtspDescription] = []
    problem: CameraViewerError = StreamNotFound("The camera has video at none of the known paths.")
    silences = 0
    try:
        for path in paths:
            url = parse(f"{scheme}://{address}:{port}/{path.removeprefix('/')}")
            try:
                async with time_limit(clock, timeout):
                    answer = await _follow(url, visitor)
            except TimeoutError:
                silences += 1
                if silences == _MAX_SILENCES:
                    raise ConnectTimeout(f"{host}:{port} does not answer.") from None
                await visitor.leave()
                continue
            except (ConnectionClosed, ProtocolError):
                # Some cameras answer an unknown path by hanging up, or by nonsense.
                await visitor.leave()
                continue
            silences = 0
            if isinstance(answer, AuthRefused):
                problem = failure(answer)
                if authorizer is not None and authorizer.refusals >= MAX_REFUSALS:
                    raise problem
            elif answer.video:
                found.append(answer)
                if len(found) == limit:
                    break
    finally:
        await visitor.leave()
    if not found:
        raise problem
    return found


async def sift_paths(
    host: str,
    port: int,
    paths: Iterable[str],
    *,
    timeout: float = 5.0,  # noqa: ASYNC109 - by the injected clock, and for each path
    clock: Clock = _CLOCK,
) -> list[str]:
    """Ask for paths without credentials, and return those that the camera does not deny having.

    Of a camera that asks for credentials before it looks at the path, all of them; see whether it
    does by asking for one that no camera has. Costs no try of the account. Each path has
    ``timeout`` seconds. Raises `CannotConnect` and `ConnectTimeout`.
    """
    address = f"[{host}]" if ":" in host else host
    visitor = _Visitor(None, clock, tls_verify=True)
    kept: list[str] = []
    silences = 0
    try:
        for path in paths:
            url = parse(f"rtsp://{address}:{port}/{path.removeprefix('/')}")
            try:
                async with time_limit(clock, timeout):
                    answer = await visitor.visit(url)
            except TimeoutError:
                silences += 1
                if silences == _MAX_SILENCES:
                    raise ConnectTimeout(f"{host}:{port} does not answer.") from None
                await visitor.leave()
                continue
            except (ConnectionClosed, ProtocolError):
                await visitor.leave()
                continue
            if not isinstance(answer, RtspDescription) or answer.video:
                kept.append(path)
    finally:
        await visitor.leave()
    return kept


async def _follow(url: RtspUrl, visitor: _Visitor) -> RtspDescription | AuthRefused:
    """Describe ``url``, wherever the camera sends us; raises `ProtocolError` for a ring."""
    answer = await visitor.visit(url)
    for _ in range(MAX_REDIRECTS):
        if not isinstance(answer, Redirected):
            break
        target = parse(answer.url)
        elsewhere = visitor.sibling(with_credentials=trusted(url, target))
        try:
            answer = await elsewhere.visit(target)
        finally:
            await elsewhere.leave()
    if isinstance(answer, Redirected):
        raise ProtocolError(f"The camera redirects more than {MAX_REDIRECTS} times.")
    return replace(answer, asked=url.target) if isinstance(answer, RtspDescription) else answer


class _Visitor:
    """Describes URLs of one server, over one connection as long as the server keeps it open."""

    def __init__(self, authorizer: Authorizer | None, clock: Clock, *, tls_verify: bool) -> None:
        self._authorizer = authorizer
        self._clock = clock
        self._tls_verify = tls_verify
        self._session: RtspSession | None = None
        self._connection: RtspConnection | None = None
        self._answered: asyncio.Future[Event] | None = None

    @property
    def server(self) -> str:
        """What the server calls itself."""
        return self._session.server if self._session else ""

    def sibling(self, *, with_credentials: bool) -> _Visitor:
        """Return a visitor for another server."""
        authorizer = self._authorizer if with_credentials else None
        return _Visitor(authorizer, self._clock, tls_verify=self._tls_verify)

    async def visit(self, url: RtspUrl) -> RtspDescription | AuthRefused | Redirected:
        """Describe ``url``; connect if there is no connection, or if it turns out to be closed."""
        if self._connection is not None and self._session is not None:
            try:
                self._session.describe(url.target)
                return await self._answer(url, self._connection, self._session)
            except ConnectionClosed:
                await self.leave()
        if self._authorizer is not None:
            self._authorizer.forget()  # nonces may be of one connection
        session = self._session = RtspSession(url.target, self._authorizer)
        connection = self._connection = RtspConnection(
            session, self._clock, on_event=self._on_event
        )
        await connection.connect(url, tls_verify=self._tls_verify)
        session.start()
        return await self._answer(url, connection, session)

    async def leave(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    def _on_event(self, event: Event) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(event)

    async def _answer(
        self, url: RtspUrl, connection: RtspConnection, session: RtspSession
    ) -> RtspDescription | AuthRefused | Redirected:
        """Send what the session has to say, and wait for what comes of it."""
        answered = self._answered = asyncio.get_running_loop().create_future()
        connection.flush()
        await asyncio.wait((answered, connection.ended), return_when=asyncio.FIRST_COMPLETED)
        if not answered.done():
            await connection.ended
        event: Event = answered.result()
        if isinstance(event, AuthRefused | Redirected):
            return event
        description = RtspDescription(
            url=url.target,
            status=session.status,
            realm=session.realm,
            server=session.server,
            methods=session.methods,
            authenticated=session.authenticated,
        )
        match event:
            case Described(sdp_description):
                videos = sdp_description.of_kind("video")
                sounds = sdp_description.of_kind("audio")
                return replace(
                    description,
                    video=tuple(_video(v) for v in videos),
                    audio=tuple(sound.encoding for sound in sounds),
                )
            case Failed(_, _, reason):
                return replace(description, reason=reason)
        raise ConnectionClosed


def _video(medium: sdp.MediaDescription) -> VideoStream:
    """Say what the description tells of a video; the parameter sets know better than attributes."""
    for text in medium.fmtp.get("sprop-parameter-sets", "").split(","):
        try:
            sps = parse_sps(base64.b64decode(text, validate=True))
        except (MediaError, binascii.Error):
            continue  # a PPS, or nonsense
        rate = medium.frame_rate or sps.frame_rate
        return VideoStream(medium.encoding, sps.width, sps.height, rate)
    return VideoStream(medium.encoding, medium.width, medium.height, medium.frame_rate)
