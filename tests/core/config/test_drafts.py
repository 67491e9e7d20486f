"""From a camera's mapping to a draft, and back."""

from __future__ import annotations

import contextlib
import string
from dataclasses import asdict
from typing import Any, ClassVar

import pytest
import voluptuous as vol
from hypothesis import given
from hypothesis import strategies as st

from ucv import Device, DeviceInfo, Integration, Stream, ValidationError, fields
from ucv.config.common import slug
from ucv.config.drafts import draft_from_mapping, public_mapping
from ucv.entries.entry import EntryConfig


class Plain(Integration):
    domain = "plain"
    name = "Plain"
    schema: ClassVar[Any] = {
        vol.Required("url"): fields.Url("rtsp"),
        **fields.CREDENTIALS,
        vol.Optional("channel", default=1): int,
        vol.Optional("streams"): [
            {vol.Required("url"): fields.Url("rtsp"), vol.Optional("role"): fields.Role()}
        ],
        vol.Optional("token"): {vol.Required("key"): fields.Secret(), vol.Optional("kind"): str},
    }

    async def probe(self, device: Device) -> DeviceInfo:
        return DeviceInfo()

    async def streams(self, device: Device) -> list[Stream]:
        return []


class Open(Plain):
    domain = "open"
    schema = {vol.Required("url"): fields.Url("rtsp")}


class Strict(Plain):
    domain = "strict"
    schema = {vol.Required("host"): fields.Host(), vol.Required("password"): fields.Secret()}


def either(value: dict[str, Any]) -> dict[str, Any]:
    if not value.keys() & {"host", "address"}:
        raise vol.Invalid("give host or address", path=["host"])
    return value


class Ruled(Plain):
    domain = "ruled"
    schema: ClassVar[Any] = vol.All(
        {vol.Optional("host"): str, vol.Optional("address"): str}, either
    )


INTEGRATIONS: dict[str, Integration] = {
    integration.domain: integration for integration in (Plain(), Open(), Strict(), Ruled())
}
FRONT = {"name": "Front", "integration": "plain", "url": "rtsp://cam/x"}


def errors(mapping: dict[str, Any]) -> list[dict[str, Any]]:
    with pytest.raises(ValidationError) as refused:
        draft_from_mapping(mapping, INTEGRATIONS)
    found: list[dict[str, Any]] = refused.value.details["errors"]
    return found


def test_a_mapping_becomes_a_draft_with_defaults() -> None:
    draft = draft_from_mapping({**FRONT, "preload": True}, INTEGRATIONS)
    assert asdict(draft) == {
        "profiles": (),
        "channels": (),
        "id": "front",
        "name": "Front",
        "integration": "plain",
        "data": {"url": "rtsp://cam/x", "channel": 1},
        "secrets": {},
        "preload": True,
        "disabled": False,
        "loaded": True,
    }


def test_secrets_stand_apart_and_do_not_show() -> None:
    draft = draft_from_mapping({**FRONT, "username": "u", "password": "hunter2"}, INTEGRATIONS)
    assert draft.data["username"] == "u"
    assert draft.secrets == {"password": "hunter2"}
    assert "password" not in draft.data
    assert "hunter2" not in repr(draft)


def test_a_secret_within_a_mapping_is_found_too() -> None:
    draft = draft_from_mapping({**FRONT, "token": {"key": "hunter2", "kind": "x"}}, INTEGRATIONS)
    assert draft.data["token"] == {"kind": "x"}
    assert draft.secrets == {"token.key": "hunter2"}


def test_credentials_in_an_address_are_moved_out() -> None:
    draft = draft_from_mapping({**FRONT, "url": "rtsp://me:p%40ss%2F@cam/x"}, INTEGRATIONS)
    assert draft.data == {"url": "rtsp://cam/x", "username": "me", "channel": 1}
    assert draft.secrets == {"password": "p@ss/"}


def test_credentials_in_addresses_of_several_streams_are_moved_out_once() -> None:
    streams = [{"url": "rtsp://u:p@cam/1"}, {"url": "rtsp://u:p@cam/2", "role": "sub"}]
    draft = draft_from_mapping({**FRONT, "streams": streams}, INTEGRATIONS)
    assert draft.data["streams"] == [
        {"url": "rtsp://cam/1"},
        {"url": "rtsp://cam/2", "role": "sub"},
    ]
    assert (draft.data["username"], draft.secrets) == ("u", {"password": "p"})


@pytest.mark.parametrize("given", [{"username": "other"}, {"username": "u", "password": "other"}])
def test_credentials_that_differ_are_refused(given: dict[str, str]) -> None:
    (error,) = errors({**FRONT, "url": "rtsp://u:p@cam/x", **given})
    assert error["key"] == "url"
    assert "differ" in error["message"]


def test_the_same_credentials_twice_are_accepted() -> None:
    mapping = {**FRONT, "url": "rtsp://u:p@cam/x", "username": "u", "password": "p"}
    assert draft_from_mapping(mapping, INTEGRATIONS).secrets == {"password": "p"}


def test_credentials_are_refused_where_the_integration_has_no_use_for_them() -> None:
    (error,) = errors({"name": "x", "integration": "open", "url": "rtsp://u:p@cam/x"})
    assert error["message"] == "this integration takes no credentials in an address"


