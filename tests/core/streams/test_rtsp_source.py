import asyncio
import contextlib
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ucv.clock import SystemClock
from ucv.errors import (
    CameraViewerError,
    CannotConnect,
    ConnectionClosed,
    ConnectTimeout,
    InvalidAuth,
    NotSupported,
    ProtocolError,
    StreamNotFound,
    StreamStalled,
    UnsupportedCodec,
)
from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.media.rtsp.framing import BUFFER_SIZE
from ucv.streams.rtsp_source import RtspSource
from ucv.streams.source import Credentials, SourceRequest
from ucv.testing import FakeClock, until

SDP = (
    "v=0\r\ns=x\r\na=control:*\r\n"
    "m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
    "a=fmtp:96 packetization-mode=1;"
    "sprop-parameter-sets=Z0LAH9oBQBbsBagICAoAAAMAAgAAAwBlHjBlQA==,aM48gA==\r\n"
)
KEYFRAME = b"\x65\x88\x80" + b"k" * 400
PICTURE = b"\x41\x9a" + b"p" * 100
PUBLIC = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
DIGEST = 'WWW-Authenticate: Digest realm="Login to X", nonce="n1"'
SECRET = "p@ss/w:rd"


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]


def reply(status: int = 200, *headers: str, body: str = "") -> str:
    """Write an answer; the camera puts CSeq and Content-Length in."""
    return "\r\n".join((f"RTSP/1.0 {status} Reason", *headers, "", body))


def rtp(number: int, nal: bytes) -> bytes:
    header = b"\x80\xe0" + number.to_bytes(2, "big") + (number * 3600).to_bytes(4, "big") + b"SSRC"
    return header + nal


