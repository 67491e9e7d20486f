from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ucv.entries.entry import EntryState
from ucv.errors import ValidationError
from ucv.flows.view import Discovered

PASSWORD = "hunter2secret"
FOUND = Discovered(
    "acme",
    "Acme A1 [0001]",
    "Acme A1",
    "192.0.2.10",
    80,
    {"model": "A1"},
)


def values_of(view: Any) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in view.page.fields}


async def add(world: Any, found: Discovered = FOUND) -> str:
    """Add a discovered device, and return its entry's id when it is loaded."""
    flow = await world.flows.start("acme", "discovery", discovered=found)
    assert flow.page.kind == "form", flow.page
    given = {**values_of(flow), "username": "viewer", "password": PASSWORD}
    await world.flows.submit(flow.id, given)
    await world.flows.submit(flow.id, {"quality": "low"})
    flow = await world.flows.submit(flow.id, {"name": "Front door"})
    assert flow.page.kind == "done"
    await world.clock.settle()
    assert world.state(flow.page.entry_id) is EntryState.LOADED
    return str(flow.page.entry_id)


async def test_a_discovered_device_is_offered_with_its_address_filled_in(world: Any) -> None:
    await world.flows.discovered(FOUND)
    await world.clock.settle()
    [flow] = world.flows.list()
    assert (flow.source, flow.title, flow.page.step) == ("discovery", "Acme A1", "discovered")
    assert values_of(flow)["host"] == "192.0.2.10"
    assert values_of(flow)["http_port"] is None
    assert flow.to_json()["discovered"] == {
        "name": "Acme A1",
        "host": "192.0.2.10",
        "port": 80,
        "rtsp_port": None,
        "properties": {"model": "A1"},
    }
    assert flow.expires == world.clock.time() + 86_400
    assert world.box.attempts == []


async def test_an_unusual_port_is_filled_in_where_there_is_a_field_for_it(world: Any) -> None:
    flow = await world.flows.start("acme", "discovery", discovered=replace(FOUND, port=8080))
    assert values_of(flow)["http_port"] == 8080
    found = Discovered("plain", "Shed", "Shed", "192.0.2.77", 8080)
    flow = await world.flows.start("plain", "discovery", discovered=found)
    assert values_of(flow) == {"host": "192.0.2.77"}


async def test_a_device_is_offered_once_however_often_it_is_seen(world: Any) -> None:
    first = await world.flows.discovered(FOUND)
    again = await world.flows.discovered(replace(FOUND, properties={"uptime": "12"}))
    assert first.id == again.id
    assert len(world.flows.list()) == 1


async def test_an_offer_follows_the_device_until_somebody_begins_to_fill_it_in(world: Any) -> None:
    await world.flows.discovered(FOUND)
    moved = await world.flows.discovered(replace(FOUND, host="192.0.2.20"))
    await world.clock.settle()
    [flow] = world.flows.list()
    assert (flow.id, values_of(flow)["host"]) == (moved.id, "192.0.2.20")
    await world.flows.submit(flow.id, {"host": ""})
    same = await world.flows.discovered(replace(FOUND, host="192.0.2.30"))
    assert same.id == flow.id


async def test_a_discovered_device_is_added_and_then_known(world: Any) -> None:
    await add(world)
    assert await world.flows.discovered(FOUND) is None
    assert world.flows.list() == []
    with pytest.raises(ValidationError):
        await world.flows.start("acme", "discovery", discovered=FOUND)


async def test_a_wrong_password_of_a_discovered_device_is_corrected(world: Any) -> None:
    flow = await world.flows.start("acme", "discovery", discovered=FOUND)
    given = {"host": "192.0.2.10", "username": "viewer"}
    flow = await world.flows.submit(flow.id, {**given, "password": "wrong"})
    assert (flow.page.step, flow.page.error.code) == ("discovered", "AUTH_FAILED")
    flow = await world.flows.submit(flow.id, {**given, "password": PASSWORD})
    assert flow.page.step == "options"


async def test_a_device_that_moved_is_followed_by_the_key_it_was_discovered_under(
    world: Any,
) -> None:
    await add(world)
    world.acme.boxes["192.0.2.20"] = world.acme.boxes.pop("192.0.2.10")
    assert await world.flows.discovered(replace(FOUND, host="192.0.2.20", port=8080)) is None
    assert world.flows.list() == []
    assert world.data()["host"] == "192.0.2.20"
    assert world.data()["http_port"] == 8080
    await world.clock.settle()
    assert world.state() is EntryState.LOADED


async def test_the_key_is_remembered_over_a_restart(world: Any) -> None:
    await add(world)
    await world.flows.stop()
    world.flows = world.new_flows()
    world.acme.boxes["192.0.2.20"] = world.acme.boxes.pop("192.0.2.10")
    assert await world.flows.discovered(replace(FOUND, host="192.0.2.20")) is None
    assert world.data()["host"] == "192.0.2.20"


async def test_a_device_added_by_hand_is_followed_by_its_unique_id(world: Any) -> None:
    await world.add_front()
    found = replace(FOUND, unique_id="A1-0001", host="192.0.2.20")
    world.acme.boxes["192.0.2.20"] = world.acme.boxes.pop("192.0.2.10")
    assert await world.flows.discovered(found) is None
    assert world.data()["host"] == "192.0.2.20"


