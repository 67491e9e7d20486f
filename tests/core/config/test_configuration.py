"""The configuration as a whole."""

from __future__ import annotations

import logging
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import voluptuous as vol

from ucv import Device, DeviceInfo, Integration, Stream, fields
from ucv.config.configuration import (
    ConfigInvalid,
    Configuration,
    inspect,
    inspect_cameras,
    read,
    validate_cameras,
)
from ucv.config.paths import ConfigDirectory


class Plain(Integration):
    domain = "plain"
    name = "Plain"
    schema = {vol.Required("host"): fields.Host(), **fields.CREDENTIALS}

    async def probe(self, device: Device) -> DeviceInfo:
        return DeviceInfo()

    async def streams(self, device: Device) -> list[Stream]:
        return []


INTEGRATIONS: dict[str, Integration] = {"plain": Plain()}


def configured(folder: Path, text: str, **environment: str) -> Configuration:
    (folder / "ucv.yaml").write_text(text)
    return read(ConfigDirectory(folder), environment)


def problems(folder: Path, text: str) -> list[str]:
    (folder / "ucv.yaml").write_text(text)
    configuration, root = inspect(ConfigDirectory(folder), {})
    _, cameras = inspect_cameras(configuration, INTEGRATIONS)
    return [str(problem) for problem in (*root, *cameras)]


def test_no_file_is_an_empty_configuration(tmp_path: Path) -> None:
    configuration = read(ConfigDirectory(tmp_path))
    assert validate_cameras(configuration, INTEGRATIONS) == []
    assert configuration.server.host == "127.0.0.1"
    assert configuration.server.port == 8321
    assert configuration.database is None


@pytest.mark.parametrize("text", ["", "cameras:\n", "cameras: []\nplugins:\n", "x-any: 1\n"])
def test_what_says_nothing_is_empty(tmp_path: Path, text: str) -> None:
    configuration = configured(tmp_path, text)
    assert configuration.cameras == []
    assert configuration.plugins == ()


def test_all_settings_are_read(tmp_path: Path) -> None:
    configuration = configured(
        tmp_path,
        "server: {host: 0.0.0.0, port: !env PORT 1, allowed_hosts: [cams.example]}\n"
        "streams: {linger: 30, retry_cap: 20}\n"
        "log_level: debug\n"
        "database: postgresql://u:hunter2@db/ucv\n",
        PORT="8000",
    )
    assert configuration.server.host == "0.0.0.0"
    assert configuration.server.port == 8000
    assert configuration.server.allowed_hosts == ("cams.example",)
    assert (configuration.streams.linger, configuration.streams.retry_cap) == (30.0, 20.0)
    assert configuration.log_level == "debug"
    assert configuration.database == "postgresql://u:hunter2@db/ucv"
    assert "hunter2" not in repr(configuration)


def test_plugin_folders_are_relative_to_the_file_that_names_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sub" / "mine").mkdir(parents=True)
    (tmp_path / "sub" / "plugins.yaml").write_text("[mine]")
    configuration = configured(tmp_path, "plugins: !include sub/plugins.yaml\n")
    assert configuration.plugins == (tmp_path / "sub" / "mine",)
    assert not caplog.records
    configured(tmp_path, "plugins: [/nowhere/at/all]\n")
    assert "plugins[0]: there is no such folder" in caplog.text


def test_every_problem_is_told_with_file_line_and_key(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        "servr: {}\n"
        "server:\n"
        "  prot: 1\n"
        "cameras:\n"
        "  - name: A\n"
        "    integration: plain\n"
        "    hots: cam\n"
        "  - name: B\n"
        "    integration: plain\n"
        "    host: cam\n"
        "    password: !secret b\n"
        "  - 5\n"
        "log_level: loud\n",
    ) == [
        "ucv.yaml, line 11, column 15: cameras[1].password: there is no secrets.yaml",
        "ucv.yaml, line 1, column 1: servr: unknown key; did you mean server?",
        "ucv.yaml, line 3, column 3: server.prot: unknown key; did you mean port?",
        "ucv.yaml, line 13, column 1: log_level: "
        "value must be one of ['debug', 'error', 'info', 'warning']",
        "ucv.yaml, line 7, column 5: cameras[0].hots: unknown key; did you mean host?",
        "ucv.yaml, line 5, column 5: cameras[0].host: is required",
        "ucv.yaml, line 12, column 5: cameras[2]: expected the keys of a camera",
    ]


def test_an_invalid_file_names_all_problems_in_its_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        configured(tmp_path, "a: 1\nb: 2\n")
    assert [problem.key for problem in refused.value.problems] == ["a", "b"]
    assert "ucv.yaml, line 2, column 1: b: unknown key" in refused.value.message
    assert len(refused.value.details["errors"]) == 2


