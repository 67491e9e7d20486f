"""All commands of the WebSocket interface, those of plugins included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ucv.hub import Hub
from ucv.plugins.faults import contain
from ucv_bridge.api import (
    cameras,
    configuration,
    control,
    discovery,
    entries,
    flows,
    plugins,
    scan,
)
from ucv_bridge.api.command import Call, Command
from ucv_bridge.auth.principal import Role

BUILT_IN: Mapping[str, Command] = {
    command.type: command
    for command in (
        *cameras.COMMANDS,
        *entries.COMMANDS,
        *control.COMMANDS,
        *flows.COMMANDS,
        *discovery.COMMANDS,
        *scan.COMMANDS,
        *plugins.COMMANDS,
        *configuration.COMMANDS,
    )
}


class CommandTable:
    """Finds commands by type; a plugin's come and go with it, and replace no built-in one."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def get(self, kind: str) -> Command | None:
        """Return the command of that type, or None."""
        if (built_in := BUILT_IN.get(kind)) is not None:
            return built_in
        for plugin in self._hub.plugins.loaded:
            for command in plugin.registrations.commands.added:
                if command.type == kind:
                    handler = contain(plugin.name, command.handler, self._hub.faults, what=kind)
                    return Command(kind, _of_plugin(handler), command.schema, Role(command.role))
        return None


def _of_plugin(
    handler: Callable[[Mapping[str, Any]], Awaitable[Any]],
) -> Callable[[Call], Awaitable[Any]]:
    async def call_plugin(call: Call) -> Any:
        return await handler(call.arguments)

    return call_plugin
