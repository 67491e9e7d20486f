"""The virtual device, asked by aiohttp, urllib and curl, which know nothing of our own client."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from ucv.testing import FakeClock, until
from ucv.testing.http_device import Answer, Request, VirtualDevice

USER, PASSWORD = "admin", 'p@ss "w:rd'
INFO = {"serial": "1"}


@asynccontextmanager
async def client(
    username: str = USER, password: str = PASSWORD, **options: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    digest = aiohttp.DigestAuthMiddleware(username, password)
    async with aiohttp.ClientSession(middlewares=[digest], **options) as session:
        yield session


@asynccontextmanager
async def anybody() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def status_of(session: aiohttp.ClientSession, url: str, **options: Any) -> int:
    async with session.get(url, **options) as response:
        return response.status


async def curl(*arguments: str) -> tuple[int, str]:
    """Run curl; returns its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", "-S", "-m", "10", *arguments, stdout=-1, stderr=-1
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


@pytest.fixture
async def device() -> AsyncIterator[VirtualDevice]:
    async with VirtualDevice(USER, PASSWORD) as running:
        running.route("/api/info", INFO)
        yield running


# --- routes -------------------------------------------------------------------------------------


async def test_content_comes_with_the_type_of_its_kind() -> None:
    async def late(request: Request) -> str:
        await asyncio.sleep(0)
        return f"{request.method} {request.path} {request.query['a']} {request.body.decode()}"

    async with VirtualDevice() as device, anybody() as session:
        device.route("/json", {"a": [1]})
        device.route("/list", [1, 2])
        device.route("/text", "hello")
        device.route("/picture", b"\xff\xd8")
        device.route("/xml", "<a/>", content_type="application/xml")
        device.route("/answer", lambda _: Answer(204))
        device.route("/late", late, method="POST")
        found = {}
        for path in ("json", "list", "text", "picture", "xml", "answer"):
            async with session.get(f"{device.url}/{path}") as response:
                found[path] = (response.status, response.content_type, await response.read())
        async with session.post(f"{device.url}/late?a=%2F", data="body") as response:
            said = await response.text()
    assert found == {
        "json": (200, "application/json", b'{"a":[1]}'),
        "list": (200, "application/json", b"[1,2]"),
        "text": (200, "text/plain", b"hello"),
        "picture": (200, "image/jpeg", b"\xff\xd8"),
        "xml": (200, "application/xml", b"<a/>"),
        "answer": (204, "application/octet-stream", b""),
    }
    assert said == "POST /late / body"
    assert device.counters.requests["/late"] == 1
    assert device.counters.connections == 1


async def test_unknown_paths_are_404_and_other_methods_405(device: VirtualDevice) -> None:
    device.route("/open", "x", auth=False)
    async with client() as session, anybody() as stranger:
        assert await status_of(session, f"{device.url}/nothing") == 404
        async with session.put(f"{device.url}/api/info") as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET")
        assert await status_of(stranger, f"{device.url}/nothing") == 401
        assert await status_of(stranger, f"{device.url}/open") == 200


async def test_head_has_the_headers_and_no_body(device: VirtualDevice) -> None:
    async with client() as session, session.head(f"{device.url}/api/info") as response:
        assert response.headers["Content-Length"] == str(len(b'{"serial":"1"}'))
        assert await response.read() == b""


async def test_a_failing_handler_is_500_and_the_device_goes_on(
    device: VirtualDevice, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Request) -> str:
        raise KeyError("nothing here")

    device.route("/broken", broken)
    async with client() as session:
        assert await status_of(session, f"{device.url}/broken") == 500
        assert await status_of(session, f"{device.url}/api/info") == 200
    assert "/broken" in caplog.text


