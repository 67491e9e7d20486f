import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ucv.media.digest import Authorizer
from ucv.media.errors import MediaError
from ucv.media.rtsp import (
    AuthRefused,
    Described,
    Event,
    Failed,
    Method,
    Playing,
    Redirected,
    RtspSession,
    SetUp,
    State,
    TornDown,
    parse_url,
)

URL = "rtsp://192.0.2.10:554/cam/realmonitor?channel=1&subtype=0"
SDP = """v=0
s=x
a=control:*
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:trackID=0
"""
PUBLIC = "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, GET_PARAMETER"
CHALLENGE = 'Digest realm="Login to X", nonce="n1"'


class Peer:
    """Plays the server against a session, line by line."""

    def __init__(self, authorizer: Authorizer | None = None, url: str = URL) -> None:
        self.session = RtspSession(url, authorizer, user_agent="test")

    def state(self) -> State:
        return self.session.state

    def sent(self) -> list[str]:
        """Return the requests sent since the last call, each as its text."""
        text = self.session.data_to_send().decode()
        return [part for part in text.split("\r\n\r\n") if part]

    def request(self) -> tuple[str, str, dict[str, str]]:
        """Return method, target and headers of the one request sent since the last call."""
        (text,) = self.sent()
        first, *lines = text.split("\r\n")
        method, target, version = first.split(" ")
        assert version == "RTSP/1.0"
        return method, target, dict(line.split(": ", 1) for line in lines)

    def answer(
        self, status: int, *headers: str, body: str = "", cseq: str | None = None
    ) -> list[Event]:
        """Answer the last request sent (or the one of ``cseq``)."""
        sequence = str(self.session.sequence) if cseq is None else cseq
        lines = [f"RTSP/1.0 {status} Whatever", f"CSeq: {sequence}", *headers]
        return self.session.receive("\r\n".join(lines).encode(), body.encode())

    def ask(self, *lines: str) -> list[Event]:
        """Send a request from the server."""
        return self.session.receive("\r\n".join(lines).encode(), b"")

    def to_described(self) -> Described:
        self.session.start()
        self.answer(200, f"Public: {PUBLIC}")
        (event,) = self.answer(200, "Content-Type: application/sdp", body=SDP)
        assert isinstance(event, Described)
        return event

    def to_playing(self, *session_headers: str) -> Playing:
        description = self.to_described().description
        self.session.setup(description.media[0])
        self.answer(
            200,
            *(session_headers or ("Session: 42;timeout=60",)),
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1",
        )
        (event,) = self.answer(200, "Session: 42")
        assert isinstance(event, Playing)
        self.sent()
        return event


# --- the way to a picture ---------------------------------------------------------------------


