"""Dahua's interface over HTTP: what is asked, what is refused, and that no login is wasted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from ucv import (
    AccessDenied,
    CameraViewerError,
    ConnectTimeout,
    EndpointNotFound,
    InvalidAuth,
    NotSupported,
    ProtocolError,
)
from ucv.plugins.device import Device
from ucv.testing import Answer, VirtualDevice, jpeg
from ucv.testing.http_auth import AuthScheme
from ucv.testing.http_device import Request
from ucv_dahua import cgi as cgi_module
from ucv_dahua.cgi import Cgi

Connect = Callable[..., Device]

INFO = "/cgi-bin/magicBox.cgi"
CONFIG = "/cgi-bin/configManager.cgi"
SNAPSHOT = "/cgi-bin/snapshot.cgi"


def text(body: str, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "text/plain;charset=utf-8"}, body.encode())


def firmware(auth: AuthScheme = "digest", *, one_time_nonces: bool = True) -> VirtualDevice:
    return VirtualDevice(
        "admin",
        "camera-secret",
        auth=auth,
        algorithms=("MD5",),
        realm="Login to 4X7C5A1ZAG21L3F" if auth == "digest" else "Device_CGI",
        one_time_nonces=one_time_nonces,
    )


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send refused credentials once more without a pause."""
    monkeypatch.setattr(cgi_module, "RETRY_PAUSE", 0.0)


@pytest.fixture
async def camera() -> AsyncIterator[VirtualDevice]:
    async with firmware() as device:
        device.route(INFO, lambda _: text("type=IPC-HDW5831R-ZE\r\n"))
        yield device


# --- logging in -----------------------------------------------------------------------------------


async def test_a_new_nonce_for_each_request_and_a_closed_connection(
    camera: VirtualDevice, connect: Connect
) -> None:
    camera.faults.keep_alive = False
    cgi = Cgi(connect(camera))
    for _ in range(4):
        assert (await cgi.table("magicBox.cgi", "getDeviceType")).text("type") == "IPC-HDW5831R-ZE"
    # One nonce is tried a second time; from then on each request asks for its own.
    assert camera.counters.statuses == {200: 4, 401: 4}
    assert camera.counters.refused == 0


async def test_firmware_of_2014_offers_basic_only(connect: Connect) -> None:
    async with firmware("basic") as camera:
        camera.route(INFO, lambda _: text("type=IPC-HFW4300S\r\n"))
        cgi = Cgi(connect(camera))
        assert (await cgi.table("magicBox.cgi", "getDeviceType")).text("type") == "IPC-HFW4300S"
        # Not unasked: the first request had no credentials.
        assert "authorization" not in camera.requests[0].headers


class Crowded:
    """Answers 401 to right credentials for as long as others have all its connections."""

    def __init__(self, refusals: int) -> None:
        self.left = refusals
        self.refused = 0
        self.nonce = 0

    def __call__(self, request: Request) -> Answer:
        if "authorization" in request.headers and self.left == 0:
            return text("type=IPC-HDW5831R-ZE\r\n")
        if "authorization" in request.headers:
            self.left -= 1
            self.refused += 1
        self.nonce += 1
        challenge = f'Digest realm="Login to 4X", qop="auth", nonce="{self.nonce}", opaque="1"'
        body = b"Error\r\nInvalid Authority!"
        return Answer(401, {"WWW-Authenticate": challenge}, body)


async def test_a_401_for_want_of_connections_is_tried_once_more(
    camera: VirtualDevice, connect: Connect
) -> None:
    crowd = Crowded(refusals=1)
    camera.route(INFO, crowd, auth=False)
    device = connect(camera)
    told = await Cgi(device).table("magicBox.cgi", "getDeviceType")
    assert told.text("type") == "IPC-HDW5831R-ZE"
    assert (crowd.refused, device.lockout.refusals) == (1, 0)


async def test_a_second_401_is_the_last(camera: VirtualDevice, connect: Connect) -> None:
    crowd = Crowded(refusals=99)
    camera.route(INFO, crowd, auth=False)
    cgi = Cgi(connect(camera))
    for _ in range(3):
        with pytest.raises(InvalidAuth):
            await cgi.table("magicBox.cgi", "getDeviceType")
    assert crowd.refused == 2


async def test_a_stream_is_opened_once_more_too(camera: VirtualDevice, connect: Connect) -> None:
    crowd = Crowded(refusals=1)
    camera.route("/cgi-bin/eventManager.cgi", crowd, auth=False)
    async with Cgi(connect(camera)).listen("eventManager.cgi?action=attach", silence=5) as stream:
        assert stream.status == 200
    assert crowd.refused == 1


async def test_a_wrong_password_is_refused_twice_at_most(
    camera: VirtualDevice, connect: Connect
) -> None:
    cgi = Cgi(connect(camera, password="wrong"))
    for _ in range(3):
        with pytest.raises(InvalidAuth):
            await cgi.peek("magicBox.cgi", "getDeviceType")
    with pytest.raises(InvalidAuth):
        async with cgi.listen("eventManager.cgi?action=attach", silence=5):
            pass
    assert camera.counters.refused == 2


async def test_an_account_that_lacks_the_right_is_not_a_wrong_one(
    camera: VirtualDevice, connect: Connect
) -> None:
    camera.route(INFO, lambda _: text("Error\r\nAuthority:check failure.", 403))
    device = connect(camera)
    with pytest.raises(AccessDenied):
        await Cgi(device).table("magicBox.cgi", "getDeviceType")
    assert device.lockout.refusals == 0