async def test_streams_come_piece_by_piece_and_end_with_their_client(
    device: VirtualDevice,
) -> None:
    ended = asyncio.Event()
    more = asyncio.Event()

    async def events(_: Request) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await more.wait()
            yield b"second"
            await asyncio.Event().wait()
        finally:
            ended.set()

    device.route("/events", events, content_type="text/plain")
    async with client() as session:
        async with session.get(f"{device.url}/events") as response:
            assert await response.content.readany() == b"first"
            more.set()
            assert await response.content.readany() == b"second"
            assert device.counters.open > 0
        await asyncio.wait_for(ended.wait(), 5)
    await until(lambda: device.counters.open == 0)


async def test_stopping_ends_streams_and_frees_the_port() -> None:
    async def forever(_: Request) -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.001)

    device = VirtualDevice()
    device.route("/", forever)
    await device.start()
    port = device.port
    async with anybody() as session, session.get(device.url) as response:
        await response.content.readany()
        await device.stop()
        with pytest.raises(aiohttp.ClientError):
            while await response.content.readany():
                pass
        with pytest.raises(aiohttp.ClientConnectorError):
            await status_of(session, device.url)
    assert device.counters.open == 0
    await device.start()
    assert device.port == port
    await device.stop()


async def test_uploads_of_every_kind_are_read(device: VirtualDevice) -> None:
    device.route("/put", lambda request: str(len(request.body)), method="PUT", auth=False)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"abc"

    async with anybody() as session:
        async with session.put(f"{device.url}/put", data=pieces()) as response:
            assert await response.text() == "9"
        async with session.put(
            f"{device.url}/put", data=bytes(100_000), expect100=True
        ) as response:
            assert await response.text() == "100000"
        async with session.put(
            f"{device.url}/put", headers={"Content-Length": "99999999999"}
        ) as response:
            assert response.status == 413


def test_only_this_machine_can_have_it() -> None:
    with pytest.raises(ValueError, match="this machine"):
        VirtualDevice(host="0.0.0.0")


async def test_it_lives_at_ipv6_too() -> None:
    async with VirtualDevice(host="::1") as device, anybody() as session:
        device.route("/", "x")
        assert await status_of(session, f"{device.url}/") == 200


# --- credentials --------------------------------------------------------------------------------

ALGORITHMS = ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"]


@pytest.mark.parametrize(
    ("algorithm", "qop"),
    [
        *((algorithm, ("auth",)) for algorithm in ALGORITHMS),
        *((algorithm, ("auth", "auth-int")) for algorithm in ALGORITHMS),
        *((algorithm, ("auth-int",)) for algorithm in ALGORITHMS),
        ("MD5", ()),
        ("SHA-256", ()),
    ],
)
async def test_aiohttp_logs_in(algorithm: str, qop: tuple[str, ...]) -> None:
    async with VirtualDevice(USER, PASSWORD, algorithms=(algorithm,), qop=qop) as device:
        device.route("/api/info", lambda request: {"got": request.query, "n": len(request.body)})
        device.route("/api/info", lambda request: {"n": len(request.body)}, method="POST")
        async with client() as session:
            async with session.get(f"{device.url}/api/info?a=1&b=%20") as response:
                assert await response.json() == {"got": {"a": "1", "b": " "}, "n": 0}
            async with session.post(f"{device.url}/api/info", data=b"abc") as response:
                assert await response.json() == {"n": 3}
    assert device.counters.refused == 0
    assert device.counters.statuses[200] == 2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_curl_logs_in(algorithm: str) -> None:
    async with VirtualDevice(USER, PASSWORD, algorithms=(algorithm,)) as device:
        device.route("/api/info", INFO)
        asked = f"{device.url}/api/info?x=%2F"
        _, printed = await curl("--digest", "-u", f"{USER}:{PASSWORD}", asked, asked)
    assert printed == '{"serial":"1"}' * 2
    assert device.counters.statuses == {401: 2, 200: 2}, "curl asks anew for each address"