def test_the_whole_dialogue_goes_as_rfc_2326_has_it() -> None:
    peer = Peer()
    session = peer.session
    session.start()
    assert peer.request() == ("OPTIONS", URL, {"CSeq": "1", "User-Agent": "test"})

    assert peer.answer(200, f"Public: {PUBLIC}", "Server: Dahua Rtsp Server") == []
    assert session.server == "Dahua Rtsp Server"
    method, target, headers = peer.request()
    assert (method, target, headers["Accept"]) == ("DESCRIBE", URL, "application/sdp")

    base = "rtsp://192.0.2.10:554/cam/realmonitor/"
    (described,) = peer.answer(200, f"Content-base: {base}", body=SDP)
    assert isinstance(described, Described)
    assert peer.state() is State.DESCRIBED
    assert peer.sent() == []

    session.setup(described.description.media[0])
    method, target, headers = peer.request()
    assert (method, target) == ("SETUP", f"{base}trackID=0")
    assert headers["Transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1"

    events = peer.answer(
        200, "Session: 7B5;timeout=30", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=1"
    )
    assert events == [SetUp(2, 3)]
    method, target, headers = peer.request()
    assert (method, target) == ("PLAY", base)
    assert headers["Session"] == "7B5"
    assert headers["Range"] == "npt=0.000-"

    assert peer.answer(200, "Session: 7B5") == [Playing(15.0)]
    assert peer.state() is State.PLAYING
    assert not session.waiting

    assert session.teardown()
    method, target, headers = peer.request()
    assert (method, target, headers["Session"]) == ("TEARDOWN", base, "7B5")
    assert peer.answer(200) == [TornDown()]
    assert peer.state() is State.CLOSED
    assert not session.teardown()


@pytest.mark.parametrize("status", [200, 400, 404, 405, 501, 551])
def test_a_server_without_options_is_described_all_the_same(status: int) -> None:
    peer = Peer()
    peer.session.start()
    peer.sent()
    assert peer.answer(status) == []
    assert peer.request()[0] == "DESCRIBE"


def test_headers_have_any_case_and_may_be_folded() -> None:
    peer = Peer()
    peer.session.start()
    peer.session.receive(b"RTSP/1.0 200 OK\ncseq:1\nPUBLIC : OPTIONS,\n DESCRIBE", b"")
    assert peer.session.methods == ("OPTIONS", "DESCRIBE")


@pytest.mark.parametrize("status", [404, 403, 453, 503])
def test_a_refused_description_is_told_with_its_status(status: int) -> None:
    peer = Peer()
    peer.session.start()
    peer.answer(200)
    assert peer.answer(status) == [Failed(Method.DESCRIBE, status, "Whatever")]
    assert peer.state() is State.DESCRIBED, "another path may be described"
    peer.sent()
    peer.session.describe("rtsp://192.0.2.10/other")
    assert peer.request()[:2] == ("DESCRIBE", "rtsp://192.0.2.10/other")


def test_a_refused_transport_is_told() -> None:
    peer = Peer()
    peer.session.setup(peer.to_described().description.media[0])
    assert peer.answer(461) == [Failed(Method.SETUP, 461, "Whatever")]


def test_a_server_that_sets_up_udp_instead_counts_as_refusing_tcp() -> None:
    peer = Peer()
    peer.session.setup(peer.to_described().description.media[0])
    events = peer.answer(200, "Session: 1", "Transport: RTP/AVP;unicast;client_port=1-2")
    assert events == [Failed(Method.SETUP, 461, "Unsupported Transport")]
    assert peer.session.teardown(), "the server holds a session that must be ended"


def test_without_a_transport_header_the_channels_are_those_asked_for() -> None:
    peer = Peer()
    peer.session.setup(peer.to_described().description.media[0], 4)
    assert peer.answer(200, "Session: 1") == [SetUp(4, 5)]


@pytest.mark.parametrize("channels", ["256-257", "255", "999-1"])
def test_impossible_channels_are_an_error(channels: str) -> None:
    peer = Peer()
    peer.session.setup(peer.to_described().description.media[0])
    with pytest.raises(MediaError, match="channels"):
        peer.answer(200, "Session: 1", f"Transport: RTP/AVP/TCP;interleaved={channels}")


def test_a_camera_that_wants_no_range_gets_none() -> None:
    peer = Peer()
    peer.session.setup(peer.to_described().description.media[0])
    peer.answer(200, "Session: 1")
    peer.sent()
    assert peer.answer(457) == []
    method, _, headers = peer.request()
    assert method == "PLAY"
    assert "Range" not in headers
    assert peer.answer(457) == [Failed(Method.PLAY, 457, "Whatever")]


def test_a_camera_that_plays_no_aggregate_is_asked_for_the_track() -> None:
    peer = Peer()
    peer.session.setup(peer.to_described().description.media[0])
    peer.answer(200, "Session: 1")
    peer.sent()
    assert peer.answer(459) == []
    assert peer.request()[:2] == ("PLAY", f"{URL}/trackID=0")
    assert isinstance(peer.answer(200)[0], Playing)


def test_a_description_that_is_none_is_an_error() -> None:
    peer = Peer()
    peer.session.start()
    peer.answer(200)
    with pytest.raises(MediaError, match="no medium"):
        peer.answer(200, body="<html>")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 400 Bad Request", b"SIP/2.0 200 OK", b"", b"RTSP/1.0 2000", b"\xff\xfe"]
)
def test_what_is_no_rtsp_is_an_error(head: bytes) -> None:
    peer = Peer()
    peer.session.start()
    with pytest.raises(MediaError):
        peer.session.receive(head, b"")