# --- refusals -------------------------------------------------------------------------------------

REFUSALS = {
    "bad_request": (400, "Error\r\nBad Request!", ProtocolError),
    "internal_error": (500, "Error\r\nInternal Error", ProtocolError),
    "not_implemented": (501, "Error\r\nNot Implemented!", NotSupported),
    "not_found": (404, "", EndpointNotFound),
    "ok_with_body_error": (200, "Error\r\nBad Request!\r\n", ProtocolError),
    "denied": (403, "Authority:check failure.", AccessDenied),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_raised_whatever_its_status(
    camera: VirtualDevice, connect: Connect, name: str
) -> None:
    status, body, error = REFUSALS[name]
    camera.route(CONFIG, lambda _: text(body, status))
    cgi = Cgi(connect(camera))
    with pytest.raises(error) as caught:
        await cgi.config("Encode")
    assert isinstance(caught.value, CameraViewerError)
    assert caught.value.details["status"] == status
    with pytest.raises(error):
        await cgi.set_config({"Encode[0].X": 1})
    assert await cgi.peek_config("Encode") is None
    assert await cgi.probe("configManager.cgi", "getConfig") is None


async def test_a_table_whose_first_key_begins_with_error_is_a_table(
    camera: VirtualDevice, connect: Connect
) -> None:
    camera.route(INFO, lambda _: text("errorCount=3\r\n"))
    assert (await Cgi(connect(camera)).table("magicBox.cgi", "x")).whole("errorCount") == 3


async def test_garbage_is_no_refusal(camera: VirtualDevice, connect: Connect) -> None:
    camera.route(INFO, lambda _: text("x" * 100))
    camera.faults.garbage = b"\xff no HTTP\r\n\r\n"
    with pytest.raises(CameraViewerError) as caught:
        await Cgi(connect(camera)).peek("magicBox.cgi", "x")
    assert "status" not in caught.value.details


async def test_silence_is_an_answer_only_to_a_probe(
    camera: VirtualDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgi_module, "PROBE_TIMEOUT", 0.2)
    camera.route("/cgi-bin/coaxialControlIO.cgi", "").faults.silent = True
    cgi = Cgi(connect(camera))
    assert await cgi.probe("coaxialControlIO.cgi", "getStatus", {"channel": 1}) is None
    camera.route(INFO, "").faults.drop = True
    assert await cgi.probe("magicBox.cgi", "getVendor") is None
    with pytest.raises(CameraViewerError):
        await cgi.peek("magicBox.cgi", "getVendor")


# --- orders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["OK\r\n", "ok", ""], ids=["usual", "small", "empty"])
async def test_an_order_is_done_when_it_says_ok_or_nothing(
    camera: VirtualDevice, connect: Connect, body: str
) -> None:
    camera.route(INFO, lambda _: text(body))
    await Cgi(connect(camera)).order("magicBox.cgi", "reboot")
    assert camera.requests[-1].query == {"action": "reboot"}


async def test_an_order_that_is_answered_by_a_page_is_not_done(
    camera: VirtualDevice, connect: Connect
) -> None:
    camera.route(INFO, lambda _: text("<html>Login</html>"))
    with pytest.raises(ProtocolError, match="did not say"):
        await Cgi(connect(camera)).order("magicBox.cgi", "reboot")


async def test_brackets_are_encoded_when_something_is_set(
    camera: VirtualDevice, connect: Connect
) -> None:
    camera.route(CONFIG, lambda _: text("OK"))
    await Cgi(connect(camera)).set_config({"Encode[0].MainFormat[0].Video.Compression": "H.264"})
    target = camera.requests[-1].target
    assert "Encode%5B0%5D.MainFormat%5B0%5D.Video.Compression=H.264" in target
    assert "[" not in target


# --- pictures -------------------------------------------------------------------------------------


async def test_a_picture_is_a_picture(camera: VirtualDevice, connect: Connect) -> None:
    picture = jpeg("Dahua", 64, 48)
    camera.route(SNAPSHOT, lambda _: picture)
    cgi = Cgi(connect(camera))
    assert await cgi.picture(None) == picture
    assert camera.requests[-1].query == {}
    assert await cgi.picture(2) == picture
    assert camera.requests[-1].query == {"channel": "2"}


@pytest.mark.parametrize("body", ["Error\r\nNo picture", "<html></html>", ""])
async def test_a_picture_that_is_none_is_refused(
    camera: VirtualDevice, connect: Connect, body: str
) -> None:
    camera.route(SNAPSHOT, lambda _: text(body))
    cgi = Cgi(connect(camera))
    with pytest.raises(ProtocolError):
        await cgi.picture(1)
    assert await cgi.has_picture(1) is False


@pytest.mark.parametrize(
    ("status", "there"),
    [(400, False), (404, False), (500, None), (403, None), (503, None)],
)
async def test_a_status_tells_whether_there_is_a_channel(
    camera: VirtualDevice, connect: Connect, status: int, there: bool | None
) -> None:
    camera.route(SNAPSHOT, lambda _: text("Error", status))
    assert await Cgi(connect(camera)).has_picture(0) is there


async def test_silence_does_not_tell_whether_there_is_a_channel(
    camera: VirtualDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.route(SNAPSHOT, "").faults.drop = True
    assert await Cgi(connect(camera)).has_picture(0) is None

    async def late(*_: object, **__: object) -> None:
        raise ConnectTimeout

    device = connect(camera)
    monkeypatch.setattr(device.http, "request", late)
    assert await Cgi(device).has_picture(0) is None
