"""The JSON Schema for editors: it takes what the hub takes, and finds what is plainly wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import voluptuous as vol
import yaml
from jsonschema import Draft7Validator
from typer import Typer
from typer.testing import CliRunner

from ucv import Integration, fields
from ucv.cli import schema as schema_command
from ucv.config.configuration import ServerSettings
from ucv.config.fields import SecretText
from ucv.config.json_schema import document_schema, entry_schema
from ucv.streams.settings import StreamSettings
from ucv_dahua import Dahua
from ucv_demo import Demo
from ucv_hikvision import Hikvision
from ucv_mjpeg import Mjpeg
from ucv_onvif import Onvif
from ucv_rtsp import Rtsp

ROOT = Path(__file__).resolve().parents[3]
INTEGRATIONS: dict[str, Integration] = {
    one.domain: one for one in (Rtsp(), Demo(), Dahua(), Hikvision(), Mjpeg(), Onvif())
}


class Everything(Integration):
    """One of each validator."""

    domain = "everything"
    name = "Everything"
    schema = vol.All(
        {
            **fields.HOST,
            **fields.CREDENTIALS,
            **fields.TRANSPORT,
            **fields.TLS,
            "number": fields.Number(0, 5),
            "choice": fields.Select(["one", "two-three", 4]),
            "own": lambda value: value,
            vol.Required("needed"): fields.Integer(),
            vol.Required("filled", default=3): int,
            "nested": {vol.Required("key"): str},
        },
        lambda value: value,
    )


def read(text: str) -> Any:
    """Read YAML as an editor does: a tagged value is its text."""

    class Loader(yaml.SafeLoader):
        pass

    for tag in ("!secret", "!env", "!include"):
        Loader.add_constructor(tag, lambda _, node: node.value)
    return yaml.load(text, Loader)  # noqa: S506 - a safe one


def faults(text: str, integrations: dict[str, Integration] | None = None) -> list[str]:
    document = document_schema(integrations or INTEGRATIONS)
    found = Draft7Validator(document).iter_errors(read(text))
    return sorted(error.json_path for error in found)


def camera_faults(lines: str, *, given: str = "host: cam\nneeded: 1\n") -> list[str]:
    schema = Draft7Validator(entry_schema(Everything()))
    camera = read(f"name: x\nintegration: everything\n{given}{lines}")
    return sorted(error.json_path for error in schema.iter_errors(camera))


@pytest.mark.parametrize("make", [Rtsp, Demo, Everything])
def test_the_schemas_are_valid_themselves(make: type[Integration]) -> None:
    Draft7Validator.check_schema(entry_schema(make()))
    Draft7Validator.check_schema(document_schema({make.domain: make()}))


def documented() -> list[str]:
    pages = [ROOT / "docs" / name for name in ("configuration.md", "discovery.md")]
    text = "\n".join(page.read_text() for page in pages)
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return [block for block in blocks if not block.startswith("# secrets.yaml")]


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "config" / "ucv.yaml").read_text(),
        *documented(),
        *re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL),
    ],
    ids=lambda text: text[:20],
)
def test_all_configurations_that_we_show_are_valid(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cameras:\nplugins:\n",
        "cameras: !include cameras.yaml\n",
        "cameras: [!include front.yaml]\nserver: !include server.yml\n",
        "server: {port: !env UCV_PORT 8321, host: !env HOST}\nlog_level: !env LOG_LEVEL info\n",
        "x-defaults: {anything: [1]}\n",
        "streams: {linger: 0.5}\n",
        "database: !secret database\n",
    ],
)
def test_what_the_hub_takes_is_valid(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("servr: {}\n", "$"),
        ("server: {prt: 1}\n", "$.server"),
        ("server: {port: 70000}\n", "$.server.port"),
        ("server: {port: 80a}\n", "$.server.port"),
        ("streams: {linger: -1}\n", "$.streams.linger"),
        ("log_level: INFO\n", "$.log_level"),
        ("log_level: verbose\n", "$.log_level"),
        ("cameras: {}\n", "$.cameras"),
        ("cameras: [{name: a}]\n", "$.cameras[0]"),
        ("cameras: [{name: a, integration: rtps}]\n", "$.cameras[0].integration"),
        ("cameras: [{integration: rtsp}]\n", "$.cameras[0]"),
        ("cameras: [{name: a, integration: rtsp, ulr: x}]\n", "$.cameras[0]"),
        ("cameras: [{name: a, integration: rtsp, url: http://x/y}]\n", "$.cameras[0].url"),
        ("cameras: [{name: a, integration: rtsp, preload: ture}]\n", "$.cameras[0].preload"),
        ("cameras: [{name: a, integration: rtsp, urls: []}]\n", "$.cameras[0].urls"),
        ("cameras: [{name: a, integration: rtsp, urls: [{}]}]\n", "$.cameras[0].urls[0]"),
        ("cameras: [{name: a, integration: demo, url: rtsp://x}]\n", "$.cameras[0]"),
    ],
)
def test_what_is_plainly_wrong_is_found(text: str, where: str) -> None:
    assert set(faults(text)) == {where}


@pytest.mark.parametrize(
    "lines",
    [
        "password: !secret front_password",
        "password: p@ss/w:rd",
        "http_port: '8080'",
        "http_port: !secret front_port",
        "tls: yes",
        "tls: !env CAM_TLS on",
        "transport: !env CAM_TRANSPORT tcp",
        "choice: two-three",
        "choice: 4",
        "choice: '4'",
        "number: 2.5",
        "number: !env RATE 2.5",
        "own: [anything, {at: all}]",
        "nested: {key: x}",
        "nested: !include nested.yaml",
    ],
)
def test_fields_take_their_values_and_tags(lines: str) -> None:
    assert camera_faults(lines) == []


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ("password: 1234", "$.password"),
        ("password: ''", "$.password"),
        ("number: 6", "$.number"),
        ("choice: three", "$.choice"),
        ("choice: TWO-THREE", "$.choice"),
        ("nested: {}", "$.nested"),
        ("nested: text", "$.nested"),
        ("colour: red", "$"),
    ],
)
def test_fields_refuse_what_the_hub_refuses(lines: str, where: str) -> None:
    assert camera_faults(lines) == [where]


def test_each_pattern_comes_with_words_for_it() -> None:
    text = json.dumps(document_schema(INTEGRATIONS)).replace('"anyOf"', "")
    patterns = len(re.findall(r'"pattern":', text))
    choices = len(re.findall(r'"enum": [^}]*}, {"type": "string", "pattern"', text))
    assert len(re.findall(r'"patternErrorMessage":', text)) == patterns - choices > 0


def test_what_has_no_default_is_required() -> None:
    assert camera_faults("", given="") == ["$", "$"]
    assert entry_schema(Everything())["required"] == ["name", "integration", "host", "needed"]


def test_editors_are_told_labels_help_units_and_defaults() -> None:
    document = document_schema(INTEGRATIONS)
    linger = document["properties"]["streams"]["properties"]["linger"]
    assert linger["title"] == "Linger"
    assert linger["description"].endswith("Unit: s.")
    assert linger["default"] == StreamSettings().linger
    rtsp = document["definitions"]["camera_rtsp"]["properties"]
    assert rtsp["preload"]["default"] is False
    assert rtsp["password"]["writeOnly"] is True
    assert "!secret" in document["description"]


def test_the_defaults_shown_are_those_of_the_hub() -> None:
    properties = document_schema({})["properties"]
    server = properties["server"]["properties"]
    assert server["host"]["default"] == ServerSettings().host
    assert server["port"]["default"] == ServerSettings().port
    for name, shown in properties["streams"]["properties"].items():
        assert shown["default"] == getattr(StreamSettings(), name)


def test_a_secret_default_is_nowhere_in_it() -> None:
    class Leaky(Integration):
        domain = "leaky"
        name = "Leaky"
        schema = {
            vol.Optional("password", default="hunter2"): fields.Secret(),
            vol.Optional("list", default=[SecretText("hunter2")]): [str],
        }

    assert "hunter2" not in json.dumps(document_schema({"leaky": Leaky()}))


def test_patterns_have_no_escape_that_javascript_refuses() -> None:
    text = json.dumps(document_schema({"everything": Everything(), **INTEGRATIONS}))
    patterns = [json.loads(f'"{found}"') for found in re.findall(r'"pattern": "(.*?)"[,}]', text)]
    assert patterns
    for pattern in patterns:
        assert set(re.findall(r"\\(.)", pattern)) <= set(r"w.*+?^${}()|[]\\"), pattern


@pytest.fixture
def app() -> Typer:
    app = Typer()
    schema_command.register(app)
    app.callback()(lambda: None)
    return app


def test_the_command_prints_the_schema_of_the_built_ins(app: Typer) -> None:
    done = CliRunner().invoke(app, ["schema"])
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert {"camera_demo", "camera_rtsp"} <= document["definitions"].keys()


PLUGIN = """
from ucv import DeviceInfo, Integration, fields, hookimpl

class Acme(Integration):
    domain = "acme"
    name = "Acme"
    schema = {**fields.HOST}

    async def probe(self, device):
        return DeviceInfo()

    async def streams(self, device):
        return []

@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Acme)
"""


def test_the_command_includes_a_directorys_own_plugins_and_names_broken_ones(
    app: Typer, tmp_path: Path
) -> None:
    folder = tmp_path / "custom_integrations"
    folder.mkdir()
    (folder / "acme.py").write_text(PLUGIN)
    (folder / "broken.py").write_text("import\n")
    (tmp_path / "ucv.yaml").write_text("servr: {}\n")
    done = CliRunner().invoke(app, ["schema", "--config", str(tmp_path)])
    assert done.exit_code == 0
    assert "camera_acme" in json.loads(done.stdout)["definitions"]
    assert "broken.py:1" in done.stderr