def test_an_answer_without_cseq_answers_the_oldest_request() -> None:
    peer = Peer()
    peer.session.start()
    peer.session.receive(b"RTSP/1.0 200 OK\r\nPublic: PLAY", b"")
    assert peer.session.methods == ("PLAY",)
    assert peer.state() is State.DESCRIBING


def test_answers_to_what_was_not_asked_change_nothing() -> None:
    peer = Peer()
    peer.session.start()
    assert peer.answer(200, cseq="77") == []
    assert peer.answer(401, cseq="x") == []
    assert peer.answer(100) == []
    assert peer.state() is State.ASKING
    peer.answer(200)
    assert peer.state() is State.DESCRIBING


def test_what_is_not_possible_now_is_a_mistake_of_the_caller() -> None:
    peer = Peer()
    with pytest.raises(RuntimeError, match="SETUP is not possible in state NEW"):
        peer.session.setup(Peer().to_described().description.media[0])


# --- keeping it alive -------------------------------------------------------------------------


def test_get_parameter_keeps_the_session_alive_where_it_is_known() -> None:
    peer = Peer()
    peer.to_playing()
    peer.session.keep_alive()
    method, target, headers = peer.request()
    assert (method, target, headers["Session"]) == ("GET_PARAMETER", URL, "42")
    assert peer.answer(200) == []


def test_options_keep_it_alive_where_get_parameter_is_unknown_or_refused() -> None:
    peer = Peer()
    peer.to_playing()
    peer.session.keep_alive()
    peer.answer(501)
    peer.sent()
    peer.session.keep_alive()
    assert peer.request()[0] == "OPTIONS"
    assert peer.answer(200) == []
    assert peer.state() is State.PLAYING


def test_a_session_that_the_server_forgot_is_over() -> None:
    peer = Peer()
    peer.to_playing()
    peer.session.keep_alive()
    assert peer.answer(454) == [TornDown()]
    assert not peer.session.teardown()


@pytest.mark.parametrize(
    ("header", "interval"),
    [
        ("Session: 1", 30.0),
        ("Session: 1;timeout=10", 5.0),
        ("Session: 1 ; Timeout = 20", 10.0),
        ("Session: 1;timeout=0", 1.0),
        ("Session: 1;timeout=86400", 30.0),
        ("Session: 1;timeout=soon", 30.0),
    ],
)
def test_the_interval_is_half_the_server_s_timeout_within_reason(
    header: str, interval: float
) -> None:
    assert Peer().to_playing(header).interval == interval


def test_no_keep_alive_is_sent_unless_it_plays() -> None:
    peer = Peer()
    peer.session.keep_alive()
    assert peer.sent() == []


# --- who may ----------------------------------------------------------------------------------


def test_a_challenge_is_answered_by_the_same_request_with_credentials() -> None:
    peer = Peer(Authorizer("admin", "p@ss/w:rd"))
    peer.session.start()
    peer.answer(200)
    peer.sent()
    assert (
        peer.answer(401, f"WWW-Authenticate: {CHALLENGE}", 'WWW-Authenticate: Basic realm="B"')
        == []
    )
    method, target, headers = peer.request()
    assert (method, target, headers["CSeq"], headers["Accept"]) == (
        "DESCRIBE",
        URL,
        "3",
        "application/sdp",
    )
    assert headers["Authorization"].startswith('Digest username="admin", realm="Login to X"')
    assert f'uri="{URL}"' in headers["Authorization"]
    assert isinstance(peer.answer(200, body=SDP)[0], Described)
    assert peer.session.authenticated


def test_every_further_request_carries_credentials_for_its_own_target() -> None:
    peer = Peer(Authorizer("admin", "x"))
    peer.session.start()
    peer.answer(401, f"WWW-Authenticate: {CHALLENGE}")
    peer.sent()
    peer.answer(200)
    (described,) = peer.answer(200, body=SDP)
    assert isinstance(described, Described)
    peer.sent()
    peer.session.setup(described.description.media[0])
    _, target, headers = peer.request()
    assert f'uri="{target}"' in headers["Authorization"]


