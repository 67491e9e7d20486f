"""Stops before a device locks the account."""

from __future__ import annotations

from collections.abc import Callable

from ucv.errors import InvalidAuth

#: Refused requests with credentials after which none is sent any more.
MAX_REFUSALS = 2


class Lockout:
    """Counts the requests whose credentials one device refused; shared by all that talk to it.

    Cameras lock accounts after five to seven refusals, for every protocol at once. After
    `MAX_REFUSALS` without a success in between, no request with credentials is sent until `reset`.
    ``on_refused`` is called for each refusal that is certain, on the event loop.
    """

    def __init__(self, on_refused: Callable[[], object] | None = None) -> None:
        self._on_refused = on_refused
        #: Refused requests since the last one that was let in.
        self.refusals = 0

    def __repr__(self) -> str:
        return f"<Lockout refusals={self.refusals} closed={self.closed}>"

    @property
    def closed(self) -> bool:
        """Whether no credentials may be sent."""
        return self.refusals >= MAX_REFUSALS

    def check(self) -> None:
        """Raise `InvalidAuth` when no credentials may be sent."""
        if self.closed:
            raise InvalidAuth(
                "The camera refused the user name or password; nothing more is sent to it until "
                "they are entered again."
            )

    def close(self) -> None:
        """Send no credentials until `reset`: it is known from elsewhere that they are refused."""
        self.refusals = max(self.refusals, MAX_REFUSALS)

    def refused(self, requests: int = 1) -> None:
        """Take note that the device refused the credentials of that many requests."""
        self.refusals += requests
        if self._on_refused is not None:
            self._on_refused()

    def accepted(self) -> None:
        """Take note that the device let a request in; what is closed stays closed."""
        if not self.closed:
            self.refusals = 0

    def reset(self) -> None:
        """Allow requests with credentials again, because they were changed."""
        self.refusals = 0
