from __future__ import annotations

import asyncio
from typing import Any

import pytest
import voluptuous as vol

from ucv.config import fields
from ucv.entries.entry import EntryState
from ucv.errors import NotFoundError, NotSupported, RateLimited, ValidationError

PASSWORD = "hunter2secret"
GIVEN = {"host": "192.0.2.10", "username": "viewer", "password": PASSWORD}


def values_of(view: Any) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in view.page.fields}


def field_of(view: Any, name: str) -> dict[str, Any]:
    [found] = [one for one in view.page.fields if one["name"] == name]
    return dict(found)


async def at_confirm(world: Any, **given: Any) -> Any:
    """Return a user flow that has come as far as its confirmation."""
    flow = await world.flows.start("acme")
    await world.flows.submit(flow.id, {**GIVEN, **given})
    return await world.flows.submit(flow.id, {"quality": "low"})


async def test_a_camera_is_added_with_form_options_and_confirmation(world: Any) -> None:
    flow = await world.flows.start("acme")
    assert (flow.page.kind, flow.page.step, flow.title) == ("form", "user", "Acme")
    assert "quality" not in values_of(flow)

    flow = await world.flows.submit(flow.id, GIVEN)
    assert (flow.page.step, list(values_of(flow))) == ("options", ["quality"])
    assert flow.title == "Acme A1"
    assert world.acme.open == []

    flow = await world.flows.submit(flow.id, {"quality": "low"})
    assert flow.page.step == "confirm"
    assert values_of(flow) == {"name": "Acme A1"}
    assert flow.page.text == "Acme A1, serial number A1-0001, firmware 1.0"

    flow = await world.flows.submit(flow.id, {"name": "Front door"})
    assert flow.page.to_json() == {
        "kind": "done",
        "entry_id": "front-door",
        "text": "Front door was added.",
    }
    assert flow.ended
    assert flow.entry_id == "front-door"
    assert world.flows.list() == []
    assert world.secrets.values == {("front-door", "password"): PASSWORD}
    assert world.data() == {
        "host": "192.0.2.10",
        "username": "viewer",
        "channel": 1,
        "quality": "low",
    }
    assert world.entries.get("front-door").config.unique_id == "A1-0001"
    await world.clock.settle()
    assert world.state() is EntryState.LOADED


async def test_an_integration_without_options_or_identity_goes_straight_to_the_confirmation(
    world: Any,
) -> None:
    flow = await world.flows.start("plain")
    flow = await world.flows.submit(flow.id, {"host": "192.0.2.77"})
    assert (flow.page.step, values_of(flow)) == ("confirm", {"name": "192.0.2.77"})
    flow = await world.flows.submit(flow.id, {"name": "Shed"})
    assert flow.page.entry_id == "shed"


async def test_invalid_input_brings_the_form_back_with_the_fault_at_its_field(world: Any) -> None:
    flow = await world.flows.start("acme")
    given = {"host": "not a host", "http_port": 8080, "password": PASSWORD, "chanel": 1}
    flow = await world.flows.submit(flow.id, given)
    errors = {error.key: error for error in flow.page.errors}
    assert set(errors) == {"chanel"}
    flow = await world.flows.submit(flow.id, {"host": "not a host", "http_port": 8080})
    assert [error.key for error in flow.page.errors] == ["host"]
    assert flow.page.error is None
    assert values_of(flow) | {"host": "not a host", "http_port": 8080} == values_of(flow)
    assert field_of(flow, "password")["stored"] is True
    assert world.box.attempts == []

    flow = await world.flows.submit(flow.id, {"host": "192.0.2.10", "username": "viewer"})
    assert flow.page.step == "options"
    assert world.box.attempts == [PASSWORD]


async def test_a_required_field_that_is_left_empty_is_said_to_be_missing(world: Any) -> None:
    flow = await world.flows.start("acme")
    flow = await world.flows.submit(flow.id, {"host": "", "http_port": None})
    assert [(error.key, error.message) for error in flow.page.errors] == [("host", "is required")]


async def test_a_wrong_password_is_corrected_as_often_as_needed_with_one_attempt_each(
    world: Any,
) -> None:
    flow = await world.flows.start("acme")
    for wrong in ("first-try", "second-try", "third-try"):
        flow = await world.flows.submit(flow.id, {**GIVEN, "password": wrong})
        assert flow.page.error.code == "AUTH_FAILED"
        assert values_of(flow)["host"] == "192.0.2.10"
        assert values_of(flow)["username"] == "viewer"
    assert world.box.attempts == ["first-try", "second-try", "third-try"]
    flow = await world.flows.submit(flow.id, GIVEN)
    assert flow.page.step == "options"
    assert world.box.attempts[-1] == PASSWORD


