"""Commands about entries: added, removed, set up anew."""

from __future__ import annotations

from typing import Any

import voluptuous as vol

from ucv_bridge.addresses import check_addresses
from ucv_bridge.api.command import NAME, Call, Command
from ucv_bridge.auth.principal import Role


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


async def _diagnostics(call: Call) -> Any:
    return await call.context.hub.diagnostics.of_entry(call.arguments["entry_id"])


def _entry(call: Call, entry_id: str) -> Any:
    return {"entry": call.context.views.entry(call.context.hub.entries.get(entry_id))}


_ENTRY_ID = {vol.Required("entry_id"): NAME}

COMMANDS = (
    Command("entries/list", _entries_list),
    Command("entries/create", _entries_create, {vol.Required("entry"): {str: object}}, Role.ADMIN),
    Command("entries/diagnostics", _diagnostics, _ENTRY_ID, Role.ADMIN),
    Command("entries/delete", _entries_delete, _ENTRY_ID, Role.ADMIN),
    Command("entries/reload", _entries_reload, _ENTRY_ID, Role.ADMIN),
)
