"""The RTSP client as a state machine without I/O (RFC 2326, appendix A.1).

    OPTIONS → DESCRIBE → (the caller chooses a medium) SETUP → PLAY → keep-alive … → TEARDOWN

Feed it messages through `RtspSession.receive`, send what `RtspSession.data_to_send` returns, and
act on the events. What the server *says* comes as events; what it may not say raises `MediaError`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from ucv.media import sdp
from ucv.media.digest import Authorizer, parse_challenges
from ucv.media.errors import MediaError
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
from ucv.media.rtsp.messages import (
    Method,
    Response,
    ServerRequest,
    encode_request,
    encode_response,
    parse_message,
    parse_url,
    printable,
)

#: Seconds without a sign of life after which a server may drop the session (RFC 2326, 12.37).
DEFAULT_TIMEOUT = 60.0

_MIN_TIMEOUT, _MAX_TIMEOUT = 2.0, 3600.0
#: Seconds between keep-alives at most, whatever the server allows: routers forget connections.
_MAX_INTERVAL = 30.0
#: Answers with 401 to one request, whatever they say, after which it is not tried again.
_MAX_CHALLENGES = 4
_REDIRECTS = frozenset({301, 302, 303, 305, 307, 308})
_INTERLEAVED = re.compile(r"interleaved\s*=\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?", re.IGNORECASE)
_TIMEOUT = re.compile(r"timeout\s*=\s*(\d{1,6})", re.IGNORECASE)


class State(Enum):
    """Where the session stands; what it waits for, and for what."""

    NEW = auto()
    ASKING = auto()
    """OPTIONS is sent, DESCRIBE will follow."""
    DESCRIBING = auto()
    DESCRIBED = auto()
    """Connected, and nothing is set up: the caller's turn."""
    SETTING_UP = auto()
    """SETUP is sent, PLAY will follow."""
    STARTING = auto()
    PLAYING = auto()
    TEARING_DOWN = auto()
    CLOSED = auto()


#: From which states the client may send which request, and into which state that brings it.
_SENDING: Mapping[Method, tuple[frozenset[State], State | None]] = {
    Method.OPTIONS: (frozenset({State.NEW, State.PLAYING}), None),
    Method.GET_PARAMETER: (frozenset({State.PLAYING}), None),
    Method.DESCRIBE: (frozenset({State.NEW, State.ASKING, State.DESCRIBED}), State.DESCRIBING),
    Method.SETUP: (frozenset({State.DESCRIBED}), State.SETTING_UP),
    Method.PLAY: (frozenset({State.SETTING_UP, State.STARTING}), State.STARTING),
    Method.TEARDOWN: (
        frozenset({State.SETTING_UP, State.STARTING, State.PLAYING}),
        State.TEARING_DOWN,
    ),
}
#: In which state an answer moves the session on; anywhere else it is of no consequence.
_AWAITED: Mapping[Method, State] = {
    Method.OPTIONS: State.ASKING,
    Method.DESCRIBE: State.DESCRIBING,
    Method.SETUP: State.SETTING_UP,
    Method.PLAY: State.STARTING,
    Method.TEARDOWN: State.TEARING_DOWN,
}


@dataclass(slots=True)
class _Sent:
    """A request without answer."""

    method: Method
    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    authorized: bool = False
    challenges: int = 0


