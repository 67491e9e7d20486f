"""A running flow: who it is for, what it was started by, and its conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

from ucv.clock import Clock, TimerHandle
from ucv.flows.conversation import Conversation
from ucv.flows.view import Discovered, FlowView
from ucv.plugins.integration import Integration
from ucv.plugins.steps import FlowSource


class RunningFlow:
    """One flow, from its start to its last page.

    ``committing`` is held while an entry is made or changed: that is not to be interrupted.
    """

    def __init__(
        self,
        *,
        integration: Integration,
        source: FlowSource,
        title: str,
        clock: Clock,
        on_change: Callable[[RunningFlow], object],
        on_expired: Callable[[RunningFlow], object],
        entry_id: str | None = None,
        discovered: Discovered | None = None,
    ) -> None:
        self.id = uuid4().hex
        self.integration = integration
        self.source = source
        self.title = title
        self.entry_id = entry_id
        self.discovered = discovered
        self.started = clock.time()
        self.expires = 0.0
        self.touched = False
        #: Whether a person has it before them, of a device that was discovered.
        self.chosen = False
        self.committing = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None
        self.conversation = Conversation(clock, lambda: on_change(self), self._touch)
        self._clock = clock
        self._on_expired = on_expired
        self._lifetime: float | None = None
        self._timer: TimerHandle | None = None

    @property
    def ended(self) -> bool:
        """Whether it shows its last page."""
        return self.conversation.ended

    def view(self) -> FlowView:
        """Return what others see of it."""
        return FlowView(
            id=self.id,
            integration=self.integration.domain,
            integration_name=self.integration.name,
            source=self.source,
            entry_id=self.entry_id,
            title=self.title,
            discovered=self.discovered,
            started=self.started,
            expires=self.expires,
            page=self.conversation.page,
        )

    def live_for(self, seconds: float | None) -> None:
        """Expire so many seconds after the last answer, or not at all."""
        self._lifetime = seconds
        self._rearm()

    def disarm(self) -> None:
        """Never expire: the flow has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _touch(self) -> None:
        self.touched = True
        self._rearm()

    def _rearm(self) -> None:
        self.disarm()
        self.expires = 0.0
        if self._lifetime is not None:
            self.expires = self._clock.time() + self._lifetime
            self._timer = self._clock.call_later(self._lifetime, lambda: self._on_expired(self))