def interleaved(channel: int, packet: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(packet).to_bytes(2, "big") + packet


PICTURES = b"".join(
    interleaved(0, rtp(number, PICTURE if number % 5 else KEYFRAME)) for number in range(10)
)


@dataclass
class Camera:
    """A server that plays exact dialogues: ``answers`` by method, ``stream`` after PLAY.

    An answer is text, bytes sent as they are, None (silence), or a function of the request. An
    answer that is an exception class hangs up.
    """

    answers: dict[str, object] = field(default_factory=dict)
    stream: bytes = PICTURES
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    after_play: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = (
        None
    )

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def count(self, method: str) -> int:
        return self.methods().count(method)

    def default(self, request: Request) -> object:
        match request.method:
            case "OPTIONS":
                return reply(200, PUBLIC)
            case "DESCRIBE":
                return reply(200, f"Content-Base: {request.target}/", body=SDP)
            case "SETUP":
                transport = request.headers["Transport"]
                return reply(200, "Session: 42;timeout=10", f"Transport: {transport}")
            case _:
                return reply()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = text.strip().split("\r\n")
                method, target, _ = first.split(" ")
                request = Request(method, target, dict(line.split(": ", 1) for line in lines))
                self.requests.append(request)
                answer = self.answers.get(method, self.default(request))
                if callable(answer) and not isinstance(answer, type):
                    answer = answer(request)
                if isinstance(answer, type):
                    return
                if isinstance(answer, str):
                    head, _, body = answer.partition("\r\n\r\n")
                    head += f"\r\nCSeq: {request.headers['CSeq']}\r\nContent-Length: {len(body)}"
                    answer = f"{head}\r\n\r\n{body}".encode()
                if isinstance(answer, bytes):
                    writer.write(answer)
                if method == "PLAY":
                    writer.write(self.stream)
                    if self.after_play is not None:
                        await self.after_play(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @contextlib.asynccontextmanager
    async def running(self, context: ssl.SSLContext | None = None) -> AsyncIterator["Camera"]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await asyncio.sleep(0.02)  # the handlers see their connections end


class Sink:
    def __init__(self) -> None:
        self.formats: list[VideoFormat] = []
        self.units: list[AccessUnit] = []
        self.lost = 0
        self.bytes = 0

    def on_format(self, video_format: VideoFormat) -> None:
        self.formats.append(video_format)

    def on_access_unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)

    def on_loss(self, packets: int) -> None:
        self.lost += packets

    def on_bytes(self, count: int) -> None:
        self.bytes += count


@contextlib.asynccontextmanager
async def reading(
    camera: Camera,
    sink: Sink,
    clock: FakeClock | SystemClock | None = None,
    *,
    url: str = "",
    credentials: Credentials | None = None,
    **options: object,
) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a source until the block ends."""
    request = SourceRequest(url or camera.url, credentials, options)
    task = asyncio.create_task(RtspSource(request, clock or SystemClock()).run(sink))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, CameraViewerError, LookupError):
            await task


async def failing(camera: Camera, **arguments: object) -> CameraViewerError:
    """Run a source until it fails, and return how."""
    async with camera.running(), reading(camera, Sink(), **arguments) as task:  # type: ignore[arg-type]  # forwarded
        with pytest.raises(CameraViewerError) as caught:
            await asyncio.wait_for(task, 30)
    return caught.value


# --- the way to a picture ---------------------------------------------------------------------


async def test_pictures_arrive_and_the_session_is_torn_down() -> None:
    sink = Sink()
    camera = Camera()
    async with camera.running():
        async with reading(camera, sink):
            await until(lambda: len(sink.units) == 10)
        assert camera.methods() == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
    (video_format,) = sink.formats
    assert (video_format.width, video_format.height) == (1280, 720)
    assert [unit.keyframe for unit in sink.units] == [n % 5 == 0 for n in range(10)]
    assert bytes(sink.units[0].payload) == len(KEYFRAME).to_bytes(4, "big") + KEYFRAME
    assert sink.bytes > len(PICTURES)
    assert sink.lost == 0
    assert camera.requests[2].target == f"{camera.url}/trackID=0", "video, not audio"
    assert camera.requests[4].headers["Session"] == "42"


def test_it_runs_on_uvloop_as_well() -> None:
    async def play() -> None:
        sink = Sink()
        camera = Camera()
        async with camera.running():
            async with reading(camera, sink):
                await until(lambda: len(sink.units) == 10)
            assert camera.count("TEARDOWN") == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play())


async def test_every_picture_knows_when_its_last_byte_was_read() -> None:
    clock = FakeClock(monotonic=5000.0)
    sink = Sink()
    camera = Camera()
    async with camera.running(), reading(camera, sink, clock):
        await until(lambda: len(sink.units) == 10)
    assert {unit.received for unit in sink.units} == {5000.0}


async def test_the_channels_that_the_camera_chooses_are_used() -> None:
    camera = Camera(
        {"SETUP": reply(200, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=6-7")},
        PICTURES.replace(b"$\x00\x00", b"$\x06\x00").replace(b"$\x00\x01", b"$\x06\x01"),
    )
    sink = Sink()
    async with camera.running(), reading(camera, sink):
        await until(lambda: len(sink.units) == 10)


async def test_packets_before_the_answer_to_play_are_not_lost() -> None:
    camera = Camera(stream=b"")
    camera.answers["PLAY"] = lambda r: (
        PICTURES + f"RTSP/1.0 200 OK\r\nCSeq: {r.headers['CSeq']}\r\n\r\n".encode()
    )
    sink = Sink()
    async with camera.running(), reading(camera, sink):
        await until(lambda: len(sink.units) == 10)


async def test_garbage_between_packets_costs_nothing() -> None:
    packets = [interleaved(0, rtp(n, KEYFRAME)) for n in range(20)]
    camera = Camera(stream=b"\x00\x17garbage$\x09\xff\xff!".join(packets))
    sink = Sink()
    async with camera.running(), reading(camera, sink):
        await until(lambda: len(sink.units) == 20)
    assert sink.lost == 0


# --- time limits ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
async def test_a_camera_that_stops_answering_is_left_after_seconds(method: str) -> None:
    clock = FakeClock()
    camera = Camera({method: None}, stream=b"")
    async with camera.running(), reading(camera, Sink(), clock) as task:
        await until(lambda: camera.count(method))
        await clock.advance(7.0)
        assert not task.done()
        await clock.advance(3.0)
        with pytest.raises(ConnectTimeout, match="does not answer"):
            await asyncio.wait_for(task, 5)


async def test_requests_of_the_server_do_not_put_the_limit_off() -> None:
    clock = FakeClock()
    camera = Camera({"DESCRIBE": b"OPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\n"})
    camera.answers["RTSP/1.0"] = b""
    async with camera.running(), reading(camera, Sink(), clock) as task:
        await until(lambda: camera.count("DESCRIBE"))
        await asyncio.sleep(0.05)
        await clock.advance(10.0)
        with pytest.raises(ConnectTimeout):
            await asyncio.wait_for(task, 5)


async def test_an_address_that_does_not_answer_is_left_after_seconds() -> None:
    clock = FakeClock()
    # A full backlog drops connection requests, as a host that is switched off does.
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        camera = Camera(port=listener.getsockname()[1])
        async with reading(camera, Sink(), clock) as task:
            await asyncio.sleep(0.05)
            await clock.advance(4.9)
            assert not task.done()
            await clock.advance(0.1)
            with pytest.raises(ConnectTimeout, match="in time"):
                await asyncio.wait_for(task, 5)


async def test_a_camera_that_sends_no_packets_counts_as_stalled() -> None:
    clock = FakeClock()
    sink = Sink()
    camera = Camera()
    async with camera.running(), reading(camera, sink, clock) as task:
        await until(lambda: len(sink.units) == 10)
        await clock.advance(9.0)
        assert not task.done()
        await clock.advance(1.5)
        with pytest.raises(StreamStalled):
            await asyncio.wait_for(task, 5)
        assert camera.count("TEARDOWN") == 1, "before anything connects again"


async def test_keep_alives_are_sent_at_half_the_server_s_timeout() -> None:
    clock = FakeClock()
    sink = Sink()
    writers: list[asyncio.StreamWriter] = []

    async def keep_writer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    camera = Camera(after_play=keep_writer)
    async with camera.running(), reading(camera, sink, clock):
        await until(lambda: len(sink.units) == 10)
        for number in range(1, 5):
            await clock.advance(4.9)
            assert camera.count("GET_PARAMETER") == number - 1
            await clock.advance(0.1)
            writers[0].write(interleaved(0, rtp(9 + number, PICTURE)))
            await until(
                lambda: camera.count("GET_PARAMETER") == number and len(sink.units) == 10 + number  # noqa: B023 - called at once
            )
    assert all(
        request.headers["Session"] == "42"
        for request in camera.requests
        if request.method == "GET_PARAMETER"
    )


async def test_cancelling_waits_a_second_at_most_for_the_camera_s_farewell() -> None:
    sink = Sink()
    camera = Camera({"TEARDOWN": None})
    async with camera.running(), reading(camera, sink) as task:
        await until(lambda: len(sink.units) == 10)
        begin = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 0.9 < asyncio.get_running_loop().time() - begin < 1.6
    assert camera.count("TEARDOWN") == 1


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ({"DESCRIBE": reply(404)}, StreamNotFound, "no stream"),
        ({"DESCRIBE": reply(403)}, StreamNotFound, "403"),
        ({"DESCRIBE": reply(503)}, ProtocolError, "503"),
        ({"SETUP": reply(461)}, NotSupported, "over TCP"),
        ({"SETUP": reply(200, "Session: 1", "Transport: RTP/AVP;unicast")}, NotSupported, "TCP"),
        ({"PLAY": reply(500)}, ProtocolError, "500"),
        ({"DESCRIBE": reply(401, DIGEST)}, InvalidAuth, "asks for"),
        ({"DESCRIBE": reply(200, body=SDP.replace("H264", "H265"))}, UnsupportedCodec, "H265"),
        ({"DESCRIBE": reply(200, body="m=audio 0 RTP/AVP 8\r\n")}, UnsupportedCodec, "no video"),
        ({"DESCRIBE": reply(200, body="hello")}, ProtocolError, "no medium"),
        ({"DESCRIBE": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, ProtocolError, "HTTP"),
        ({"DESCRIBE": b"RTSP/1.0 200 OK\r\n" + b"A: b\r\n" * 9000}, ProtocolError, "headers"),
        ({"DESCRIBE": b"RTSP/1.0 200 OK\r\nContent-Length: 1e9\r\n\r\n"}, ProtocolError, "body"),
        ({"OPTIONS": ConnectionError}, ConnectionClosed, "closed"),
        ({"PLAY": ConnectionError}, ConnectionClosed, "closed"),
        ({"DESCRIBE": reply(302, "Location: http://x/")}, ProtocolError, "rtsp"),
    ],
)
async def test_each_refusal_has_its_error(
    answers: dict[str, object], error: type[CameraViewerError], words: str
) -> None:
    caught = await failing(Camera(answers))
    assert type(caught) is error
    assert words in str(caught)


async def test_a_connection_that_ends_in_the_middle_of_a_packet_is_closed() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    camera = Camera(stream=PICTURES[:-50], after_play=hang_up)
    assert isinstance(await failing(camera), ConnectionClosed)


async def test_a_camera_that_says_goodbye_is_closed() -> None:
    camera = Camera(stream=PICTURES + b"TEARDOWN * RTSP/1.0\r\nCSeq: 9\r\n\r\n")
    assert "ended the session" in str(await failing(camera))


async def test_nobody_listening_is_told_as_such() -> None:
    camera = Camera()
    async with camera.running():
        pass
    async with reading(camera, Sink()) as task:
        with pytest.raises(CannotConnect):
            await task


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70 + ".invalid"])
async def test_an_unknown_host_is_told_as_such(host: str) -> None:
    async with reading(Camera(), Sink(), url=f"rtsp://{host}/") as task:
        with pytest.raises(CannotConnect):
            await task


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "rtsp://127.0.0.1:0/", "nonsense"])
async def test_an_impossible_url_is_told_without_connecting(url: str) -> None:
    async with reading(Camera(), Sink(), url=url) as task:
        with pytest.raises(ProtocolError):
            await task


async def test_another_transport_is_for_another_source() -> None:
    async with reading(Camera(), Sink(), url="rtsp://127.0.0.1/", transport="udp") as task:
        with pytest.raises(NotSupported):
            await task


async def test_what_the_sink_raises_reaches_who_runs_the_source() -> None:
    class Broken(Sink):
        def on_access_unit(self, unit: AccessUnit) -> None:
            raise LookupError(unit.size)

    camera = Camera()
    async with camera.running(), reading(camera, Broken()) as task:
        with pytest.raises(LookupError):
            await asyncio.wait_for(task, 5)


@pytest.mark.slow
async def test_a_server_that_asks_and_never_reads_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ucv.streams.rtsp_connection._MAX_UNSENT", 4096)

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _number in range(300):
            writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 1000)
            await writer.drain()

    caught = await failing(Camera(after_play=flood))
    assert "does not read" in str(caught)


# --- credentials ------------------------------------------------------------------------------


def guard(
    good: Callable[[Request], bool], *challenges: str
) -> tuple[Callable[[Request], object], list[str]]:
    """Answer like a camera that wants credentials; the list gets those that were refused."""
    refused: list[str] = []

    def answer(request: Request) -> object:
        given = request.headers.get("Authorization")
        if given is None or not good(request):
            refused.extend([given] if given else [])
            return reply(401, *challenges)
        return Camera().default(request)

    return answer, refused


async def test_right_credentials_are_taken_in_digest() -> None:
    answer, refused = guard(lambda r: "Digest " in r.headers["Authorization"], DIGEST)
    camera = Camera({"DESCRIBE": answer, "SETUP": answer, "PLAY": answer})
    sink = Sink()
    async with (
        camera.running(),
        reading(camera, sink, credentials=Credentials("admin", SECRET)),
    ):
        await until(lambda: len(sink.units) == 10)
    assert refused == []
    for request in camera.requests[2:]:
        assert re.search(r'uri="([^"]*)"', request.headers["Authorization"])[1] == request.target  # type: ignore[index]  # fails the test


@pytest.mark.parametrize(
    "challenges",
    [
        (DIGEST,),
        ('WWW-Authenticate: Basic realm="x"',),
        (DIGEST, DIGEST + ", algorithm=SHA-256", 'WWW-Authenticate: Basic realm="x"'),
        (DIGEST + ", stale=true",),
    ],
)
async def test_wrong_credentials_are_tried_twice_at_most(
    challenges: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer, refused = guard(lambda _: False, *challenges)
    camera = Camera({"OPTIONS": answer, "DESCRIBE": answer})
    caught = await failing(camera, credentials=Credentials("admin", SECRET))
    assert type(caught) is InvalidAuth
    assert 1 <= len(refused) <= (3 if "stale" in challenges[0] else 2)
    assert camera.connections == 1
    assert SECRET not in caplog.text + str(caught) + repr(caught.details)


async def test_credentials_in_the_url_serve_where_there_are_no_others() -> None:
    answer, _ = guard(
        lambda r: "Basic YWRtaW46cEBzcy93OnJk" in r.headers["Authorization"],
        "WWW-Authenticate: Basic realm=x",
    )
    camera = Camera({"DESCRIBE": answer})
    sink = Sink()
    async with camera.running():
        url = camera.url.replace("//", "//admin:p%40ss%2Fw%3Ard@")
        async with reading(camera, sink, url=url):
            await until(lambda: len(sink.units) == 10)
    assert all("@" not in request.target for request in camera.requests)


# --- redirections -----------------------------------------------------------------------------


async def test_a_redirection_is_followed() -> None:
    sink = Sink()
    async with Camera().running() as target:
        camera = Camera({"DESCRIBE": reply(302, f"Location: {target.url}")})
        async with camera.running(), reading(camera, sink):
            await until(lambda: len(sink.units) == 10)
        assert camera.methods() == ["OPTIONS", "DESCRIBE"]


@pytest.mark.parametrize(("host", "sent"), [("127.0.0.1", True), ("localhost", False)])
async def test_credentials_follow_a_redirection_to_the_same_host_only(
    host: str, sent: bool
) -> None:
    answer, _ = guard(lambda _: True, DIGEST)
    async with Camera({"DESCRIBE": answer}).running() as target:
        location = target.url.replace("127.0.0.1", host)
        camera = Camera({"DESCRIBE": reply(301, f"Location: {location}")})
        async with (
            camera.running(),
            reading(camera, Sink(), credentials=Credentials("admin", SECRET)) as task,
        ):
            if sent:
                await until(lambda: target.count("PLAY"))
            else:
                with pytest.raises(InvalidAuth):
                    await asyncio.wait_for(task, 5)
        assert any("Authorization" in r.headers for r in target.requests) is sent


async def test_a_ring_of_redirections_is_left() -> None:
    camera = Camera()
    camera.answers["DESCRIBE"] = lambda _: reply(302, f"Location: {camera.url}")
    assert "redirects more than" in str(await failing(camera))
    assert camera.connections == 4


# --- TLS --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server_tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A certificate that nobody has reason to trust."""
    import datetime

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "camera.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_an_untrusted_certificate_is_refused(server_tls: ssl.SSLContext) -> None:
    camera = Camera()
    async with camera.running(server_tls):
        url = camera.url.replace("rtsp:", "rtsps:")
        async with reading(camera, Sink(), url=url) as task:
            with pytest.raises(CannotConnect, match="certificate is not trusted"):
                await asyncio.wait_for(task, 5)
    assert camera.requests == []


async def test_an_untrusted_certificate_does_where_the_user_says_so(
    server_tls: ssl.SSLContext,
) -> None:
    camera = Camera()
    sink = Sink()
    async with camera.running(server_tls):
        url = camera.url.replace("rtsp:", "rtsps:")
        async with reading(camera, sink, url=url, tls_verify=False):
            await until(lambda: len(sink.units) == 10)
        await until(lambda: camera.count("TEARDOWN"))


# --- memory -----------------------------------------------------------------------------------


async def test_garbage_without_end_fills_no_memory() -> None:
    sink = Sink()
    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _number in range(200):
            writer.write(b"\x24\x00\xff\xff" + b"garbage" * 5000)
            await writer.drain()
            sent += 35_004

    camera = Camera(after_play=flood)
    async with camera.running(), reading(camera, sink) as task:
        await until(lambda: sent > 50 * BUFFER_SIZE)
        assert not task.done()