def test_all_faults_are_told_at_once_with_the_nearest_key() -> None:
    found = errors(
        {
            "name": "",
            "integration": "plain",
            "ulr": "rtsp://cam/x",
            "channel": "one",
            "disabeld": True,
            "streams": [{"url": "rtsp://cam/x", "rol": "sub"}],
        }
    )
    assert {(error["key"], error["suggestion"]) for error in found} == {
        ("name", None),
        ("url", None),
        ("ulr", "url"),
        ("channel", None),
        ("disabeld", "disabled"),
        ("streams[0].rol", "role"),
    }


def test_an_unknown_integration_is_a_fault_with_the_nearest_domain() -> None:
    (error,) = errors({**FRONT, "integration": "plian"})
    assert (error["key"], error["suggestion"]) == ("integration", "plain")


@pytest.mark.parametrize("missing", ["name", "integration"])
def test_name_and_integration_are_required(missing: str) -> None:
    (error,) = errors({key: value for key, value in FRONT.items() if key != missing})
    assert (error["key"], error["message"]) == (missing, "is required")


@pytest.mark.parametrize("entry_id", ["", "Front", "a b", "-a", "a-", "ä", "a/b", 7, "x" * 65])
def test_an_id_is_made_of_plain_characters(entry_id: Any) -> None:
    (error,) = errors({**FRONT, "id": entry_id})
    assert error["key"] == "id"


def test_a_rule_over_several_fields_is_a_fault_of_its_field() -> None:
    (error,) = errors({"name": "x", "integration": "ruled"})
    assert error == {"key": "host", "message": "give host or address", "suggestion": None}
    (error,) = errors({"name": "x", "integration": "ruled", "hots": "a"})
    assert error["suggestion"] == "host"


def test_faults_do_not_repeat_values() -> None:
    found = errors(
        {
            **FRONT,
            "url": "http://u:hunter2@cam",
            "password": ["hunter2"],
            "channel": "hunter2",
            "rtsp://u:hunter2@cam/": 1,
        }
    )
    assert len(found) == 4
    assert "hunter2" not in str(found)


def test_a_stored_secret_need_not_be_given_again() -> None:
    mapping = {"name": "x", "integration": "strict", "host": "cam"}
    (error,) = errors(mapping)
    assert error["key"] == "password"
    draft = draft_from_mapping(mapping, INTEGRATIONS, stored_secrets={"password"})
    assert draft.secrets == {}
    draft = draft_from_mapping(
        {**mapping, "password": "new"}, INTEGRATIONS, stored_secrets={"password"}
    )
    assert draft.secrets == {"password": "new"}


def test_new_credentials_in_an_address_replace_a_stored_password() -> None:
    mapping = {**FRONT, "url": "rtsp://u:new@cam/x"}
    draft = draft_from_mapping(mapping, INTEGRATIONS, stored_secrets={"password"})
    assert draft.secrets == {"password": "new"}


def test_the_public_mapping_makes_the_same_draft_again() -> None:
    mapping = {**FRONT, "url": "rtsp://u:p@cam/x", "preload": True, "disabled": True}
    draft = draft_from_mapping(mapping, INTEGRATIONS)
    entry = EntryConfig(
        id=draft.id,
        integration=draft.integration,
        name=draft.name,
        data=draft.data,
        facts={"found": "x"},
        secrets=frozenset(draft.secrets),
        preload=draft.preload,
        disabled=draft.disabled,
    )
    public = public_mapping(entry)
    assert public == {
        "id": "front",
        "name": "Front",
        "integration": "plain",
        "url": "rtsp://cam/x",
        "username": "u",
        "channel": 1,
        "preload": True,
        "disabled": True,
    }
    again = draft_from_mapping(public, INTEGRATIONS, stored_secrets=entry.secrets)
    assert again.data == draft.data
    assert again.id == draft.id


def test_data_is_plain() -> None:
    class Text(str):
        pass

    draft = draft_from_mapping({**FRONT, "name": Text("Front"), "url": Text("rtsp://cam/x")},
                               INTEGRATIONS)  # fmt: skip
    assert {type(draft.id), type(draft.name), type(draft.data["url"])} == {str}


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Front door", "front-door"),
        ("Haustür (Süd)", "haustur-sud"),
        ("Straße 5", "strasse-5"),
        ("玄関", "7384-95a2"),
        ("  --  ", "camera"),
        ("İstanbul", "istanbul"),
        ("x" * 100, "x" * 64),
    ],
)
def test_an_id_is_made_of_the_name(name: str, made: str) -> None:
    assert slug(name) == made


@given(st.text(max_size=100))
def test_an_id_made_of_any_name_is_valid(name: str) -> None:
    made = slug(name)
    assert 1 <= len(made) <= 64
    assert set(made) <= set(string.ascii_lowercase + string.digits + "-")
    assert draft_from_mapping({**FRONT, "id": made}, INTEGRATIONS).id == made


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_keys = st.sampled_from(
    ["id", "name", "integration", "url", "username", "password", "streams", "token", "preload"]
)


@given(st.dictionaries(_keys | st.text(max_size=5), _values, max_size=8))
def test_any_mapping_is_a_draft_or_not_valid(mapping: dict[str, Any]) -> None:
    with contextlib.suppress(ValidationError):
        draft_from_mapping({"integration": "plain", **mapping}, INTEGRATIONS)
