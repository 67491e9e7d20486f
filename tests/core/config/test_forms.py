"""Forms from schemas: what each validator becomes, and that no secret comes back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import voluptuous as vol
from hypothesis import given
from hypothesis import strategies as st

from ucv import fields
from ucv.config import forms
from ucv.config.common import COMMON
from ucv.config.fields import SecretText
from ucv.config.root import ROOT
from ucv_demo import Demo
from ucv_rtsp import Rtsp

FIELDS_PAGE = Path(__file__).resolve().parents[3] / "docs" / "plugins" / "fields.md"
ALWAYS = {"name", "type", "required", "label", "help", "unit", "placeholder", "advanced"}
TYPES = {"string", "integer", "float", "boolean", "select", "url", "host", "secret"}
TYPES |= {"list", "object"}


def one(validator: Any, key: Any = "key", **options: Any) -> dict[str, Any]:
    (field,) = forms.serialize({key: validator}, **options)
    return field


@pytest.mark.parametrize(
    ("validator", "expected"),
    [
        (fields.Text(80), {"type": "string", "max_length": 80}),
        (fields.Host(), {"type": "host", "max_length": 255}),
        (fields.Port(), {"type": "integer", "min": 1, "max": 65535}),
        (fields.Integer(1, 64), {"type": "integer", "min": 1, "max": 64}),
        (fields.Integer(minimum=0), {"type": "integer", "min": 0}),
        (fields.Number(0.5, 2), {"type": "float", "min": 0.5, "max": 2}),
        (fields.Seconds(1, 60), {"type": "float", "unit": "s", "min": 1, "max": 60}),
        (fields.Boolean(), {"type": "boolean"}),
        (fields.Url("http", "https"), {"type": "url", "schemes": ["http", "https"]}),
        (
            fields.Select({"a": "First", 2: "Second"}),
            {
                "type": "select",
                "options": [{"value": "a", "label": "First"}, {"value": 2, "label": "Second"}],
            },
        ),
        (fields.Secret(), {"type": "secret", "stored": False}),
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "float"}),
        (bool, {"type": "boolean"}),
        (vol.In(("tcp",)), {"type": "select", "options": [{"value": "tcp", "label": "tcp"}]}),
        (vol.Maybe(int), {"type": "integer"}),
        (vol.All(vol.Coerce(int), vol.Range(1, 9)), {"type": "integer", "min": 1, "max": 9}),
        (vol.All(str, vol.Length(2, 5)), {"type": "string", "min_length": 2, "max_length": 5}),
        (vol.Any(None, "on", "off"), {"type": "select"}),
        (vol.Any(fields.Integer(1, 5), fields.Integer(10, 20)), {"type": "integer"}),
        ([str], {"type": "list", "item": {"type": "string"}}),
        (
            vol.All([fields.Port()], vol.Length(max=3)),
            {"type": "list", "item": {"type": "integer", "min": 1, "max": 65535}, "max_length": 3},
        ),
    ],
)
def test_each_validator_becomes_a_field(validator: Any, expected: dict[str, Any]) -> None:
    field = one(validator)
    assert {name: field.get(name) for name in expected} == expected
    assert field.keys() >= ALWAYS


def test_alternatives_with_bounds_of_their_own_have_none_together() -> None:
    assert "max" not in one(vol.Any(fields.Integer(1, 5), fields.Integer(10, 20)))


@pytest.mark.parametrize(
    "validator",
    [lambda value: value, object, vol.Any(int, [str]), vol.Date(), vol.Self],
    ids=["function", "type", "any", "date", "self"],
)
def test_what_nobody_knows_is_text_and_its_name_is_nowhere(validator: Any) -> None:
    field = one(validator)
    assert field["type"] == "string"
    assert set(field) == ALWAYS | {"default", "value"}


def test_the_options_of_a_set_stand_in_the_same_order_always() -> None:
    options = one(vol.In({"c", "a", "b"}))["options"]
    assert [option["value"] for option in options] == ["a", "b", "c"]


def test_a_description_is_shown() -> None:
    key = fields.describe(
        vol.Required("rate", default=5),
        label="Rate",
        help="How often.",
        unit="1/s",
        placeholder="10",
        advanced=True,
    )
    assert one(fields.Integer(), key) == {
        "name": "rate",
        "type": "integer",
        "required": False,
        "label": "Rate",
        "help": "How often.",
        "unit": "1/s",
        "placeholder": "10",
        "advanced": True,
        "default": 5,
        "value": None,
    }


def test_describing_leaves_the_key_as_it_was() -> None:
    key = vol.Required("host")
    described = fields.describe(key, label="Host")
    assert (key.description, type(described), described.schema) == (None, vol.Required, "host")
    assert vol.Schema({described: str})({"host": "x"}) == {"host": "x"}


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("http_port", "HTTP port"),
        ("url", "URL"),
        ("channel", "Channel"),
        (vol.Optional("x", description="Words"), "Words"),
        (vol.Optional("x", description={"suggested_value": 5}), "X"),
    ],
)
def test_without_a_description_the_name_is_the_label(key: Any, label: str) -> None:
    assert one(str, key)["label"] == label


def test_what_is_assumed_is_shown_but_not_put_in() -> None:
    schema = {fields.describe("tls", label="TLS", assumed=True): fields.Boolean()}
    assert forms.serialize(schema)[0]["default"] is True
    assert vol.Schema(schema)({}) == {}


def test_a_key_is_required_that_has_no_default() -> None:
    schema = {vol.Required("a"): str, vol.Required("b", default="x"): str, "c": str}
    assert [field["required"] for field in forms.serialize(schema)] == [True, False, False]


def test_a_stored_secret_need_not_be_given_again() -> None:
    key = vol.Required("password")
    assert one(fields.Secret(), key)["required"] is True
    field = one(fields.Secret(), key, stored_secrets={"password"})
    assert (field["required"], field["stored"]) == (False, True)


def test_the_fields_wanted_come_in_the_order_of_the_schema() -> None:
    found = forms.serialize(Rtsp.schema, only=("password", "url"))
    assert [field["name"] for field in found] == ["url", "password"]


def test_values_are_kept() -> None:
    schema = {"a": str, "n": [int], "o": {"p": fields.Port()}}
    values = {"a": "x", "n": [1, 2], "o": {"p": 80}, "unknown": 1}
    a, n, o = forms.serialize(schema, values=values)
    assert (a["value"], n["value"], o["value"]) == ("x", [1, 2], {"p": 80})
    assert o["fields"][0]["value"] == 80


SECRETS = {
    vol.Required("password", default="hunter2"): fields.Secret(),
    "both": vol.All(str, fields.Secret(), vol.Length(min=3)),
    "reverse": vol.All(fields.Secret(), str),
    "perhaps": vol.Maybe(fields.Secret()),
    "either": vol.Any(int, fields.Secret()),
    "several": [fields.Secret()],
    "inner": {"token": fields.Secret(), "deeper": {"token": fields.Secret()}},
    "each": [{"token": fields.Secret(), "name": str}],
    "text": str,
    "url": fields.Url("rtsp"),
    "urls": [fields.Url("rtsp")],
    "wrong": fields.Url("rtsp"),
    "unknown": lambda value: value,
}


def test_no_secret_comes_back_wherever_it_stands() -> None:
    values = {
        **dict.fromkeys(("password", "both", "reverse", "perhaps", "either"), "hunter2"),
        "several": ["hunter2"],
        "inner": {"token": "hunter2", "deeper": {"token": "hunter2"}, "more": "hunter2"},
        "each": [{"token": "hunter2", "name": "ok", "more": "hunter2"}],
        "text": SecretText("hunter2"),
        "url": "rtsp://me:hunter2@cam/live",
        "urls": ["rtsp://me:hunter2@cam/live"],
        "wrong": "rtsp://me:hun/ter2@cam/hunter2",
        "unknown": {"token": "hunter2"},
    }
    found = forms.serialize(SECRETS, values=values, stored_secrets=["password", "inner.token"])
    assert "ter2" not in json.dumps(found)
    shown = {field["name"]: field for field in found}
    assert shown["url"]["value"] == "rtsp://cam/live"
    assert shown["each"]["value"] == [{"name": "ok"}]
    assert shown["password"]["stored"]
    assert [field.get("stored") for field in shown["inner"]["fields"]] == [True, None]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_the_values_are_the_fields_are_plain(value: Any) -> None:
    found = forms.serialize(SECRETS, values=dict.fromkeys(map(str, SECRETS), value))
    json.dumps(found, allow_nan=False)


def test_a_mistyped_address_can_be_corrected() -> None:
    assert one(fields.Url("rtsp"), values={"key": "rtps://cam/x"})["value"] == "rtps://cam/x"


@pytest.mark.parametrize("schema", [Rtsp.schema, Demo.schema, ROOT, COMMON], ids=lambda _: "")
def test_our_own_schemas_are_described_in_full(schema: Any) -> None:
    def check(found: list[dict[str, Any]]) -> None:
        for field in found:
            assert field["type"] in TYPES
            assert field["help"], field["name"]
            check(field.get("fields", []))
            check(field.get("item", {}).get("fields", []))

    check(forms.serialize(schema))


def test_the_groups_are_described() -> None:
    groups = {**fields.HOST, **fields.CREDENTIALS, **fields.TRANSPORT, **fields.TLS}
    assert [field["name"] for field in forms.serialize(groups) if not field["help"]] == []


def test_a_rule_over_the_mapping_is_no_hindrance() -> None:
    names = [field["name"] for field in forms.serialize(Rtsp.schema)]
    assert names[0] == "url"
    assert "password" in names


def test_the_page_about_fields_says_what_is() -> None:
    page = FIELDS_PAGE.read_text()
    (python,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(python, namespace)  # noqa: S102 - the page's own example
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert json.loads(shown) in forms.serialize(namespace["schema"])
    named = set(re.findall(r"fields\.([A-Z]\w+)", page))
    assert named <= set(fields.__all__)
    assert set(fields.__all__) - named <= {"describe", "is_host", "SecretText", "UrlText"}
