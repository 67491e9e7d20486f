"""Runs scans one after the other, tells how they do, and remembers what they found."""

from __future__ import annotations

import asyncio
import builtins
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from ucv.bus import EventBus
from ucv.clock import Clock, TimerHandle
from ucv.discovery.handlers import HandlerGuard, OnFault
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport
from ucv.discovery.scan.cache import ScanCache
from ucv.discovery.scan.history import MAX_SCANS, ScanRecord, ScanStore
from ucv.discovery.scan.limits import ConnectLimits
from ucv.discovery.scan.ports import ports_of, profile_of
from ucv.discovery.scan.results import compare
from ucv.discovery.scan.scan import Scan
from ucv.discovery.scan.targets import (
    DEFAULT_LIMIT,
    Targets,
    check_probes,
    check_targets,
    parse_targets,
)
from ucv.discovery.scan.view import (
    METHODS,
    ScanChanged,
    ScanComparison,
    ScanProgress,
    ScanResult,
    ScanResultFound,
    ScanState,
    ScanView,
)
from ucv.errors import NotFoundError, RateLimited, StorageError
from ucv.plugins.discovery_handlers import ScanHandler

_log = logging.getLogger(__name__)

#: Scans that may wait for the one that runs.
MAX_QUEUED: Final = 10
#: Seconds between two events of one scan's progress.
INTERVAL: Final = 0.2


class _Job:
    """A scan that waits or runs, and who it is."""

    def __init__(self, view: ScanView, targets: Targets) -> None:
        self.view = view
        self.targets = targets
        self.scan: Scan | None = None
        self.task: asyncio.Task[None] | None = None
        self.cancelled = False
        self.over = asyncio.Event()


