from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
import voluptuous as vol

from ucv.config import fields
from ucv.errors import CannotConnect
from ucv.flows.own_steps import SILENCE_LIMIT
from ucv.plugins import calls
from ucv.plugins.steps import Abort, Flow

PASSWORD = "hunter2secret"
GIVEN = {"host": "192.0.2.10", "username": "viewer", "password": PASSWORD}
Own = Callable[[Any], Awaitable[Any]]


async def given(world: Any, own: Any) -> Any:
    """Return a user flow that has come as far as the integration's own steps."""
    world.acme.own = own
    flow = await world.flows.start("acme")
    return await world.flows.submit(flow.id, GIVEN)


async def test_an_integration_asks_in_forms_and_menus_of_its_own(world: Any) -> None:
    seen: dict[str, Any] = {}

    async def own(flow: Flow) -> Mapping[str, Any]:
        seen.update(flow.data, source=flow.source, serial=flow.info.serial)
        seen["runtime"] = flow.device.runtime
        mode = await flow.menu("mode", {"one": "One camera", "all": "All of them"}, title="Which?")
        schema = {vol.Required("number"): vol.All(int, vol.Range(min=1, max=8))}
        answer = await flow.form(
            "number", schema, title=mode, text="From 1 to 8.", values={"number": 3}, error="Well?"
        )
        return {"channel": answer["number"]}

    flow = await given(world, own)
    assert flow.page.to_json() == {
        "kind": "menu",
        "step": "mode",
        "title": "Which?",
        "text": "",
        "options": [
            {"value": "one", "label": "One camera"},
            {"value": "all", "label": "All of them"},
        ],
    }
    flow = await world.flows.submit(flow.id, choice="one")
    assert (flow.page.step, flow.page.title, flow.page.text) == ("number", "one", "From 1 to 8.")
    assert flow.page.error.message == "Well?"
    assert flow.page.fields[0]["value"] == 3
    flow = await world.flows.submit(flow.id, {"number": 9})
    assert [error.key for error in flow.page.errors] == ["number"]
    assert flow.page.fields[0]["value"] == 9
    flow = await world.flows.submit(flow.id, {"number": 5})
    assert flow.page.step == "options"
    assert world.acme.open == []
    await world.flows.submit(flow.id, {})
    await world.flows.submit(flow.id, {"name": "Front door"})
    assert world.data()["channel"] == 5
    assert seen["source"] == "user"
    assert seen["serial"] == "A1-0001"
    assert seen["runtime"] == "open"
    assert seen["username"] == "viewer"
    assert PASSWORD not in repr(seen)


async def test_secrets_asked_for_by_an_integration_are_stored_and_never_shown(world: Any) -> None:
    async def own(flow: Flow) -> Mapping[str, Any]:
        schema = {vol.Required("pin"): fields.Secret(), vol.Required("n"): int}
        answer = await flow.form("pin", schema)
        flow.progress(f"The PIN is {answer['pin']} and the password {PASSWORD}")
        await world.acme.gate.wait()
        return {"password": answer["pin"]}

    flow = await given(world, own)
    flow = await world.flows.submit(flow.id, {"pin": "123456789", "n": "x"})
    assert "value" not in flow.page.fields[0]
    world.acme.gate.clear()
    answered = asyncio.create_task(world.flows.submit(flow.id, {"pin": "123456789", "n": 1}))
    await world.clock.advance(1)
    page = (await answered).page
    assert page.text == "The PIN is **redacted** and the password **redacted**"
    world.acme.gate.set()
    await world.clock.settle()
    await world.flows.submit(flow.id, {})
    await world.flows.submit(flow.id, {"name": "Front door"})
    assert world.secrets.values == {("front-door", "password"): "123456789"}
    assert "123456789" not in repr(world.pages())


async def test_an_integration_ends_its_flow_with_a_reason_of_its_own(world: Any) -> None:
    async def own(flow: Flow) -> None:
        raise Abort("no_cameras", "The recorder has no cameras.")

    flow = await given(world, own)
    assert (flow.page.reason, flow.page.message) == ("no_cameras", "The recorder has no cameras.")
    assert world.faults == []
    assert world.acme.open == []


