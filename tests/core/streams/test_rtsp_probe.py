import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from ucv.errors import (
    CannotConnect,
    ConnectionClosed,
    ConnectTimeout,
    InvalidAuth,
    ProtocolError,
    StreamNotFound,
)
from ucv.streams.rtsp_probe import RtspDescription, VideoStream, describe, probe_paths
from ucv.streams.source import Credentials
from ucv.testing import FakeClock, until

VIDEO = (
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=framerate:25\r\na=fmtp:96 "
    "sprop-parameter-sets=Z0LAH9oBQBbsBagICAoAAAMAAgAAAwBlHjBlQA==,aM48gA==\r\n"
)
AUDIO = "m=audio 0 RTP/AVP 8\r\n"
SERVER = "Server: Dahua Rtsp Server"
DIGEST = 'WWW-Authenticate: Digest realm="Login to 4K03", nonce="n1"'
RIGHT = Credentials("admin", "p@ss/w:rd")
WRONG = Credentials("admin", "wrong")

Answer = tuple[int, list[str], str] | None
"""Status, headers, body; None hangs up."""


@dataclass
class Camera:
    """Answers DESCRIBE by path: those in ``paths``, 404 for the others."""

    paths: dict[str, Answer] = field(default_factory=dict)
    protected: bool = False
    good: Callable[[str], bool] = lambda _: True
    challenge_first: bool = True
    silent: bool = False
    connections: int = 0
    described: list[str] = field(default_factory=list)
    refusals: int = 0
    port: int = 0

    @property
    def root(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, authorization: str | None) -> Answer:
        if method == "OPTIONS":
            return 200, ["Public: DESCRIBE, SETUP, PLAY", SERVER], ""
        if method == "DESCRIBE":
            self.described.append(path)
        known = path in self.paths
        if self.protected and (self.challenge_first or known):
            if authorization is None:
                return 401, [DIGEST, SERVER], ""
            if not self.good(authorization):
                self.refusals += 1
                return 401, [DIGEST, SERVER], ""
        return self.paths.get(path, (404, [], ""))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = text.strip().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines)
                method, target, _ = first.split(" ")
                path = target.removeprefix(self.root)
                answer = self.answer(method, path, headers.get("Authorization"))
                if answer is None:
                    break
                if self.silent and method == "DESCRIBE":
                    continue
                status, extra, body = answer
                head = [f"RTSP/1.0 {status} Reason", f"CSeq: {headers['CSeq']}", *extra]
                head.append(f"Content-Length: {len(body)}")
                writer.write("\r\n".join((*head, "", body)).encode())
                await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Camera"]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await asyncio.sleep(0.02)  # the handlers see their connections end

    async def describe(self, path: str, credentials: Credentials | None = None) -> RtspDescription:
        async with self.running():
            return await describe(f"{self.root}{path}", credentials)

    async def probe(
        self, *paths: str, credentials: Credentials | None = None, limit: int = 1
    ) -> list[str]:
        """Return the paths that were found."""
        async with self.running():
            found = await probe_paths("127.0.0.1", self.port, paths, credentials, limit=limit)
            return [description.url.removeprefix(self.root) for description in found]


# --- one URL ----------------------------------------------------------------------------------


async def test_an_open_camera_is_described() -> None:
    camera = Camera({"/live": (200, [], VIDEO + AUDIO)})
    description = await camera.describe("/live")
    assert description == RtspDescription(
        url=f"{camera.root}/live",
        status=200,
        server="Dahua Rtsp Server",
        methods=("DESCRIBE", "SETUP", "PLAY"),
        audio=("PCMA",),
        video=(VideoStream("H264", 1280, 720, 25.0),),
        asked=f"{camera.root}/live",
    )
    assert camera.connections == 1


async def test_sizes_come_from_attributes_where_there_are_no_parameter_sets() -> None:
    body = "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H265/90000\r\na=x-dimensions:2560,1440\r\n"
    body += "a=fmtp:97 sprop-parameter-sets=Z0LAHw==,%%%,\r\n"
    description = await Camera({"/": (200, [], body)}).describe("/")
    assert description.video == (VideoStream("H265", 2560, 1440, 0.0),)


async def test_without_credentials_a_401_still_tells_who_it_is() -> None:
    description = await Camera(protected=True).describe("/live")
    assert (description.status, description.realm, description.server, description.video) == (
        401,
        "Login to 4K03",
        "Dahua Rtsp Server",
        (),
    )


async def test_accepted_credentials_are_told() -> None:
    camera = Camera({"/live": (200, [], VIDEO)}, protected=True)
    description = await camera.describe("/live", RIGHT)
    assert description.authenticated
    assert description.realm == "Login to 4K03"
    async with camera.running():
        url = f"{camera.root}/live".replace("//", "//admin:p%40ss%2Fw%3Ard@")
        description = await describe(url)
    assert description.authenticated
    assert "p%40ss" not in repr(description)


async def test_refused_credentials_are_an_error_after_one_try() -> None:
    camera = Camera(protected=True, good=lambda _: False)
    with pytest.raises(InvalidAuth) as caught:
        await camera.describe("/live", WRONG)
    assert caught.value.details == {"realm": "Login to 4K03"}
    assert camera.refusals == 1


async def test_a_missing_path_is_described_as_missing() -> None:
    description = await Camera().describe("/nothing")
    assert (description.status, description.reason, description.video) == (404, "Reason", ())


