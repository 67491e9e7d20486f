"""The running configuration goes out as YAML without secrets, and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ucv.cli.app import app
from ucv.config.drafts import EntryDraft
from ucv.config.export import as_mapping, export_yaml, plan_import
from ucv.config.yaml import load, load_text
from ucv.entries.entry import EntryConfig
from ucv.hub import Hub
from ucv.plugins.loader import PluginManager

PASSWORD = "hunter2-p@ss: #word"
MAPPING = {
    "id": "front-door",
    "name": "Front: door",
    "integration": "rtsp",
    "url": "rtsp://127.0.0.1:1/x",
    "username": "viewer",
    "password": PASSWORD,
    "preload": True,
}


@pytest.fixture(scope="module")
def plugins() -> PluginManager:
    return PluginManager.load(safe_mode=True)


async def _run(path: Path, *mappings: dict[str, object]) -> None:
    hub = Hub(path)
    await hub.start()
    for mapping in mappings:
        await hub.entries.create(mapping)
    await hub.stop()


def test_what_is_exported_can_be_imported_and_is_the_same(tmp_path: Path) -> None:
    asyncio.run(_run(tmp_path / "old", MAPPING))
    runner = CliRunner()
    target = tmp_path / "out.yaml"
    done = runner.invoke(app, ["export", str(target), "--config", str(tmp_path / "old")])
    assert done.exit_code == 0, done.output
    text = target.read_text()
    assert PASSWORD not in text
    assert "password: !secret front_door_password" in text
    assert "#   front_door_password: …" in text

    (tmp_path / "secrets.yaml").write_text(f"front_door_password: '{PASSWORD}'\n")
    new = ["--config", str(tmp_path / "new")]
    tried = runner.invoke(app, ["import", str(target), *new, "--dry-run"])
    assert "front-door would be added" in tried.output
    done = runner.invoke(app, ["import", str(target), *new])
    assert done.exit_code == 0, done.output
    again = runner.invoke(app, ["export", *new])
    assert again.stdout == text
    assert "is there already" in runner.invoke(app, ["import", str(target), *new]).output


def test_what_has_no_password_in_the_file_is_added_without(
    tmp_path: Path, plugins: PluginManager
) -> None:
    entry = EntryConfig(
        "a", "rtsp", "A", data={"url": "rtsp://h/x"}, secrets=frozenset({"password"})
    )
    (tmp_path / "x.yaml").write_text(export_yaml([entry]))
    plan = plan_import(load(tmp_path / "x.yaml", tmp_path), plugins.integrations, ())
    assert plan.problems == ()
    assert plan.lacking == ("a",)
    assert dict(plan.add[0].secrets) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no cameras"),
        ("cameras: 3", "there are no cameras"),
        ("cameras: [", "x.yaml:1"),
        ("cameras: [{name: A}]", "integration: is required"),
        ("cameras: [{name: A, integration: rtsp, url: rtsp://h/x, usrname: x}]", "Did you mean"),
        ("cameras: [5]", "expected the keys of a camera"),
        ("cameras: [{name: A, integration: rtsp, url: null}]", "url"),
    ],
)
def test_a_file_with_problems_names_them_and_nothing_is_added(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    done = CliRunner().invoke(app, ["import", str(file), "--config", str(tmp_path / "new")])
    assert done.exit_code == 1
    assert words in done.output
    exported = CliRunner().invoke(app, ["export", "--config", str(tmp_path / "new")])
    assert exported.stdout == "cameras: []\n"


async def test_importing_beside_a_running_hub_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("cameras: []\n")
    hub = Hub(tmp_path / "config")
    await hub.start()
    try:
        command = ["import", str(file), "--config", str(tmp_path / "config")]
        done = await asyncio.to_thread(CliRunner().invoke, app, command)
        assert done.exit_code == 1
        assert "HUB_RUNNING" in done.output
    finally:
        await hub.stop()


def test_reloading_without_a_hub_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["reload", "--config", str(tmp_path)])
    assert done.exit_code == 1
    assert "No hub runs" in done.output


# What a form accepts, see `fields.Text`.
_text = st.text(min_size=1, max_size=40).filter(str.isprintable)


@given(name=_text, username=_text, preload=st.booleans())
def test_whatever_a_camera_is_called_it_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    plugins: PluginManager,
    name: str,
    username: str,
    preload: bool,
) -> None:
    data = {"url": "rtsp://h/x", "username": username}
    entry = EntryConfig("a", "rtsp", name, data=data, preload=preload)
    file = tmp_path_factory.mktemp("export") / "x.yaml"
    file.write_text(export_yaml([entry]))
    plan = plan_import(load(file, file.parent), plugins.integrations, ())
    assert plan.problems == ()
    expected = {"id": "a", "name": name, "integration": "rtsp", **data}
    assert as_mapping(plan.add[0]) == {**expected, **({"preload": True} if preload else {})}


def test_what_the_yaml_of_the_directory_defines_is_there_already(tmp_path: Path) -> None:
    text = "cameras: [{id: a, name: A, integration: rtsp, url: rtsp://h/x}]\n"
    config = tmp_path / "config"
    config.mkdir()
    for file in (config / "ucv.yaml", tmp_path / "x.yaml"):
        file.write_text(text)
    command = ["import", str(tmp_path / "x.yaml"), "--config", str(config)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "a is there already" in done.output


def test_secrets_deep_within_are_put_where_they_belong() -> None:
    data = {"accounts": [{"user": "a"}, {"user": "b"}], "kept": {"x": 1}}
    secrets = frozenset({"accounts[1].key", "kept.token", "lost.token", "words[0]", "words[1]"})
    text = export_yaml([EntryConfig("a", "rtsp", "A", data=data, secrets=secrets)])
    assert "secret a_accounts_1_key\n" in text
    document = load_text(text.replace("!secret ", ""), "x")
    assert document.problems == []
    (camera,) = document.value["cameras"]
    assert camera["accounts"] == [{"user": "a"}, {"user": "b", "key": "a_accounts_1_key"}]
    assert camera["kept"] == {"x": 1, "token": "a_kept_token"}
    assert camera["lost"] == {"token": "a_lost_token"}
    assert camera["words"] == ["a_words_0", "a_words_1"]
    assert data["accounts"] == [{"user": "a"}, {"user": "b"}]


def test_a_draft_with_secrets_deep_within_becomes_its_mapping_again() -> None:
    draft = EntryDraft("a", "A", "x", {"api": {"user": "u"}}, {"api.key": "k", "pin": "1"})
    mapping = as_mapping(draft)
    assert mapping["api"] == {"user": "u", "key": "k"}
    assert mapping["pin"] == "1"


def test_two_secrets_never_get_the_same_name() -> None:
    entries = [
        EntryConfig("a", "x", "A", secrets=frozenset({"b_c"})),
        EntryConfig("a-b", "x", "B", secrets=frozenset({"c"})),
    ]
    text = export_yaml(entries)
    assert "b_c: !secret a_b_c\n" in text
    assert "c: !secret a_b_c_2\n" in text


def test_a_device_found_at_another_address_is_exported_with_that() -> None:
    entry = EntryConfig("a", "x", "A", data={"host": "old"}, facts={"host": "new", "path": "/p"})
    text = export_yaml([entry])
    assert "host: new\n" in text
    assert "/p" not in text