def test_wrong_credentials_are_tried_once() -> None:
    peer = Peer(Authorizer("admin", "wrong"))
    peer.session.start()
    peer.answer(200)
    peer.answer(401, f"WWW-Authenticate: {CHALLENGE}")
    peer.sent()
    assert peer.answer(401, f"WWW-Authenticate: {CHALLENGE}") == [
        AuthRefused("Login to X", tried=True)
    ]
    assert peer.sent() == []


def test_without_credentials_the_realm_is_still_learnt() -> None:
    peer = Peer()
    peer.session.start()
    peer.answer(200)
    events = peer.answer(401, 'WWW-Authenticate: Basic realm="AXIS_ACCC8E000000"')
    assert events == [AuthRefused("AXIS_ACCC8E000000", tried=False)]
    assert peer.session.status == 401


def test_a_stale_nonce_in_mid_session_is_renewed() -> None:
    peer = Peer(Authorizer("admin", "x"))
    peer.session.start()
    peer.answer(401, f"WWW-Authenticate: {CHALLENGE}")
    peer.answer(200, f"Public: {PUBLIC}")
    (described,) = peer.answer(200, body=SDP)
    assert isinstance(described, Described)
    peer.session.setup(described.description.media[0])
    peer.answer(200, "Session: 1")
    peer.answer(200)
    for nonce in ("n2", "n3", "n4", "n5"):
        peer.session.keep_alive()
        peer.sent()
        answer = f'WWW-Authenticate: Digest realm="Login to X", nonce="{nonce}", stale=true'
        assert peer.answer(401, answer) == []
        assert f'nonce="{nonce}"' in peer.request()[2]["Authorization"]
        assert peer.answer(200) == []
    assert peer.state() is State.PLAYING


def test_a_server_that_challenges_for_ever_is_left() -> None:
    peer = Peer(Authorizer("admin", "x"))
    peer.session.start()
    for number in range(10):
        challenge = f'Digest realm="r", nonce="{number}", stale=true'
        if peer.answer(401, f"WWW-Authenticate: {challenge}"):
            break
    assert number < 5


def test_credentials_in_the_url_never_reach_the_wire() -> None:
    peer = Peer(url="rtsp://adm%40in:p%40ss%2Fw%3Ard@192.0.2.10/live#x")
    peer.session.start()
    assert peer.request()[1] == "rtsp://192.0.2.10/live"
    url = parse_url("rtsp://adm%40in:p%40ss%2Fw%3Ard@192.0.2.10/live")
    assert (url.username, url.password) == ("adm@in", "p@ss/w:rd")
    assert "p@ss" not in repr(url)


# --- what the server wants --------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_a_redirection_is_told(status: int) -> None:
    peer = Peer()
    peer.session.start()
    peer.answer(200)
    events = peer.answer(status, "Location: rtsp://192.0.2.11/live")
    assert events == [Redirected("rtsp://192.0.2.11/live")]


@pytest.mark.parametrize("location", ["", "http://192.0.2.11/", "file:///etc/passwd", "live"])
def test_a_redirection_to_anything_but_rtsp_is_an_error(location: str) -> None:
    peer = Peer()
    peer.session.start()
    with pytest.raises(MediaError):
        peer.answer(302, f"Location: {location}")


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("ANNOUNCE", 200), ("SET_PARAMETER", 200), ("RECORD", 501)],
)
def test_requests_of_the_server_are_answered(method: str, status: int) -> None:
    peer = Peer()
    peer.to_playing()
    assert peer.ask(f"{method} {URL} RTSP/1.0", "CSeq: 9", "Session: 42") == []
    (text,) = peer.sent()
    assert text.startswith(f"RTSP/1.0 {status} ")
    assert "\r\nCSeq: 9" in text


def test_a_server_may_end_or_move_the_session() -> None:
    peer = Peer()
    peer.to_playing()
    assert peer.ask("REDIRECT * RTSP/1.0", "CSeq: 1", "Location: rtsp://192.0.2.12/x") == [
        Redirected("rtsp://192.0.2.12/x")
    ]
    peer = Peer()
    peer.to_playing()
    assert peer.ask("TEARDOWN * RTSP/1.0", "CSeq: 1") == [TornDown()]


