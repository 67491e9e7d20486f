"""How many requests one device is asked at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Lets at most ``limit`` requests through to one device; the others wait their turn.

    Streams stay open for long, so that one place is always left to requests (where there are two).
    """

    def __init__(self, limit: int) -> None:
        self._places = asyncio.Semaphore(limit)
        self._streams = asyncio.Semaphore(max(1, limit - 1))

    @asynccontextmanager
    async def place(self, *, stream: bool = False) -> AsyncIterator[None]:
        """Hold while a request is under way."""
        if stream:
            async with self._streams, self._places:
                yield
        else:
            async with self._places:
                yield
