"""The commands of the WebSocket API, each with the schema of its message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import voluptuous as vol

from ucv.errors import ValidationError
from ucv_bridge.auth.principal import Role
from ucv_bridge.views import entry_json

if TYPE_CHECKING:
    from ucv_bridge.api.connection import Connection

Handler = Callable[["Connection", int, dict[str, Any]], Awaitable[object]]

_ID = vol.All(str, vol.Length(min=1, max=64))


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its type, what its message may hold beside ``id`` and ``type``, who may."""

    type: str
    handler: Handler
    schema: Mapping[Any, Any] = field(default_factory=dict)
    role: Role = Role.VIEWER

    def validate(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the message's own fields; raises `ValidationError` that names each fault."""
        own = {key: value for key, value in message.items() if key not in ("id", "type")}
        try:
            return dict(vol.Schema(self.schema)(own))
        except vol.MultipleInvalid as invalid:
            errors = [
                {
                    "key": ".".join(str(part) for part in error.path),
                    "message": error.error_message,
                    "suggestion": None,
                }
                for error in invalid.errors
            ]
            first = errors[0]
            raise ValidationError(
                f"{first['key'] or self.type}: {first['message']}", details={"errors": errors}
            ) from None


async def _ping(connection: Connection, _number: int, _fields: dict[str, Any]) -> object:
    return {"pong": connection.context.hub.clock.time()}


async def _list_cameras(connection: Connection, _number: int, _fields: dict[str, Any]) -> object:
    return {"cameras": connection.context.views.all()}


async def _subscribe_cameras(connection: Connection, number: int, fields: dict[str, Any]) -> object:
    return connection.subscribe_cameras(number, fields.get("since"))


async def _subscribe_metrics(
    connection: Connection, number: int, _fields: dict[str, Any]
) -> object:
    return connection.subscribe_metrics(number)


async def _unsubscribe(connection: Connection, _number: int, fields: dict[str, Any]) -> object:
    connection.unsubscribe(fields["subscription"])
    return None


async def _list_entries(connection: Connection, _number: int, _fields: dict[str, Any]) -> object:
    return {"entries": [entry_json(view) for view in connection.context.hub.entries.list()]}


async def _create_entry(connection: Connection, _number: int, fields: dict[str, Any]) -> object:
    entries = connection.context.hub.entries
    entry = await entries.create(fields["entry"])
    await connection.note("camera.add", entry.id)
    return entry_json(entries.get(entry.id))


async def _delete_entry(connection: Connection, _number: int, fields: dict[str, Any]) -> object:
    await connection.context.hub.entries.delete(fields["entry_id"])
    await connection.note("camera.remove", fields["entry_id"])
    return None


async def _reload_entry(connection: Connection, _number: int, fields: dict[str, Any]) -> object:
    entries = connection.context.hub.entries
    await entries.reload(fields["entry_id"])
    await connection.note("camera.reload", fields["entry_id"])
    return entry_json(entries.get(fields["entry_id"]))


_ENTRY = {vol.Required("entry_id"): _ID}

COMMANDS: Mapping[str, Command] = {
    command.type: command
    for command in (
        Command("ping", _ping),
        Command("unsubscribe", _unsubscribe, {vol.Required("subscription"): int}),
        Command("cameras/list", _list_cameras),
        Command(
            "cameras/subscribe",
            _subscribe_cameras,
            {vol.Optional("since"): vol.Any(None, vol.All(int, vol.Range(min=0)))},
        ),
        Command("streams/metrics/subscribe", _subscribe_metrics),
        Command("entries/list", _list_entries),
        Command("entries/create", _create_entry, {vol.Required("entry"): dict}, Role.ADMIN),
        Command("entries/delete", _delete_entry, _ENTRY, Role.ADMIN),
        Command("entries/reload", _reload_entry, _ENTRY, Role.ADMIN),
    )
}
