"""The virtual camera, driven by libav, which knows nothing of our own client."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import quote

import av
import pytest

from ucv.testing import until
from ucv.testing.clip import Clip, ClipRequest, load
from ucv.testing.rtp_packets import pack, sender_report
from ucv.testing.rtsp_auth import Authenticator, AuthKind
from ucv.testing.rtsp_connection import ServerConnection
from ucv.testing.rtsp_server import RtspServer
from ucv.testing.scene import read_counter

SMALL = ClipRequest("Small", 320, 180, 25, 10, keyframe_interval=0.4, bit_rate=400_000)
PASSWORD = "p@ss/w:rd"


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return load([SMALL, replace(SMALL, name="Other", width=480, height=270)])


@pytest.fixture
def clip(clips: list[Clip]) -> Clip:
    return clips[0]


@pytest.fixture
async def server(clip: Clip) -> AsyncIterator[RtspServer]:
    async with RtspServer() as running:
        running.add("/live", clip)
        yield running


def with_credentials(url: str, password: str, username: str = "viewer") -> str:
    return url.replace("rtsp://", f"rtsp://{quote(username)}:{quote(password, safe='')}@")


async def pictures(url: str, count: int) -> list[tuple[int | None, float, av.VideoFrame]]:
    """Read that many pictures with libav: the number burnt in, when it was decoded, the frame."""

    def read() -> list[tuple[int | None, float, av.VideoFrame]]:
        taken = []
        options = {"rtsp_transport": "tcp", "analyzeduration": "0", "fpsprobesize": "0"}
        with av.open(url, options=options, timeout=5) as container:
            container.streams.video[0].thread_count = 1
            for frame in container.decode(video=0):
                taken.append((read_counter(frame), time.time(), frame))
                if len(taken) == count:
                    break
        return taken

    return await asyncio.to_thread(read)


class Client:
    """Says what it is told to say, and reads answers."""

    def __init__(self, server: RtspServer) -> None:
        self._server = server

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, method: str, path: str = "/live", **headers: str) -> tuple[int, str]:
        lines = [f"{method} {self._server.url(path)} RTSP/1.0", "CSeq: 7"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return int(head.split()[1]), head

    async def play(self) -> str:
        """Begin to play; returns the id of the session."""
        transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
        status, head = await self.ask("SETUP", "/live/trackID=0", Transport=transport)
        assert status == 200
        session = head.partition("Session: ")[2].partition(";")[0]
        assert (await self.ask("PLAY", Session=session))[0] == 200
        return session

    async def packet(self) -> tuple[int, bytes]:
        """Return the next interleaved packet with its channel."""
        async with asyncio.timeout(5):
            mark, channel, *size = await self.reader.readexactly(4)
            assert mark == ord("$")
            return channel, await self.reader.readexactly(int.from_bytes(bytes(size), "big"))


async def test_pictures_come_in_order_and_in_step_with_the_wall_clock(
    server: RtspServer, clip: Clip
) -> None:
    taken = await pictures(server.url("/live"), 30)
    numbers = [number for number, _, _ in taken]
    assert numbers[0] is not None
    assert clip.pictures[numbers[0]].keyframe
    assert numbers == [(numbers[0] + n) % len(clip.pictures) for n in range(30)]
    number, moment, _ = taken[-1]
    assert number is not None
    assert clip.age_of(number, moment) < 0.5


async def test_what_a_client_asks_is_counted(server: RtspServer) -> None:
    await pictures(server.url("/live"), 1)
    await until(lambda: not server.connections)
    counters = server.counters
    assert counters.connections == len(counters.connected_at) == 1
    assert {
        "DESCRIBE": 1,
        "SETUP": 1,
        "PLAY": 1,
        "TEARDOWN": 1,
    }.items() <= counters.requests.items()
    assert counters.refused == 0


async def test_several_clients_get_the_same_pictures(server: RtspServer) -> None:
    first, second = await asyncio.gather(*(pictures(server.url("/live"), 20) for _ in range(2)))
    assert server.counters.connections == 2
    common = {number for number, _, _ in first} & {number for number, _, _ in second}
    assert len(common) >= 10


@pytest.mark.parametrize("kind", [AuthKind.BASIC, AuthKind.DIGEST])
async def test_libav_logs_in(server: RtspServer, clip: Clip, kind: AuthKind) -> None:
    server.add("/guarded", clip, Authenticator(kind, "viewer", PASSWORD))
    assert len(await pictures(with_credentials(server.url("/guarded"), PASSWORD), 3)) == 3
    assert server.counters.refused == 0
    with pytest.raises(av.error.HTTPUnauthorizedError):
        await pictures(with_credentials(server.url("/guarded"), "wrong"), 1)
    assert server.counters.refused >= 1
    refused = server.counters.refused
    with pytest.raises(av.error.HTTPUnauthorizedError):
        await pictures(server.url("/guarded"), 1)
    assert server.counters.refused == refused


def test_digest_answers_are_those_of_the_rfcs() -> None:
    # RFC 2617, section 3.5, without qop as in RFC 2069's errata; the values of RFC 7616, 3.9.1.
    md5 = Authenticator(AuthKind.DIGEST, "Mufasa", "Circle Of Life", "testrealm@host.com")
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    header = (
        f'Digest username="Mufasa", realm="testrealm@host.com", nonce="{nonce}", '
        'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
        'response="6629fae49393a05397450978507c4ef1"'
    )
    assert md5.accepts(header, "GET", nonce)
    assert not md5.accepts(header, "PUT", nonce)
    assert not md5.accepts(header, "GET", "other")
    sha256 = Authenticator(
        AuthKind.DIGEST_SHA256, "Mufasa", "Circle of Life", "http-auth@example.org"
    )
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    header = (
        f'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", '
        f'algorithm=SHA-256, nonce="{nonce}", nc=00000001, '
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
        'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert sha256.accepts(header, "GET", nonce)
    assert not sha256.accepts(None, "GET", nonce)


async def test_a_redirect_is_followed_to_another_server(server: RtspServer, clip: Clip) -> None:
    async with RtspServer() as target:
        target.add("/moved", clip)
        server.faults.redirect = target.url("/moved")
        assert await pictures(server.url("/live"), 2)
        assert target.counters.requests["PLAY"] == 1
        assert "PLAY" not in server.counters.requests


async def test_what_is_not_there_or_not_possible_is_refused(server: RtspServer) -> None:
    async with Client(server) as client:
        assert (await client.ask("DESCRIBE", "/other"))[0] == 404
        assert (await client.ask("RECORD"))[0] == 405
        assert (await client.ask("PLAY", Session="unknown"))[0] == 454
        udp = "RTP/AVP;unicast;client_port=5000-5001"
        assert (await client.ask("SETUP", Transport=udp))[0] == 461
        assert "GET_PARAMETER" in (await client.ask("OPTIONS"))[1]


async def test_the_first_picture_is_a_keyframe_with_parameter_sets_in_packets_that_fit(
    server: RtspServer, clip: Clip
) -> None:
    async with Client(server) as client:
        await client.play()
        channel, first = await client.packet()
        while channel != 0:
            channel, first = await client.packet()
        assert first[12] & 31 == 24  # STAP-A
        assert clip.sps in first
        assert clip.pps in first
    assert all(
        len(part) <= 1500 - 40
        for picture in pack(clip)
        for start, end in zip(
            picture.offsets, [*picture.offsets[1:], len(picture.template)], strict=True
        )
        for part in [picture.template[start:end]]
    )


async def test_sender_reports_tie_time_stamps_to_the_wall_clock(server: RtspServer) -> None:
    async with Client(server) as client:
        await client.play()
        channel, report = await client.packet()
        while channel != 1:
            channel, report = await client.packet()
        assert report[1] == 200
        seconds = int.from_bytes(report[8:12], "big") - 2_208_988_800
        assert abs(seconds - time.time()) < 3
        channel, packet = await client.packet()
        assert packet[8:12] == report[4:8]  # the same source


def test_a_sender_report_has_the_layout_of_the_rfc() -> None:
    report = sender_report(0xAABBCCDD, 1.5, 90_000, 3, 400)
    assert report.hex() == (
        "80c80006" "aabbccdd" "83aa7e81" "80000000" "00015f90" "00000003" "00000190"
    )  # fmt: skip


async def test_a_session_without_sign_of_life_is_ended(clip: Clip) -> None:
    async with RtspServer(session_timeout=0.4) as server:
        server.add("/live", clip)
        async with Client(server) as client:
            session = await client.play()
            for _ in range(4):
                await asyncio.sleep(0.2)
                client.writer.write(
                    f"GET_PARAMETER {server.url('/live')} RTSP/1.0\r\nCSeq: 9\r\n"
                    f"Session: {session}\r\n\r\n".encode()
                )
            assert server.mounts["/live"].viewers == 1
            await until(lambda: server.mounts["/live"].viewers == 0, 2.0)


async def test_a_server_comes_back_on_its_port(server: RtspServer) -> None:
    url = server.url("/live")
    assert await pictures(url, 1)
    await server.stop()
    with pytest.raises(OSError):  # noqa: PT011 - refused, which libav words as it likes
        await pictures(url, 1)
    await server.start()
    assert server.url("/live") == url
    assert await pictures(url, 1)


async def test_a_client_that_does_not_read_is_dropped_and_others_are_not(
    server: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.testing.rtsp_connection.MAX_UNREAD", 64 * 1024)
    mount = server.mounts["/live"]
    mount.faults.garbage = bytes(1024 * 1024)  # fills the sockets' buffers soon
    async with Client(server) as idle:
        await idle.play()
        await until(lambda: server.counters.dropped == 1)
        # The loop tells of the end of a connection in its next turn.
        await until(lambda: mount.viewers == 0)
        mount.faults.garbage = b""
        assert await pictures(server.url("/live"), 3)
    assert server.counters.dropped == 1


async def test_a_server_that_is_away_closes_at_once(server: RtspServer) -> None:
    server.faults.away = True
    async with Client(server) as client:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.ask("OPTIONS")
    assert server.counters.connections == 1


async def test_a_silent_server_reads_and_does_not_answer(server: RtspServer) -> None:
    server.faults.silent = True
    async with Client(server) as client:
        client.writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        await until(lambda: server.counters.requests.get("OPTIONS"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.reader.read(1)


async def test_headers_without_end_do_not_fill_the_memory(server: RtspServer) -> None:
    server.faults.endless_headers = True
    async with Client(server) as client:
        client.writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        received = b""
        async with asyncio.timeout(5):
            while len(received) < 4 * 1024 * 1024:
                chunk = await client.reader.read(256 * 1024)
                assert chunk
                received += chunk
        assert b"\r\n\r\n" not in received


async def test_a_status_can_be_forced_on_one_mount_only(server: RtspServer, clip: Clip) -> None:
    server.add("/other", clip)
    server.mounts["/live"].faults.refuse_status = 503
    async with Client(server) as client:
        assert (await client.ask("DESCRIBE"))[0] == 503
        assert (await client.ask("OPTIONS", "/other"))[0] == 200


async def test_answers_can_trickle_byte_by_byte(server: RtspServer) -> None:
    server.faults.slow = 0.001
    async with Client(server) as client:
        started = asyncio.get_running_loop().time()
        status, head = await client.ask("OPTIONS")
        assert status == 200
        assert asyncio.get_running_loop().time() - started > 0.001 * len(head) * 0.8


async def test_a_connection_can_end_in_the_middle_of_a_packet(server: RtspServer) -> None:
    server.mounts["/live"].faults.cut_after = 2
    async with Client(server) as client:
        await client.play()
        with pytest.raises(asyncio.IncompleteReadError) as raised:
            while True:
                await client.packet()
    assert raised.value.partial


async def test_garbage_stands_between_packets(server: RtspServer) -> None:
    server.mounts["/live"].faults.garbage = b"\x00garbage"
    async with Client(server) as client:
        await client.play()
        async with asyncio.timeout(5):
            await client.reader.readuntil(b"\x00garbage$\x00")


async def test_a_muted_mount_plays_nothing_until_it_is_unmuted(server: RtspServer) -> None:
    mount = server.mounts["/live"]
    mount.faults.muted = True
    async with Client(server) as client:
        await client.play()
        await asyncio.sleep(0.2)
        assert mount.sent == 0
        mount.faults.muted = False
        await until(lambda: mount.sent > 2)


async def test_connections_can_be_cut_while_the_server_goes_on(server: RtspServer) -> None:
    async with Client(server) as client:
        await client.play()
        server.drop_connections()
        await until(lambda: not server.connections)
    assert await pictures(server.url("/live"), 1)


async def test_an_endless_request_is_cut(server: RtspServer) -> None:
    async with Client(server) as client:
        client.writer.write(b"OPTIONS * RTSP/1.0\r\n" + b"X: y\r\n" * 20_000)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            async with asyncio.timeout(5):
                await client.reader.readuntil(b"\r\n\r\n")
    assert not any(isinstance(c, ServerConnection) for c in server.connections)


async def test_the_clip_can_change_in_mid_stream(server: RtspServer, clips: list[Clip]) -> None:
    reading = asyncio.create_task(pictures(server.url("/live"), 40))
    await until(lambda: server.mounts["/live"].sent > 10)
    server.mounts["/live"].change_clip(clips[1])
    taken = await reading
    assert {frame.width for _, _, frame in taken} == {320, 480}
    first = taken[0][0]
    assert first is not None
    count = len(clips[0].pictures)
    assert [number for number, _, _ in taken] == [(first + n) % count for n in range(len(taken))]
    number, moment, _ = taken[-1]
    assert number is not None
    assert clips[1].age_of(number, moment) < 0.5


def test_a_clip_of_another_rate_cannot_follow(clip: Clip) -> None:
    mount = RtspServer().add("/live", clip)
    with pytest.raises(ValueError, match="same rate"):
        mount.change_clip(replace(clip, request=replace(clip.request, rate=20)))


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - what RFC 2617 asks for


def test_digest_values_may_hold_commas_and_quotes() -> None:
    auth = Authenticator(AuthKind.DIGEST, 'a,"b', "c", "Realm")
    first, second = md5('a,"b:Realm:c'), md5("DESCRIBE:rtsp://h/a,b")
    response = md5(f"{first}:n:{second}")
    header = (
        'Digest username="a,\\"b", realm="Realm", nonce="n", uri="rtsp://h/a,b", '
        f'response="{response}"'
    )
    assert auth.accepts(header, "DESCRIBE", "n")


@pytest.mark.parametrize("length", ["x", "-1", "99999999"])
async def test_a_length_that_is_none_ends_the_connection(server: RtspServer, length: str) -> None:
    async with Client(server) as client:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.ask("OPTIONS", **{"Content-Length": length})
