"""Whatever people, cameras and plugins do to entries, alone or at once, what must hold holds."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from ucv import DeviceInfo, Integration, Stream, fields
from ucv.bus import EventBus
from ucv.cameras.camera import Camera
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock
from ucv.config.drafts import draft_from_mapping
from ucv.entries.devices import Devices
from ucv.entries.entry import (
    TRANSITIONS,
    EntryChanged,
    EntryConfig,
    EntryRemoved,
    EntryState,
)
from ucv.entries.manager import EntryManager
from ucv.errors import (
    AccountLocked,
    CameraViewerError,
    CannotConnect,
    InvalidAuth,
    MigrationFailed,
    RateLimited,
    StorageError,
)
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.trace import Trace
from ucv.streams.manager import StreamManager
from ucv.streams.providers import ProviderRegistry, StreamProvider
from ucv.streams.source import SourceRequest
from ucv.streams.state import Reason
from ucv.testing.clock import FakeClock
from ucv.testing.streams import FakeCamera, FakeConnection

OURS, YAML = ("a", "b", "a-2"), ("x", "y")
IDS = OURS + YAML
#: States in which a device is left alone, until a person acts.
QUIET = frozenset({EntryState.AUTH_FAILED, EntryState.DISABLED})
#: States in which nothing of a device is held.
CLOSED = frozenset(EntryState) - {
    EntryState.SETUP_IN_PROGRESS,
    EntryState.LOADED,
    EntryState.AUTH_FAILED,
}


class Toys(Integration):
    """Devices that behave as the test says, and count what they are asked."""

    domain = "toy"
    name = "Toy"
    entry_version = 1
    schema = {**fields.HOST, **fields.CREDENTIALS}

    def __init__(self) -> None:
        self.behaviour: dict[str, str] = {}
        self.traffic: Counter[str] = Counter()

    async def setup(self, device: Device) -> None:
        await self._ask(device)

        async def poll() -> None:
            while True:
                await device.clock.sleep(20)
                self.traffic[device.entry_id] += 1
                if self.behaviour.get(device.entry_id) == "refuse in the background":
                    raise InvalidAuth

        device.tasks.create(poll())

    async def probe(self, device: Device) -> DeviceInfo:
        await self._ask(device)
        await device.remember(probed=True)
        match self.behaviour.get(device.entry_id):
            case "cannot connect" | "fail and hold on":
                raise CannotConnect
            case "refuse":
                raise InvalidAuth
            case "rate limit":
                raise RateLimited(retry_after=350.0)
            case "lock":
                raise AccountLocked(until=device.clock.time() + 60)
            case "defect":
                raise ZeroDivisionError("defect")
            case "exit":
                raise SystemExit
            case "cancel":
                raise asyncio.CancelledError
            case "never answer":
                await asyncio.Event().wait()
            case "wrong answer":
                return "a string"  # type: ignore[return-value]  # a plugin's mistake
            case "other device":
                return DeviceInfo(unique_id="another")
        return DeviceInfo(unique_id=f"serial-{device.entry_id}")

    async def streams(self, device: Device) -> list[Stream]:
        await self._ask(device)
        return [Stream("main", f"fake://127.0.0.1/{device.entry_id}")]

    async def migrate(self, version: int, data: dict[str, Any]) -> dict[str, Any]:
        if "migration" in self.behaviour.values():
            raise MigrationFailed
        return data

    async def unload(self, device: Device) -> None:
        await asyncio.sleep(0)
        if self.behaviour.get(device.entry_id, "").endswith("hold on"):
            raise RuntimeError("will not let go")

    async def _ask(self, device: Device) -> None:
        self.traffic[device.entry_id] += 1
        await asyncio.sleep(0)


BEHAVIOURS = (
    "well",
    "cannot connect",
    "refuse",
    "refuse in the background",
    "rate limit",
    "lock",
    "defect",
    "exit",
    "cancel",
    "never answer",
    "wrong answer",
    "other device",
    "migration",
    "hold on",
    "fail and hold on",
)


class Rows:
    """Entries or cameras in memory; each change takes a while, and ``full`` refuses it."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.full = False

    async def list(self) -> list[Any]:
        return list(self.rows.values())

    async def save(self, *rows: EntryConfig | Camera) -> None:
        await self._change()
        self.rows |= {row.id: row for row in rows}

    async def delete(self, row_id: str) -> None:
        await self._change()
        self.rows.pop(row_id, None)

    async def _change(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        if self.full:
            raise StorageError("The disk is full.")


class Secrets:
    """Secrets in memory; each change takes a while."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}

    async def get(self, owner: str, name: str) -> str | None:
        await asyncio.sleep(0)
        return self.values.get((owner, name))

    async def all_values(self) -> dict[tuple[str, str], str]:
        await asyncio.sleep(0)
        return dict(self.values)

    async def set(self, owner: str, name: str, value: str) -> None:
        await self.set_all({(owner, name): value})

    async def set_all(self, values: Mapping[tuple[str, str], str]) -> None:
        await asyncio.sleep(0)
        self.values |= values

    async def delete(self, owner: str, name: str) -> None:
        await asyncio.sleep(0)
        self.values.pop((owner, name), None)

    async def delete_owner(self, owner: str) -> None:
        await asyncio.sleep(0)
        self.values = {key: value for key, value in self.values.items() if key[0] != owner}


class CountedDevices(Devices):
    """Knows the handles that are open."""

    open: list[Device]

    async def make(self, *args: Any, **keywords: Any) -> Device:
        device = await super().make(*args, **keywords)
        self.open.append(device)
        close = device.close

        async def closed() -> None:
            try:
                await close()
            finally:
                self.open.remove(device)

        device.close = closed  # type: ignore[method-assign]  # only here, to count
        return device


class World:
    """Everything around an entry manager in memory; `restart` keeps only what is stored."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.toys = Toys()
        self.entry_rows, self.camera_rows, self.secrets = Rows(), Rows(), Secrets()
        self.connections = defaultdict[str, FakeCamera](lambda: FakeCamera(self.clock))
        self.wrong: list[str] = []

    async def start(self) -> None:
        # A hub that cannot store anything does not start.
        self.entry_rows.full = self.camera_rows.full = False
        self.bus = EventBus()
        self.states: dict[str, EntryState] = {}
        self.bus.subscribe(EntryChanged, self._on_changed)
        self.bus.subscribe(EntryRemoved, lambda event: self.states.pop(event.entry_id, None))
        self.integrations: dict[str, Integration] = {"toy": self.toys}
        providers = ProviderRegistry()
        providers.add(StreamProvider("fake", frozenset({"fake"}), self._connect, 1))
        self.streams = StreamManager(
            bus=self.bus, clock=self.clock, providers=providers, random=random.Random(1)
        )
        self.cameras = CameraRegistry(self.camera_rows, self.bus)
        calls = Calls(
            trace=Trace(self.clock), owner_of=lambda domain: domain, on_fault=lambda *_: None
        )
        self.devices = CountedDevices(
            clock=self.clock, secrets=self.secrets, make_http=None, on_fault=calls.fault
        )
        self.devices.open = []
        self.entries = EntryManager(
            bus=self.bus,
            clock=self.clock,
            store=self.entry_rows,
            secrets=self.secrets,
            integrations=self.integrations,
            calls=calls,
            devices=self.devices,
            cameras=self.cameras,
            streams=self.streams,
            jitter=random.Random(1),
        )
        await self.cameras.load()
        await self.entries.start([])

    async def stop(self) -> None:
        await self.entries.stop()
        await self.streams.stop()

    def traffic(self, entry_id: str) -> tuple[int, int]:
        return self.toys.traffic[entry_id], len(self.connections[entry_id].attempts)

    def _connect(self, request: SourceRequest, clock: Clock) -> FakeConnection:
        return self.connections[request.url.rpartition("/")[2]].open(request, clock)

    def _on_changed(self, event: EntryChanged) -> None:
        entry_id, new = event.entry.id, event.status.state
        old = self.states.get(entry_id, EntryState.NOT_LOADED)
        if new not in TRANSITIONS[old] and (old, new) != (EntryState.NOT_LOADED,) * 2:
            self.wrong.append(f"{entry_id}: {old} to {new}")
        self.states[entry_id] = new


@dataclass(frozen=True)
class Step:
    """Something done to one entry; ``patience`` is how soon whoever did it is gone again.

    ``behaviour`` is that of the device from then on, when that is what changes.
    """

    what: str
    entry_id: str
    number: int
    patience: int | None = None
    behaviour: str = "well"


def mapping(step: Step) -> dict[str, Any]:
    """Return an entry as people write it; all of the same number have a device in common."""
    return {
        "id": step.entry_id,
        "name": f"Camera {step.entry_id}",
        "integration": "toy",
        "host": f"127.0.0.{step.number}",
        "username": f"viewer-{step.number}",
        "password": f"password-{step.number}",
        "preload": step.number % 2 == 0,
        "disabled": step.number == 3,
    }


async def create(world: World, step: Step) -> None:
    await world.entries.create(mapping(step))


async def create_unnamed(world: World, step: Step) -> None:
    given = {key: value for key, value in mapping(step).items() if key != "id"}
    await world.entries.create({**given, "name": "a"})


async def update(world: World, step: Step) -> None:
    await world.entries.update(step.entry_id, mapping(step))


async def log_in_again(world: World, step: Step) -> None:
    world.toys.behaviour[step.entry_id] = "well"
    world.connections[step.entry_id].error = None
    await update(world, step)


async def refuse_stream(world: World, step: Step) -> None:
    world.connections[step.entry_id].error = InvalidAuth()
    world.connections[step.entry_id].drop(InvalidAuth())


async def refuse_call(world: World, step: Step) -> None:
    _, device = world.entries.loaded(step.entry_id)
    for _ in range(step.number):
        await asyncio.sleep(0)
    world.entries.refused(step.entry_id, Reason("AUTH_FAILED", "Refused."), device)


async def apply_yaml(world: World, step: Step) -> None:
    wanted = {0: (), 1: YAML[:1], 2: YAML}.get(step.number, YAML[1:])
    drafts = [Step(step.what, entry_id, step.number) for entry_id in wanted]
    if "toy" in world.integrations:
        await world.entries.apply_yaml(
            [draft_from_mapping(mapping(draft), world.integrations) for draft in drafts]
        )


async def replace_plugin(world: World, step: Step) -> None:
    if step.number == 0:
        world.integrations.pop("toy", None)
    else:
        world.integrations["toy"] = world.toys
        world.toys.entry_version = step.number  # type: ignore[misc]  # another version of the plugin
    try:
        await world.entries.suspend({"toy"})
    finally:
        await world.entries.resume({"toy"})


async def behave(world: World, step: Step) -> None:
    world.toys.behaviour[step.entry_id] = step.behaviour


async def fill_disk(world: World, step: Step) -> None:
    world.entry_rows.full = step.number == 1
    world.camera_rows.full = step.number == 2


STEPS: Mapping[str, Callable[[World, Step], Awaitable[object]]] = {
    "create": create,
    "create unnamed": create_unnamed,
    "update": update,
    "log in again": log_in_again,
    "reload": lambda world, step: world.entries.reload(step.entry_id),
    "delete": lambda world, step: world.entries.delete(step.entry_id),
    "relocate": lambda world, step: world.entries.relocate(
        step.entry_id, {"host": f"127.0.1.{step.number}"}
    ),
    "refuse stream": refuse_stream,
    "refuse call": refuse_call,
    "apply yaml": apply_yaml,
    "replace plugin": replace_plugin,
    "behave": behave,
    "fill disk": fill_disk,
}

some_step = st.builds(
    Step,
    # Devices change often, and then something happens to them.
    st.sampled_from([*sorted(STEPS), *["behave"] * 3, *["reload", "update"] * 2]),
    st.sampled_from(IDS),
    st.integers(0, 3),
    st.none() | st.integers(0, 6),
    st.sampled_from(BEHAVIOURS),
)


class EntryLife(RuleBasedStateMachine):
    """Steps alone and at once, on a loop of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.world = World()

    @initialize()
    def begin(self) -> None:
        async def begin() -> None:
            await self.world.start()
            there = [Step("create", "a", 1), Step("create", "b", 2), Step("apply yaml", "x", 2)]
            await self.all_at_once(there)

        self.runner.run(begin())

    @rule(step=some_step)
    def do(self, step: Step) -> None:
        self.runner.run(self.all_at_once([step]))

    @rule(steps=st.lists(some_step, min_size=2, max_size=6))
    def do_at_once(self, steps: list[Step]) -> None:
        self.runner.run(self.all_at_once(steps))

    @rule(seconds=st.sampled_from([1.0, 10.0, 400.0]))
    def wait(self, seconds: float) -> None:
        async def wait() -> None:
            await self.world.clock.advance(seconds)
            await self.check()

        self.runner.run(wait())

    @rule(steps=st.lists(some_step, max_size=4))
    def restart(self, steps: list[Step]) -> None:
        async def restart() -> None:
            doing = asyncio.gather(*map(self.attempt, steps))
            for _ in range(4):
                await asyncio.sleep(0)
            await self.world.stop()
            await doing
            self.check_stopped()
            await self.world.start()
            await self.check()

        self.runner.run(restart())

    def teardown(self) -> None:
        async def stop() -> None:
            await self.world.stop()
            self.check_stopped()

        try:
            self.runner.run(stop())
        finally:
            self.runner.close()

    async def attempt(self, step: Step) -> None:
        task = asyncio.ensure_future(STEPS[step.what](self.world, step))
        if step.patience is not None:
            for _ in range(step.patience):
                await asyncio.sleep(0)
            task.cancel()
        try:
            await task
        except CameraViewerError:
            pass
        except asyncio.CancelledError:
            assert step.patience is not None, f"{step} was cancelled by nobody"

    async def all_at_once(self, steps: Collection[Step]) -> None:
        await asyncio.gather(*map(self.attempt, steps))
        await self.check()

    async def check(self) -> None:
        world = self.world
        await self.rest()
        self.check_entries()
        still = {entry_id for entry_id in IDS if self.is_still(entry_id)}
        before = {entry_id: world.traffic(entry_id) for entry_id in still}
        await world.clock.advance(30)
        await self.rest()
        assert before == {entry_id: world.traffic(entry_id) for entry_id in still}
        self.check_entries()

    async def rest(self) -> None:
        moving = (EntryState.NOT_LOADED, EntryState.SETUP_IN_PROGRESS)
        async with asyncio.timeout(5):
            while True:
                await self.world.clock.settle()
                moves = [v for v in self.world.entries.list() if v.status.state in moving]
                if not moves:
                    return
                await asyncio.sleep(0.001)

    def is_still(self, entry_id: str) -> bool:
        try:
            state = self.world.entries.status(entry_id).state
        except CameraViewerError:  # it is not there
            return True
        return state in CLOSED | QUIET and state is not EntryState.SETUP_RETRY

    def check_entries(self) -> None:
        world = self.world
        assert world.wrong == []
        views = {view.config.id: view for view in world.entries.list()}
        states = {entry_id: view.status.state for entry_id, view in views.items()}
        assert states == world.states
        assert all(isinstance(state, EntryState) for state in states.values())
        assert world.entry_rows.rows == {key: view.config for key, view in views.items()}
        assert {camera.id: camera for camera in world.cameras.list()} == world.camera_rows.rows
        assert {camera.entry_id for camera in world.cameras.list()} <= views.keys()
        for view in views.values():
            user = str(view.config.data["username"])
            stored = world.secrets.values[view.config.id, "password"]
            assert stored.rpartition("-")[2] == user.rpartition("-")[2]
        assert {owner for owner, _ in world.secrets.values} == views.keys()
        held = Counter(device.entry_id for device in world.devices.open)
        assert all(states.get(entry_id) not in CLOSED | {None} for entry_id in held)
        assert set(held.values()) <= {1}
        streaming = {stream.camera_id for stream in world.streams.streams()}
        assert all(states.get(camera_id) not in CLOSED | {None} for camera_id in streaming)
        connected = {key for key, camera in world.connections.items() if camera.connections}
        assert all(states.get(camera_id) is EntryState.LOADED for camera_id in connected)

    def check_stopped(self) -> None:
        world = self.world
        assert world.wrong == []
        at_rest = {EntryState.NOT_LOADED, EntryState.UNLOAD_FAILED}
        assert {view.status.state for view in world.entries.list()} <= at_rest
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert world.clock.pending == []
        assert world.devices.open == []
        assert world.bus.listener_count == 2
        assert not any(camera.connections for camera in world.connections.values())
        rows = {view.config.id for view in world.entries.list()}
        assert world.entry_rows.rows.keys() == rows
        assert {owner for owner, _ in world.secrets.values} == rows


def test_every_state_is_left_and_each_leads_back_to_the_beginning() -> None:
    assert TRANSITIONS.keys() == set(EntryState)
    for state, following in TRANSITIONS.items():
        assert following
        assert state not in following
        assert state is EntryState.NOT_LOADED or EntryState.NOT_LOADED in following


@pytest.mark.slow
def test_whatever_is_done_to_entries_what_must_hold_holds(monkeypatch: Any) -> None:
    monkeypatch.setattr("ucv.entries.supervisor.SETUP_LIMIT", 0.02)
    run_state_machine_as_test(
        EntryLife,
        settings=settings(
            max_examples=50,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
