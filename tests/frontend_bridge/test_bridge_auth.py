"""Who gets in, how, and for how long."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import aiohttp
import pytest

from tests.frontend_bridge.conftest import PASSWORD, Socket, Stage
from ucv.errors import RateLimited, Unauthorized, ValidationError
from ucv.storage.accounts import AuditLog, TokenRepository
from ucv.testing.clock import FakeClock
from ucv_bridge.auth import passwords
from ucv_bridge.auth.accounts import SESSION_IDLE, SESSION_LIMIT, Accounts
from ucv_bridge.auth.limits import RateLimiter, network_of
from ucv_bridge.auth.passwords import PasswordHasher, hash_password
from ucv_bridge.auth.principal import Role


async def post(client: aiohttp.ClientSession, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.post(path, json={} if body is None else body) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def state(client: aiohttp.ClientSession) -> Any:
    async with client.get("/api/auth/state") as answer:
        assert answer.status == 200
        return await answer.json()


class Opened:
    """Accounts on a hub's database, with a clock that a test turns."""

    def __init__(self, stage: Stage) -> None:
        self.clock = FakeClock()
        self.accounts = Accounts(stage.hub.database, self.clock)


@pytest.fixture
def opened(stage: Stage) -> Opened:
    return Opened(stage)


# --- the first start ------------------------------------------------------------------------------


async def test_the_first_start_link_makes_the_administrator_once(stage: Stage) -> None:
    assert "/#/setup?code=" in (stage.server.first_start_link or "")
    browser = stage.client()
    assert await state(browser) == {"setup_required": True, "user": None}
    body = {"code": stage.setup_code, "name": " anna ", "password": PASSWORD}
    status, answer = await post(browser, "/api/auth/setup", body)
    assert (status, answer) == (200, {"user": {"name": "anna", "role": "admin"}})
    # The browser is logged in at once.
    assert await state(browser) == {
        "setup_required": False,
        "user": {"name": "anna", "role": "admin"},
    }
    status, answer = await post(stage.client(), "/api/auth/setup", body | {"name": "eve"})
    assert (status, answer["code"]) == (403, "SETUP_DONE")


async def test_two_who_open_the_link_at_once_make_one_administrator(stage: Stage) -> None:
    code = stage.setup_code
    results = await asyncio.gather(
        *(
            post(stage.client(), "/api/auth/setup", {"code": code, "name": n, "password": PASSWORD})
            for n in ("anna", "eve")
        )
    )
    assert sorted(status for status, _ in results) == [200, 403]


async def test_a_wrong_code_makes_nobody(stage: Stage) -> None:
    body = {"code": "wrong", "name": "eve", "password": PASSWORD}
    status, answer = await post(stage.client(), "/api/auth/setup", body)
    assert (status, answer["code"]) == (403, "INVALID_SETUP_CODE")
    assert (await state(stage.client()))["setup_required"]


async def test_a_hub_with_an_account_prints_no_link(stage: Stage) -> None:
    await stage.browser()
    await stage.restart()
    assert stage.server.first_start_link is None


async def test_an_account_made_beside_the_running_hub_closes_the_first_start(
    stage: Stage, opened: Opened
) -> None:
    code = stage.setup_code
    user = await opened.accounts.new_user("anna", PASSWORD, Role.ADMIN)
    await opened.accounts._users.add(user)
    assert not (await state(stage.client()))["setup_required"]
    body = {"code": code, "name": "eve", "password": PASSWORD}
    status, answer = await post(stage.client(), "/api/auth/setup", body)
    assert (status, answer["code"]) == (403, "SETUP_DONE")


@pytest.mark.parametrize(
    ("name", "password", "wrong"),
    [
        ("anna", "short", {"password"}),
        ("anna", "x" * 257, {"password"}),
        ("  ", PASSWORD, {"name"}),
        ("a\nb", "short", {"name", "password"}),
        ("n" * 65, PASSWORD, {"name"}),
    ],
)
async def test_what_is_wrong_with_name_and_password_is_told_by_field(
    stage: Stage, name: str, password: str, wrong: set[str]
) -> None:
    body = {"code": stage.setup_code, "name": name, "password": password}
    status, answer = await post(stage.client(), "/api/auth/setup", body)
    assert (status, answer["code"]) == (400, "VALIDATION_ERROR")
    assert {error["key"] for error in answer["details"]["errors"]} == wrong
    # The link is still good.
    assert (
        await post(stage.client(), "/api/auth/setup", body | {"name": "anna", "password": PASSWORD})
    )[0] == 200


