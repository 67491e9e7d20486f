"""What a command of the WebSocket interface is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import voluptuous as vol

from ucv_bridge.api.outbox import Topic
from ucv_bridge.auth.principal import Principal, Role
from ucv_bridge.context import BridgeContext

#: The largest integer that JavaScript's numbers hold exactly.
MAX_NUMBER = 2**53 - 1


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

    def on_close(self, key: str, done: Callable[[], object]) -> None:
        """Call back when the client has left; a later call with the same key takes its place."""

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


#: Validators of arguments.
NUMBER = vol.All(int, vol.Range(min=0, max=MAX_NUMBER))
NAME = vol.All(str, vol.Length(min=1, max=100))
