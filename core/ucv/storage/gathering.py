"""Gathers what many ask of the database at the same time, so that each does not pay for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

#: Most that is done at once: what comes next shall not wait long.
MOST = 500


class Gathering(Generic[Asked, Answer]):
    """Does what is asked while something is being done together, as soon as that is done.

    ``work`` gets a list and returns as many answers, in the same order; it does all of it or
    nothing. When it fails, each is tried by itself, so that everybody gets their own error.
    """

    def __init__(self, work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._work = work
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._working: asyncio.Task[None] | None = None

    async def __call__(self, asked: Asked) -> Answer:
        """Return the answer once it is done; raises what ``work`` does for this one.

        Cancelled before it was begun, it is not done; after that it is, though nobody waits.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._working is None:
            self._working = asyncio.create_task(self._run(), name="gathered for the database")
        return await future

    async def finish(self) -> None:
        """Return when nothing is under way any more."""
        while self._working is not None:
            await asyncio.wait({self._working})

    async def _run(self) -> None:
        try:
            while self._waiting:
                begun, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                if wanted := [one for one in begun if not one[1].done()]:
                    await self._do(wanted)
        finally:
            self._working = None

    async def _do(self, begun: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work([asked for asked, _ in begun])
        except Exception as error:  # each of those who asked gets it, or their own
            if len(begun) == 1:
                _fail(begun[0][1], error)
                return
            for one in begun:
                await self._do([one])
            return
        for (_, future), answer in zip(begun, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _fail(future: asyncio.Future[Answer], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
