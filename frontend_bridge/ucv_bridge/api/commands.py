"""The commands of the WebSocket interface, each with the schema of its arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import voluptuous as vol

from ucv.errors import NotFoundError
from ucv.hub import Hub
from ucv_bridge.addresses import check_addresses
from ucv_bridge.api.outbox import CameraTopic, LatestTopic, Topic
from ucv_bridge.auth.principal import Principal, Role
from ucv_bridge.context import BridgeContext

#: The largest integer that JavaScript's numbers hold exactly.
MAX_NUMBER = 2**53 - 1
#: Seconds a plugin's command may take.
_PLUGIN_LIMIT = 30.0


class Caller(Protocol):
    """The connection a command came by."""

    @property
    def principal(self) -> Principal:
        """Who calls."""

    def wake(self) -> None:
        """Tell that a topic has something to say."""

    def subscribe(self, subscription: int, topic: Topic, unsubscribe: Callable[[], object]) -> None:
        """Send the topic's events under that number; raises `ValidationError`."""

    def unsubscribe(self, subscription: int) -> bool:
        """Send no more of them; False if there is no such subscription."""

    async def audit(self, action: str, target: str) -> None:
        """Note what was done."""


@dataclass(frozen=True, slots=True)
class Call:
    """One command as it came: ``id`` is the client's number for it."""

    id: int
    arguments: Mapping[str, Any]
    caller: Caller
    context: BridgeContext


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its handler returns the result, plain JSON values."""

    type: str
    handler: Callable[[Call], Awaitable[Any]]
    schema: Mapping[Any, Any] = field(default_factory=dict)
    role: Role = Role.VIEWER


async def _cameras_list(call: Call) -> Any:
    may_view = call.caller.principal.may_view
    return {"cameras": [view for view in call.context.views.all() if may_view(view["id"])]}


async def _cameras_subscribe(call: Call) -> Any:
    feed = call.context.camera_feed
    feed.flush()
    topic = CameraTopic(feed, call.caller.wake, call.arguments.get("since"))
    call.caller.subscribe(call.id, topic, feed.subscribe(topic.push))
    return {"sequence": feed.sequence}


async def _metrics_subscribe(call: Call) -> Any:
    topic = LatestTopic(call.caller.wake)
    call.caller.subscribe(call.id, topic, call.context.metrics_feed.subscribe(topic.push))
    return None


async def _unsubscribe(call: Call) -> Any:
    if not call.caller.unsubscribe(call.arguments["subscription"]):
        raise NotFoundError("There is no such subscription.")
    return None


async def _entries_list(call: Call) -> Any:
    views = call.context.views
    return {"entries": [views.entry(entry) for entry in call.context.hub.entries.list()]}


async def _entries_create(call: Call) -> Any:
    mapping = call.arguments["entry"]
    check_addresses(mapping)
    entry = await call.context.hub.entries.create(mapping)
    await call.caller.audit("camera.create", entry.id)
    return _entry(call, entry.id)


async def _entries_delete(call: Call) -> Any:
    entry_id = call.arguments["entry_id"]
    await call.context.hub.entries.delete(entry_id)
    await call.caller.audit("camera.delete", entry_id)
    return None


async def _entries_reload(call: Call) -> Any:
    entry_id = call.arguments["entry_id"]
    await call.context.hub.entries.reload(entry_id)
    await call.caller.audit("camera.reload", entry_id)
    return _entry(call, entry_id)


def _entry(call: Call, entry_id: str) -> Any:
    return {"entry": call.context.views.entry(call.context.hub.entries.get(entry_id))}


_number = vol.All(int, vol.Range(min=0, max=MAX_NUMBER))
_entry_id = {vol.Required("entry_id"): vol.All(str, vol.Length(min=1, max=64))}

BUILT_IN = (
    Command("cameras/list", _cameras_list),
    Command("cameras/subscribe", _cameras_subscribe, {vol.Optional("since"): _number}),
    Command("streams/metrics/subscribe", _metrics_subscribe),
    Command("unsubscribe", _unsubscribe, {vol.Required("subscription"): _number}),
    Command("entries/list", _entries_list),
    Command("entries/create", _entries_create, {vol.Required("entry"): {str: object}}, Role.ADMIN),
    Command("entries/delete", _entries_delete, _entry_id, Role.ADMIN),
    Command("entries/reload", _entries_reload, _entry_id, Role.ADMIN),
)


def commands_of(hub: Hub) -> dict[str, Command]:
    """Return all commands by type, those of plugins included; none replaces a built-in one."""
    commands = {
        command.type: Command(
            command.type, _of_plugin(command.handler), command.schema, Role(command.role)
        )
        for command in hub.plugins.commands
    }
    return {**commands, **{command.type: command for command in BUILT_IN}}


def _of_plugin(
    handler: Callable[[Mapping[str, Any]], Awaitable[Any]],
) -> Callable[[Call], Awaitable[Any]]:
    async def call_plugin(call: Call) -> Any:
        async with asyncio.timeout(_PLUGIN_LIMIT):
            return await handler(call.arguments)

    return call_plugin