@pytest.mark.parametrize("scheme", ["digest", "basic"])
async def test_urllib_logs_in(scheme: str) -> None:
    async with VirtualDevice(
        USER, PASSWORD, auth="basic" if scheme == "basic" else "digest"
    ) as device:
        device.route("/api/info", INFO)

        def read() -> bytes:
            store = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            store.add_password(None, device.url, USER, PASSWORD)
            opener = urllib.request.build_opener(
                urllib.request.HTTPDigestAuthHandler(store),
                urllib.request.HTTPBasicAuthHandler(store),
            )
            with opener.open(f"{device.url}/api/info", timeout=5) as answer:
                body: bytes = answer.read()
                return body

        assert await asyncio.to_thread(read) == b'{"serial":"1"}'
    assert device.counters.statuses == {401: 1, 200: 1}


@pytest.mark.parametrize("method", ["--digest", "--basic", "--anyauth"])
async def test_a_device_that_offers_both_takes_either(method: str) -> None:
    async with VirtualDevice(USER, PASSWORD, auth="both") as device:
        device.route("/api/info", INFO)
        _, printed = await curl(method, "-u", f"{USER}:{PASSWORD}", f"{device.url}/api/info")
    assert printed == '{"serial":"1"}'


async def test_names_and_passwords_beyond_ascii_are_understood() -> None:
    async with VirtualDevice("señor", "contraseña", realm="Cámara") as device:
        device.route("/", "x")
        async with client("señor", "contraseña") as session:
            assert await status_of(session, f"{device.url}/") == 200


async def test_wrong_credentials_are_counted_and_missing_ones_are_not(
    device: VirtualDevice,
) -> None:
    async with client(password="wrong") as session:
        assert await status_of(session, f"{device.url}/api/info") == 401
    counters = device.counters
    assert (counters.challenged, counters.refused, counters.reasons) == (1, 1, ["response"])


async def test_a_changed_password_counts_at_once(device: VirtualDevice) -> None:
    async with client() as session, client(password="new") as later:
        assert await status_of(session, f"{device.url}/api/info") == 200
        device.password = "new"
        assert await status_of(session, f"{device.url}/api/info") == 401
        assert await status_of(later, f"{device.url}/api/info") == 200


async def test_a_nonce_serves_many_requests_unless_it_is_for_one_time(
    device: VirtualDevice,
) -> None:
    async def ask(url: str) -> None:
        async with client() as session:
            for _ in range(3):
                assert await status_of(session, f"{url}/api/info") == 200

    await ask(device.url)
    assert (device.counters.challenged, device.counters.stale) == (1, 0)
    async with VirtualDevice(USER, PASSWORD, one_time_nonces=True) as other:
        other.route("/api/info", INFO)
        await ask(other.url)
    assert (other.counters.challenged, other.counters.stale) == (1, 2)
    assert other.counters.refused == 0


async def challenge_after_reuse(device: VirtualDevice) -> str:
    """Send one digest answer twice; returns the challenge to the second."""
    async with client() as session, anybody() as raw:
        assert await status_of(session, f"{device.url}/api/info") == 200
        sent = {"Authorization": device.requests[-1].headers["authorization"]}
        async with raw.get(f"{device.url}/api/info", headers=sent) as response:
            assert response.status == 401
            return response.headers["WWW-Authenticate"]


async def test_a_digest_answer_counts_once(device: VirtualDevice) -> None:
    assert "stale=true" in await challenge_after_reuse(device)
    async with VirtualDevice(USER, PASSWORD, one_time_nonces=True) as other:
        other.route("/api/info", INFO)
        assert "stale" not in await challenge_after_reuse(other)


async def test_expired_nonces_are_stale(device: VirtualDevice) -> None:
    async with client() as session:
        for _ in range(2):
            assert await status_of(session, f"{device.url}/api/info") == 200
            device.guard.expire_nonces()
    assert (device.counters.stale, device.counters.refused) == (1, 0)


