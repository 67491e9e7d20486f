from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ucv.entries.entry import EntryChanged, EntryRemoved, EntryState, EntryStatus
from ucv.errors import NotFoundError, PluginNotLoaded, ValidationError

PASSWORD = "hunter2secret"
YAML = {
    "id": "front-door",
    "name": "Front door",
    "integration": "acme",
    "host": "192.0.2.10",
    "username": "viewer",
    "password": PASSWORD,
}


def values_of(view: Any) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in view.page.fields}


# --- logging in again -----------------------------------------------------------------------------


async def test_a_changed_password_asks_to_log_in_again_until_it_is_right(world: Any) -> None:
    await world.add_front()
    flow_id = await world.lock_out()
    flow = world.flows.get(flow_id)
    assert (flow.title, flow.entry_id, flow.expires) == ("Front door", "front-door", 0.0)
    assert values_of(flow) == {"username": "viewer", "password": None}
    assert flow.page.text == "The camera refuses the user name or password."

    flow = await world.flows.submit(flow_id, {"username": "viewer", "password": "not-yet"})
    assert (flow.page.step, flow.page.error.code) == ("reauth", "AUTH_FAILED")
    assert world.state() is EntryState.AUTH_FAILED
    world.box.reachable = False
    flow = await world.flows.submit(flow_id, {"username": "viewer", "password": "changed-secret"})
    assert flow.page.error.code == "CONN_REFUSED"
    world.box.reachable = True
    flow = await world.flows.submit(flow_id, {"username": "viewer", "password": ""})
    assert (flow.page.kind, flow.page.entry_id) == ("done", "front-door")
    await world.clock.settle()
    assert world.state() is EntryState.LOADED
    assert world.secrets.values["front-door", "password"] == "changed-secret"
    assert world.flows.list() == []
    assert "changed-secret" not in repr(world.seen)


async def test_another_device_is_not_logged_in_to(world: Any) -> None:
    await world.add_front()
    flow_id = await world.lock_out()
    world.box.serial = "A1-0002"
    given = {"username": "viewer", "password": "changed-secret"}
    flow = await world.flows.submit(flow_id, given)
    assert (flow.page.reason, flow.page.entry_id) == ("wrong_device", "front-door")
    assert world.secrets.values["front-door", "password"] == PASSWORD
    assert world.acme.open == []


async def test_there_is_one_login_for_an_entry_however_often_it_is_asked_for(world: Any) -> None:
    await world.add_front()
    flow_id = await world.lock_out()
    again = await world.flows.start("acme", "reauth", entry_id="front-door")
    assert again.id == flow_id
    await world.entries.reload("front-door")
    await world.clock.settle()
    assert len(world.flows.list()) == 1


async def test_a_login_ends_when_the_entry_can_do_without(world: Any) -> None:
    await world.add_front()
    flow_id = await world.lock_out()
    await world.clock.advance(7 * 86_400)
    assert world.flows.get(flow_id).page.kind == "form"
    world.box.password = PASSWORD
    await world.entries.reload("front-door")
    await world.clock.settle()
    assert world.flows.list() == []
    assert world.seen[-1].page.reason == "cancelled"


async def test_what_its_entry_does_while_a_login_is_saved_does_not_end_it(world: Any) -> None:
    await world.add_front()
    flow_id = await world.lock_out()
    world.entry_rows.gate.clear()
    given = {"username": "viewer", "password": "changed-secret"}
    submitted = asyncio.create_task(world.flows.submit(flow_id, given))
    await world.clock.settle()
    entry = world.entries.get("front-door").config
    world.bus.publish(EntryChanged(entry, EntryStatus(EntryState.UNLOAD_FAILED)))
    world.bus.publish(EntryRemoved("front-door"))
    world.entry_rows.gate.set()
    assert (await submitted).page.kind == "done"


async def test_a_login_that_was_cancelled_can_be_asked_for(world: Any) -> None:
    await world.add_front()
    await world.flows.cancel(await world.lock_out())
    assert world.flows.list() == []
    flow = await world.flows.start("acme", "reauth", entry_id="front-door")
    assert flow.expires == 0.0
    given = {"username": "viewer", "password": "changed-secret"}
    flow = await world.flows.submit(flow.id, given)
    assert flow.page.kind == "done"


async def test_a_login_before_it_is_needed_stays_when_it_is_needed(world: Any) -> None:
    await world.add_front()
    flow = await world.flows.start("acme", "reauth", entry_id="front-door")
    assert flow.expires == world.clock.time() + 900
    assert await world.lock_out() == flow.id
    assert world.flows.get(flow.id).expires == 0.0


async def test_entries_that_failed_before_the_flows_began_are_asked_for_too(world: Any) -> None:
    await world.add_front()
    await world.lock_out()
    await world.flows.stop()
    world.flows = world.new_flows()
    [flow] = world.flows.list()
    assert (flow.source, flow.entry_id) == ("reauth", "front-door")


