"""What plugins register beside integrations: plain descriptions, used by other parts of the hub."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ucv.bus import Event


@dataclass(frozen=True, slots=True)
class Command:
    """A WebSocket command of a plugin's own.

    ``type`` is ``<domain>/<verb>``; ``schema`` the voluptuous mapping of its arguments; ``handler``
    gets them validated and returns plain JSON values; ``role`` is the least that may call it.
    """

    type: str
    handler: Callable[[Mapping[str, Any]], Awaitable[Any]]
    schema: Mapping[Any, Any] = field(default_factory=dict)
    role: Literal["admin", "viewer"] = "admin"


@dataclass(frozen=True, slots=True)
class EventSink:
    """A function that is called with every event of a type, or of a subclass, on the event loop."""

    kind: type[Event]
    handler: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A function around one method of every integration, those of other plugins included.

    ``method`` is a method of `ucv.Integration` or of a capability. ``function`` is called as
    ``await function(device, call, *arguments)`` and answers in the method's place; ``call`` is the
    method itself (or the next wrapper): ``await call()`` with the same arguments, or with others.
    Of several, the one with the highest ``priority`` is outermost. What a wrapper raises beside the
    errors of `ucv.errors` is its own fault: then the method is called without it.
    """

    method: str
    function: Callable[..., Awaitable[Any]]
    priority: int = 50
