"""A picture of a found device, where anyone may have one without a log-in."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from ucv.bus import EventBus
from ucv.cameras.camera import Camera, StreamProfile
from ucv.clock import Clock
from ucv.entries.manager import EntryManager
from ucv.errors import CameraViewerError, NotSupported
from ucv.streams.manager import StreamManager
from ucv.streams.providers import ProviderRegistry
from ucv.streams.settings import StreamSettings
from ucv.streams.snapshot import snapshot

#: Seconds for which a picture is shown again, and for which none is asked for after there was none.
FRESH, NONE_FOR = 60.0, 600.0
#: Pictures that are kept, their bytes together, and devices that are asked concurrently.
MAX_PICTURES, MAX_BYTES, MAX_CONCURRENT = 64, 16 * 1024 * 1024, 2
#: Seconds for all that is done for one picture, and integrations that are tried.
TIME_LIMIT, MAX_TRIED = 15.0, 3

_NONE = "No picture of this device can be had without logging in to it."


class Pictures:
    """Asks integrations for streams without credentials, and takes one picture of the first.

    Nothing is sent that could count as a log-in: who wants one is left alone.
    """

    def __init__(self, entries: EntryManager, *, providers: ProviderRegistry, clock: Clock) -> None:
        self._entries = entries
        self._clock = clock
        # Streams of their own: nothing of the hub's cameras, and nobody is told of their states.
        self._streams = StreamManager(
            bus=EventBus(), clock=clock, providers=providers, settings=StreamSettings(linger=0.0)
        )
        self._known: OrderedDict[str, tuple[float, bytes | None]] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[bytes | None]] = {}
        self._room = asyncio.Semaphore(MAX_CONCURRENT)

    async def of(self, key: str, mappings: Sequence[Mapping[str, Any]]) -> bytes:
        """Return a JPEG; ``mappings`` are entries without credentials to try, the best first.

        ``key`` is what the picture is remembered by. Raises `NotSupported` if there is none.
        """
        known = self._known.get(key)
        if known is not None:
            at, picture = known
            if self._clock.monotonic() - at < (NONE_FOR if picture is None else FRESH):
                return _some(picture)
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.create_task(self._take(key, mappings), name=f"picture {key[:40]}")
            self._tasks[key] = task
            task.add_done_callback(lambda _task: self._tasks.pop(key, None))
        # Several may wait for it: who leaves must not take it from the others.
        return _some(await asyncio.shield(task))

    async def stop(self) -> None:
        """Ask nobody any more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._streams.stop()

    async def _take(self, key: str, mappings: Sequence[Mapping[str, Any]]) -> bytes | None:
        picture = None
        try:
            async with self._room, asyncio.timeout(TIME_LIMIT):
                for mapping in mappings[:MAX_TRIED]:
                    picture = await self._by(key, mapping)
                    if picture is not None:
                        break
        except TimeoutError:
            pass
        self._keep(key, picture)
        return picture

    async def _by(self, key: str, mapping: Mapping[str, Any]) -> bytes | None:
        domain = str(mapping["integration"])
        try:
            async with self._entries.trial(mapping) as (device, _):
                found = await self._entries.survey_trial(device, domain)
            streams = next(iter(found.streams.values()), ())
            if not streams:
                return None
            # The smaller one is enough to recognise a place.
            chosen = next((one for one in streams if one.role == "sub"), streams[0])
            profile = StreamProfile("main", "main", chosen.url, chosen.options)
            camera = Camera(key, key, key, domain, profiles=(profile,))
            try:
                await self._streams.configure(camera, _nobody)
                return await snapshot(self._streams.get(key))
            finally:
                await self._streams.remove(key)
        except CameraViewerError:
            return None

    def _keep(self, key: str, picture: bytes | None) -> None:
        self._known[key] = (self._clock.monotonic(), picture)
        self._known.move_to_end(key)
        while len(self._known) > MAX_PICTURES or self._size() > MAX_BYTES:
            self._known.popitem(last=False)

    def _size(self) -> int:
        return sum(len(picture or b"") for _, picture in self._known.values())


async def _nobody() -> None:
    """Return no credentials."""


def _some(picture: bytes | None) -> bytes:
    if picture is None:
        raise NotSupported(_NONE)
    return picture
