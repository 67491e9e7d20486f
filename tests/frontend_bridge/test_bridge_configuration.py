"""What is wrong with ucv.yaml, reading it again, and cameras as YAML, for clients."""

from __future__ import annotations

import pytest

from tests.frontend_bridge.conftest import Stage

CAMERA = """
cameras:
  - {id: side, name: Side, integration: fake, url: "fake://side", username: u, password: side-pass}
"""


async def test_a_broken_file_is_told_at_once_and_its_mending_too(stage: Stage) -> None:
    socket = await stage.socket()
    _, first = await socket.subscribe("config/subscribe")
    assert first == {"kind": "configuration", "problems": [], "restart_needed": []}
    stage.hub.directory.yaml.write_text("cameras: [{name: A}]\n")
    event = await socket.event_where(lambda event: event["problems"])
    assert "integration: is required" in event["problems"][0]
    stage.hub.directory.yaml.write_text(CAMERA)
    await socket.event_where(lambda event: not event["problems"])
    assert stage.hub.entries.get("side").config.origin == "yaml"


async def test_reading_again_says_what_changed(stage: Stage) -> None:
    socket = await stage.socket()
    stage.hub.directory.yaml.write_text(CAMERA + "server: {port: 7777}\n")
    answer = await socket.call("config/reload")
    assert answer["result"]["restart_needed"] == ["server"]
    assert (await socket.call("config/status"))["result"] == {
        "problems": [],
        "restart_needed": ["server"],
    }
    viewer = await stage.socket(stage.viewer)
    for kind in ("config/status", "config/reload", "config/subscribe"):
        assert (await viewer.call(kind))["code"] == "FORBIDDEN"


async def test_cameras_go_out_as_yaml_without_passwords_and_come_back(stage: Stage) -> None:
    await stage.add("front", username="viewer", password="hunter2-secret")
    admin = stage.client(stage.admin)
    async with admin.get("/api/config/export") as answer:
        assert answer.status == 200
        assert "attachment" in answer.headers["Content-Disposition"]
        text = await answer.text()
    assert "hunter2-secret" not in text
    assert "password: !secret front_password" in text
    await stage.hub.entries.delete("front")

    body = {"yaml": text, "dry_run": True}
    async with admin.post("/api/config/import", json=body) as answer:
        assert await answer.json() == {
            "added": ["front"], "skipped": [], "lacking": ["front"], "dry_run": True,
        }  # fmt: skip
    assert stage.hub.entries.list() == []
    async with admin.post("/api/config/import", json={"yaml": text}) as answer:
        assert answer.status == 200
    assert stage.hub.entries.get("front").config.data["username"] == "viewer"
    async with admin.post("/api/config/import", json={"yaml": text}) as answer:
        assert (await answer.json())["skipped"] == ["front"]


async def test_a_password_in_the_text_is_kept_as_a_secret(stage: Stage) -> None:
    admin = stage.client(stage.admin)
    async with admin.post("/api/config/import", json={"yaml": CAMERA}) as answer:
        assert answer.status == 200, await answer.text()
    assert await stage.hub.secrets.get("side", "password") == "side-pass"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("cameras: [", "INVALID_YAML"),
        ("cameras: [{name: A, integration: nobody}]", "INVALID_YAML"),
        ("cameras: !include /etc/hostname", "INVALID_YAML"),
        # The same, in the ways in which YAML lets tags be written.
        ("cameras: !%69nclude /etc/hostname", "INVALID_YAML"),
        ("cameras: !<!include> /etc/hostname", "INVALID_YAML"),
        ("%TAG !e! !inc\n---\ncameras: [{name: !e!lude /etc/hostname}]", "INVALID_YAML"),
        ("cameras: [{name: !env HOME, integration: fake, url: fake://x}]", "INVALID_YAML"),
        (
            "cameras: [{name: A, integration: fake, url: fake://169.254.169.254/}]",
            "ADDRESS_REFUSED",
        ),
    ],
)
async def test_what_cannot_be_imported_adds_nothing(stage: Stage, text: str, code: str) -> None:
    admin = stage.client(stage.admin)
    async with admin.post("/api/config/import", json={"yaml": text}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, code)
    assert stage.hub.entries.list() == []


async def test_viewers_neither_export_nor_import(stage: Stage) -> None:
    viewer = stage.client(stage.viewer)
    async with viewer.get("/api/config/export") as answer:
        assert answer.status == 403
    async with viewer.post("/api/config/import", json={"yaml": CAMERA}) as answer:
        assert answer.status == 403
