"""The rules of the contract between the hub and an integration, each with its check."""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import av
import orjson
import voluptuous as vol

from ucv.config.fields import Secret
from ucv.config.forms import serialize
from ucv.config.json_schema import entry_schema
from ucv.config.schema import keys_of, mapping_of
from ucv.entries.entry import EntryState
from ucv.entries.store import EntryView
from ucv.errors import NotSupported
from ucv.plugins.capabilities import capabilities_of
from ucv.plugins.integration import Integration
from ucv.plugins.registrations import Integrations
from ucv.testing.clock import FakeClock, until
from ucv.testing.hub import HubKit, running_hub

#: A password that opens nothing.
WRONG = "wrong-p@ss/word:1"
#: Refusals after which cameras may lock an account; the hub must stop before.
MAX_REFUSALS = 2
#: Seconds after which a failed set-up has been tried again.
_RETRY = 10.0


class Level(StrEnum):
    """How much a rule asks for; each level includes those before it."""

    BRONZE = "bronze"
    """It works, and does no harm."""
    SILVER = "silver"
    """It goes on working when something goes wrong."""
    GOLD = "gold"
    """It does all that people expect."""


class NotApplicable(Exception):
    """A rule does not apply to this integration."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule is checked with: a device that listens, and an entry's configuration for it."""

    integration: type[Integration]
    device: Any
    config: Mapping[str, Any]

    @asynccontextmanager
    async def entry(
        self, changes: Mapping[str, Any] | None = None, state: EntryState | None = EntryState.LOADED
    ) -> AsyncIterator[tuple[HubKit, EntryView, FakeClock]]:
        """Run a hub with an entry for the device; ``state`` is what it must rest in."""
        clock = FakeClock()
        async with running_hub(self.integration, clock=clock) as kit:
            mapping = {
                "integration": self.integration.domain,
                "id": "contract",
                **self.config,
                **(changes or {}),
            }
            entry = await kit.add(mapping)
            if state is not None:
                require(
                    entry.status.state is state,
                    f"it is {entry.status.state} instead of {state}: {entry.status.reason}",
                )
            yield kit, entry, clock

    @property
    def secret_fields(self) -> list[str]:
        """The names of the fields that hold a secret."""
        mapping = mapping_of(self.integration.schema) or {}
        return [
            str(key.schema if isinstance(key, vol.Marker) else key)
            for key, validator in mapping.items()
            if isinstance(validator, Secret)
        ]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``check`` raises `AssertionError` if it is broken."""

    id: str
    level: Level
    title: str
    check: Callable[[Case], Awaitable[None]]
    needs_device: bool = True


RULES: list[Rule] = []


def require(condition: object, otherwise: str) -> None:
    """Raise `AssertionError` unless it holds, also where ``assert`` is optimised out."""
    if not condition:
        raise AssertionError(otherwise)


def rule(
    name: str, level: Level, title: str, *, needs_device: bool = True
) -> Callable[[Callable[[Case], Awaitable[None]]], Callable[[Case], Awaitable[None]]]:
    """Add a function to the rules."""

    def add(check: Callable[[Case], Awaitable[None]]) -> Callable[[Case], Awaitable[None]]:
        RULES.append(Rule(name, level, title, check, needs_device))
        return check

    return add


# --- what it says of itself -----------------------------------------------------------------------


@rule("declares", Level.BRONZE, "says who it is as the interface wants it", needs_device=False)
async def _declares(case: Case) -> None:
    Integrations().add(case.integration)


@rule("form", Level.BRONZE, "has a schema that makes a form", needs_device=False)
async def _form(case: Case) -> None:
    fields = serialize(case.integration.schema)
    orjson.dumps(fields)
    names = {field["name"] for field in fields}
    keys = [getattr(key, "schema", key) for key in mapping_of(case.integration.schema) or {}]
    nameless = [key for key in keys if key not in names]
    require(not nameless, "not every key of its schema is a name, so that a form can ask for it")


@rule("editor", Level.BRONZE, "has a schema that editors understand", needs_device=False)
async def _editor(case: Case) -> None:
    orjson.dumps(entry_schema(case.integration()))


@rule("secrets", Level.BRONZE, "keeps passwords in secret fields", needs_device=False)
async def _secret_fields(case: Case) -> None:
    suspicious = ("password", "passwd", "token", "secret", "api_key", "pin")
    plain = [
        key
        for key in keys_of(case.integration.schema)
        if any(word in key.lower() for word in suspicious) and key not in case.secret_fields
    ]
    require(not plain, f"{', '.join(plain)} should be of the kind fields.Secret()")


@rule("version", Level.SILVER, "has a version and is described", needs_device=False)
async def _version(case: Case) -> None:
    require(case.integration.version != Integration.version, "it has no version")
    require(
        inspect.getdoc(inspect.getmodule(case.integration)) or case.integration.__doc__,
        "neither its module nor its class has a docstring",
    )


@rule("labels", Level.GOLD, "labels every field of its form", needs_device=False)
async def _labels(case: Case) -> None:
    unlabelled = [
        str(getattr(key, "schema", key))
        for key in mapping_of(case.integration.schema) or {}
        if not getattr(key, "description", None)
    ]
    require(not unlabelled, f"use fields.describe for {', '.join(unlabelled)}")


# --- what it does ---------------------------------------------------------------------------------


@rule("loads", Level.BRONZE, "sets a device up, with streams")
async def _loads(case: Case) -> None:
    async with case.entry() as (kit, _, _):
        camera = kit.hub.cameras.get("contract")
        require(camera.profiles, "it has no streams")
        require(camera.profile("main") is not None, "none of its streams has the role main")


@rule("faultless", Level.BRONZE, "raises only the errors of ucv.errors, and blocks nothing")
async def _faultless(case: Case) -> None:
    async with case.entry() as (kit, _, _):
        await kit.hub.entries.reload("contract")
        await kit.reaches("contract", EntryState.LOADED)
        _no_faults(kit, case)


@rule("unloads", Level.BRONZE, "leaves no task and no connection behind")
async def _unloads(case: Case) -> None:
    before = asyncio.all_tasks()
    async with case.entry() as (kit, _, _):
        await kit.hub.entries.delete("contract")
        _no_faults(kit, case)
        owner = kit.hub.plugins.owner_of(case.integration.domain)
        await kit.hub.plugin_runtime.unload(owner)
        _no_faults_of(kit, owner)
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    require(not left, f"tasks are left: {', '.join(task.get_name() for task in left)}")
    await _until_disconnected(case.device)


@rule("refused", Level.BRONZE, "stops at a wrong password, after two refusals at the most")
async def _refused(case: Case) -> None:
    _needs_password(case)
    async with case.entry({"password": WRONG}, None) as (kit, entry, clock):
        require(
            entry.status.state is EntryState.AUTH_FAILED,
            f"it is {entry.status.state} ({entry.status.reason}) with a wrong password; "
            "raise ucv.InvalidAuth",
        )
        for _ in range(5):
            await clock.advance(120)
        require(
            kit.hub.entries.status("contract").state is EntryState.AUTH_FAILED,
            "it does not wait for a person, but goes on trying",
        )
        require(
            case.device.refused <= MAX_REFUSALS,
            f"the device was asked {case.device.refused} times with a wrong password",
        )
        _no_faults(kit, case)


@rule("unique", Level.SILVER, "knows the device by something that never changes")
async def _unique(case: Case) -> None:
    async with case.entry() as (kit, _, _):
        first = kit.hub.cameras.get("contract").unique_id or ""
        require(first, "probe returns no unique_id")
        require(case.device.host not in first, "its unique_id changes with the address")
        await kit.hub.entries.reload("contract")
        await kit.reaches("contract", EntryState.LOADED)
        second = kit.hub.cameras.get("contract").unique_id
        require(first == second, f"its unique_id was {first} and then {second}")


@rule("returns", Level.SILVER, "waits for a device that is away, and takes it up again")
async def _returns(case: Case) -> None:
    await case.device.stop()
    async with case.entry(state=EntryState.SETUP_RETRY) as (kit, _, clock):
        _no_faults(kit, case)
        await case.device.start()
        await clock.advance(_RETRY)
        await kit.reaches("contract", EntryState.LOADED)


@rule("garbage", Level.SILVER, "survives what no device should send")
async def _garbage(case: Case) -> None:
    faults = getattr(getattr(case.device, "http", case.device), "faults", None)
    if faults is None:
        raise NotApplicable("the device cannot send garbage")
    for name, value in {
        "garbage": b"\xff\x00 no HTTP \r\n\r\n" * 50,
        "half": True,
        "drop": True,
        "status": 500,
        "oversized": True,
    }.items():
        setattr(faults, name, value)
        try:
            async with case.entry(state=None) as (kit, entry, _):
                allowed = (EntryState.SETUP_RETRY, EntryState.SETUP_ERROR, EntryState.LOADED)
                require(entry.status.state in allowed, f"{name}: it is {entry.status.state}")
                _no_faults(kit, case, f"{name}: ")
        finally:
            faults.clear()


@rule("silent", Level.SILVER, "never tells a secret")
async def _silent(case: Case) -> None:
    if not (secrets := [str(case.config[key]) for key in case.secret_fields if key in case.config]):
        raise NotApplicable("it is configured with no secret")
    async with case.entry() as (kit, _, _):
        integration, device = kit.hub.entries.loaded("contract")
        told = await integration.diagnostics(device)
        texts = {
            "the log": kit.log_text,
            "its diagnostics": repr(told),
            "the camera": repr(kit.hub.cameras.get("contract")),
            "the entry": repr(kit.hub.entries.get("contract")),
        }
        forms = {*secrets, *(quote(secret, safe="") for secret in secrets)}
        for where, text in texts.items():
            require(not any(form in text for form in forms), f"a secret is in {where}")


@rule("reauth", Level.GOLD, "goes on when its new password is given")
async def _reauth(case: Case) -> None:
    _needs_password(case)
    async with case.entry() as (kit, _, _):
        case.device.set_password(WRONG)
        await kit.hub.entries.reload("contract")
        await kit.reaches("contract", EntryState.AUTH_FAILED)
        flow = await kit.hub.flows.start(case.integration.domain, "reauth", entry_id="contract")
        login = {key: case.config[key] for key in ("username",) if key in case.config}
        ended = await kit.hub.flows.submit(flow.id, {**login, "password": WRONG}, wait=20)
        require(ended.page.to_json()["kind"] == "done", f"the flow shows {ended.page}")
        await kit.reaches("contract", EntryState.LOADED)


@rule("again", Level.GOLD, "recognises a device that is added twice")
async def _again(case: Case) -> None:
    async with case.entry() as (kit, _, _):
        flow = await kit.hub.flows.start(case.integration.domain)
        values = {key: case.config[key] for key in case.config}
        ended = await kit.hub.flows.submit(flow.id, values, wait=20)
        page = ended.page.to_json()
        require(page.get("reason") == "already_configured", f"the flow shows {page['kind']}")


@rule("picture", Level.GOLD, "takes still pictures that can be decoded")
async def _picture(case: Case) -> None:
    if "snapshot" not in capabilities_of(case.integration):
        raise NotApplicable("it has no still pictures of its own")
    async with case.entry() as (kit, _, _):
        try:
            picture = await kit.hub.control.ask("contract", "snapshot")
        except NotSupported as error:
            raise NotApplicable("this device has no still pictures of its own") from error
        size = await asyncio.to_thread(_decoded_size, picture.data)
        require(min(size) > 0, "the picture is empty")


@rule("live", Level.GOLD, "has streams whose pictures can be decoded")
async def _live(case: Case) -> None:
    async with case.entry() as (kit, _, _):
        for profile in kit.hub.cameras.get("contract").profiles:
            picture = await kit.hub.control.snapshot("contract", profile.name)
            size = await asyncio.to_thread(_decoded_size, picture.data)
            require(min(size) > 0, f"{profile.name} shows nothing")


@rule("migrates", Level.GOLD, "reads what its previous version stored", needs_device=False)
async def _migrates(case: Case) -> None:
    if case.integration.entry_version == 1:
        raise NotApplicable("there is no previous version")
    overridden = case.integration.migrate is not Integration.migrate
    require(
        overridden, f"entry_version is {case.integration.entry_version}, but there is no migrate"
    )


def _no_faults(kit: HubKit, case: Case, where: str = "") -> None:
    _no_faults_of(kit, kit.hub.plugins.owner_of(case.integration.domain), where)


def _no_faults_of(kit: HubKit, owner: str, where: str = "") -> None:
    for fault in kit.hub.faults.of(owner):
        place = f" ({fault.file}, line {fault.line})" if fault.line else ""
        raise AssertionError(f"{where}{fault.what}: {fault.reason}{place}")


def _needs_password(case: Case) -> None:
    if "password" not in case.config:
        raise NotApplicable("it is configured with no password")


async def _until_disconnected(device: Any) -> None:
    counters = getattr(getattr(device, "http", device), "counters", None)
    if counters is not None and hasattr(counters, "open"):
        try:
            await until(lambda: counters.open == 0, 5)
        except TimeoutError:
            raise AssertionError(f"{counters.open} connections are left open") from None


def _decoded_size(data: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(data), "r") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height
