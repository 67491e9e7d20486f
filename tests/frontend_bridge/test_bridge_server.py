"""Where the bridge listens, its page, and the commands it adds."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from typer import Typer
from typer.testing import CliRunner

from tests.frontend_bridge.conftest import PASSWORD, Stage
from ucv_bridge import bridge
from ucv_bridge.auth.accounts import Accounts
from ucv_bridge.auth.principal import Role
from ucv_bridge.errors import CannotListen, NoAccount
from ucv_bridge.server import serve
from ucv_bridge.static import NOT_BUILT, add_page, read_page

# --- listening ------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_others_are_let_in_only_once_there_is_an_account(stage: Stage, host: str) -> None:
    with pytest.raises(NoAccount, match="ucv user add"):
        await serve(stage.hub, host, 0)
    accounts = Accounts(stage.hub.database, stage.clock)
    await accounts._users.add(await accounts.new_user("anna", PASSWORD, Role.ADMIN))
    server = await serve(stage.hub, host, 0)
    try:
        assert "0.0.0.0" not in server.url
        assert "[::]" not in server.url
        assert server.first_start_link is None
    finally:
        await server.stop()


async def test_a_port_in_use_is_told(stage: Stage) -> None:
    port = int(stage.server.url.rpartition(":")[2])
    with pytest.raises(CannotListen, match=str(port)):
        await serve(stage.hub, "127.0.0.1", port)
    with pytest.raises(CannotListen):
        await serve(stage.hub, "no-such-host.invalid", 0)


async def test_ipv6_is_served_too(stage: Stage) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = await serve(stage.hub, "::1", 0)
    try:
        assert server.url.startswith("http://[::1]:")
        async with stage.client().get(f"{server.url}/api/health") as answer:
            assert answer.status == 200
    finally:
        await server.stop()


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "assets" / "index-abc123.js").write_text("export const x = 1;\n" * 200)
    (folder / "secret.key").write_text("not part of a page")
    (tmp_path / "outside.txt").write_text("outside")
    return folder


async def client_for(folder: Path) -> TestClient[web.Request, web.Application]:
    app = web.Application()
    add_page(app, read_page(folder))
    client = TestClient(TestServer(app))
    await client.start_server()
    return client


async def test_the_page_is_served_with_types_and_caching(page: Path) -> None:
    client = await client_for(page)
    try:
        for path in ("/", "/index.html"):
            answer = await client.get(path)
            assert await answer.text() == "<!doctype html>"
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert answer.headers["Cache-Control"] == "no-cache"
        answer = await client.get("/assets/index-abc123.js")
        assert answer.headers["Content-Encoding"] == "gzip"
        assert (await answer.text()).startswith("export const")
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert "immutable" in answer.headers["Cache-Control"]
        again = await client.get(
            "/assets/index-abc123.js", headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert again.status == 304
        assert await again.read() == b""
        plain = await client.get("/assets/index-abc123.js", headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert len(await plain.read()) == 4000
    finally:
        await client.close()


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "..%2foutside.txt",
        "assets/../../outside.txt",
        "/etc/passwd",
        "secret.key",
        "link.txt",
        "assets",
    ],
)
def test_nothing_but_the_page_has_an_address(page: Path, path: str) -> None:
    (page / "link.txt").symlink_to(page.parent / "outside.txt")
    assert path not in read_page(page)


async def test_a_page_that_is_not_built_is_told(tmp_path: Path) -> None:
    client = await client_for(tmp_path / "nothing")
    try:
        answer = await client.get("/")
        assert answer.status == 503
        assert await answer.text() == NOT_BUILT
    finally:
        await client.close()


async def test_an_unknown_address_is_not_found(stage: Stage) -> None:
    for path in ("/nothing", "/assets/nothing.js", "/..%2f..%2fserver.py", "/%00"):
        async with stage.client().get(path) as answer:
            assert answer.status == 404
            assert answer.content_type == "text/plain"


# --- the command line -----------------------------------------------------------------------------


def run(*arguments: str, stdin: str | None = None) -> str:
    app = Typer()
    bridge.register_commands(app)
    result = CliRunner().invoke(app, [*arguments], input=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_token_is_printed_alone_listed_and_revoked(tmp_path: Path) -> None:
    config = ("--config", str(tmp_path / "never-run"))
    text = run("token", "create", "dashboard", *config, "--role", "viewer")
    assert text.startswith("ucv_")
    assert len(text.split()) == 1
    listed = run("token", "list", *config)
    assert "dashboard" in listed
    assert text.strip() not in listed
    token_id = listed.splitlines()[1].split()[0]
    run("token", "revoke", token_id, *config)
    assert "dashboard" not in run("token", "list", *config)


def test_an_account_is_made_with_the_password_from_a_pipe(tmp_path: Path) -> None:
    config = ("--config", str(tmp_path))
    run("user", "add", "anna", *config, stdin=f"{PASSWORD}\n")
    run("user", "add", "ben", *config, stdin=f"{PASSWORD}\n")
    app = Typer()
    bridge.register_commands(app)
    for name, password, wrong in (("anna", PASSWORD, "account"), ("carl", "short", "password")):
        result = CliRunner().invoke(app, ["user", "add", name, *config], input=f"{password}\n")
        assert result.exit_code == 1
        assert wrong in result.output
        assert "Traceback" not in result.output


async def test_an_account_made_on_the_command_line_logs_in(stage: Stage) -> None:
    config = ("--config", str(stage.path))
    await asyncio.to_thread(run, "user", "add", "anna", *config, stdin=f"{PASSWORD}\n")
    await asyncio.to_thread(run, "user", "add", "ben", *config, stdin=f"{PASSWORD}\n")
    for name, role in (("anna", "admin"), ("ben", "viewer")):
        body = {"name": name, "password": PASSWORD}
        async with stage.client().post("/api/auth/login", json=body) as answer:
            assert (await answer.json())["user"] == {"name": name, "role": role}
