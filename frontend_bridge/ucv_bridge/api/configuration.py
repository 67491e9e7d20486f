"""Commands about ``ucv.yaml``: what is wrong with it, and reading it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from ucv.config.events import ConfigurationChanged
from ucv.configuration_runtime import ConfigurationRuntime
from ucv_bridge.api.command import Call, Command
from ucv_bridge.auth.principal import Role


def _status(configuration: ConfigurationRuntime) -> dict[str, Any]:
    return {
        "problems": [str(problem) for problem in configuration.problems],
        "restart_needed": configuration.restart_needed,
    }


async def _get(call: Call) -> Any:
    return _status(call.context.hub.configuration_runtime)


async def _reload(call: Call) -> Any:
    configuration = call.context.hub.configuration_runtime
    event = await configuration.reload()
    await call.caller.audit("configuration.reload", "")
    return {"entries": event.entries, **_status(configuration)}


class _StatusTopic:
    """How the configuration stands, now and whenever it was read again."""

    def __init__(self, configuration: ConfigurationRuntime, wake: Callable[[], object]) -> None:
        self._configuration = configuration
        self._wake = wake
        self._changed = True

    def push(self, _event: ConfigurationChanged) -> None:
        """Take note that it was read."""
        self._changed = True
        self._wake()

    def take(self) -> bytes | None:
        """See `Topic.take`."""
        if not self._changed:
            return None
        self._changed = False
        return orjson.dumps({"kind": "configuration", **_status(self._configuration)})


async def _subscribe(call: Call) -> None:
    hub = call.context.hub
    topic = _StatusTopic(hub.configuration_runtime, call.caller.wake)
    call.caller.subscribe(call.id, topic, hub.bus.subscribe(ConfigurationChanged, topic.push))


COMMANDS = (
    Command("config/status", _get, role=Role.ADMIN),
    Command("config/reload", _reload, role=Role.ADMIN),
    Command("config/subscribe", _subscribe, role=Role.ADMIN),
)