# --- URLs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("rtsp://h", "h", 554, "rtsp://h"),
        ("RTSP://H:8554/A?b=c&d", "H", 8554, "rtsp://H:8554/A?b=c&d"),
        ("rtsps://h/x", "h", 322, "rtsps://h/x"),
        ("rtsp://[fe80::1]:554/x", "fe80::1", 554, "rtsp://[fe80::1]:554/x"),
        ("rtsp://h:/x", "h", 554, "rtsp://h:/x"),
        ("rtsp://h?x=1", "h", 554, "rtsp://h?x=1"),
        (
            "rtsp://h/user=admin&password=&channel=1&stream=0.sdp?real_stream",
            "h",
            554,
            "rtsp://h/user=admin&password=&channel=1&stream=0.sdp?real_stream",
        ),
        ("rtsp://h/a b\r\nX: y/ü/%20", "h", 554, "rtsp://h/a%20b%0D%0AX:%20y/%C3%BC/%20"),
    ],
)
def test_a_url_is_taken_apart_and_its_target_stays_as_it_is(
    url: str, host: str, port: int, target: str
) -> None:
    parsed = parse_url(url)
    assert (parsed.host, parsed.port, parsed.target) == (host, port, target)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://h/",
        "rtsp:h",
        "rtsp://",
        "rtsp://:554/",
        "rtsp://h:0/",
        "rtsp://h:99999/",
        "rtsp://a:b@/x",
        "rtsp://h:x/",
    ],
)
def test_an_impossible_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(MediaError) as caught:
        parse_url(url)
    assert "h" not in str(caught.value).replace("the", "").split()


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_url_can_break_the_request_line(user: str, host: str, path: str) -> None:
    try:
        session = RtspSession(f"rtsp://{user}@{host}/{path}")
    except MediaError:
        return
    session.start()
    first = session.data_to_send().split(b"\r\n")[0]
    assert re.fullmatch(rb"OPTIONS \S+ RTSP/1\.0", first)


# --- noise ------------------------------------------------------------------------------------

HEADERS = st.sampled_from(
    [
        "WWW-Authenticate: " + CHALLENGE,
        'WWW-Authenticate: Digest realm="x", nonce="2", stale=true',
        'WWW-Authenticate: Basic realm="x"',
        "Session: 1;timeout=5",
        "Session: ",
        "Session: a\rb\x00",
        "Transport: RTP/AVP/TCP;interleaved=0-1",
        "Transport: RTP/AVP;client_port=1-2",
        "Transport: interleaved=300-1",
        "Location: rtsp://192.0.2.1/",
        "Location: \udc80",
        "Content-Base: rtsp://\udcff h/",
        "Public: OPTIONS, GET_PARAMETER",
        "CSeq: 1",
        "CSeq: -1",
        " folded",
        "no colon",
    ]
)
Step = bytes | str | tuple[int, list[str], str]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(
        st.sampled_from([100, 200, 301, 302, 401, 403, 404, 454, 457, 459, 461, 500]),
        st.lists(HEADERS, max_size=4),
        st.sampled_from(["", SDP, "m=video 0 RTP/AVP 96\na=control:\udc80 x", "junk"]),
    ),
    st.binary(max_size=80),
    st.sampled_from(["keep_alive", "teardown"]),
)


@given(st.lists(STEPS, max_size=25))
@settings(deadline=None)
def test_no_server_can_bring_the_session_into_a_wrong_state(steps: list[Step]) -> None:
    peer = Peer(Authorizer("admin", "x"))
    session = peer.session
    session.start()
    doing: dict[str, Callable[[], object]] = {
        "keep_alive": session.keep_alive,
        "teardown": session.teardown,
    }
    try:
        for step in steps:
            if isinstance(step, bytes):
                session.receive(step, b"")
            elif isinstance(step, str):
                doing[step]()
            else:
                status, headers, body = step
                text = "\r\n".join((f"RTSP/1.0 {status} X", f"CSeq: {session.sequence}", *headers))
                events = session.receive(
                    text.encode("utf-8", "surrogateescape"), body.encode("utf-8", "surrogateescape")
                )
                for event in events:
                    if isinstance(event, Described):
                        session.setup(event.description.media[0])
            assert len(session.data_to_send()) < 4000
    except MediaError:
        pass