class RtspSession:
    """One session with one server, for one medium over TCP.

    ``url`` may hold credentials; they are never sent. Share an ``authorizer`` between sessions with
    the same server to share its count of refusals. Raises `MediaError` for an impossible URL.

    ``methods`` are those the server says it knows, ``server`` and ``realm`` what it calls itself,
    ``authenticated`` whether it took credentials, ``status`` that of the last awaited answer (0:
    none), ``sequence`` the number of requests sent.
    """

    def __init__(
        self, url: str, authorizer: Authorizer | None = None, *, user_agent: str = "ucv"
    ) -> None:
        self._uri = parse_url(url).target
        self._authorizer = authorizer
        self._user_agent = user_agent
        self._out = bytearray()
        self._sent: dict[int, _Sent] = {}
        self.sequence = 0
        self._session_id = ""
        self._timeout = DEFAULT_TIMEOUT
        self._base = self._uri
        self._aggregate = self._uri
        self._track = self._uri
        self._channels = (0, 1)
        self._play_retries = deque[tuple[int, str, Mapping[str, str]]]()
        self.state = State.NEW
        self.methods: tuple[str, ...] = ()
        self.server = ""
        self.realm = ""
        self.authenticated = False
        self.status = 0

    # --- what the client does -----------------------------------------------------------------

    def start(self) -> None:
        """Ask for the methods, then for the description of the URL."""
        self._send(Method.OPTIONS, self._uri)
        self.state = State.ASKING

    def describe(self, url: str | None = None) -> None:
        """Ask for the description of ``url``, of the session's own without one."""
        if url is not None:
            self._uri = parse_url(url).target
        self._base = self._uri
        self._send(Method.DESCRIBE, self._uri, {"Accept": "application/sdp"})

    def setup(self, medium: sdp.MediaDescription, rtp_channel: int = 0) -> None:
        """Set the medium up over TCP on ``rtp_channel`` and the next, then play it."""
        self._channels = (rtp_channel, rtp_channel + 1)
        self._track = printable(sdp.resolve_control(self._base, medium.control))
        transport = f"RTP/AVP/TCP;unicast;interleaved={rtp_channel}-{rtp_channel + 1}"
        self._send(Method.SETUP, self._track, {"Transport": transport})

    def keep_alive(self) -> None:
        """Tell the server that we are still there, with a method that it knows."""
        if self.state is State.PLAYING:
            known = Method.GET_PARAMETER in self.methods
            self._send(Method.GET_PARAMETER if known else Method.OPTIONS, self._aggregate)

    def teardown(self) -> bool:
        """End the session; False if there is none to end, and nothing to wait for."""
        if self.state not in _SENDING[Method.TEARDOWN][0] or not self._session_id:
            return False
        self._send(Method.TEARDOWN, self._aggregate)
        return True

    def data_to_send(self) -> bytes:
        """Return the bytes to send since the last call."""
        data = bytes(self._out)
        self._out.clear()
        return data

    @property
    def waiting(self) -> bool:
        """Whether the session cannot go on before the server answers."""
        return self.state in _AWAITED.values()

    def _send(self, method: Method, uri: str, headers: Mapping[str, str] | None = None) -> None:
        """Send a request, and change state as `_SENDING` says."""
        allowed, following = _SENDING[method]
        if self.state not in allowed:
            raise RuntimeError(f"{method} is not possible in state {self.state.name}")
        self._write(_Sent(method, uri, headers or {}))
        if following is not None:
            self.state = following

    def _write(self, request: _Sent) -> None:
        """Write a request, with credentials if the server asked for them before."""
        self.sequence += 1
        headers = {"CSeq": str(self.sequence), "User-Agent": self._user_agent, **request.headers}
        if self._session_id:
            headers["Session"] = self._session_id
        value = self._authorizer and self._authorizer.header(request.method, request.uri)
        if value:
            headers["Authorization"] = value
        request.authorized = bool(value)
        self._sent[self.sequence] = request
        self._out += encode_request(request.method, request.uri, headers)

    # --- what the server says -----------------------------------------------------------------

    def receive(self, head: bytes, body: bytes) -> list[Event]:
        """Take one message, as `framing.Demultiplexer` delivers it; return what follows from it.

        Raises `MediaError` for what no server may send.
        """
        message = parse_message(head, body)
        if isinstance(message, ServerRequest):
            return self._on_request(message)
        request = self._answered(message)
        if request is None:
            return []
        self.server = message.headers.get("Server") or self.server
        if message.status < 200:
            return []
        if message.status == 401:
            return self._on_challenge(request, message)
        if request.authorized and self._authorizer is not None:
            self._authorizer.accepted()
            self.authenticated = True
        if message.headers.get("Session"):
            self._read_session(message.headers.get("Session"))
        if self.state is not _AWAITED.get(request.method):
            return self._on_late_answer(request, message)
        self.status = message.status
        if request.method is not Method.TEARDOWN and message.status in _REDIRECTS:
            return self._redirect(message.headers.get("Location"))
        return self._on_answer(request, message)

    def _answered(self, response: Response) -> _Sent | None:
        """Return the request that this answers, None if it answers none.

        Some servers leave out CSeq: then it answers the oldest.
        """
        text = response.headers.get("CSeq").strip()
        if not text and self._sent:
            number = next(iter(self._sent))
        else:
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if response.status < 200:
            return self._sent.get(number)
        return self._sent.pop(number, None)

    def _on_challenge(self, request: _Sent, response: Response) -> list[Event]:
        """Answer a 401 by the same request with credentials, or give up."""
        challenges = response.headers.get_all("WWW-Authenticate")
        self.realm = next((c.realm for c in parse_challenges(challenges)), "") or self.realm
        self.status = response.status
        authorizer = self._authorizer
        request.challenges += 1
        if (
            authorizer is not None
            and authorizer.challenge(challenges)
            and request.challenges < _MAX_CHALLENGES
        ):
            self._write(request)
            return []
        if self.state is State.TEARING_DOWN:
            self.state = State.CLOSED
            return [TornDown()]
        if not self._session_id:
            self.state = State.DESCRIBED
        return [AuthRefused(self.realm, tried=request.authorized)]

    def _on_answer(self, request: _Sent, response: Response) -> list[Event]:
        """Go on after the answer that the session waited for."""
        ok = response.status < 300
        match request.method:
            case Method.OPTIONS:
                # Whether it succeeded or not: some servers know no OPTIONS.
                public = response.headers.get("Public") or response.headers.get("Allow")
                self.methods = tuple(m for m in re.split(r"[\s,]+", public.upper()[:500]) if m)
                self.describe()
                return []
            case Method.DESCRIBE if ok:
                self.state = State.DESCRIBED
                return [Described(self._read_description(response))]
            case Method.SETUP if ok:
                return self._play(response)
            case Method.PLAY if ok:
                self.state = State.PLAYING
                return [Playing(min(self._timeout / 2, _MAX_INTERVAL))]
            case Method.PLAY if self._retry_play(response.status):
                return []
            case Method.TEARDOWN:
                self.state = State.CLOSED
                return [TornDown()]
        if not self._session_id:
            self.state = State.DESCRIBED
        return [Failed(request.method, response.status, response.reason)]

    def _on_late_answer(self, request: _Sent, response: Response) -> list[Event]:
        """Take the answer to a keep-alive, or one that comes after the session has moved on."""
        if self.state is not State.PLAYING:
            return []
        if response.status == 454:  # session not found
            self._session_id = ""
            self.state = State.CLOSED
            return [TornDown()]
        if request.method is Method.GET_PARAMETER and response.status >= 400:
            self.methods = tuple(m for m in self.methods if m != Method.GET_PARAMETER)
        return []

    def _redirect(self, location: str) -> list[Event]:
        """Follow a redirection (RFC 2326, 11.3)."""
        parse_url(location)
        self.state = State.CLOSED
        return [Redirected(location.strip())]

    def _read_description(self, response: Response) -> sdp.SessionDescription:
        """Read the description, and what its controls are relative to (RFC 2326, C.1.1)."""
        for name in ("Content-Base", "Content-Location"):
            base = response.headers.get(name)
            if base[:8].lower().startswith(("rtsp://", "rtsps://")):
                self._base = printable(base)
                break
        description = sdp.parse(response.body)
        self._aggregate = printable(sdp.resolve_control(self._base, description.control))
        return description

    def _read_session(self, value: str) -> None:
        """Read "12345678;timeout=60" (RFC 2326, 12.37)."""
        session_id, _, parameters = value.partition(";")
        self._session_id = session_id.strip()
        if match := _TIMEOUT.search(parameters):
            self._timeout = min(max(float(match[1]), _MIN_TIMEOUT), _MAX_TIMEOUT)

    def _play(self, response: Response) -> list[Event]:
        """Take the channels that the server chose, and play."""
        transport = response.headers.get("Transport")
        if match := _INTERLEAVED.search(transport):
            rtp = int(match[1])
            self._channels = (rtp, int(match[2]) if match[2] else rtp + 1)
        elif transport and "TCP" not in transport.upper():
            self.state = State.PLAYING  # there is a session to tear down
            return [Failed(Method.SETUP, 461, "Unsupported Transport")]
        if max(self._channels) > 255:
            raise MediaError(f"the server chose the channels {self._channels}")
        live = {"Range": "npt=0.000-"}
        # Cameras refuse a range (457), or the aggregate (459): once each the other way.
        self._play_retries.extend([(457, self._aggregate, {}), (459, self._track, live)])
        self._send(Method.PLAY, self._aggregate, live)
        return [SetUp(*self._channels)]

    def _retry_play(self, status: int) -> bool:
        """Play once more in the way that this refusal suggests; False if it was tried."""
        for attempt in list(self._play_retries):
            if attempt[0] == status:
                self._play_retries.remove(attempt)
                self._send(Method.PLAY, attempt[1], attempt[2])
                return True
        return False

    def _on_request(self, request: ServerRequest) -> list[Event]:
        """Answer what the server asks (RFC 2326, 10: OPTIONS, ANNOUNCE, REDIRECT, parameters)."""
        headers = {}
        sequence = request.headers.get("CSeq").strip()
        if sequence.isascii() and sequence.isdigit() and len(sequence) < 10:
            headers["CSeq"] = sequence
        if self._session_id:
            headers["Session"] = self._session_id
        events: list[Event] = []
        status, reason = 200, "OK"
        match request.method:
            case Method.OPTIONS:
                headers["Public"] = "OPTIONS, ANNOUNCE, GET_PARAMETER, REDIRECT, SET_PARAMETER"
            case Method.ANNOUNCE | Method.GET_PARAMETER | Method.SET_PARAMETER:
                pass
            case Method.REDIRECT:
                events = self._redirect(request.headers.get("Location") or self._uri)
            case Method.TEARDOWN:
                self.state = State.CLOSED
                events = [TornDown()]
            case _:
                status, reason = 501, "Not Implemented"
        self._out += encode_response(status, reason, headers)
        return events