async def test_a_redirection_is_followed_to_where_the_stream_is() -> None:
    async with Camera({"/new": (200, [], VIDEO)}).running() as target:
        camera = Camera({"/old": (302, [f"Location: {target.root}/new"], "")})
        description = await camera.describe("/old")
    assert (description.url, description.status) == (f"{target.root}/new", 200)
    assert description.asked == f"{camera.root}/old"


async def test_a_ring_of_redirections_is_an_error() -> None:
    camera = Camera()
    async with camera.running():
        camera.paths["/"] = (302, [f"Location: {camera.root}/"], "")
        with pytest.raises(ProtocolError, match="redirects"):
            await describe(f"{camera.root}/")


async def test_a_camera_that_does_not_answer_is_left_in_time() -> None:
    clock = FakeClock()
    camera = Camera(silent=True)
    async with camera.running():
        task = asyncio.create_task(describe(f"{camera.root}/", timeout=3.0, clock=clock))
        await until(lambda: camera.described)
        await clock.advance(2.9)
        assert not task.done()
        await clock.advance(0.1)
        with pytest.raises(ConnectTimeout):
            await task


async def test_what_ends_the_conversation_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="no medium"):
        await Camera({"/": (200, [], "junk")}).describe("/")
    with pytest.raises(ConnectionClosed):
        await Camera({"/": None}).describe("/")
    with pytest.raises(CannotConnect):
        await describe("rtsp://127.0.0.1:9/")
    with pytest.raises(ProtocolError):
        await describe("http://127.0.0.1/")


# --- many paths -------------------------------------------------------------------------------


async def test_the_first_path_with_video_is_found_over_one_connection() -> None:
    camera = Camera({"/audio": (200, [], AUDIO), "/live": (200, [], VIDEO)})
    assert await camera.probe("/a", "/b?x=1&y=2", "/audio", "/live", "/c") == ["/live"]
    assert camera.described == ["/a", "/b?x=1&y=2", "/audio", "/live"]
    assert camera.connections == 1


async def test_several_streams_are_found_if_asked_for() -> None:
    camera = Camera({"/main": (200, [], VIDEO), "/sub": (200, [], VIDEO)})
    assert await camera.probe("/x", "/main", "/sub", "/y", limit=2) == ["/main", "/sub"]
    assert camera.described[-1] == "/sub"


@pytest.mark.parametrize("challenge_first", [True, False])
async def test_credentials_are_learnt_once_and_serve_for_all_paths(challenge_first: bool) -> None:
    camera = Camera({"/live": (200, [], VIDEO)}, protected=True, challenge_first=challenge_first)
    assert await camera.probe("/a", "/b", "/live", credentials=RIGHT) == ["/live"]
    assert camera.refusals == 0
    assert len(camera.described) == 4, "one request without credentials, to be challenged"


async def test_wrong_credentials_cost_two_tries_however_many_paths_there_are() -> None:
    camera = Camera(protected=True, good=lambda _: False)
    with pytest.raises(InvalidAuth) as caught:
        await camera.probe(*(f"/{n}" for n in range(20)), credentials=WRONG)
    assert caught.value.details == {"realm": "Login to 4K03"}
    assert camera.refusals == 2


async def test_a_camera_that_refuses_unknown_paths_with_401_is_searched_once_more() -> None:
    camera = Camera({"/live": (200, [], VIDEO)}, protected=True)
    camera.good = lambda _: camera.described[-1] == "/live"
    assert await camera.probe("/a", "/live", credentials=RIGHT) == ["/live"]
    assert camera.refusals == 1


async def test_without_credentials_a_protected_camera_says_so_at_the_end() -> None:
    camera = Camera(protected=True)
    with pytest.raises(InvalidAuth, match="asks for"):
        await camera.probe("/a", "/b", "/c")
    assert camera.described == ["/a", "/b", "/c"]


async def test_nothing_found_is_told_as_such() -> None:
    with pytest.raises(StreamNotFound):
        await Camera().probe("/a", "/b")
    with pytest.raises(StreamNotFound):
        await Camera().probe()


async def test_a_camera_that_hangs_up_at_unknown_paths_is_called_again() -> None:
    camera = Camera({"/a": None, "/b": None, "/live": (200, [], VIDEO)}, protected=True)
    assert await camera.probe("/a", "/b", "/live", credentials=RIGHT) == ["/live"]
    assert camera.refusals == 0


async def test_nonsense_at_one_path_does_not_end_the_search() -> None:
    camera = Camera({"/a": (200, [], "junk"), "/live": (200, [], VIDEO)})
    assert await camera.probe("/a", "/live") == ["/live"]


async def test_a_camera_that_falls_silent_is_left_after_two_paths() -> None:
    clock = FakeClock()
    camera = Camera(silent=True)
    async with camera.running():
        task = asyncio.create_task(
            probe_paths("127.0.0.1", camera.port, ["/a", "/b", "/c"], timeout=2.0, clock=clock)
        )
        for number in (1, 2):
            await until(lambda: len(camera.described) == number)  # noqa: B023 - called at once
            await clock.advance(2.0)
        with pytest.raises(ConnectTimeout):
            await asyncio.wait_for(task, 5)
    assert camera.described == ["/a", "/b"]


async def test_nobody_there_is_told_at_once() -> None:
    with pytest.raises(CannotConnect):
        await probe_paths("127.0.0.1", 9, ["/a", "/b"])
