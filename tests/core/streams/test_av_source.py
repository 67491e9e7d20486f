"""libav against real servers on this machine: streams, refusals, silence, and what it may open."""

from __future__ import annotations

import asyncio
import base64
import datetime
import io
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from fractions import Fraction
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ucv.clock import SystemClock
from ucv.errors import (
    CameraConnectionError,
    CameraViewerError,
    CannotConnect,
    ConnectionClosed,
    ConnectTimeout,
    InvalidAuth,
    NotSupported,
    StreamNotFound,
    StreamStalled,
    UnsupportedCodec,
    ValidationError,
)
from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.media.fmp4 import Packager, init_segment
from ucv.media.samples import split_byte_stream
from ucv.streams.av_options import open_options
from ucv.streams.av_source import AvSource
from ucv.streams.source import Credentials, SourceRequest

PASSWORD = "p@ss/w:ö rd#%41"
FRAMES = 50
#: Gets the request's head; what it returns says whether to keep the connection afterwards.
Respond = Callable[[bytes, asyncio.StreamWriter], Awaitable[bool]]


@cache
def clip(container: str, codec: str = "libx264") -> bytes:
    """Encode two seconds, with B-frames, in a container."""
    target = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov"} if container == "mp4" else {}
    with av.open(target, "w", format=container, container_options=options) as output:
        stream = output.add_stream(codec, rate=25)
        assert isinstance(stream.codec_context, VideoCodecContext)
        stream.codec_context.width, stream.codec_context.height = 160, 120
        stream.codec_context.pix_fmt = "yuv420p" if codec == "libx264" else "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 25)
        if codec == "libx264":
            stream.codec_context.options = {"preset": "ultrafast", "g": "10", "bf": "2"}
        for number in range(FRAMES):
            frame = av.VideoFrame(160, 120, stream.codec_context.pix_fmt)
            for plane in frame.planes:
                plane.update(bytes((number * 5,)) * plane.buffer_size)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target.getvalue()


class Sink:
    """Keeps what a source delivers."""

    def __init__(self) -> None:
        self.formats: list[VideoFormat] = []
        self.units: list[AccessUnit] = []
        self.bytes = 0
        self.lost = 0
        self.playing = asyncio.Event()

    def on_format(self, video_format: VideoFormat) -> None:
        self.formats.append(video_format)

    def on_access_unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)
        self.playing.set()

    def on_loss(self, packets: int) -> None:
        self.lost += packets

    def on_bytes(self, count: int) -> None:
        self.bytes += count


