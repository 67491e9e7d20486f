"""Flows with real entry managers, and devices in memory that a test can change at any time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import voluptuous as vol

from ucv import DeviceInfo, Integration, Stream
from ucv.bus import EventBus
from ucv.cameras.registry import CameraRegistry
from ucv.config import fields
from ucv.config.drafts import draft_from_mapping
from ucv.entries.devices import Devices
from ucv.entries.entry import EntryState
from ucv.entries.manager import EntryManager
from ucv.errors import CannotConnect, CertificateUntrusted, InvalidAuth
from ucv.flows.manager import FlowManager
from ucv.flows.view import FlowChanged, FlowView
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.steps import Flow
from ucv.plugins.trace import Trace
from ucv.secrets import Redactor
from ucv.streams.manager import StreamManager
from ucv.streams.providers import ProviderRegistry, StreamProvider
from ucv.testing.clock import FakeClock
from ucv.testing.streams import FakeCamera

PASSWORD = "hunter2secret"
#: What the box has after `World.lock_out`.
NEW_PASSWORD = "changed-secret"


@dataclass
class Box:
    """A device on a network of its own."""

    serial: str | None = "A1-0001"
    password: str = PASSWORD
    model: str | None = "A1"
    reachable: bool = True
    fingerprint: str | None = None
    failures: list[Exception] = field(default_factory=list)
    attempts: list[str | None] = field(default_factory=list)


class Acme(Integration):
    """Cameras that are boxes of the test's."""

    domain = "acme"
    name = "Acme"
    version = "1.0.0"
    schema = {
        **fields.HOST,
        **fields.CREDENTIALS,
        vol.Optional("fingerprint"): fields.Text(64),
        vol.Optional("channel", default=1): vol.Coerce(int),
        vol.Optional("quality", default="high"): vol.In(("high", "low")),
    }
    options = ("quality",)

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self.open: list[Device] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.own: Callable[[Flow], Awaitable[Mapping[str, Any] | None]] | None = None
        self.remembers: dict[str, Any] = {}

    async def setup(self, device: Device) -> None:
        self.open.append(device)
        device.runtime = "open"

    async def unload(self, device: Device) -> None:
        if device in self.open:
            self.open.remove(device)

    async def probe(self, device: Device) -> DeviceInfo:
        await self.gate.wait()
        box = self.boxes.get(device.host)
        if box is None or not box.reachable:
            raise CannotConnect
        if box.fingerprint is not None and device.config.get("fingerprint") != box.fingerprint:
            raise CertificateUntrusted(fingerprint=box.fingerprint, reason="self-signed")
        password = device.credentials.password if device.credentials else None
        box.attempts.append(password)
        if password != box.password:
            raise InvalidAuth
        if box.failures:
            raise box.failures.pop(0)
        if self.remembers:
            await device.remember(**self.remembers)
        return DeviceInfo(
            unique_id=box.serial,
            manufacturer="Acme",
            model=box.model,
            serial=box.serial,
            firmware="1.0",
        )

    async def streams(self, device: Device) -> list[Stream]:
        return [Stream("main", "fake://127.0.0.1/main")]

    async def steps(self, flow: Flow) -> Mapping[str, Any] | None:
        return None if self.own is None else await self.own(flow)


class Plain(Integration):
    """No credentials, no options, no steps, no port."""

    domain = "plain"
    name = "Plain"
    schema = {vol.Required("host"): fields.Host()}

    async def probe(self, device: Device) -> DeviceInfo:
        return DeviceInfo()

    async def streams(self, device: Device) -> list[Stream]:
        return [Stream("main", "fake://127.0.0.1/main")]


