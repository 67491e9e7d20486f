from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ucv.entries.entry import EntryState
from ucv.errors import NotFoundError, RateLimited, ValidationError

PASSWORD = "hunter2secret"
GIVEN = {"host": "192.0.2.10", "username": "viewer", "password": PASSWORD}


async def test_a_flow_expires_a_quarter_of_an_hour_after_the_last_answer(world: Any) -> None:
    flow = await world.flows.start("acme")
    assert flow.expires == world.clock.time() + 900
    await world.clock.advance(890)
    flow = await world.flows.submit(flow.id, {"host": ""})
    assert flow.expires == world.clock.time() + 900
    await world.clock.advance(890)
    assert world.flows.get(flow.id)
    await world.clock.advance(20)
    assert world.flows.list() == []
    assert world.seen[-1].page.to_json() == {
        "kind": "abort",
        "reason": "expired",
        "message": "Nobody went on with it.",
        "entry_id": None,
    }
    with pytest.raises(NotFoundError):
        await world.flows.submit(flow.id, GIVEN)
    assert world.clock.pending == []


async def test_a_flow_that_expires_lets_go_of_its_device(world: Any) -> None:
    async def own(flow: Any) -> None:
        flow.device.tasks.create(asyncio.Event().wait(), name="reader")
        await flow.menu("choose", {"a": "A"})

    world.acme.own = own
    flow = await world.flows.start("acme")
    await world.flows.submit(flow.id, GIVEN)
    [device] = world.acme.open
    assert len(device.tasks) == 1
    await world.clock.advance(901)
    assert world.acme.open == []
    assert len(device.tasks) == 0


async def test_a_flow_is_cancelled_while_it_asks_the_device(world: Any) -> None:
    world.acme.gate.clear()
    flow = await world.flows.start("acme")
    submitted = asyncio.create_task(world.flows.submit(flow.id, GIVEN))
    await world.clock.settle()
    assert len(world.acme.open) == 1
    await world.flows.cancel(flow.id)
    assert (await submitted).page.reason == "cancelled"
    assert world.acme.open == []
    assert world.flows.list() == []
    with pytest.raises(NotFoundError):
        await world.flows.cancel(flow.id)


async def test_what_is_being_saved_is_saved_before_a_flow_is_cancelled(world: Any) -> None:
    await world.add_front()
    flow = await world.flows.start("acme", "options", entry_id="front-door")
    world.entry_rows.gate.clear()
    submitted = asyncio.create_task(world.flows.submit(flow.id, {"quality": "low"}))
    await world.clock.settle()
    cancelled = asyncio.create_task(world.flows.cancel(flow.id))
    await world.clock.advance(1000)
    assert not cancelled.done()
    world.entry_rows.gate.set()
    await cancelled
    await submitted
    await world.clock.settle()
    assert world.seen[-1].page.kind == "done"
    assert world.data()["quality"] == "low"
    assert world.state() is EntryState.LOADED


async def test_stopping_ends_all_flows_and_leaves_nothing(world: Any) -> None:
    before = world.bus.listener_count
    flows = world.new_flows()
    for _ in range(3):
        await flows.start("acme")
    flow = await flows.start("acme")
    world.acme.gate.clear()
    submitted = asyncio.create_task(flows.submit(flow.id, GIVEN))
    await world.clock.settle()
    await flows.stop()
    assert (await submitted).page.reason == "cancelled"
    assert flows.list() == []
    assert world.acme.open == []
    assert world.clock.pending == []
    assert world.bus.listener_count == before
    with pytest.raises(ValidationError):
        await flows.start("acme")


async def test_flows_of_an_integration_that_is_unloaded_end(world: Any) -> None:
    acme, plain = await world.flows.start("acme"), await world.flows.start("plain")
    await world.flows.drop({"acme"})
    assert [flow.id for flow in world.flows.list()] == [plain.id]
    assert (world.seen[-1].id, world.seen[-1].page.message) == (acme.id, "Acme was unloaded.")


async def test_there_are_never_more_than_a_hundred_flows(world: Any) -> None:
    for _ in range(100):
        await world.flows.start("acme")
    with pytest.raises(RateLimited):
        await world.flows.start("acme")
    await world.flows.cancel(world.flows.list()[0].id)
    await world.flows.start("acme")


async def test_a_form_takes_no_choice_and_a_flow_no_answer_twice(world: Any) -> None:
    flow = await world.flows.start("acme")
    with pytest.raises(ValidationError):
        await world.flows.submit(flow.id, choice="trust")
    world.acme.gate.clear()
    first = asyncio.create_task(world.flows.submit(flow.id, GIVEN))
    await asyncio.sleep(0)
    with pytest.raises(ValidationError):
        await world.flows.submit(flow.id, GIVEN)
    world.acme.gate.set()
    assert (await first).page.step == "options"
    assert world.box.attempts == [PASSWORD]


async def test_a_schema_that_fails_in_its_own_way_ends_its_flow_only(world: Any) -> None:
    def broken(value: Any) -> Any:
        raise ZeroDivisionError("oops")

    other = await world.flows.start("acme")
    world.plain.schema = {"host": broken}
    flow = await world.flows.start("plain")
    flow = await world.flows.submit(flow.id, {"host": "192.0.2.77"})
    assert (flow.page.kind, flow.page.reason) == ("abort", "failed")
    assert "ZeroDivisionError" in flow.page.message
    assert world.faults == ["user flow"]
    assert world.flows.get(other.id).page.kind == "form"


async def test_views_are_plain_json_for_every_kind_of_page(world: Any) -> None:
    world.box.fingerprint = "ab" * 32
    world.acme.gate.clear()
    flow = await world.flows.start("acme")
    submitted = asyncio.create_task(world.flows.submit(flow.id, GIVEN))
    await world.clock.advance(1)
    await submitted
    world.acme.gate.set()
    await world.clock.settle()
    await world.flows.submit(flow.id, choice="trust")
    await world.flows.submit(flow.id, {})
    await world.flows.submit(flow.id, {"name": "Front door"})
    flow = await world.flows.start("acme")
    await world.flows.cancel(flow.id)
    served = [json.loads(json.dumps(view.to_json())) for view in world.seen]
    kinds = [view["page"]["kind"] for view in served]
    assert set(kinds) == {"form", "menu", "progress", "done", "abort"}
    assert set(served[0]) == {
        "id",
        "integration",
        "integration_name",
        "source",
        "entry_id",
        "title",
        "discovered",
        "started",
        "expires",
        "page",
    }