# --- sessions -------------------------------------------------------------------------------------


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(stage: Stage) -> None:
    await stage.browser()
    client = stage.client()
    body = {"name": "anna", "password": PASSWORD}
    async with client.post("/api/auth/login", json=body) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    # Only what came by TLS is told to stay there.
    host = stage.server.url.removeprefix("http://")
    headers = {"Origin": f"https://{host}"}
    async with client.post("/api/auth/login", json=body, headers=headers) as answer:
        assert answer.status == 200
        assert "Secure" in answer.headers["Set-Cookie"]


async def test_hubs_beside_each_other_do_not_take_each_others_sessions(stage: Stage) -> None:
    browser = await stage.browser()
    port = stage.server.url.rpartition(":")[2]
    assert [cookie.key for cookie in browser.cookie_jar] == [f"ucv_session_{port}"]


@pytest.mark.parametrize(
    "body", [{"name": "anna", "password": "wrong password"}, {"name": "eve", "password": PASSWORD}]
)
async def test_a_refusal_does_not_tell_which_part_was_wrong(
    stage: Stage, body: dict[str, str]
) -> None:
    await stage.browser()
    client = stage.client()
    status, answer = await post(client, "/api/auth/login", body)
    assert status == 401
    assert answer == {
        "error": "The name or the password is wrong.",
        "code": "INVALID_LOGIN",
        "details": {},
    }
    assert not list(client.cookie_jar)


async def test_logging_out_ends_the_session_and_its_open_connections(stage: Stage) -> None:
    await stage.add()
    browser = await stage.browser()
    socket = Socket(await browser.ws_connect("/api/websocket"))
    await socket.receive()
    await socket.send(type="auth")
    assert (await socket.receive())["user"] == {"name": "anna", "role": "admin"}
    media = await browser.ws_connect("/api/ws", params={"src": "front"})
    other = await stage.socket()

    cookies = {cookie.key: cookie.value for cookie in browser.cookie_jar}
    status, _ = await post(browser, "/api/auth/logout")
    assert status == 204
    assert (await state(browser))["user"] is None
    for ended in (socket.ws, media):
        message = await ended.receive(timeout=5)
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    # The cookie is worth nothing any more, also to who copied it.
    async with stage.client().get("/api/cameras", cookies=cookies) as answer:
        assert answer.status == 401
    assert (await other.call("cameras/list"))["success"]


async def test_a_session_ends_unused_and_in_any_case(stage: Stage, opened: Opened) -> None:
    accounts, clock = opened.accounts, opened.clock
    code = await accounts.begin()
    first = await accounts.set_up(code or "", "anna", PASSWORD, "192.0.2.1")
    unused = await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    used_days = 0
    while await accounts.by_cookie(first.cookie):
        used_days += 1
        clock.jump(86_400)
    assert used_days == SESSION_LIMIT / 86_400
    assert await accounts.by_cookie(unused.cookie) is None
    again = await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    clock.jump(SESSION_IDLE)
    assert await accounts.by_cookie(again.cookie) is None
    assert not await accounts.is_valid(again.principal)


# --- tokens ---------------------------------------------------------------------------------------


async def test_a_token_that_is_no_good_is_refused(stage: Stage) -> None:
    for token in ("ucv_wrong", "", stage.admin[:-1], stage.admin.upper()):
        async with stage.client(token).get("/api/cameras") as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    async with stage.client(Authorization="Basic YTpi").get("/api/cameras") as answer:
        assert answer.status == 401


