"""One connection of a live stream, from admission to the error that ended it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

from ucv.errors import ConnectionClosed, StreamStalled
from ucv.streams.ingest import Ingest
from ucv.streams.source import Source

_log = logging.getLogger(__name__)

#: Seconds a source gets to say goodbye to its camera.
_TEARDOWN_LIMIT = 2.0

#: Entered while connecting, until the camera has accepted us.
Gate = Callable[[], AbstractAsyncContextManager[Any]]


class Reading:
    """Runs a source once: `run` returns never, it raises what ended the connection.

    Cancelling `run` tears the connection down.
    """

    def __init__(self, source: Source, ingest: Ingest, name: str) -> None:
        self.ingest = ingest
        self._source = source
        self._name = name
        self._task: asyncio.Task[None] | None = None
        self._stalled = False

    async def run(self, gate: Gate) -> NoReturn:
        """Connect when admitted, and read until it fails.

        Raises what the source raised; `StreamStalled` after `stall`; `ConnectionClosed` if the
        source ended without an error.
        """
        try:
            async with gate():
                self._task = task = asyncio.create_task(
                    self._source.run(self.ingest), name=f"source {self._name}"
                )
                await self._accepted(task)
                if task.done():
                    # From here to the owner nothing else may run: whoever waits at the gate must
                    # hear of refused credentials before it is let in.
                    self._raise_outcome(task)
            await asyncio.wait({task})
            self._raise_outcome(task)
        finally:
            self.ingest.close()
            if self._task is not None and not self._task.done():
                await self._tear_down(self._task)

    def stall(self) -> None:
        """End the connection, because no pictures come."""
        self._stalled = True
        if self._task is not None:
            self._task.cancel()

    async def _accepted(self, task: asyncio.Task[None]) -> None:
        accepted = asyncio.create_task(self.ingest.accepted.wait())
        try:
            await asyncio.wait({task, accepted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            accepted.cancel()

    async def _tear_down(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait({task}, timeout=_TEARDOWN_LIMIT)
        if not task.done():
            _log.error("%s: the source does not end", self._name)
        elif not task.cancelled():
            task.exception()  # it may have failed while it was cancelled; nobody else asks

    def _raise_outcome(self, task: asyncio.Task[None]) -> NoReturn:
        if self._stalled:
            raise StreamStalled
        if not task.cancelled():
            task.result()
        raise ConnectionClosed


async def ended(task: asyncio.Task[None]) -> None:
    """Wait until a cancelled task has told its camera goodbye, also when cancelled meanwhile.

    So there is never a second connection beside one that is being torn down.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
