"""What the documents say holds: configurations validate, links lead somewhere, names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from ucv.cli.app import app
from ucv.cli.bridges import find_bridges
from ucv.config.configuration import read, validate_cameras
from ucv.config.paths import ConfigDirectory
from ucv.errors import CameraViewerError
from ucv_bridge import errors as bridge_errors
from ucv_rtsp import Rtsp

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "dashboard" / "README.md",
    *(ROOT / "custom_integrations").rglob("README.md"),
]


def test_the_readmes_configuration_is_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "ucv.yaml").write_text(block)
    (tmp_path / "secrets.yaml").write_text("front_password: anything\n")
    configuration = read(ConfigDirectory(tmp_path))
    (front,) = validate_cameras(configuration, {"rtsp": Rtsp()})
    assert (front.id, front.preload, set(front.secrets)) == ("front", True, {"password"})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_each_command_that_is_described_exists_with_its_options() -> None:
    for found in find_bridges():
        found.bridge.register_commands(app)
    root = get_command(app)
    described = re.findall(r"^\| `ucv ([^`]+)`", (ROOT / "docs" / "cli.md").read_text(), re.M)
    assert len(described) >= 8
    for line in described:
        command = root
        for word in line.split():
            children = getattr(command, "commands", {})
            if word in children:
                command = children[word]
        options = {option for parameter in command.params for option in parameter.opts}
        wanted = set(re.findall(r"--[a-z-]+", line))
        assert wanted <= options, line


def _classes(base: type[CameraViewerError]) -> list[type[CameraViewerError]]:
    return [base, *(found for child in base.__subclasses__() for found in _classes(child))]


def test_each_error_code_is_described_with_its_status() -> None:
    assert bridge_errors.InvalidLogin.code == "INVALID_LOGIN"
    described: dict[str, str] = {}
    text = (ROOT / "docs" / "api.md").read_text()
    table = re.findall(r"^\| (`[A-Z_`, ]+`) \| ?(\d*) \|", text, re.M)
    for codes, status in table:
        described.update(dict.fromkeys(re.findall(r"[A-Z_]+", codes), status))
    product = [
        found
        for found in _classes(CameraViewerError)
        if found.__module__.split(".")[0] in ("ucv", "ucv_bridge")
    ]
    for found in product:
        assert found.code in described, found.code
        assert described[found.code] in ("", str(found.http_status)), found.code