async def test_a_login_for_an_entry_of_the_yaml_says_where_its_password_is(world: Any) -> None:
    world.box.password = "changed-secret"
    await world.start(YAML)
    assert world.state() is EntryState.AUTH_FAILED
    assert world.seen == []
    flow = await world.flows.start("acme", "reauth", entry_id="front-door")
    assert (flow.page.reason, flow.page.entry_id) == ("read_only", "front-door")
    assert "secrets.yaml" in flow.page.message


async def test_what_has_no_login_cannot_be_logged_in_to(world: Any) -> None:
    await world.entries.create({"name": "Shed", "integration": "plain", "host": "192.0.2.77"})
    flow = await world.flows.start("plain", "reauth", entry_id="shed")
    assert flow.page.reason == "not_supported"


# --- changing -------------------------------------------------------------------------------------


async def test_a_camera_is_given_a_new_address_and_keeps_its_password(world: Any) -> None:
    await world.add_front(http_port=8080, quality="low", preload=True)
    flow = await world.flows.start("acme", "reconfigure", entry_id="front-door")
    assert values_of(flow) == {
        "host": "192.0.2.10",
        "http_port": 8080,
        "rtsp_port": None,
        "username": "viewer",
        "password": None,
        "fingerprint": None,
        "channel": 1,
    }
    given = {"host": "192.0.2.20", "username": "viewer", "channel": 2}
    flow = await world.flows.submit(flow.id, given)
    assert (flow.page.step, flow.page.error.code) == ("reconfigure", "CONN_REFUSED")
    world.acme.boxes["192.0.2.20"] = world.acme.boxes.pop("192.0.2.10")
    flow = await world.flows.submit(flow.id, given)
    assert flow.page.kind == "done"
    assert world.data() == {
        "host": "192.0.2.20",
        "username": "viewer",
        "channel": 2,
        "quality": "low",
    }
    assert world.entries.get("front-door").config.preload
    assert world.box.attempts[-1] == PASSWORD
    await world.clock.settle()
    assert world.state() is EntryState.LOADED


async def test_a_mistyped_address_of_another_device_is_corrected(world: Any) -> None:
    await world.add_front()
    other = type(world.box)(serial="A1-0002")
    world.acme.boxes["192.0.2.99"] = other
    flow = await world.flows.start("acme", "reconfigure", entry_id="front-door")
    flow = await world.flows.submit(flow.id, {"host": "192.0.2.99", "username": "viewer"})
    assert (flow.page.step, flow.page.error.code) == ("reconfigure", "WRONG_DEVICE")
    assert world.data()["host"] == "192.0.2.10"
    flow = await world.flows.submit(flow.id, {"host": "192.0.2.10", "username": "viewer"})
    assert flow.page.kind == "done"


async def test_options_are_changed_without_asking_the_device(world: Any) -> None:
    await world.add_front()
    attempts = len(world.box.attempts)
    world.acme.gate.clear()
    flow = await world.flows.start("acme", "options", entry_id="front-door")
    assert values_of(flow) == {"quality": "high"}
    flow = await world.flows.submit(flow.id, {"quality": "best"})
    assert [error.key for error in flow.page.errors] == ["quality"]
    flow = await world.flows.submit(flow.id, {"quality": "low"})
    assert flow.page.kind == "done"
    assert world.data()["quality"] == "low"
    assert world.data()["host"] == "192.0.2.10"
    assert world.secrets.values["front-door", "password"] == PASSWORD
    assert len(world.box.attempts) == attempts


async def test_what_has_no_options_says_so(world: Any) -> None:
    await world.entries.create({"name": "Shed", "integration": "plain", "host": "192.0.2.77"})
    flow = await world.flows.start("plain", "options", entry_id="shed")
    assert (flow.page.reason, flow.page.message) == ("not_supported", "Plain has no options.")


@pytest.mark.parametrize("source", ["reconfigure", "options"])
async def test_what_the_yaml_defines_is_changed_there(world: Any, source: str) -> None:
    await world.start(YAML)
    flow = await world.flows.start("acme", source, entry_id="front-door")
    assert (flow.page.reason, flow.page.entry_id) == ("read_only", "front-door")
    assert "ucv.yaml" in flow.page.message


async def test_flows_of_entries_need_the_entry_and_its_integration(world: Any) -> None:
    await world.add_front()
    with pytest.raises(NotFoundError):
        await world.flows.start("acme", "options", entry_id="nothing")
    with pytest.raises(ValidationError):
        await world.flows.start("acme", "options")
    with pytest.raises(ValidationError):
        await world.flows.start("plain", "options", entry_id="front-door")
    del world.integrations["acme"]
    with pytest.raises(PluginNotLoaded):
        await world.flows.start("acme", "options", entry_id="front-door")


async def test_deleting_an_entry_ends_its_flows(world: Any) -> None:
    await world.add_front()
    flow = await world.flows.start("acme", "options", entry_id="front-door")
    await world.entries.delete("front-door")
    assert world.flows.list() == []
    assert (world.seen[-1].id, world.seen[-1].page.reason) == (flow.id, "cancelled")