async def test_a_device_added_by_hand_is_followed_once_it_was_seen_at_its_place(world: Any) -> None:
    await world.add_front()
    assert await world.flows.discovered(FOUND) is None
    world.acme.boxes["192.0.2.20"] = world.acme.boxes.pop("192.0.2.10")
    assert await world.flows.discovered(replace(FOUND, host="192.0.2.20")) is None
    assert world.data()["host"] == "192.0.2.20"


async def test_a_second_device_with_the_same_serial_number_does_not_take_the_first_ones_entry(
    world: Any,
) -> None:
    await world.add_front()
    world.acme.boxes["192.0.2.20"] = type(world.box)()
    twin = replace(FOUND, unique_id="A1-0001", host="192.0.2.20")
    flow = await world.flows.discovered(twin)
    assert flow is not None
    assert world.data()["host"] == "192.0.2.10"
    await world.clock.settle()
    [flow] = world.flows.list()
    given = {**values_of(flow), "username": "viewer", "password": PASSWORD}
    await world.flows.submit(flow.id, given)
    await world.flows.submit(flow.id, {"quality": "low"})
    flow = await world.flows.submit(flow.id, {"name": "Second"})
    assert flow.page.kind == "done"
    await world.clock.settle()
    assert world.state(flow.page.entry_id) is EntryState.LOADED
    ids = {view.config.name: view.config.unique_id for view in world.entries.list()}
    assert ids == {"Front door": "A1-0001", "Second": "A1-0001@192.0.2.20"}


async def test_a_device_is_followed_though_another_one_got_its_address(world: Any) -> None:
    await world.add_front()
    world.acme.boxes["192.0.2.20"] = world.box
    world.acme.boxes["192.0.2.10"] = type(world.box)(serial="A1-0002")
    found = replace(FOUND, unique_id="A1-0001", host="192.0.2.20")
    assert await world.flows.discovered(found) is None
    assert world.data()["host"] == "192.0.2.20"
    await world.clock.settle()
    assert world.state() is EntryState.LOADED


async def test_what_is_at_the_place_of_an_entry_that_does_not_answer_is_not_taken_for_it(
    world: Any,
) -> None:
    await world.add_front()
    world.box.reachable = False
    await world.entries.reload("front-door")
    await world.clock.settle()
    assert world.state() is EntryState.SETUP_RETRY
    newcomer = replace(FOUND, key="Acme A1 [0002]")
    assert await world.flows.discovered(newcomer) is None
    await world.flows.discovered(replace(newcomer, host="192.0.2.20"))
    assert world.data()["host"] == "192.0.2.10"


async def test_another_device_of_the_same_brand_is_offered(world: Any) -> None:
    await world.add_front()
    other = Discovered("acme", "Acme A1 [0002]", "Acme A1", "192.0.2.11", unique_id="A1-0002")
    assert await world.flows.discovered(other) is not None
    behind = replace(other, key="behind", host="192.0.2.10", port=8081, unique_id=None)
    assert await world.flows.discovered(behind) is not None
    assert world.data()["host"] == "192.0.2.10"


async def test_a_host_that_is_a_name_is_not_replaced_by_an_address(world: Any) -> None:
    world.acme.boxes["front.example"] = world.box
    await world.add_front(host="front.example")
    found = replace(FOUND, unique_id="A1-0001", host="192.0.2.20")
    world.acme.boxes["192.0.2.20"] = world.acme.boxes.pop("192.0.2.10")
    assert await world.flows.discovered(found) is None
    assert world.data()["host"] == "front.example"


async def test_an_offer_that_was_declined_is_not_made_again(world: Any) -> None:
    flow = await world.flows.discovered(FOUND)
    await world.flows.cancel(flow.id)
    assert await world.flows.discovered(FOUND) is None
    assert await world.flows.discovered(replace(FOUND, host="192.0.2.20")) is None
    await world.flows.stop()
    world.flows = world.new_flows()
    assert await world.flows.discovered(FOUND) is not None


async def test_an_offer_expires_after_a_day_and_is_made_again(world: Any) -> None:
    await world.flows.discovered(FOUND)
    await world.clock.advance(86_399)
    assert len(world.flows.list()) == 1
    await world.clock.advance(2)
    assert world.flows.list() == []
    assert world.seen[-1].page.reason == "expired"
    assert await world.flows.discovered(FOUND) is not None


async def test_adding_the_device_by_hand_ends_its_offer(world: Any) -> None:
    flow = await world.flows.discovered(FOUND)
    entry_id = await world.add_front()
    assert world.flows.list() == []
    last = world.seen[-1]
    assert (last.id, last.page.reason, last.page.entry_id) == (
        flow.id,
        "already_configured",
        entry_id,
    )


async def test_a_device_of_an_integration_that_is_gone_is_nothing(world: Any) -> None:
    assert await world.flows.discovered(replace(FOUND, domain="gone")) is None


async def test_a_flood_of_devices_leaves_room_for_people(world: Any) -> None:
    for number in range(200):
        found = replace(FOUND, key=str(number), host=f"192.0.2.{number % 250}", port=1000 + number)
        await world.flows.discovered(found)
    assert len(world.flows.list()) == 80
    flow = await world.flows.start("acme")
    assert flow.page.step == "user"


async def test_clients_cannot_invent_discoveries(world: Any) -> None:
    with pytest.raises(ValidationError):
        await world.flows.start("acme", "discovery")
