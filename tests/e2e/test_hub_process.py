"""The command line and the hub's process: start, stop, tokens, crashes, secrets."""

from __future__ import annotations

import asyncio
import base64
import signal
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from tests.e2e.conftest import StartHub, ucv

pytestmark = pytest.mark.slow

PASSWORD = "Tr0ub4dor&3 p@ss/w:rd"


async def test_version_is_printed_alone() -> None:
    _, out, _ = await ucv("--version")
    assert out.strip().count(".") == 2


async def test_a_token_can_be_made_before_the_first_run_and_is_printed_alone(
    tmp_path: Path, start_hub: StartHub
) -> None:
    config = tmp_path / "never-run"
    _, out, _ = await ucv(
        "token", "create", "dashboard", "--config", str(config), "--role", "viewer"
    )
    token = out.strip()
    assert len(token) >= 32
    assert len(out.splitlines()) == 1
    hub = await start_hub(config)
    hub.token = token
    assert await hub.get("/api/cameras") == {"cameras": []}
    async with hub.http.post("/api/cameras", json={"name": "x", "integration": "rtsp"}) as answer:
        assert answer.status == 403
        assert (await answer.json())["code"] == "FORBIDDEN"


async def test_a_token_made_beside_a_running_hub_works_at_once(
    tmp_path: Path, start_hub: StartHub
) -> None:
    hub = await start_hub(tmp_path / "config")
    await hub.close_client()
    _, out, _ = await ucv("token", "create", "second", "--config", str(hub.config))
    hub.token = out.strip()
    assert await hub.cameras() == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_it_cleanly(
    tmp_path: Path, start_hub: StartHub, number: signal.Signals
) -> None:
    hub = await start_hub(tmp_path / "config")
    assert await hub.stop(number, limit=5.0) == 0
    assert "Traceback" not in hub.log


async def test_faults_of_the_configuration_are_printed_with_file_line_and_key(
    tmp_path: Path,
) -> None:
    (tmp_path / "ucv.yaml").write_text(
        "cameras:\n"
        "  - name: Front door\n"
        "    integration: rtsp\n"
        "    url: rtsp://127.0.0.1/live\n"
        "    pasword: hunter2secret\n"
        "  - name: Back\n"
        "    integration: rtps\n"
        "    url: rtsp://127.0.0.1/live\n"
    )
    for command in ("check-config", "run"):
        status, out, err = await ucv(command, "--config", str(tmp_path), check=False)
        assert status == 1
        assert "ucv.yaml:5" in err
        assert "pasword" in err
        assert "password" in err
        assert "ucv.yaml:7" in err
        assert "rtsp" in err
        assert "hunter2secret" not in out + err


async def test_a_port_in_use_is_a_clear_error(tmp_path: Path, start_hub: StartHub) -> None:
    hub = await start_hub(tmp_path / "first")
    port = hub.url.rpartition(":")[2]
    status, _, err = await ucv(
        "run", "--config", str(tmp_path / "second"), "--port", port, check=False
    )
    assert status == 1
    assert port in err
    assert "Traceback" not in err


async def test_another_address_is_refused_while_there_is_no_account(tmp_path: Path) -> None:
    status, _, err = await ucv(
        "run",
        "--config",
        str(tmp_path),
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        check=False,
    )
    assert status == 1
    assert "Traceback" not in err
    assert "account" in err or "administrator" in err


async def test_killed_under_writes_it_comes_back_with_its_registry_intact(
    tmp_path: Path, start_hub: StartHub
) -> None:
    config = tmp_path / "config"
    answered: list[str] = []
    for round_number in range(3):
        hub = await start_hub(config)
        known = await hub.cameras()
        # What was answered with success before the kill is there after it.
        assert set(answered) <= set(known)

        async def write(round_number: int = round_number, hub: Any = hub) -> None:
            for number in range(10_000):
                mapping = {
                    "id": f"camera-{round_number}-{number}",
                    "name": f"Camera {number}",
                    "integration": "rtsp",
                    "url": f"rtsp://127.0.0.1:9/{number}",
                    "username": "viewer",
                    "password": PASSWORD,
                }
                async with hub.http.post("/api/cameras", json=mapping) as answer:
                    assert answer.status in (200, 201), await answer.text()
                    answered.append(mapping["id"])

        writing = asyncio.create_task(write())
        before = len(answered)
        while len(answered) < before + 5:
            await asyncio.sleep(0.01)
            if writing.done():
                await writing
        hub.process.kill()
        await asyncio.gather(writing, return_exceptions=True)
        await hub.stop(signal.SIGKILL)
        with sqlite3.connect(config / ".storage" / "ucv.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.close()
    hub = await start_hub(config)
    assert set(answered) <= set(await hub.cameras())


async def test_a_known_password_shows_nowhere(tmp_path: Path, start_hub: StartHub) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "secrets.yaml").write_text(f'front_password: "{PASSWORD}"\n')
    (config / "ucv.yaml").write_text(
        "cameras:\n"
        "  - id: front\n"
        "    name: Front\n"
        "    integration: rtsp\n"
        "    url: rtsp://127.0.0.1:9/live\n"
        "    username: viewer\n"
        "    password: !secret front_password\n"
        "    preload: true\n"
    )
    hub = await start_hub(config, "--log-level", "debug")
    mapping = {
        "id": "back",
        "name": "Back",
        "integration": "rtsp",
        "url": f"rtsp://viewer:{quote(PASSWORD, safe='')}@127.0.0.1:9/live",
        "preload": True,
    }
    answers = []
    async with hub.http.post("/api/cameras", json=mapping) as answer:
        answers.append(await answer.text())
    for path in ("/api/cameras", "/api/cameras/back", "/api/cameras/front", "/api/system/info"):
        async with hub.http.get(path) as answer:
            answers.append(await answer.text())
    async with hub.http.get("/api/cameras/front/snapshot.jpg") as answer:
        answers.append(await answer.text())
    async with hub.http.post(
        "/api/cameras", json={**mapping, "id": "bad", "surprise": PASSWORD}
    ) as answer:
        assert answer.status == 400
        answers.append(await answer.text())
    async with hub.http.ws_connect("/api/websocket") as ws:
        await ws.receive_json()
        await ws.send_json({"type": "auth", "access_token": hub.token})
        await ws.receive_json()
        for number, command in enumerate(("cameras/list", "entries/list"), 1):
            await ws.send_json({"id": number, "type": command})
            answers.append(await ws.receive_str())
    command_line = " ".join(psutil.Process(hub.process.pid).cmdline())
    for view in ("retrying", "offline"):
        camera = (await hub.cameras())["front"]
        if camera["state"] == view:
            break
    await hub.until_camera("front", lambda camera: camera["state"] in ("retrying", "offline"))
    await hub.stop()
    files = b"".join(
        path.read_bytes() for path in sorted((config / ".storage").rglob("*")) if path.is_file()
    )
    for form in _forms(PASSWORD):
        for place, text in {
            "answers": "\n".join(answers),
            "log": hub.log,
            "process list": command_line,
            "files": files.decode("latin-1"),
        }.items():
            assert form not in text, f"{form!r} is in the {place}"
    assert "front" in hub.log


def _forms(password: str) -> set[str]:
    raw = password.encode()
    return {
        password,
        quote(password, safe=""),
        quote(password),
        base64.b64encode(raw).decode(),
        base64.b64encode(b"viewer:" + raw).decode(),
    }
