"""Who may connect at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ConnectGate:
    """Admits the streams of one device to connect: one alone, until one has succeeded.

    Cameras lock an account after five to seven refusals. Were all streams of a device to try a
    wrong password together, that would be reached at once; so the first tries alone, and the
    others follow together once it has proved the credentials (``proven``, set from outside).
    ``shared`` bounds how many streams of all devices connect at once.
    """

    def __init__(self, shared: asyncio.Semaphore) -> None:
        self.proven = False
        self._alone = asyncio.Lock()
        self._shared = shared

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Wait for admission; hold it until the camera has accepted or refused."""
        if not self.proven:
            async with self._alone, self._shared:
                yield
        else:
            async with self._shared:
                yield