async def test_own_steps_also_run_when_a_camera_is_changed_or_logged_in_to(world: Any) -> None:
    sources: list[str] = []

    async def own(flow: Flow) -> Mapping[str, Any]:
        sources.append(flow.source)
        return {"channel": 7}

    await world.add_front()
    world.acme.own = own
    flow = await world.flows.start("acme", "reconfigure", entry_id="front-door")
    flow = await world.flows.submit(flow.id, {"host": "192.0.2.10", "username": "viewer"})
    assert flow.page.kind == "done"
    flow_id = await world.lock_out()
    await world.flows.submit(flow_id, {"username": "viewer", "password": "changed-secret"})
    assert sources == ["reconfigure", "reauth"]
    assert world.data()["channel"] == 7


async def _raises(flow: Flow) -> None:
    raise ZeroDivisionError("oops")


async def _exits(flow: Flow) -> None:
    raise SystemExit(3)


async def _cancels_itself(flow: Flow) -> None:
    raise asyncio.CancelledError


async def _returns_a_list(flow: Flow) -> Any:
    return ["channel"]


async def _returns_another_field(flow: Flow) -> Any:
    return {"chanel": 3}


async def _returns_a_field_of_the_core(flow: Flow) -> Any:
    return {"integration": "plain"}


async def _returns_a_bad_value(flow: Flow) -> Any:
    return {"channel": "many"}


async def _shows_a_menu_of_nothing(flow: Flow) -> None:
    await flow.menu("empty", {})


async def _shows_two_pages_at_once(flow: Flow) -> None:
    await asyncio.gather(flow.menu("a", {"a": "A"}), flow.menu("b", {"b": "B"}))


def _is_no_coroutine(flow: Flow) -> Any:
    return {"channel": 3}


def _raises_at_once(flow: Flow) -> Any:
    raise KeyError("channel")


@pytest.mark.parametrize(
    "own",
    [
        _raises,
        _exits,
        _cancels_itself,
        _returns_a_list,
        _returns_another_field,
        _returns_a_field_of_the_core,
        _returns_a_bad_value,
        _shows_a_menu_of_nothing,
        _shows_two_pages_at_once,
        _is_no_coroutine,
        _raises_at_once,
    ],
)
async def test_broken_steps_end_their_own_flow_only(world: Any, own: Own) -> None:
    # What is patched is the method itself: also one that is no coroutine must be contained.
    type(world.acme).steps, kept = (lambda _self, flow: own(flow)), type(world.acme).steps
    try:
        other = await world.flows.start("acme")
        flow = await world.flows.start("acme")
        await world.flows.submit(flow.id, GIVEN)
        await world.clock.settle()
    finally:
        type(world.acme).steps = kept
    flow = world.seen[-1]
    assert (flow.page.kind, flow.page.reason) == ("abort", "failed")
    assert flow.page.message.startswith("The plugin acme failed: ")
    assert world.faults == ["steps of a user flow"]
    assert world.acme.open == []
    assert [view.id for view in world.flows.list()] == [other.id]
    other = await world.flows.submit(other.id, GIVEN)
    assert other.page.step == "options"


async def test_a_device_that_fails_during_own_steps_ends_the_flow_with_its_sentence(
    world: Any,
) -> None:
    async def own(flow: Flow) -> None:
        raise CannotConnect(f"No answer to {PASSWORD}.")

    flow = await given(world, own)
    assert (flow.page.reason, flow.page.message) == ("failed", "No answer to **redacted**.")
    assert world.faults == []


async def test_steps_that_are_silent_for_too_long_are_given_up(world: Any) -> None:
    async def own(flow: Flow) -> None:
        flow.progress("Begun")
        await asyncio.Event().wait()

    world.acme.own = own
    flow = await world.flows.start("acme")
    submitted = asyncio.create_task(world.flows.submit(flow.id, GIVEN))
    await world.clock.advance(SILENCE_LIMIT - 1)
    await submitted
    assert world.flows.get(flow.id).page.text == "Begun"
    await world.clock.advance(2)
    assert world.flows.list() == []
    assert world.seen[-1].page.reason == "failed"
    assert "nothing was heard" in world.seen[-1].page.message
    assert world.acme.open == []


