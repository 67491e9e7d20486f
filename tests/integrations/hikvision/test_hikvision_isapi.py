"""The interface over HTTP: where it is, what it refuses, and that no login is wasted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ucv import (
    AccessDenied,
    AccountLocked,
    CameraViewerError,
    EndpointNotFound,
    InvalidAuth,
    NotSupported,
    ProtocolError,
    RateLimited,
)
from ucv.plugins.device import Device
from ucv.testing import Answer, FakeClock, VirtualDevice
from ucv.testing.http_device import Request
from ucv_hikvision.isapi import Isapi
from ucv_hikvision.quirks import Prefix

Connect = Callable[..., Device]

INFO = (
    "<DeviceInfo><model>DS-2CD2143</model><serialNumber>AAW1234567</serialNumber>"
    "<deviceType>IPCamera</deviceType></DeviceInfo>"
)
CHECK = (
    "<userCheck><statusValue>{value}</statusValue><isActivated>{activated}</isActivated>"
    "<lockStatus>{lock}</lockStatus><unlockTime>{unlock}</unlockTime>"
    "<retryLoginTime>{tries}</retryLoginTime></userCheck>"
)
STATUS = (
    "<ResponseStatus><statusCode>{}</statusCode><statusString>Words</statusString>"
    "<subStatusCode>{}</subStatusCode></ResponseStatus>"
)
OPEN = {"value": 401, "activated": "true", "lock": "unlock", "unlock": 0, "tries": 5}


def document(text: str, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/xml"}, text.encode())


def said(status: int, code: int, sub: str = "") -> Answer:
    return document(STATUS.format(code, sub), status)


@pytest.fixture
async def camera() -> AsyncIterator[VirtualDevice]:
    """Return a camera that tells its login state to anybody, and its information to its account."""
    async with VirtualDevice("admin", "camera-secret", realm="IP Camera(C2183)") as device:
        tell(device)
        device.route("/ISAPI/System/deviceInfo", INFO, content_type="application/xml")
        yield device


def tell(device: VirtualDevice, **state: Any) -> None:
    answer = document(CHECK.format(**{**OPEN, **state}), 401)
    device.route("/ISAPI/Security/userCheck", answer, auth=False)


def logins(device: VirtualDevice) -> int:
    """Return how many requests came with credentials."""
    return sum("authorization" in request.headers for request in device.requests)


# --- where it is ----------------------------------------------------------------------------------


async def test_a_camera_is_opened_after_asking_for_its_login_state(
    camera: VirtualDevice, connect: Connect
) -> None:
    isapi = Isapi(connect(camera))
    root = await isapi.open()
    assert root.tag == "DeviceInfo"
    assert isapi.prefix is Prefix.ISAPI
    assert [request.path for request in camera.requests] == [
        "/ISAPI/Security/userCheck",
        "/ISAPI/System/deviceInfo",
        "/ISAPI/System/deviceInfo",
    ]
    assert logins(camera) == 1


@pytest.mark.parametrize("prefix", [Prefix.BARE, Prefix.PSIA], ids=["bare", "psia"])
@pytest.mark.parametrize("missing", ["404", "page", "403"])
async def test_old_paths_without_isapi(prefix: Prefix, missing: str, connect: Connect) -> None:
    answer = {
        "404": Answer(404),
        "403": Answer(403),
        "page": Answer(200, {"Content-Type": "text/html"}, b"<html><br>Login</html>"),
    }[missing]
    async with VirtualDevice("admin", "camera-secret", auth="basic") as device:
        for other in Prefix:
            device.route(f"{other.value}/System/deviceInfo", answer)
        device.route(f"{prefix.value}/System/deviceInfo", INFO)
        device.route(f"{prefix.value}/System/time", "<Time/>")
        isapi = Isapi(connect(device))
        assert (await isapi.open()).tag == "DeviceInfo"
        assert isapi.prefix is prefix
        assert (await isapi.get("System/time")).tag == "Time"
        assert device.counters.refused == 0


async def test_a_device_of_another_make_is_not_taken_for_a_camera(connect: Connect) -> None:
    async with VirtualDevice("admin", "camera-secret") as device:
        with pytest.raises(EndpointNotFound):
            await Isapi(connect(device)).open()
        assert device.counters.refused == 0


async def test_a_device_that_fails_at_the_moment_is_not_searched_for_older_paths(
    camera: VirtualDevice, connect: Connect
) -> None:
    camera.route("/ISAPI/System/deviceInfo", said(500, 3, "deviceError"))
    with pytest.raises(ProtocolError):
        await Isapi(connect(camera)).open()
    assert not any(request.path.startswith("/PSIA") for request in camera.requests)


# --- the login ------------------------------------------------------------------------------------


async def test_a_locked_account_is_told_with_its_remaining_time_and_without_a_login(
    camera: VirtualDevice, connect: Connect
) -> None:
    tell(camera, lock="lock", unlock=1500)
    clock = FakeClock()
    with pytest.raises(AccountLocked, match="25 min") as raised:
        await Isapi(connect(camera, clock=clock)).open()
    assert raised.value.until == clock.time() + 1500
    assert logins(camera) == 0


async def test_a_wrong_password_is_refused_twice_at_most_and_the_tries_left_are_told(
    camera: VirtualDevice, connect: Connect
) -> None:
    tell(camera, tries=3)
    isapi = Isapi(connect(camera, password="wrong"))
    with pytest.raises(InvalidAuth, match="3 more wrong ones"):
        await isapi.open()
    for _ in range(3):
        with pytest.raises(InvalidAuth):
            await isapi.get("System/deviceInfo")
    assert 1 <= camera.counters.refused <= 2
    assert logins(camera) <= 2


async def test_a_lock_that_our_own_password_caused_is_told(
    camera: VirtualDevice, connect: Connect
) -> None:
    isapi = Isapi(connect(camera, password="wrong"))

    def state(_request: Request) -> Answer:
        lock = "lock" if camera.counters.refused else "unlock"
        return document(CHECK.format(**{**OPEN, "lock": lock, "unlock": 1800}), 401)

    camera.route("/ISAPI/Security/userCheck", state, auth=False)
    with pytest.raises(AccountLocked, match="30 min"):
        await isapi.open()


async def test_a_lock_that_is_told_in_the_body_of_a_403(
    camera: VirtualDevice, connect: Connect
) -> None:
    camera.route("/ISAPI/Security/userCheck", Answer(404), auth=False)
    locked = document(CHECK.format(**{**OPEN, "lock": "lock", "unlock": 60}), 403)
    camera.route("/ISAPI/System/deviceInfo", locked)
    with pytest.raises(AccountLocked, match="60 s"):
        await Isapi(connect(camera)).open()


@pytest.mark.parametrize("tells", ["user-check", "status"])
async def test_a_device_that_was_never_activated_is_explained(
    tells: str, camera: VirtualDevice, connect: Connect
) -> None:
    if tells == "user-check":
        tell(camera, activated="false")
    else:
        camera.route("/ISAPI/System/deviceInfo", said(403, 4, "notActivated"), auth=False)
    with pytest.raises(AccessDenied, match="not been activated"):
        await Isapi(connect(camera)).open()
    assert logins(camera) == 0


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404),
        Answer(401, {"WWW-Authenticate": 'Digest realm="x", nonce="1", qop="auth"'}),
        Answer(200, {}, b"\xff not XML <"),
        Answer(200, {}, b"<!DOCTYPE a [<!ENTITY b 'c'>]><userCheck>&b;</userCheck>"),
        Answer(500),
    ],
    ids=["none", "empty", "garbage", "entities", "broken"],
)
async def test_a_device_that_does_not_tell_its_login_state_is_opened_all_the_same(
    answer: Answer, camera: VirtualDevice, connect: Connect
) -> None:
    camera.route("/ISAPI/Security/userCheck", answer, auth=False)
    isapi = Isapi(connect(camera))
    await isapi.open()
    assert isapi.login is None


# --- what it answers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (said(200, 4, "notSupport"), NotSupported),
        (said(403, 4, "notSupport"), NotSupported),
        (said(403, 4, "lowPrivilege"), AccessDenied),
        (said(503, 2, "deviceBusy"), RateLimited),
        (said(200, 2), RateLimited),
        (said(400, 6, "badXmlContent"), ProtocolError),
        (Answer(404), EndpointNotFound),
        (Answer(403), AccessDenied),
        (Answer(500), ProtocolError),
        (Answer(200, {}, b"<a><b></a>"), ProtocolError),
        (Answer(200, {}, b""), ProtocolError),
        (Answer(200, {}, b"<a>" + b" " * 2_000_000), ProtocolError),
    ],
    ids=[
        "200-not-supported",
        "403-not-supported",
        "low-privilege",
        "busy",
        "200-busy",
        "bad-content",
        "404",
        "403",
        "500",
        "broken",
        "empty",
        "too-long",
    ],
)
async def test_what_a_device_says_becomes_an_error(
    answer: Answer, kind: type[CameraViewerError], camera: VirtualDevice, connect: Connect
) -> None:
    camera.route("/ISAPI/x", answer)
    isapi = Isapi(connect(camera))
    with pytest.raises(kind) as raised:
        await isapi.get("x")
    assert type(raised.value) is kind
    absent = kind in (NotSupported, AccessDenied, EndpointNotFound)
    if absent:
        assert await isapi.find("x") is None
    else:
        with pytest.raises(kind):
            await isapi.find("x")
    assert await isapi.peek("x") is None


async def test_http_200_can_carry_a_failure(camera: VirtualDevice, connect: Connect) -> None:
    camera.route("/ISAPI/x", said(200, 3, "deviceError"), method="PUT")
    with pytest.raises(ProtocolError, match="Words: deviceError"):
        await Isapi(connect(camera)).put("x", "<a/>")


async def test_a_device_that_is_busy_is_told_once_more(
    camera: VirtualDevice, connect: Connect
) -> None:
    answers = iter([said(503, 2, "deviceBusy"), said(200, 1), said(200, 2), said(200, 2)])
    camera.route("/ISAPI/x", lambda _: next(answers), method="PUT")
    isapi = Isapi(connect(camera))
    await isapi.put("x", "<a/>")
    with pytest.raises(RateLimited):
        await isapi.put("x", "<a/>")


async def test_a_write_that_counts_after_a_restart_is_done_and_noted(
    camera: VirtualDevice, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    camera.route("/ISAPI/x", said(200, 7, "rebootRequired"), method="PUT")
    await Isapi(connect(camera)).put("x", "<a/>")
    assert "restarted" in caplog.text


async def test_writes_get_change_and_put_the_whole_document(
    camera: VirtualDevice, connect: Connect
) -> None:
    before = (
        '<IrcutFilter version="2.0" xmlns="http://www.std-cgi.com/ver20/XMLSchema">'
        "<IrcutFilterType>auto</IrcutFilterType><nightToDayFilterLevel>4</nightToDayFilterLevel>"
        "</IrcutFilter>"
    )
    camera.route("/ISAPI/Image/channels/1/ircutFilter", before)
    camera.route("/ISAPI/Image/channels/1/ircutFilter", said(200, 1), method="PUT")
    isapi = Isapi(connect(camera))
    await isapi.change("Image/channels/1/ircutFilter", "ircutfiltertype", "night")
    written = camera.requests[-1]
    assert written.method == "PUT"
    assert written.headers["content-type"].startswith("application/xml")
    assert written.body.decode().partition("?>\n")[2] == before.replace(">auto<", ">night<")
    with pytest.raises(NotSupported):
        await isapi.change("Image/channels/1/ircutFilter", "colour", "red")


async def test_a_picture_is_one_by_its_first_bytes(camera: VirtualDevice, connect: Connect) -> None:
    camera.route("/ISAPI/a", b"\xff\xd8 a picture", content_type="text/html")
    camera.route("/ISAPI/b", said(200, 6, "badXmlContent"))
    camera.route("/ISAPI/c", "<html>Login</html>", content_type="image/jpeg")
    isapi = Isapi(connect(camera))
    assert await isapi.picture("a") == b"\xff\xd8 a picture"
    for path in ("b", "c"):
        with pytest.raises(ProtocolError):
            await isapi.picture(path)


# --- the alert stream -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (said(503, 2, "deployExceedMax"), RateLimited),
        (Answer(404), NotSupported),
        (said(403, 4, "lowPrivilege"), AccessDenied),
        (Answer(500), ProtocolError),
    ],
    ids=["too-many-listeners", "none", "low-privilege", "broken"],
)
async def test_a_stream_that_is_refused_says_why(
    answer: Answer, kind: type[CameraViewerError], camera: VirtualDevice, connect: Connect
) -> None:
    camera.route("/ISAPI/x", answer)
    with pytest.raises(kind) as raised:
        async with Isapi(connect(camera)).listen("x", silence=5):
            pytest.fail("it is open")
    assert type(raised.value) is kind
    if isinstance(raised.value, RateLimited):
        assert raised.value.retry_after
        assert "listen to its events already" in raised.value.message


async def test_a_stream_refused_for_the_password_says_that_the_account_is_locked(
    camera: VirtualDevice, connect: Connect
) -> None:
    tell(camera, lock="lock", unlock=90)
    with pytest.raises(AccountLocked):
        async with Isapi(connect(camera, password="wrong")).listen("x", silence=5):
            pytest.fail("it is open")
