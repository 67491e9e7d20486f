from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.errors import ProtocolError, ValidationError
from ucv.http import DeviceHttp, HttpPool
from ucv.http.address import Origin, follow, locate, shown
from ucv.streams.source import Credentials

BASE = Origin("http", "cam.local", 80)
SECURE = Origin("https", "cam.local", 443)


@pytest.fixture
def http(pool: HttpPool, peer: Any) -> DeviceHttp:
    credentials = Credentials("viewer", "hunter2 & ünïcode")
    return pool.client("127.0.0.1", port=peer.port, credentials=credentials)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a?b=c", (BASE, "/a?b=c")),
        ("a", (BASE, "/a")),
        ("", (BASE, "/")),
        ("?a", (BASE, "/?a")),
        ("?", (BASE, "/")),
        ("/a??", (BASE, "/a??")),
        ("/a#b", (BASE, "/a")),
        ("//evil/x", (BASE, "//evil/x")),
        ("/http://evil/", (BASE, "/http://evil/")),
        ("@evil/", (BASE, "/@evil/")),
        ("/a\r\nX: y", (BASE, "/a%0D%0AX:%20y")),
        ("HTTP://CAM.local./x?y", (BASE, "/x?y")),
        ("http://cam.local:8080", (Origin("http", "cam.local", 8080), "/")),
        ("https://cam.local/x", (SECURE, "/x")),
    ],
)
def test_a_path_stays_on_the_device(path: str, expected: tuple[Origin, str]) -> None:
    assert locate(BASE, path) == expected


@pytest.mark.parametrize(
    "path",
    [
        "http://evil/x",
        "http://cam.local@evil/",
        "http://user:pass@cam.local/",
        "rtsp://cam.local/",
        "file:///etc/passwd",
        "http://[bad/",
        "http://cam.local:99999/",
        "http:///x",
    ],
)
def test_an_address_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        locate(BASE, path)


def test_an_address_without_encryption_is_refused_where_there_is_some() -> None:
    with pytest.raises(ValidationError):
        locate(SECURE, "http://cam.local/x")


def test_a_path_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValidationError):
        locate(BASE, "/" + "x" * 10_000)
    with pytest.raises(ProtocolError):
        follow(BASE, "/", "/" + "x" * 10_000)


def test_a_query_is_appended() -> None:
    _, target = locate(BASE, "/a?b=1", {"c d": "é&", "e": [1, 2]})
    assert target == "/a?b=1&c%20d=%C3%A9%26&e=1&e=2"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/b", (BASE, "/b")),
        ("b?x=%2f", (BASE, "/dir/b?x=%2f")),
        ("../c", (BASE, "/c")),
        (" http://cam.local:80/d ", (BASE, "/d")),
        ("https://CAM.LOCAL/dir/a", (SECURE, "/dir/a")),
        ("https://cam.local:8443/e", (Origin("https", "cam.local", 8443), "/e")),
    ],
)
def test_a_redirection_is_followed_on_the_device(
    location: str, expected: tuple[Origin, str]
) -> None:
    assert follow(BASE, "/dir/a", location) == expected


@pytest.mark.parametrize(
    "location",
    [
        "http://evil/",
        "//evil/",
        "https://evil/",
        "http://cam.local:8080/",
        "http://cam.local@evil/",
        "http://u:p@cam.local/",
        "ftp://cam.local/",
        "javascript:alert(1)",
        "http://[bad/",
        "http://cam.local.evil/",
    ],
)
def test_a_redirection_elsewhere_is_refused(location: str) -> None:
    with pytest.raises(ProtocolError):
        follow(BASE, "/", location)


@pytest.mark.parametrize("location", ["http://cam.local/", "https://cam.local:8443/"])
def test_a_redirection_to_less_safety_is_refused(location: str) -> None:
    with pytest.raises(ProtocolError, match="redirects to"):
        follow(SECURE, "/", location)


@given(st.text())
def test_any_path_is_sent_to_the_device_in_one_line_or_refused(path: str) -> None:
    try:
        origin, target = locate(BASE, path)
    except ValidationError:
        return
    assert origin.host == "cam.local"
    assert target.startswith("/")
    assert target.isascii()
    assert not set(target) & set(" \r\n\t#")
    url = origin.url(target)
    assert (url.raw_path_qs, url.host, url.user) == (target, "cam.local", None)


@given(st.text() | st.text(st.sampled_from("htps:/.@#?%[]\\cam.local\r\n\t ")), st.booleans())
def test_any_location_stays_on_the_host_or_is_refused(location: str, secure: bool) -> None:
    base = SECURE if secure else BASE
    try:
        origin, target = follow(base, "/dir/a?b", location)
    except ProtocolError:
        return
    assert origin == base or (origin.secure and origin.host == "cam.local")
    url = origin.url(target)
    assert (url.raw_path_qs, url.host) == (target, "cam.local")


def test_what_is_shown_of_a_target_is_not_its_query() -> None:
    assert shown("/a/b?password=secret?x") == "/a/b"


async def test_redirections_on_the_device_are_followed_with_login(
    http: DeviceHttp, peer: Any
) -> None:
    guard = peer.protect()
    peer.answer = lambda asked: (
        (200, b"[1]") if asked.target == "/new" else (302, b"", {"Location": "/new"})
    )
    assert await http.get_json("/old") == [1]
    assert (guard.refused, guard.good) == (0, 2)


@pytest.mark.parametrize(("status", "method"), [(301, "PUT"), (302, "POST"), (307, "POST")])
async def test_a_redirected_command_stays_one(
    http: DeviceHttp, peer: Any, status: int, method: str
) -> None:
    peer.answer = lambda asked: (
        (200, b"") if asked.target == "/new" else (status, b"", {"Location": "/new"})
    )
    await http.request(method, "/old", data=b"x")
    assert [(asked.method, asked.body) for asked in peer.asked] == [(method, b"x")] * 2


async def test_see_other_asks_for_a_get(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: (
        (200, b"") if asked.target == "/new" else (303, b"", {"Location": "/new"})
    )
    await http.post("/old", b"x")
    assert [(asked.method, asked.body) for asked in peer.asked] == [("POST", b"x"), ("GET", b"")]


async def test_redirections_in_circles_end(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: (302, b"", {"Location": "/again"})
    with pytest.raises(ProtocolError, match="again and again"):
        await http.get_json("/")
    assert len(peer.asked) == 4


async def test_another_host_is_not_asked_and_gets_no_login(http: DeviceHttp, peer: Any) -> None:
    peer.protect()
    peer.answer = lambda asked: (302, b"", {"Location": "http://localhost:1/?secret"})
    with pytest.raises(ProtocolError, match="http://localhost:1,") as caught:
        await http.get_json("/")
    assert "secret" not in caught.value.message


async def test_a_redirection_without_a_place_is_an_answer(http: DeviceHttp, peer: Any) -> None:
    peer.answer = lambda asked: (304, b"")
    assert (await http.request("GET", "/")).status == 304