async def test_revoking_a_token_ends_what_it_is_connected_by(stage: Stage) -> None:
    await stage.add()
    socket = await stage.socket(stage.viewer)
    media = await stage.client(stage.viewer).ws_connect("/api/ws", params={"src": "front"})
    tokens = TokenRepository(stage.hub.database)
    found = next(token for token in await tokens.list() if token.role == "viewer")
    assert found.last_used_at is not None
    await tokens.revoke(found.id, 1.0)
    async with stage.client(stage.viewer).get("/api/cameras") as answer:
        assert answer.status == 401
    await stage.server.context.connections.check()
    for ended in (socket.ws, media):
        message = await ended.receive(timeout=5)
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def test_neither_passwords_nor_tokens_nor_sessions_are_kept_as_they_are(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("WARNING", "aiosqlite")  # as in the hub's process: it logs rows
    browser = await stage.browser()
    await post(stage.client(), "/api/auth/login", {"name": PASSWORD, "password": "anna"})
    cookie = next(iter(browser.cookie_jar)).value
    database = stage.hub.directory.database
    with sqlite3.connect(database) as connection:
        stored = "\n".join(connection.iterdump())
    connection.close()
    assert "$argon2id$" in stored
    for secret in (PASSWORD, stage.admin, cookie):
        assert secret not in stored
        assert secret not in caplog.text


# --- limits and the audit log ---------------------------------------------------------------------


async def test_guessing_is_limited_by_address(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.browser()
    monkeypatch.setattr(passwords, "_verify", lambda _password, _encoded: False)
    client = stage.client()
    for number in range(10):
        status, _ = await post(client, "/api/auth/login", {"name": f"n{number}", "password": "x"})
        assert status == 401
    async with client.post("/api/auth/login", json={"name": "anna", "password": "x"}) as answer:
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 30
        assert (await answer.json())["code"] == "RATE_LIMITED"


async def test_guessing_is_limited_by_account_from_wherever_it_comes(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_verify", lambda _password, _encoded: False)
    for number in range(20):
        with pytest.raises(Unauthorized):
            await opened.accounts.log_in("Anna", "x", f"192.0.2.{number}")
    with pytest.raises(RateLimited):
        await opened.accounts.log_in("anna", "x", "198.51.100.1")
    opened.clock._monotonic += 10.0
    with pytest.raises(Unauthorized):
        await opened.accounts.log_in("anna", "x", "198.51.100.1")


async def test_who_knows_the_password_is_not_limited(opened: Opened) -> None:
    code = await opened.accounts.begin()
    await opened.accounts.set_up(code or "", "anna", PASSWORD, "192.0.2.1")
    for _ in range(25):
        await opened.accounts.log_in("anna", PASSWORD, "192.0.2.1")


def test_a_limiter_lets_a_burst_through_and_then_one_at_a_time() -> None:
    clock = FakeClock()
    limiter = RateLimiter(clock, burst=3, interval=10.0)
    assert [limiter.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]
    clock._monotonic += 10.0
    assert limiter.take("a") == 0.0
    assert limiter.take("a") == pytest.approx(10.0)
    clock._monotonic += 1000.0
    assert [limiter.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]


def test_nobody_can_push_anothers_attempts_out_of_a_limiter() -> None:
    limiter = RateLimiter(FakeClock(), burst=3, interval=10.0)
    for _ in range(3):
        limiter.take("anna")
    for number in range(20_000):
        limiter.take(f"other {number}")
    assert limiter.take("anna") > 0


def test_a_client_is_its_ipv4_address_or_its_network_of_ipv6() -> None:
    assert network_of("192.0.2.7") == network_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1%eth0") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("") == ""


async def test_what_was_done_is_in_the_audit_log_and_unknown_names_are_not(stage: Stage) -> None:
    browser = await stage.browser()
    await post(stage.client(), "/api/auth/login", {"name": "my password", "password": "oops"})
    await post(stage.client(), "/api/auth/login", {"name": "anna", "password": "oops"})
    mapping = {"id": "front", "name": "Front", "integration": "fake", "url": "fake://front"}
    await post(browser, "/api/cameras", mapping)
    async with browser.delete("/api/cameras/front") as answer:
        assert answer.status == 204
    entries = await AuditLog(stage.hub.database).list()
    assert [(e.actor, e.action, e.target, e.outcome) for e in reversed(entries)] == [
        ("anna", "setup", "", "ok"),
        ("(unknown)", "login", "", "refused"),
        ("anna", "login", "", "refused"),
        ("anna", "camera.create", "front", "ok"),
        ("anna", "camera.delete", "front", "ok"),
    ]
    assert {entry.address for entry in entries} == {"127.0.0.1"}


# --- passwords ------------------------------------------------------------------------------------


async def test_a_password_fits_its_own_hash_in_any_form_of_unicode() -> None:
    hasher = PasswordHasher()
    encoded = await hasher.hash("contraseña é")
    assert encoded.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert await hasher.verify("contrasen\u0303a e\u0301", encoded)
    assert not await hasher.verify("contrasena e", encoded)
    assert not await hasher.verify("", None)
    assert hash_password("x") != hash_password("x")


async def test_more_log_ins_than_can_be_checked_are_turned_away() -> None:
    hasher = PasswordHasher()
    results = await asyncio.gather(
        *(hasher.verify("x", None) for _ in range(24)), return_exceptions=True
    )
    assert sum(isinstance(result, RateLimited) for result in results) == 7


async def test_a_name_in_use_is_refused(opened: Opened) -> None:
    with pytest.raises(ValidationError):
        await opened.accounts.new_user("", PASSWORD, Role.ADMIN)