class Rows:
    """Entries or cameras in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def list(self) -> list[Any]:
        return list(self.rows.values())

    async def save(self, *rows: Any) -> None:
        await self.gate.wait()
        self.rows |= {row.id: row for row in rows}

    async def delete(self, row_id: str) -> None:
        self.rows.pop(row_id, None)


class Secrets:
    """Secrets in memory."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}

    async def get(self, owner: str, name: str) -> str | None:
        return self.values.get((owner, name))

    async def all_values(self) -> dict[tuple[str, str], str]:
        return dict(self.values)

    async def set(self, owner: str, name: str, value: str) -> None:
        self.values[owner, name] = value

    async def set_all(self, values: Mapping[tuple[str, str], str]) -> None:
        self.values |= values

    async def delete(self, owner: str, name: str) -> None:
        self.values.pop((owner, name), None)

    async def delete_owner(self, owner: str) -> None:
        self.values = {key: value for key, value in self.values.items() if key[0] != owner}


class World:
    """A flow manager over an entry manager, with all else in memory."""

    def __init__(self) -> None:
        self.bus, self.clock, self.redactor = EventBus(), FakeClock(), Redactor()
        self.acme, self.plain = Acme(), Plain()
        self.box = Box()
        self.acme.boxes["192.0.2.10"] = self.box
        self.integrations: dict[str, Integration] = {"acme": self.acme, "plain": self.plain}
        self.faults: list[str] = []
        self.entry_rows, self.secrets = Rows(), Secrets()
        self.calls = Calls(
            trace=Trace(self.clock),
            owner_of=lambda domain: domain,
            on_fault=lambda _plugin, what, _error: self.faults.append(what),
        )
        providers = ProviderRegistry()
        camera = FakeCamera(self.clock)
        providers.add(StreamProvider("fake", frozenset({"fake"}), camera.open, 1))
        self.streams = StreamManager(
            bus=self.bus, clock=self.clock, providers=providers, random=random.Random(1)
        )
        self.entries = EntryManager(
            bus=self.bus,
            clock=self.clock,
            store=self.entry_rows,
            secrets=self.secrets,
            integrations=self.integrations,
            calls=self.calls,
            devices=Devices(
                clock=self.clock,
                secrets=self.secrets,
                make_http=None,
                on_fault=self.calls.fault,
            ),
            cameras=CameraRegistry(Rows(), self.bus),
            streams=self.streams,
            jitter=random.Random(1),
        )
        self.flows = self.new_flows()
        self.seen: list[FlowView] = []
        self.bus.subscribe(FlowChanged, lambda event: self.seen.append(event.view))

    def new_flows(self) -> FlowManager:
        return FlowManager(
            self.entries,
            integrations=lambda: self.integrations,
            calls=self.calls,
            bus=self.bus,
            clock=self.clock,
            redactor=self.redactor,
        )

    async def start(self, *yaml: dict[str, Any]) -> None:
        drafts = [draft_from_mapping(mapping, self.integrations) for mapping in yaml]
        await self.entries.start(drafts)
        await self.clock.settle()

    async def stop(self) -> None:
        self.acme.gate.set()
        self.entry_rows.gate.set()
        await self.flows.stop()
        await self.entries.stop()
        await self.streams.stop()

    async def add_front(self, **more: Any) -> str:
        """Add an entry of the box, past all flows, and wait until it is set up."""
        mapping = {
            "name": "Front door",
            "integration": "acme",
            "host": "192.0.2.10",
            "username": "viewer",
            "password": PASSWORD,
            **more,
        }
        entry = await self.entries.create(mapping, unique_id=self.box.serial)
        await self.clock.settle()
        return entry.id

    async def lock_out(self, entry_id: str = "front-door") -> str:
        """Change the device's password, so that its entry fails; return the flow that begins."""
        self.box.password = NEW_PASSWORD
        await self.entries.reload(entry_id)
        await self.clock.settle()
        assert self.state(entry_id) is EntryState.AUTH_FAILED
        [flow] = [flow for flow in self.flows.list() if flow.source == "reauth"]
        return flow.id

    def state(self, entry_id: str = "front-door") -> EntryState:
        return self.entries.status(entry_id).state

    def data(self, entry_id: str = "front-door") -> dict[str, Any]:
        return dict(self.entries.get(entry_id).config.data)

    def pages(self) -> list[dict[str, Any]]:
        """Return all pages that were published, as clients see them."""
        return [view.page.to_json() for view in self.seen]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.stop()