async def test_steps_may_take_long_while_they_tell_of_it_or_wait_for_a_person(world: Any) -> None:
    async def own(flow: Flow) -> None:
        for part in range(5):
            flow.progress("Part by part", part * 20)
            await world.clock.sleep(SILENCE_LIMIT - 1)
        await flow.menu("go_on", {"yes": "Yes"})

    world.acme.own = own
    flow = await world.flows.start("acme")
    submitted = asyncio.create_task(world.flows.submit(flow.id, GIVEN))
    for _ in range(5):
        await world.clock.advance(SILENCE_LIMIT - 1)
    await submitted
    assert world.flows.get(flow.id).page.step == "go_on"
    await world.clock.advance(2 * SILENCE_LIMIT)
    flow = await world.flows.submit(flow.id, choice="yes")
    assert flow.page.step == "options"


async def test_steps_that_ignore_their_end_are_left_behind_and_named(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CANCEL_LIMIT", 0.05)
    enough = False
    woken = 0

    async def own(flow: Flow) -> None:
        nonlocal woken
        while not enough:
            try:
                await flow.menu("trapped", {"a": "A"})
            except asyncio.CancelledError:
                woken += 1

    before = asyncio.all_tasks()
    flow = await given(world, own)
    await world.flows.cancel(flow.id)
    assert world.seen[-1].page.reason == "cancelled"
    assert world.faults == ["steps of a user flow"]
    assert world.acme.open == []
    # It was told twice, and sleeps from then on.
    assert woken == 2
    enough = True
    [left] = asyncio.all_tasks() - before
    left.cancel()
    await asyncio.wait({left})


async def test_progress_is_told_at_most_ten_times_a_second_and_the_last_always(world: Any) -> None:
    async def own(flow: Flow) -> None:
        for part in range(1000):
            flow.progress("Reading", part / 10)
            await world.clock.sleep(0.001)
        flow.progress("Reading", 1e9)
        flow.progress("All read", None)
        await world.acme.gate.wait()

    world.acme.own = own
    flow = await world.flows.start("acme")
    submitted = asyncio.create_task(world.flows.submit(flow.id, GIVEN))
    await world.clock.settle()
    world.acme.gate.clear()
    begun = len(world.seen)
    for _ in range(1100):
        await world.clock.advance(0.001)
    await submitted
    told = world.seen[begun:]
    assert 9 <= len(told) <= 12
    assert world.flows.get(flow.id).page.text == "All read"
    assert told[-1].page.text == "All read"
    assert told[2].page.percent > told[1].page.percent > 0
    world.acme.gate.set()
    await world.clock.settle()
    assert world.flows.get(flow.id).page.step == "options"


async def test_steps_that_are_over_cannot_show_anything_any_more(world: Any) -> None:
    kept: list[Any] = []

    async def own(flow: Flow) -> None:
        kept.append(flow)

    flow = await given(world, own)
    with pytest.raises(RuntimeError):
        await kept[0].menu("late", {"a": "A"})
    with pytest.raises(RuntimeError):
        kept[0].progress("late")
    assert world.flows.get(flow.id).page.step == "options"


async def test_a_task_that_still_asks_when_the_steps_are_over_is_not_in_the_way(
    world: Any,
) -> None:
    begun: list[asyncio.Task[str]] = []

    async def own(flow: Flow) -> None:
        begun.append(asyncio.create_task(flow.menu("late", {"a": "A"})))
        await asyncio.sleep(0)

    flow = await given(world, own)
    await world.clock.settle()
    assert begun[0].cancelled()
    assert world.flows.get(flow.id).page.step == "options"


async def test_work_that_tells_nothing_of_itself_still_shows_that_it_goes_on(world: Any) -> None:
    async def own(flow: Flow) -> None:
        await flow.menu("begin", {"yes": "Yes"})
        await world.acme.gate.wait()

    flow = await given(world, own)
    world.acme.gate.clear()
    submitted = asyncio.create_task(world.flows.submit(flow.id, choice="yes"))
    await world.clock.advance(1)
    assert (await submitted).page.kind == "progress"
    assert world.seen[-1].page.kind == "progress"
    world.acme.gate.set()
    await world.clock.settle()
    assert world.flows.get(flow.id).page.step == "options"