class Server:
    """An HTTP server of one answer; counts what is asked of it."""

    def __init__(self, respond: Respond) -> None:
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.open = 0
        self.port = 0
        self._respond = respond

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            # Whatever a client does to its connection is what these tests are about.
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head)
                self.asked.set()
                if await self._respond(head, writer):
                    await reader.read()
        finally:
            self.open -= 1
            writer.close()

    def url(self, path: str = "/live", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def serving(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(respond)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for _ in range(500):
            if not server.open:
                break
            await asyncio.sleep(0.01)


def answer(
    body: bytes, *, status: str = "200 OK", headers: str = "", length: int | None = None
) -> Respond:
    """Answer with a body; if more ``length`` is announced than it has, leave the rest open."""
    size = len(body) if length is None else length

    async def respond(_: bytes, writer: asyncio.StreamWriter) -> bool:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        return size > len(body)

    return respond


async def silence(_: bytes, writer: asyncio.StreamWriter) -> bool:
    return True


async def live(_: bytes, writer: asyncio.StreamWriter) -> bool:
    """Send MPEG-TS for ever, much faster than real time."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
    while not writer.is_closing():
        writer.write(clip("mpegts"))
        await writer.drain()
        await asyncio.sleep(0.05)
    return False


def source(url: str, **options: Any) -> AvSource:
    credentials = options.pop("credentials", None)
    limits = {key: options.pop(key) for key in ("open_limit", "read_limit") if key in options}
    return AvSource(SourceRequest(url, credentials, options), SystemClock(), **limits)


async def outcome(av_source: AvSource, sink: Sink | None = None) -> CameraViewerError:
    with pytest.raises(CameraViewerError) as caught:
        await asyncio.wait_for(av_source.run(sink or Sink()), 20)
    return caught.value


@pytest.mark.parametrize("container", ["mpegts", "mp4", "flv", "matroska"])
async def test_every_picture_of_a_container_is_delivered(container: str) -> None:
    sink = Sink()
    async with serving(answer(clip(container))) as server:
        error = await outcome(source(server.url()), sink)
    assert isinstance(error, ConnectionClosed)
    assert len(sink.units) == FRAMES
    assert sink.units[0].keyframe
    assert sink.lost == 0
    assert sink.bytes > 0
    (video_format,) = sink.formats
    assert (video_format.width, video_format.height) == (160, 120)
    packager = Packager(video_format)
    boxes = b"".join(bytes(packager.package(unit).boxes) for unit in sink.units)
    with av.open(io.BytesIO(init_segment(video_format) + boxes), "r") as played:
        times = [frame.pts for frame in played.decode(video=0) if frame.pts is not None]
    steps = {later - earlier for earlier, later in pairwise(times)}
    assert len(times) == FRAMES
    assert all(abs(step - 3600) <= 90 for step in steps), "Matroska and FLV count milliseconds"


async def test_a_playlist_is_followed() -> None:
    playlist = (
        b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
        b"#EXTINF:2.0,\nsegment.ts\n#EXT-X-ENDLIST\n"
    )

    async def respond(head: bytes, writer: asyncio.StreamWriter) -> bool:
        body = clip("mpegts") if b"segment.ts" in head else playlist
        kind = "video/mp2t" if b"segment.ts" in head else "application/vnd.apple.mpegurl"
        return await answer(body, headers=f"Content-Type: {kind}\r\n")(head, writer)

    sink = Sink()
    async with serving(respond) as server:
        await outcome(source(server.url("/live.m3u8")), sink)
    assert len(sink.units) == FRAMES


async def test_a_playlist_cannot_reach_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(clip("mpegts"))
    for address in (
        f"file://{secret}",
        str(secret),
        f"concat:{secret}",
        f"subfile,,start,0,end,0,,:{secret}",
    ):
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n"
        sink = Sink()
        async with serving(answer(playlist.encode())) as server:
            await outcome(source(server.url("/live.m3u8")), sink)
        assert not sink.units, address


@pytest.mark.parametrize(
    "body",
    [
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
        b"<?xml version='1.0'?><MPD/>",
        b"nothing of the kind" * 500,
    ],
)
async def test_other_formats_are_not_guessed(body: bytes) -> None:
    async with serving(answer(body)) as server:
        error = await outcome(source(server.url(), open_limit=3.0))
    assert not isinstance(error, CameraConnectionError)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "concat:/etc/passwd",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "data:video/mp4;base64,AAAA",
        "pipe:0",
        "tcp://127.0.0.1:1/",
        "udp://127.0.0.1:1",
        "ftp://127.0.0.1/",
        "unix:/run/x",
        "",
    ],
)
async def test_other_schemes_are_refused_before_libav_sees_them(url: str) -> None:
    assert isinstance(await outcome(source(url)), NotSupported)


@pytest.mark.parametrize(
    "url", ["http://", "http:///x", "http://a b/", "http://a/\n", "http://a:x/", "http://[::1/"]
)
async def test_what_is_no_address_is_refused(url: str) -> None:
    assert isinstance(await outcome(source(url)), ValidationError)


def test_an_encrypted_address_never_leads_to_plain_protocols() -> None:
    for scheme in ("https", "rtsps", "rtmps"):
        protocols = open_options(SourceRequest(f"{scheme}://camera/")).options["protocol_whitelist"]
        assert "tls" in protocols
        assert not {"http", "rtmp", "udp", "file"} & set(protocols.split(","))


async def test_credentials_reach_the_camera_as_they_are_and_stay_out_of_the_errors(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def respond(head: bytes, writer: asyncio.StreamWriter) -> bool:
        basic = base64.b64encode(f"user:{PASSWORD}".encode())
        if b"Authorization: Basic " + basic in head:
            return await answer(clip("mpegts"))(head, writer)
        challenge = 'WWW-Authenticate: Basic realm="camera"\r\n'
        return await answer(b"", status="401 Unauthorized", headers=challenge)(head, writer)

    caplog.set_level("DEBUG")
    sink = Sink()
    async with serving(respond) as server:
        await outcome(source(server.url(), credentials=Credentials("user", PASSWORD)), sink)
        assert len(sink.units) == FRAMES
        wrong = Credentials("user", "wrong-secret")
        error = await outcome(source(server.url(), credentials=wrong))
        assert isinstance(error, InvalidAuth)
        assert error.__cause__ is None
        assert isinstance(await outcome(source(server.url())), InvalidAuth)
    assert "wrong-secret" not in str(error) + caplog.text
    assert all(b"wrong-secret" not in request for request in server.requests)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("404 Not Found", StreamNotFound),
        ("403 Forbidden", InvalidAuth),
        ("500 Oops", CameraViewerError),
    ],
)
async def test_answers_become_errors_of_their_kind(
    status: str, expected: type[CameraViewerError]
) -> None:
    async with serving(answer(b"", status=status)) as server:
        assert isinstance(await outcome(source(server.url())), expected)


async def test_a_closed_port_cannot_be_connected_to() -> None:
    async with serving(silence) as server:
        pass
    assert isinstance(await outcome(source(server.url())), CannotConnect)


async def test_a_camera_that_never_answers_is_given_up_in_time() -> None:
    async with serving(silence) as server:
        started = time.monotonic()
        error = await outcome(source(server.url(), open_limit=0.5))
    assert isinstance(error, ConnectTimeout)
    assert time.monotonic() - started < 3


async def test_a_camera_that_falls_silent_is_noticed() -> None:
    sink = Sink()
    async with serving(answer(clip("mpegts"), length=10**9)) as server:
        error = await outcome(source(server.url(), read_limit=0.5), sink)
    assert isinstance(error, StreamStalled)
    assert sink.units


async def test_another_codec_is_refused() -> None:
    async with serving(answer(clip("matroska", "mjpeg"))) as server:
        assert isinstance(await outcome(source(server.url())), UnsupportedCodec)


async def test_cancelling_ends_connection_and_thread_within_a_second() -> None:
    sink = Sink()
    async with serving(live) as server:
        task = asyncio.create_task(source(server.url()).run(sink))
        await asyncio.wait_for(sink.playing.wait(), 10)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 1.2
        seen = len(sink.units)
        await asyncio.sleep(0.1)
        assert len(sink.units) == seen


async def test_cancelling_a_silent_connection_does_not_wait_for_it() -> None:
    async with serving(silence) as server:
        task = asyncio.create_task(source(server.url(), open_limit=2.0).run(Sink()))
        await asyncio.wait_for(server.asked.wait(), 10)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 1.2


async def test_the_event_loop_keeps_running_beside_a_source() -> None:
    sink = Sink()
    async with serving(live) as server:
        task = asyncio.create_task(source(server.url()).run(sink))
        await asyncio.wait_for(sink.playing.wait(), 10)
        worst, last = 0.0, time.perf_counter()
        for _ in range(100):
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            worst, last = max(worst, now - last), now
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert worst < 0.3


SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=camera
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
a=control:track1
"""


class RtspCamera:
    """Just enough of an RTSP server: one session, H.264 interleaved, one packet left out."""

    def __init__(self, *, lose: int = -1, password: str = "") -> None:
        self.lose = lose
        self.password = password
        self.said: list[bytes] = []
        self.closed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.closed.clear()
        sending: asyncio.Task[None] | None = None
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    self.said.append(head)
                    method = head.split()[0]
                    cseq = next(x for x in head.split(b"\r\n") if x.lower().startswith(b"cseq:"))
                    writer.write(self.answer(method, head).replace(b"CSEQ", cseq))
                    if method == b"PLAY":
                        sending = asyncio.create_task(self.send(writer))
        finally:
            if sending is not None:
                sending.cancel()
                # uvloop raises RuntimeError for a write to a connection that is gone.
                with suppress(asyncio.CancelledError, ConnectionError, RuntimeError):
                    await sending
            writer.close()
            self.closed.set()

    def answer(self, method: bytes, head: bytes) -> bytes:
        basic = base64.b64encode(f"user:{self.password}".encode())
        if self.password and method != b"OPTIONS" and basic not in head:
            return (
                b"RTSP/1.0 401 Unauthorized\r\nCSEQ\r\n"
                b'WWW-Authenticate: Basic realm="camera"\r\n\r\n'
            )
        sdp = SDP.replace("\n", "\r\n").encode()
        more = {
            b"OPTIONS": b"Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
            b"DESCRIBE": b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(sdp),
            b"SETUP": b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
        }.get(method, b"Session: 1\r\n")
        body = sdp if method == b"DESCRIBE" else b""
        return b"RTSP/1.0 200 OK\r\nCSEQ\r\n" + more + b"\r\n" + body

    async def send(self, writer: asyncio.StreamWriter) -> None:
        """Send the clip over and over, a picture every few milliseconds."""
        with av.open(io.BytesIO(clip("mpegts")), "r") as container:
            samples = [(bytes(p), p.pts or 0) for p in container.demux(video=0) if p.size]
        number = 0
        for repetition in count():
            for data, pts in samples:
                nals = [nal for nal in split_byte_stream(data) if nal[0] & 31 != 9]
                timestamp = pts + repetition * FRAMES * 3600
                for nal in nals:
                    flags = 96 | (nal is nals[-1]) << 7
                    packet = struct.pack(">BBHII", 0x80, flags, number & 0xFFFF, timestamp, 1) + nal
                    if number != self.lose:
                        writer.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
                    number += 1
                await writer.drain()
                await asyncio.sleep(0.004)


@asynccontextmanager
async def rtsp(camera: RtspCamera) -> AsyncIterator[str]:
    listener = await asyncio.start_server(camera.serve, "127.0.0.1", 0)
    async with listener:
        yield f"rtsp://127.0.0.1:{listener.sockets[0].getsockname()[1]}/live"
    await asyncio.wait_for(camera.closed.wait(), 10)


async def play(url: str, enough: int, **options: Any) -> Sink:
    """Play until that many pictures have arrived."""
    sink = Sink()
    task = asyncio.create_task(source(url, **options).run(sink))
    async with asyncio.timeout(15):
        while len(sink.units) < enough and not task.done():  # noqa: ASYNC110 - a test's wait
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return sink


async def test_rtsp_is_played_and_torn_down() -> None:
    camera = RtspCamera(password=PASSWORD)
    async with rtsp(camera) as url:
        sink = await play(url, FRAMES - 2, credentials=Credentials("user", PASSWORD))
    assert len(sink.units) >= FRAMES - 2
    assert sink.units[0].keyframe
    assert sink.lost == 0
    shown = sorted(unit.timestamp for unit in sink.units)[:-5]
    assert {later - earlier for earlier, later in pairwise(shown)} == {3600}
    methods = [said.split()[0] for said in camera.said]
    assert b"PLAY" in methods
    assert methods[-1] == b"TEARDOWN"


async def test_packets_that_libav_misses_are_counted_and_what_builds_on_them_is_left_out() -> None:
    async with rtsp(RtspCamera(lose=60)) as url:
        sink = await play(url, 100)
    assert sink.lost == 1
    shown = sorted((unit.timestamp, unit.keyframe) for unit in sink.units)
    gaps = [(a[0], b) for a, b in pairwise(shown[:-5]) if b[0] - a[0] > 3600]
    assert gaps, "the lost picture, and what builds on it"
    assert gaps[-1][1][1], "a keyframe is next"


async def test_an_rtsp_camera_that_refuses_the_password_is_asked_once() -> None:
    camera = RtspCamera(password=PASSWORD)
    async with rtsp(camera) as url:
        error = await outcome(source(url, credentials=Credentials("user", "wrong")))
    assert isinstance(error, InvalidAuth)
    assert sum(b"Authorization:" in said for said in camera.said) == 1


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


async def test_a_certificate_must_be_trusted_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    async with serving(answer(clip("mpegts")), context) as server:
        url = server.url(scheme="https")
        sink = Sink()
        await outcome(source(url), sink)
        assert not sink.units
        assert not server.requests, "nothing, least of all credentials, goes to who is not trusted"
        await outcome(source(url, tls_verify=False), sink)
        assert len(sink.units) == FRAMES
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        sink = Sink()
        await outcome(source(url), sink)
        assert len(sink.units) == FRAMES
        rtsps = server.url(scheme="rtsps")
        monkeypatch.delenv("SSL_CERT_FILE")
        server.requests.clear()
        await outcome(source(rtsps))
        assert not server.requests