@pytest.mark.parametrize("text", ["- a", "a", "cameras: {a: b}", "plugins: x", "database: x://y"])
def test_the_wrong_structure_is_one_problem(tmp_path: Path, text: str) -> None:
    assert len(problems(tmp_path, text)) == 1


def test_an_included_camera_is_named_by_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "front.yaml").write_text("name: Front\nintegration: plain\nhsot: x\nhost: y\n")
    assert problems(tmp_path, "cameras:\n  - !include front.yaml\n") == [
        "front.yaml, line 3, column 1: cameras[0].hsot: unknown key; did you mean host?"
    ]


def test_two_cameras_with_one_id_are_a_problem(tmp_path: Path) -> None:
    camera = "{name: Front, integration: plain, host: a}"
    assert problems(tmp_path, f"cameras:\n  - {camera}\n  - {camera}\n") == [
        "ucv.yaml, line 3, column 5: cameras[1].id: "
        "the id front is also that of the camera in line 2"
    ]


def test_an_unknown_integration_is_a_problem_unless_plugins_are_missing(tmp_path: Path) -> None:
    configuration = configured(
        tmp_path,
        "cameras:\n"
        "  - {name: A, integration: acme, host: x, password: hunter2}\n"
        "  - {name: B, integration: plain, host: x}\n",
    )
    with pytest.raises(ConfigInvalid, match="no such integration"):
        validate_cameras(configuration, INTEGRATIONS)
    first, second = validate_cameras(configuration, INTEGRATIONS, complete=False)
    assert (first.id, first.integration, first.loaded) == ("a", "acme", False)
    assert (dict(first.data), dict(first.secrets)) == ({}, {})
    assert second.loaded


def test_a_faulty_camera_of_a_missing_plugin_is_still_a_problem(tmp_path: Path) -> None:
    configuration = configured(tmp_path, "cameras: [{integration: acme}]\n")
    with pytest.raises(ConfigInvalid, match="name: is required"):
        validate_cameras(configuration, INTEGRATIONS, complete=False)


def test_a_plain_password_works_with_a_warning_that_does_not_repeat_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = configured(
        tmp_path, "cameras:\n  - {name: A, integration: plain, host: x, password: hunter2}\n"
    )
    (draft,) = validate_cameras(configuration, INTEGRATIONS)
    assert draft.secrets == {"password": "hunter2"}
    assert "ucv.yaml, line 2, column 44: cameras[0].password: written in plain" in caplog.text
    assert "password: !secret a_password" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_password_from_the_secrets_file_or_the_environment_warns_of_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secrets.yaml").write_text("a: 0123\n")
    configuration = configured(
        tmp_path,
        "cameras:\n"
        "  - {name: A, integration: plain, host: x, password: !secret a}\n"
        "  - {name: B, integration: plain, host: x, password: !env B}\n",
        B="456",
    )
    first, second = validate_cameras(configuration, INTEGRATIONS)
    assert (first.secrets["password"], second.secrets["password"]) == ("0123", "456")
    assert {type(first.secrets["password"]), type(first.name)} == {str}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_directory_is_made_with_a_storage_only_its_owner_may_enter(tmp_path: Path) -> None:
    directory = ConfigDirectory(tmp_path / "new" / "config")
    directory.prepare()
    assert stat.S_IMODE(directory.storage.stat().st_mode) == 0o700
    directory.storage.chmod(0o755)
    directory.prepare()
    assert stat.S_IMODE(directory.storage.stat().st_mode) == 0o700
    assert directory.database.parent == directory.secret_key.parent == directory.storage
    assert directory.custom_integrations == directory.path / "custom_integrations"


def test_the_sample_configuration_is_valid_as_it_stands() -> None:
    sample = Path(__file__).parents[3] / "config"
    configuration = read(ConfigDirectory(sample), {})
    folders: list[Any] = [folder.resolve().name for folder in configuration.plugins]
    assert folders == ["custom_integrations"]


def test_the_documented_configuration_is_valid_and_shows_the_defaults(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    main, channels, secrets = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    written = channels.replace("integration: rtsp", "integration: plain")
    written = written.replace("url: rtsp://192.0.2.10:554/live", "host: 192.0.2.10")
    recorder = configured(tmp_path, written)
    (draft,) = validate_cameras(recorder, INTEGRATIONS)
    assert [choice.channel for choice in draft.channels] == ["3", "7"]
    (tmp_path / "secrets.yaml").write_text(secrets)
    configuration = configured(tmp_path, main.replace("integration: rtsp", "integration: plain")
                               .replace("url: rtsp://", "host: 192.0.2.10 #"))  # fmt: skip
    (draft,) = validate_cameras(configuration, INTEGRATIONS)
    assert draft.secrets == {"password": "p@ss/w:rd"}
    default = Configuration(configuration.directory)
    assert configuration.streams == default.streams
    assert configuration.log_level == default.log_level
    assert replace(configuration.server, allowed_hosts=()) == default.server