async def test_an_unreachable_device_is_asked_again_without_typing_the_password_twice(
    world: Any,
) -> None:
    world.box.reachable = False
    flow = await world.flows.start("acme")
    flow = await world.flows.submit(flow.id, GIVEN)
    assert (flow.page.error.code, field_of(flow, "password")["stored"]) == ("CONN_REFUSED", True)
    world.box.reachable = True
    flow = await world.flows.submit(flow.id, {**GIVEN, "password": ""})
    assert flow.page.step == "options"
    assert world.acme.open == []


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (RateLimited(retry_after=3), "RATE_LIMITED"),
        (NotSupported("This model is too old."), "NOT_SUPPORTED"),
        (ZeroDivisionError("oops"), "PLUGIN_ERROR"),
    ],
)
async def test_whatever_the_probe_raises_the_person_can_try_again(
    world: Any, failure: Exception, code: str
) -> None:
    world.box.failures = [failure]
    flow = await world.flows.start("acme")
    flow = await world.flows.submit(flow.id, GIVEN)
    assert (flow.page.step, flow.page.error.code) == ("user", code)
    flow = await world.flows.submit(flow.id, GIVEN)
    assert flow.page.step == "options"


async def test_no_page_ever_holds_a_secret(world: Any) -> None:
    world.box.failures = [ZeroDivisionError(f"the password was {PASSWORD}")]
    flow = await world.flows.start("acme")
    await world.flows.submit(flow.id, {**GIVEN, "password": "wrong-one"})
    await world.flows.submit(flow.id, {**GIVEN, "http_port": 0})
    await world.flows.submit(flow.id, GIVEN)
    await world.flows.submit(flow.id, GIVEN)
    await world.flows.submit(flow.id, {"quality": "low"})
    await world.flows.submit(flow.id, {"name": "Front door"})
    everything = repr(world.pages()) + repr(world.seen)
    assert PASSWORD not in everything
    assert "wrong-one" not in everything
    assert "**redacted**" in everything


async def test_credentials_in_an_address_go_to_their_fields_and_are_not_shown(world: Any) -> None:
    class ByUrl(type(world.plain)):  # type: ignore[misc]  # its base is a value here
        domain = "by_url"
        schema = {vol.Required("url"): fields.Url("rtsp"), **fields.CREDENTIALS}

        async def probe(self, device: Any) -> Any:
            attempts.append((device.config["url"], device.credentials.password))
            raise NotSupported

    attempts: list[tuple[str, str]] = []
    world.integrations["by_url"] = ByUrl()
    flow = await world.flows.start("by_url")
    flow = await world.flows.submit(flow.id, {"url": f"rtsp://viewer:{PASSWORD}@192.0.2.10/live"})
    assert values_of(flow)["url"] == "rtsp://192.0.2.10/live"
    assert values_of(flow)["username"] == "viewer"
    assert field_of(flow, "password")["stored"] is True

    flow = await world.flows.submit(flow.id, {**values_of(flow), "password": ""})
    flow = await world.flows.submit(
        flow.id, {**values_of(flow), "url": "rtsp://viewer:other@192.0.2.10/live"}
    )
    assert attempts == [
        ("rtsp://192.0.2.10/live", PASSWORD),
        ("rtsp://192.0.2.10/live", PASSWORD),
        ("rtsp://192.0.2.10/live", "other"),
    ]
    # One that cannot be understood may be a password that was not encoded: it is not repeated.
    flow = await world.flows.submit(flow.id, {"url": "rtsp://viewer:pa/ss@word@192.0.2.10/"})
    assert flow.page.errors[0].key == "url"
    assert values_of(flow)["url"] is None
    assert "pa/ss" not in repr(world.pages())


async def test_a_slow_device_shows_progress_and_can_be_waited_for(world: Any) -> None:
    world.acme.gate.clear()
    flow = await world.flows.start("acme")
    asked = asyncio.create_task(world.flows.submit(flow.id, GIVEN))
    await world.clock.advance(0.9)
    assert not asked.done()
    await world.clock.advance(0.2)
    flow = await asked
    assert flow.page.to_json() == {
        "kind": "progress",
        "text": "Asking the device …",
        "percent": None,
    }
    with pytest.raises(ValidationError):
        await world.flows.submit(flow.id, GIVEN)
    world.acme.gate.set()
    await world.clock.settle()
    assert world.flows.get(flow.id).page.step == "options"


async def test_a_device_that_is_there_already_is_pointed_to(world: Any) -> None:
    entry_id = await world.add_front()
    flow = await world.flows.start("acme")
    flow = await world.flows.submit(flow.id, GIVEN)
    assert flow.page.to_json() == {
        "kind": "abort",
        "reason": "already_configured",
        "message": "Front door is this device.",
        "entry_id": entry_id,
    }
    assert len(world.entries.list()) == 1
    assert world.acme.open == [world.entries.loaded(entry_id)[1]]