class ScanManager:
    """Owns the scans. One runs at a time, a paused one included; others wait for it.

    ``handlers`` returns those of all plugins; what one raises is given to ``on_fault``. What they
    recognise goes to ``on_report``. More than ``limit`` addresses need to be confirmed, public ones
    ``allow_public``.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        handlers: Callable[[], Sequence[ScanHandler]],
        bus: EventBus,
        store: ScanStore,
        on_report: OnReport = lambda _report: None,
        on_fault: OnFault = lambda _domain, _what, _error: None,
        rejections: Rejections | None = None,
        allow_public: bool = False,
        limit: int = DEFAULT_LIMIT,
        limits: ConnectLimits | None = None,
    ) -> None:
        self.cache = ScanCache(clock)
        self._clock = clock
        self._handlers = handlers
        self._bus = bus
        self._store = store
        self._on_report = on_report
        self._guard = HandlerGuard(clock, rejections or Rejections(clock), on_fault)
        self._allow_public = allow_public
        self._limit = limit
        self._limits = limits
        self._jobs: dict[str, _Job] = {}
        self._past: dict[str, ScanRecord] = {}  # the newest last
        self._loaded = asyncio.Lock()
        self._is_loaded = False
        self._runner: asyncio.Task[None] | None = None
        self._timer: TimerHandle | None = None
        self._stopped = False

    # --- what people ask for ------------------------------------------------------------------

    async def start(
        self,
        ranges: str | Sequence[str],
        *,
        profile: str = "quick",
        ports: str | Sequence[int] | None = None,
        confirmed: bool = False,
        force: bool = False,
    ) -> ScanView:
        """Start a scan, or queue it, and return how it stands.

        ``ports`` count rather than the ports of ``profile``. The same scan is not made twice at a
        time, nor within some minutes unless ``force``: then the earlier one is returned. Raises
        `ValidationError`, `ScanTooLarge`, `PublicAddresses`, and `RateLimited` if too many wait.
        """
        targets = parse_targets(ranges)
        wanted = profile if ports is None else ports
        handlers = self._handlers()
        numbers = ports_of(wanted, handlers)
        check_targets(
            targets, limit=self._limit, confirmed=confirmed, allow_public=self._allow_public
        )
        check_probes(targets, numbers)
        await self.load()
        for job in self._jobs.values():
            if (job.view.ranges, job.view.ports) == (targets.texts, numbers):
                return self._view(job)
        hit = None if force else self.cache.find(targets.texts, numbers, METHODS)
        if hit is not None and hit.scan_id in self._past:
            record = self._past[hit.scan_id]
            return replace(record.view, cached=True, age=hit.age, hits=hit.hits)
        if self._stopped or len(self._jobs) > MAX_QUEUED:
            raise RateLimited(f"{MAX_QUEUED} scans are waiting already.")
        view = ScanView(
            id=uuid.uuid4().hex,
            ranges=targets.texts,
            profile=profile_of(wanted),
            ports=numbers,
            state=ScanState.QUEUED,
            started=self._clock.time(),
            progress=ScanProgress(addresses=targets.count, probes=targets.count * len(numbers)),
        )
        job = self._jobs[view.id] = _Job(view, targets)
        if self._runner is None:
            self._begin(job)
            self._runner = asyncio.create_task(self._run_all(), name="network scans")
        self._publish(job)
        return self._view(job)

    def pause(self, scan_id: str) -> ScanView:
        """Pause a scan that runs; of any other, nothing changes. Raises `NotFoundError`."""
        job = self._jobs.get(scan_id)
        if job is not None and job.scan is not None:
            job.scan.pause()
            self._publish(job)
        return self.get(scan_id)

    def resume(self, scan_id: str) -> ScanView:
        """Go on with a scan that is paused. Raises `NotFoundError`."""
        job = self._jobs.get(scan_id)
        if job is not None and job.scan is not None:
            job.scan.resume()
            self._publish(job)
        return self.get(scan_id)

    async def cancel(self, scan_id: str) -> ScanView:
        """End a scan at once, and wait for that; what it found stays. Raises `NotFoundError`."""
        job = self._jobs.get(scan_id)
        if job is not None:
            job.cancelled = True
            if job.task is not None:
                job.task.cancel()
            elif job.scan is None:
                await self._finish(job)
            await job.over.wait()
        return self.get(scan_id)

    # --- what there is ------------------------------------------------------------------------

    def get(self, scan_id: str) -> ScanView:
        """Return how a scan stands; raises `NotFoundError`."""
        job = self._jobs.get(scan_id)
        if job is not None:
            return self._view(job)
        return self._record(scan_id).view

    def list(self) -> builtins.list[ScanView]:
        """Return the scans that wait, run or are over, the newest first."""
        views = [record.view for record in self._past.values()]
        views += [self._view(job) for job in self._jobs.values()]
        views.reverse()
        return sorted(views, key=lambda view: -view.started)

    def results(self, scan_id: str) -> builtins.list[ScanResult]:
        """Return what a scan has found so far; raises `NotFoundError`."""
        job = self._jobs.get(scan_id)
        if job is not None:
            return [] if job.scan is None else [*job.scan.results.values()]
        return [*self._record(scan_id).results]

    async def history(self, limit: int = MAX_SCANS) -> builtins.list[ScanView]:
        """Return scans that are over, the newest first, those of earlier runs of the hub too."""
        await self.load()
        return [view for view in self.list() if view.state.over][:limit]

    async def compare(self, scan_id: str, other_id: str | None = None) -> ScanComparison:
        """Return what is different from another scan.

        Without ``other_id`` that is the last one before it which looked at the same and was
        finished. Only what both looked at is compared; a host is gone only if the later one is
        finished. Raises `NotFoundError`.
        """
        await self.load()
        view = self.get(scan_id)
        before = self._last_before(view) if other_id is None else self.get(other_id)
        if before is None:
            return ScanComparison()
        ports = set(view.ports) & set(before.ports)
        here, there = parse_targets(view.ranges), parse_targets(before.ranges)
        difference = compare(
            [one for result in self.results(before.id) if (one := _within(result, here, ports))],
            [one for result in self.results(scan_id) if (one := _within(result, there, ports))],
            before_id=before.id,
        )
        if view.state is not ScanState.FINISHED:
            difference = replace(difference, gone=())
        if before.state is not ScanState.FINISHED:
            difference = replace(difference, new=())
        return difference

    async def load(self) -> None:
        """Read the scans of earlier runs of the hub, once; `start`, `history` and such do it."""
        async with self._loaded:
            if self._is_loaded:
                return
            try:
                records = await self._store.load_all(MAX_SCANS)
            except StorageError:
                _log.exception("The scans of the past cannot be read")
                records = []
            self._past = {record.view.id: record for record in reversed(records)} | self._past
            self._is_loaded = True

    async def stop(self) -> None:
        """End all scans, and start none any more."""
        self._stopped = True
        for job in reversed([*self._jobs.values()]):  # the one that runs last: else the next begins
            await self.cancel(job.view.id)
        if self._runner is not None:
            await self._runner

    # --- running them -------------------------------------------------------------------------

    async def _run_all(self) -> None:
        """Run what waits, one after the other, until there is nothing left."""
        try:
            while job := next(iter(self._jobs.values()), None):
                if job.scan is None:  # it had to wait until now
                    self._begin(job)
                    self._publish(job)
                if job.task is not None:
                    await asyncio.wait([job.task])
                await self._finish(job)
        finally:
            self._runner = None

    def _begin(self, job: _Job) -> None:
        """Start the scan of a job, unless that was done."""
        if job.scan is not None or job.cancelled:
            return
        job.scan = Scan(
            job.targets,
            job.view.ports,
            clock=self._clock,
            handlers=[self._guarded(handler) for handler in self._handlers()],
            on_result=lambda result: self._bus.publish(ScanResultFound(job.view.id, result)),
            on_report=self._on_report,
            limits=self._limits,
        )
        job.view = replace(job.view, started=self._clock.time())
        job.task = asyncio.create_task(job.scan.run(), name=f"network scan {job.view.id}")
        self._timer = self._clock.call_later(INTERVAL, lambda: self._tick(job))

    def _tick(self, job: _Job) -> None:
        """Tell how the running scan does, now and again."""
        self._timer = self._clock.call_later(INTERVAL, lambda: self._tick(job))
        if job.scan is not None and job.scan.state is ScanState.RUNNING:
            self._publish(job)

    async def _finish(self, job: _Job) -> None:
        """Remember a scan that is over."""
        if job.over.is_set():
            return
        if self._timer is not None and job.scan is not None:
            self._timer.cancel()
        view = self._view(job)
        if not view.state.over:  # it was cancelled before it began
            view = replace(view, state=ScanState.CANCELLED)
        view = replace(view, finished=self._clock.time())
        record = ScanRecord(view, tuple(job.scan.results.values()) if job.scan else ())
        if self._jobs.pop(view.id, None) is None:
            return
        self._past[view.id] = record
        while len(self._past) > MAX_SCANS:
            del self._past[next(iter(self._past))]
        if view.state is ScanState.FINISHED:
            self.cache.put(view.ranges, view.ports, view.methods, view.id)
        job.over.set()
        self._bus.publish(ScanChanged(view))
        try:
            await self._store.save(record)
            await self._store.delete_oldest(MAX_SCANS)
        except StorageError:
            _log.exception("A scan cannot be stored")

    def _guarded(self, handler: ScanHandler) -> ScanHandler:
        return replace(handler, parse=self._guard.guarded(handler).parse)  # type: ignore[arg-type] # of one kind

    def _publish(self, job: _Job) -> None:
        self._bus.publish(ScanChanged(self._view(job)))

    def _view(self, job: _Job) -> ScanView:
        if job.scan is None:
            return job.view
        state = ScanState.RUNNING if job.scan.state is ScanState.QUEUED else job.scan.state
        return replace(job.view, state=state, error=job.scan.problem, progress=job.scan.progress())

    def _last_before(self, view: ScanView) -> ScanView | None:
        """Return the last finished scan of the same before one."""
        views = self.list()
        earlier = views[[other.id for other in views].index(view.id) + 1 :]
        for other in earlier:
            same = (other.ranges, other.ports) == (view.ranges, view.ports)
            if same and other.state is ScanState.FINISHED:
                return other
        return None

    def _record(self, scan_id: str) -> ScanRecord:
        record = self._past.get(scan_id)
        if record is None:
            raise NotFoundError("There is no such scan.", details={"scan_id": scan_id[:64]})
        return record


def _within(result: ScanResult, targets: Targets, ports: set[int]) -> ScanResult | None:
    """Return as much of a result as another scan looked at, None if that is nothing."""
    common = tuple(port for port in result.ports if port in ports)
    if not common or result.host not in targets:
        return None
    return replace(result, ports=common)
