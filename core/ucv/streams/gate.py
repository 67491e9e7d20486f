"""Who may connect at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ucv.lockout import Lockout


class ConnectGate:
    """Admits the streams of one device to connect: with credentials one by one.

    Cameras lock an account after five to seven refusals. Were all streams of a device to try a
    wrong password together, that would be reached at once; so each waits for its turn with
    ``lockout`` (set from outside), as whoever else logs in to the device does. ``shared`` bounds
    how many streams of all devices connect at once.
    """

    def __init__(self, shared: asyncio.Semaphore) -> None:
        self.lockout = Lockout()
        self._shared = shared

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Wait for admission; hold it until the camera has accepted or refused.

        Raises `InvalidAuth` when the credentials are known to be refused.
        """
        async with self.lockout.turn(), self._shared:
            yield