async def test_a_device_that_is_there_at_another_address_is_followed(world: Any) -> None:
    entry_id = await world.add_front()
    world.acme.boxes["192.0.2.20"] = world.acme.boxes.pop("192.0.2.10")
    flow = await world.flows.start("acme")
    flow = await world.flows.submit(flow.id, {**GIVEN, "host": "192.0.2.20"})
    assert (flow.page.reason, flow.page.entry_id) == ("updated", entry_id)
    assert world.data()["host"] == "192.0.2.20"
    await world.clock.settle()
    assert world.state() is EntryState.LOADED
    assert world.secrets.values[entry_id, "password"] == PASSWORD


async def test_of_two_flows_for_one_device_only_the_first_adds_it(world: Any) -> None:
    first, second = await at_confirm(world), await at_confirm(world)
    await world.flows.submit(first.id, {"name": "One"})
    second = await world.flows.submit(second.id, {"name": "Two"})
    assert (second.page.reason, second.page.entry_id) == ("already_configured", "one")
    assert len(world.entries.list()) == 1


async def test_a_certificate_is_trusted_by_the_person_or_not_at_all(world: Any) -> None:
    world.box.fingerprint = "ab" * 32
    flow = await world.flows.start("acme")
    flow = await world.flows.submit(flow.id, GIVEN)
    assert (flow.page.kind, flow.page.step) == ("menu", "trust")
    assert "ab" * 32 in flow.page.text
    assert [option["value"] for option in flow.page.to_json()["options"]] == ["trust", "stop"]
    with pytest.raises(ValidationError):
        await world.flows.submit(flow.id, choice="something else")
    with pytest.raises(ValidationError):
        await world.flows.submit(flow.id, {"fingerprint": "ab" * 32})
    assert world.box.attempts == []

    flow = await world.flows.submit(flow.id, choice="trust")
    assert flow.page.step == "options"
    await world.flows.submit(flow.id, {})
    await world.flows.submit(flow.id, {"name": "Front door"})
    assert world.data()["fingerprint"] == "ab" * 32

    flow = await world.flows.start("acme")
    await world.flows.submit(flow.id, GIVEN)
    flow = await world.flows.submit(flow.id, choice="stop")
    assert flow.page.reason == "cancelled"


async def test_a_wrong_password_behind_a_trusted_certificate_does_not_ask_for_trust_again(
    world: Any,
) -> None:
    world.box.fingerprint = "ab" * 32
    flow = await world.flows.start("acme")
    await world.flows.submit(flow.id, {**GIVEN, "password": "wrong"})
    flow = await world.flows.submit(flow.id, choice="trust")
    assert (flow.page.step, flow.page.error.code) == ("user", "AUTH_FAILED")
    flow = await world.flows.submit(flow.id, {**values_of(flow), "password": PASSWORD})
    assert flow.page.step == "options"


async def test_without_a_field_for_it_an_untrusted_certificate_is_an_error(world: Any) -> None:
    schema = {**fields.HOST, **fields.CREDENTIALS}
    world.acme.schema = schema
    world.box.fingerprint = "ab" * 32
    flow = await world.flows.start("acme")
    flow = await world.flows.submit(flow.id, GIVEN)
    assert (flow.page.kind, flow.page.error.code) == ("form", "TLS_UNTRUSTED")


async def test_a_bad_name_is_corrected_at_the_confirmation(world: Any) -> None:
    flow = await at_confirm(world)
    flow = await world.flows.submit(flow.id, {"name": ""})
    assert [(flow.page.step, error.key) for error in flow.page.errors] == [("confirm", "name")]
    flow = await world.flows.submit(flow.id, {"name": "x" * 101})
    assert flow.page.errors
    flow = await world.flows.submit(flow.id, {"name": "Gate"})
    assert flow.page.entry_id == "gate"


async def test_what_a_device_says_of_itself_cannot_spoil_the_name(world: Any) -> None:
    world.box.model = "ACME  A1\n\x1b[31m" + "x" * 300
    flow = await at_confirm(world)
    name = values_of(flow)["name"]
    assert name.startswith("ACME A1 [31mxxx")
    assert len(name) <= 100
    flow = await world.flows.submit(flow.id, {"name": name})
    assert flow.page.kind == "done"


async def test_what_the_probe_found_out_is_remembered_by_the_entry(world: Any) -> None:
    world.acme.remembers = {"path": "/live/7"}
    flow = await at_confirm(world)
    await world.flows.submit(flow.id, {"name": "Front door"})
    assert world.entries.get("front-door").config.facts == {"path": "/live/7"}


async def test_a_required_option_is_asked_for_before_the_device_is(world: Any) -> None:
    world.acme.schema = {
        **fields.HOST,
        **fields.CREDENTIALS,
        vol.Required("quality"): vol.In(("high", "low")),
    }
    flow = await world.flows.start("acme")
    assert "quality" in values_of(flow)
    flow = await world.flows.submit(flow.id, {**GIVEN, "quality": "low"})
    assert flow.page.step == "confirm"


async def test_there_is_no_flow_for_an_unknown_integration(world: Any) -> None:
    with pytest.raises(NotFoundError):
        await world.flows.start("nothing")
