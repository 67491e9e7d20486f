"""What is refused whoever asks, and what strangers and viewers may not do."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import hdrs
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from tests.frontend_bridge.conftest import Stage
from ucv.errors import CameraViewerError
from ucv_bridge.errors import HostNotAllowed, OriginNotAllowed
from ucv_bridge.guard import Guard
from ucv_bridge.middleware import PUBLIC

GUARD = Guard(["cams.example", "Hub.local."])


def check(host: str | None, origin: str | None = None) -> None:
    headers = {name: value for name, value in (("Host", host), ("Origin", origin)) if value}
    GUARD.check(make_mocked_request("GET", "/", headers=headers))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8321",
        "127.0.0.1:8321",
        "192.0.2.4",
        "[::1]:8321",
        "[2001:db8::1]",
        "cams.example",
        "cams.example.:80",
        "hub.local:8321",
    ],
)
def test_the_hub_answers_to_addresses_and_to_its_own_names(host: str) -> None:
    check(host)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "evil.example",
        "127.0.0.1.evil.example",
        "cams.example.evil.example",
        "localhost.evil.example:8321",
        "2130706433",
        "0x7f000001",
        "127.0.0.1:8321:8321",
        "cams.example@evil.example",
        "::1",
        "[::1",
        "localhost/evil",
        "localhost; evil",
    ],
)
def test_a_name_of_somebody_elses_that_points_here_is_refused(host: str | None) -> None:
    with pytest.raises(HostNotAllowed):
        check(host)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8321", "http://127.0.0.1:8321"),
        ("cams.example", "https://cams.example"),
        ("cams.example", "https://cams.example:443"),
        ("cams.example:80", "http://cams.example"),
        ("[::1]:8321", "http://[::1]:8321"),
        ("localhost:8321", None),
    ],
)
def test_the_hubs_own_page_may_use_it(host: str, origin: str | None) -> None:
    check(host, origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://127.0.0.1:3000",
        "http://127.0.0.1",
        "http://localhost:8321",
        "http://127.0.0.1:8321.evil.example",
        "http://127.0.0.1:8321@evil.example",
        "file://127.0.0.1:8321",
        "http://127.0.0.1:99999",
        "127.0.0.1:8321",
        "http://[::1",
    ],
)
def test_pages_of_other_sites_may_not(origin: str) -> None:
    with pytest.raises(OriginNotAllowed):
        check("127.0.0.1:8321", origin)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_host_or_origin_makes_the_guard_fail(host: str, origin: str) -> None:
    headers = {"Host": host.replace("\r", "").replace("\n", "") or "x", "Origin": origin}
    try:
        GUARD.check(make_mocked_request("GET", "/", headers=headers))
    except CameraViewerError:
        pass
    else:
        assert Guard.is_host(headers["Host"])


# --- over the wire --------------------------------------------------------------------------------


async def test_other_sites_cannot_open_websockets(stage: Stage) -> None:
    await stage.add()
    for path in ("/api/websocket", "/api/ws?src=front"):
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await stage.client(stage.admin, **headers).ws_connect(path)
            assert refused.value.status == 403


async def test_a_refused_name_is_told_with_the_setting_that_allows_it(stage: Stage) -> None:
    async with stage.client(Host="cams.example").get("/api/health") as answer:
        assert answer.status == 403
        body = await answer.json()
    assert body["code"] == "HOST_NOT_ALLOWED"
    assert "allowed_hosts" in body["error"]
    async with stage.client(Host="cams.example").get("/") as answer:
        assert answer.status == 403
        assert answer.content_type == "text/plain"


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""],
)
async def test_changes_are_taken_as_json_only(stage: Stage, kind: str) -> None:
    browser = await stage.browser()
    headers = {"Content-Type": kind}
    for path in ("/api/cameras", "/api/auth/login", "/api/auth/logout"):
        async with browser.post(path, data=b"{}", headers=headers) as answer:
            assert answer.status == 415
            assert (await answer.json())["code"] == "JSON_REQUIRED"
    # Nor may a form without any field do something.
    async with browser.post("/api/auth/logout") as answer:
        assert answer.status == 415


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"[" * 5000, b"\xff"])
async def test_what_is_no_json_object_is_refused(stage: Stage, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with stage.client(stage.admin).post("/api/cameras", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["code"] == "INVALID_JSON"


async def test_a_body_without_end_is_refused(stage: Stage) -> None:
    body = {"name": "x" * 300_000}
    async with stage.client(stage.admin).post("/api/cameras", json=body) as answer:
        assert answer.status == 413
        assert (await answer.json())["code"] == "TOO_LARGE"


async def test_unknown_addresses_and_methods_have_the_envelope_too(stage: Stage) -> None:
    client = stage.client(stage.admin)
    async with client.get("/api/nothing") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "NOT_FOUND")
    async with client.patch("/api/cameras", json={}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (405, "METHOD_NOT_ALLOWED")
    async with client.options("/api/cameras") as answer:
        assert answer.status == 405
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_every_answer_tells_browsers_to_be_strict(stage: Stage) -> None:
    for path in ("/", "/api/health", "/api/nothing", "/nothing"):
        async with stage.client().get(path) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Server"] == "UCV"
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            if path.startswith("/api/"):
                assert answer.headers["Cache-Control"] == "no-store"


async def test_the_page_may_play_and_connect_to_its_own_hub_alone(stage: Stage) -> None:
    host = stage.server.url.removeprefix("http://")
    async with stage.client().get("/") as answer:
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in answer.headers["Content-Security-Policy"].split(";")
        )
    assert "blob:" in policy["media-src"].split()
    assert policy["connect-src"] == f"'self' ws://{host} wss://{host}"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


def routes(stage: Stage) -> list[tuple[str, str]]:
    """Return method and address of everything below /api/, with ids filled in."""
    app = stage.server.app
    return sorted(
        (
            route.method,
            (route.resource.canonical if route.resource else "").replace("{id}", "front"),
        )
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/")
    )


async def ask(client: aiohttp.ClientSession, method: str, path: str) -> tuple[int, Any]:
    body: dict[str, str] | None = {} if method in (hdrs.METH_POST, hdrs.METH_PUT) else None
    async with client.request(method, path, json=body) as answer:
        text = await answer.text()
        return answer.status, text


async def test_strangers_get_nothing_but_what_logging_in_needs(stage: Stage) -> None:
    await stage.add()
    assert len(routes(stage)) > 15
    for method, path in routes(stage):
        status, _ = await ask(stage.client(), method, path)
        if path not in PUBLIC:
            assert status == 401, f"{method} {path}"


async def test_viewers_look_and_change_nothing(stage: Stage) -> None:
    await stage.add()
    changes = [
        (method, path)
        for method, path in routes(stage)
        if method not in (hdrs.METH_GET, hdrs.METH_HEAD) and "/auth/" not in path
    ]
    assert len(changes) >= 4
    for method, path in changes:
        status, text = await ask(stage.client(stage.viewer), method, path)
        assert (status, "FORBIDDEN" in text) == (403, True), f"{method} {path}"
    status, _ = await ask(stage.client(stage.viewer), hdrs.METH_GET, "/api/cameras")
    assert status == 200
