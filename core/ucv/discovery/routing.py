"""Brings each found device to its entry, or offers it to the integration that fits best."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock, TimerHandle
from ucv.discovery.device_book import DeviceBook
from ucv.discovery.likeness import AT_ADDRESS
from ucv.discovery.merging import FoundDevice, is_self_given
from ucv.discovery.offers import Offers, discovered
from ucv.discovery.ownership import Owners
from ucv.entries.entry import EntryConfig, EntryState
from ucv.entries.manager import EntryManager
from ucv.errors import CameraViewerError
from ucv.flows.manager import FlowManager

_log = logging.getLogger(__name__)

#: Seconds for which further protocols may speak before a device is offered, or followed.
SETTLE = 0.4
#: Seconds between two devices that are looked at because an entry has changed: the hub has more to
#: do meanwhile.
SPREAD = 0.001
#: Seconds between two looks at whether an entry is to follow a device to the same address.
FOLLOW_AGAIN = 10.0
#: Seconds after which a device is offered again whose flow has ended without an entry.
OFFER_AGAIN = 300.0
#: Devices that are looked at concurrently.
MAX_ROUTES = 16


class Router:
    """Looks at a device some time after something was told of it; `stop` in the end."""

    def __init__(
        self,
        *,
        clock: Clock,
        book: DeviceBook,
        offers: Offers,
        flows: FlowManager,
        entries: EntryManager,
        cameras: CameraRegistry,
    ) -> None:
        self._clock = clock
        self._book = book
        self._offers = offers
        self._flows = flows
        self._entries = entries
        self._cameras = cameras
        self._owners: Owners | None = None
        self._followed = _Turns(clock, FOLLOW_AGAIN)
        self._offered = _Turns(clock, OFFER_AGAIN)
        #: When each device is looked at next, by the monotonic clock.
        self._timers: dict[str, tuple[float, TimerHandle]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._room = asyncio.Semaphore(MAX_ROUTES)
        self._review_timer: TimerHandle | None = None
        self._stopped = False

    def soon(self, device: FoundDevice) -> None:
        """Look at a device once what is told of it has settled."""
        self._look(device, SETTLE)

    def review_soon(self) -> None:
        """Look anew whose the devices are: an entry has changed."""
        self._owners = None
        if self._review_timer is None and not self._stopped:
            self._review_timer = self._clock.call_later(SETTLE, self._review)

    async def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        for _, timer in self._timers.values():
            timer.cancel()
        if self._review_timer is not None:
            self._review_timer.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def route(self, device: FoundDevice) -> None:
        """Look at a device now."""
        if self._book.find(device.id) is not device:
            return
        if device.settle(self._clock.time()):
            # Whether it has two addresses or has moved will show.
            self._look(device, AT_ADDRESS)
        owner = self._owner(device)
        if owner is not None:
            await self._follow(device, owner)
            return
        self._book.set_owner(device, None)
        best = next(iter(self._book.domains(device)), None)
        if device.ignored:
            self._offers.withdraw(device, "The device is ignored.")
        elif best is not None and self._book.is_present(device):
            # More is known now than when it was first offered.
            better = "Another integration fits the device better."
            self._offers.withdraw(device, better, but=best, chosen=False)
            # Where somebody is at it already with another integration, that goes on.
            open_flows = self._offers.of(device)
            if all(flow.integration == best for flow in open_flows) and (
                open_flows or self._may_offer(device, best)
            ):
                await self._flows.discovered(discovered(device, best))

    async def _follow(self, device: FoundDevice, owner: EntryConfig) -> None:
        """Have an entry go on at the address where its device is."""
        self._book.set_owner(device, owner.id)
        self._offers.withdraw(device, f"{owner.name} is this device.")
        if not self._book.is_present(device):
            return
        if self._entries.status(owner.id).state is EntryState.SETUP_IN_PROGRESS:
            return  # whether it answers where it was, shows in a moment
        where = device.newest()
        if is_self_given(where) or not self._followed.take((owner.id, where)):
            return
        found = replace(discovered(device, owner.integration), host=where)
        if await self._flows.follow(owner.id, found):
            device.host = where

    def _may_offer(self, device: FoundDevice, domain: str) -> bool:
        """Say whether to begin a flow: one that fails at once must not begin with each answer."""
        if self._offers.is_full():
            return False
        return self._offered.take((device.id, domain))

    def offer_again(self, device: FoundDevice) -> None:
        """Let a device be offered at once that was offered before."""
        self._offered.forget(device.id)

    def _owner(self, device: FoundDevice) -> EntryConfig | None:
        if self._owners is None:
            self._owners = Owners(self._entries, self._cameras)
        return self._owners.of(device, self._book.domains(device))

    def _look(self, device: FoundDevice, seconds: float) -> None:
        due = self._clock.monotonic() + seconds
        before = self._timers.get(device.id)
        if self._stopped or (before is not None and before[0] <= due):
            return
        if before is not None:
            before[1].cancel()
        timer = self._clock.call_later(seconds, lambda: self._begin(device))
        self._timers[device.id] = due, timer

    def _review(self) -> None:
        self._review_timer = None
        self._owners = None
        for number, device in enumerate(self._book.all()):
            owner = self._owner(device)
            if owner is not None or device.entry_id is not None:
                self._look(device, SETTLE + number * SPREAD)

    def _begin(self, device: FoundDevice) -> None:
        self._timers.pop(device.id, None)
        if device.id in self._tasks:
            self._again.add(device.id)
            return
        task = asyncio.create_task(self._run(device), name=f"found {device.host[:40]}")
        self._tasks[device.id] = task
        task.add_done_callback(lambda _task: self._end(device))

    def _end(self, device: FoundDevice) -> None:
        self._tasks.pop(device.id, None)
        if device.id in self._again:
            self._again.discard(device.id)
            self.soon(device)

    async def _run(self, device: FoundDevice) -> None:
        try:
            async with self._room:
                await self.route(device)
        except CameraViewerError as error:  # such as an entry that was deleted meanwhile
            _log.info("A device at %s is not followed: %s", device.host, error.message)
        except Exception:  # one device must not keep the others from being offered
            _log.exception("A device at %s could not be offered", device.host)
        self._book.publish(device)


class _Turns:
    """Gives a turn once in so many seconds, to each pair of who it is and for what."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        #: When each was given, the first first.
        self._given: dict[tuple[str, str], float] = {}

    def take(self, pair: tuple[str, str]) -> bool:
        """Say whether it is the turn of a pair, which is then given."""
        now = self._clock.monotonic()
        while self._given and now - next(iter(self._given.values())) >= self._seconds:
            del self._given[next(iter(self._given))]
        if pair in self._given:
            return False
        self._given[pair] = now
        return True

    def forget(self, who: str) -> None:
        """Give someone a turn at once the next time."""
        for pair in [pair for pair in self._given if pair[0] == who]:
            del self._given[pair]