async def test_an_account_locks_and_opens_again_in_its_time() -> None:
    clock = FakeClock()
    async with (
        VirtualDevice(USER, PASSWORD, lock_after=3, lock_seconds=60, clock=clock) as device,
        client(password="wrong") as wrong,
        client() as right,
    ):
        device.route("/", "x")
        assert await status_of(wrong, device.url) == 401
        assert await status_of(right, device.url) == 200, "a success forgets failures"
        # Two failures: the nonce that is known, and the new one.
        assert await status_of(wrong, device.url) == 401
        assert await status_of(wrong, device.url) == 403
        await clock.advance(59)
        async with right.get(device.url) as response:
            assert response.status == 403
            assert await response.json() == {"error": "account locked", "unlock_in": 1}
        await clock.advance(1)
        assert await status_of(right, device.url) == 200
    assert (device.counters.refused, device.counters.locked) == (4, 1)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_lockout_can_be_feigned(device: VirtualDevice, status: int) -> None:
    device.faults.lockout = status
    async with client() as session, session.get(f"{device.url}/api/info") as response:
        assert response.status == status
        assert (await response.json(content_type=None))["error"] == "account locked"
    assert (device.counters.challenged, device.counters.refused) == (1, 0)


# --- TLS ----------------------------------------------------------------------------------------


async def test_a_device_with_tls_shows_the_certificate_whose_fingerprint_it_tells() -> None:
    async with VirtualDevice(USER, PASSWORD, tls=True) as device, client() as session:
        device.route("/api/info", INFO)
        url = f"{device.url}/api/info"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await status_of(session, url)
        known = aiohttp.Fingerprint(bytes.fromhex(device.fingerprint))
        assert await status_of(session, url, ssl=known) == 200
        with pytest.raises(aiohttp.ServerFingerprintMismatch):
            await status_of(session, url, ssl=aiohttp.Fingerprint(bytes(32)))
        assert device.certificate is not None
        own = ssl.create_default_context(cadata=device.certificate.certificate.decode())
        assert await status_of(session, url, ssl=own) == 200
        fingerprint = device.fingerprint
        await device.stop()
        await device.start()
        assert device.fingerprint == fingerprint
    assert device.counters.open == 0


async def test_a_device_without_tls_has_no_fingerprint(device: VirtualDevice) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        _ = device.fingerprint


# --- the wire -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"), [(b"nonsense\r\n\r\n", b"400"), (b"GET / HTTP/9\r\n\r\n", b"505")]
)
async def test_what_is_no_request_is_answered_and_closed(sent: bytes, status: bytes) -> None:
    async with VirtualDevice() as device:
        reader, writer = await asyncio.open_connection(device.host, device.port)
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 " + status)


async def test_requests_in_one_piece_are_answered_in_turn() -> None:
    async with VirtualDevice() as device:
        device.route("/a", "first")
        device.route("/b", "second")
        reader, writer = await asyncio.open_connection(device.host, device.port)
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.0\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b"first") < answer.index(b"second")


async def test_a_compressed_body_goes_out_as_it_is() -> None:
    async with VirtualDevice() as device, anybody() as session:
        packed = gzip.compress(bytes(1000))
        device.route("/", Answer(200, {"Content-Encoding": "gzip"}, packed))
        async with session.get(device.url) as response:
            assert await response.read() == bytes(1000)
            assert response.headers["Content-Length"] == str(len(packed))


async def test_its_clock_can_be_wrong(device: VirtualDevice) -> None:
    device.faults.clock_skew = 3600
    device.route("/time", lambda _: {"now": device.time()})
    async with client() as session, session.get(f"{device.url}/time") as response:
        shown = parsedate_to_datetime(response.headers["Date"]).timestamp()
        told = (await response.json())["now"]
    assert shown - device.clock.time() == pytest.approx(3600, abs=5)
    assert told == pytest.approx(shown, abs=2)
