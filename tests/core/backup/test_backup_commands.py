from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ucv.backup import list_backups
from ucv.cli.app import app
from ucv.config.paths import ConfigDirectory
from ucv.hub_lock import HubLock

PASSPHRASE = "correct horse battery"


def ucv(*arguments: object, passphrase: str | None = PASSPHRASE) -> tuple[int, str]:
    environment = {"UCV_BACKUP_PASSPHRASE": passphrase, "COLUMNS": "400"}
    result = CliRunner().invoke(app, ["backup", *map(str, arguments)], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert PASSPHRASE not in result.output
    return result.exit_code, result.output


def test_a_backup_is_made_listed_and_restored(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    status, said = ucv("create", "--config", installation.path)
    assert status == 0, said
    assert "1 camera(s), 7 file(s)" in said
    [found] = list_backups(installation)

    status, said = ucv("list", "--config", installation.path, passphrase=None)
    assert status == 0
    assert found.path.name in said
    assert "whole" in said

    status, said = ucv("restore", found.path, "--config", tmp_path / "again")
    assert status == 0, said
    assert (tmp_path / "again" / "ucv.yaml").exists()
    assert "What was there before" not in said
    status, said = ucv("restore", found.path, "--config", tmp_path / "again")
    assert (status, "ALREADY_CONFIGURED" in said) == (1, True)
    status, said = ucv("restore", found.path, "--config", tmp_path / "again", "--force")
    assert status == 0
    assert "What was there before is in" in said


def test_a_damaged_backup_is_listed_as_such_and_refused(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    ucv("create", "--config", installation.path)
    [found] = list_backups(installation)
    found.path.write_bytes(found.path.read_bytes()[:-100])
    status, said = ucv("list", "--config", installation.path)
    assert status == 1
    # A narrow terminal breaks the sentence anywhere.
    assert "cut" in said
    assert "whole" not in said
    status, said = ucv("restore", found.path, "--config", tmp_path / "again")
    assert status == 1
    assert "BACKUP_DAMAGED" in said
    assert not (tmp_path / "again").exists()


def test_the_passphrase_may_stand_in_a_file(installation: ConfigDirectory, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    output = tmp_path / "one.zip"
    arguments = ("--config", installation.path, "--passphrase-file", file)
    assert ucv("create", *arguments, "--output", output, passphrase="another one")[0] == 0
    assert ucv("restore", output, "--config", tmp_path / "again")[0] == 0
    status, said = ucv("restore", output, "--config", tmp_path / "b", passphrase="another one")
    assert (status, "WRONG_PASSPHRASE" in said) == (1, True)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_file_without_a_readable_passphrase_is_told(
    installation: ConfigDirectory, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "passphrase"
    if content is not None:
        file.write_bytes(content)
    status, said = ucv("create", "--config", installation.path, "--passphrase-file", file)
    assert status == 1
    assert "The passphrase cannot be read" in said


def test_without_a_terminal_it_says_where_a_passphrase_may_come_from(
    installation: ConfigDirectory,
) -> None:
    status, said = ucv("create", "--config", installation.path, passphrase=None)
    assert status == 1
    assert "UCV_BACKUP_PASSPHRASE" in said
    assert "--passphrase-file" in said


def test_it_is_asked_for_twice_on_a_terminal(
    installation: ConfigDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def prompt(_text: str, *, hide_input: bool, confirmation_prompt: bool) -> str:
        assert hide_input
        asked.append(confirmation_prompt)
        return PASSPHRASE

    monkeypatch.setattr("ucv.cli.backup._is_terminal", lambda: True)
    monkeypatch.setattr("typer.prompt", prompt)
    assert ucv("create", "--config", installation.path, passphrase=None)[0] == 0
    [found] = list_backups(installation)
    ucv("restore", found.path, "--config", installation.path, "--force", passphrase=None)
    assert asked == [True, False]


def test_a_hub_that_runs_is_named(installation: ConfigDirectory, tmp_path: Path) -> None:
    output = tmp_path / "one.zip"
    with HubLock(installation.storage):
        assert ucv("create", "--config", installation.path, "--output", output)[0] == 0
        status, said = ucv("restore", output, "--config", installation.path, "--force")
    assert status == 1
    assert "A hub is running" in said


def test_what_lacks_the_key_says_so(installation: ConfigDirectory, tmp_path: Path) -> None:
    installation.secret_key.rename(tmp_path / "elsewhere")
    output = tmp_path / "one.zip"
    said = ucv("create", "--config", installation.path, "--output", output)[1]
    assert "The key of the secrets store is not in it" in said
    said = ucv("restore", output, "--config", tmp_path / "again")[1]
    assert "The key of its secrets was not in the backup" in said


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    for command in ("create", "list"):
        status, said = ucv(command, "--config", tmp_path / "none")
        assert (status, "There is no directory" in said) == (1, True)
    assert not (tmp_path / "none").exists()
    status, said = ucv("list", "--config", tmp_path)
    assert (status, "There are no backups" in said) == (0, True)
