"""Connections that stay open, and end with the session or token they were opened by."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ucv.clock import Clock
from ucv.errors import CameraViewerError
from ucv_bridge.auth.accounts import Accounts
from ucv_bridge.auth.principal import Principal

_log = logging.getLogger(__name__)

#: Seconds between two looks at whether sessions and tokens are still valid.
_CHECK_EVERY = 30.0


class OpenConnections:
    """Who is connected; ``close`` callbacks must not wait."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._open: dict[str, tuple[Principal, list[Callable[[], object]]]] = {}

    @contextmanager
    def opened(self, principal: Principal, close: Callable[[], object]) -> Iterator[None]:
        """Call ``close`` when the principal's session or token ends within the block."""
        _, callbacks = self._open.setdefault(principal.credential, (principal, []))
        callbacks.append(close)
        try:
            yield
        finally:
            callbacks.remove(close)
            if not callbacks:
                self._open.pop(principal.credential, None)

    def close(self, principal: Principal) -> None:
        """Close what was opened with this session or token."""
        _, callbacks = self._open.get(principal.credential, (principal, []))
        for close in list(callbacks):
            close()

    async def watch(self) -> None:
        """Close, for as long as this runs, what was opened with what is no longer valid."""
        while True:
            await self._clock.sleep(_CHECK_EVERY)
            try:
                await self.check()
            except CameraViewerError as error:  # the database may be there again next time
                _log.warning("Sessions could not be checked: %s", error)

    async def check(self) -> None:
        """Look once."""
        for principal, _ in list(self._open.values()):
            if not await self._accounts.is_valid(principal):
                self.close(principal)
