"""Locks an account after wrong credentials, as cameras do."""

from __future__ import annotations

from dataclasses import dataclass, field

from ucv.clock import Clock, SystemClock


@dataclass(slots=True)
class AccountLock:
    """Locked for ``seconds`` once credentials were wrong ``after`` times in a row.

    ``after`` None: never. ``status`` is what a locked account's requests are answered with, even
    with the right password: 403, or 401 as devices do that say no more than that. Several servers
    of one device may share a lock.
    """

    after: int | None = None
    seconds: float = 1800.0
    status: int = 403
    clock: Clock = field(default_factory=SystemClock)
    failures: int = 0
    until: float = 0.0

    @property
    def remaining(self) -> float:
        """Seconds until it opens; 0 when it is open."""
        return max(0.0, self.until - self.clock.monotonic())

    @property
    def locked(self) -> bool:
        """Whether it is locked now."""
        return self.remaining > 0

    def refused(self) -> None:
        """Take note of wrong credentials."""
        self.failures += 1
        if self.after is not None and self.failures >= self.after:
            self.failures = 0
            self.until = self.clock.monotonic() + self.seconds

    def accepted(self) -> None:
        """Take note of right ones."""
        self.failures = 0

    def open(self) -> None:
        """Unlock it, as the device's owner would."""
        self.failures, self.until = 0, 0.0
