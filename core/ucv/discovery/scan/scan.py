"""One scan, from its first connection to its last answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from ucv.clock import Clock
from ucv.discovery.report import OnReport, Report
from ucv.discovery.scan.connect import ConnectScan
from ucv.discovery.scan.fingerprint import fingerprint
from ucv.discovery.scan.limits import ConnectLimits
from ucv.discovery.scan.results import result_of
from ucv.discovery.scan.targets import Targets
from ucv.discovery.scan.view import ScanProgress, ScanResult, ScanState
from ucv.discovery.view import Problem
from ucv.errors import CameraViewerError
from ucv.plugins.discovery_handlers import ScanHandler
from ucv.plugins.sightings import Fingerprint

_log = logging.getLogger(__name__)

#: Hosts that are asked what they are at the same time.
MAX_ASKED_HOSTS: Final = 32
#: Hosts whose results are kept; further ones are only counted.
MAX_RESULTS: Final = 4096
#: Hosts waiting to be asked above which no new ports are looked at, and below which again.
_MANY_WAITING, _FEW_WAITING = 256, 64


class Scan:
    """Looks for open ports, and meanwhile asks the hosts that have some what they are.

    ``on_result`` gets each host twice: when its open ports are known, and when it was asked.
    ``on_report`` gets what handlers recognise. Both are called on the event loop.
    """

    def __init__(
        self,
        targets: Targets,
        ports: Sequence[int],
        *,
        clock: Clock,
        handlers: Sequence[ScanHandler],
        on_result: Callable[[ScanResult], object],
        on_report: OnReport,
        limits: ConnectLimits | None = None,
    ) -> None:
        self.state = ScanState.QUEUED
        self.problem: Problem | None = None
        self.results: dict[str, ScanResult] = {}
        self._targets = targets
        self._ports = tuple(ports)
        self._clock = clock
        self._handlers = tuple(handlers)
        self._on_result = on_result
        self._on_report = on_report
        self._connect = ConnectScan(
            targets, ports, clock=clock, on_open=_ignore, on_host=self._on_host, limits=limits
        )
        self._waiting: asyncio.Queue[Fingerprint | None] = asyncio.Queue()
        self._may_ask = asyncio.Event()
        self._may_ask.set()
        #: One host is begun with in each turn of the loop.
        self._beginning = asyncio.Lock()
        self._held_back = False
        self._asked = 0
        self._asking = 0
        self._asking_took = 0.0
        self._macs: dict[str, str] = {}
        self._ran = 0.0
        self._running_since: float | None = None

    # --- its life -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Scan to the end. Cancelled, all sockets are closed; what was found stays."""
        if self.state is ScanState.QUEUED:
            self.state = ScanState.RUNNING
            self._running_since = self._clock.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                workers = min(MAX_ASKED_HOSTS, self._targets.count)
                for _ in range(workers):
                    group.create_task(self._ask_hosts())
                await self._connect.run()
                for _ in range(workers):
                    self._waiting.put_nowait(None)
            self.state = ScanState.FINISHED
        except asyncio.CancelledError:
            self.state = ScanState.CANCELLED
            raise
        except Exception as error:  # whatever fails, the scan is over and says so
            self._fail(error)
        finally:
            self._stop_watch()

    def pause(self) -> None:
        """Make no connection any more until `resume`; questions under way come to their end."""
        if not self.state.over:
            self.state = ScanState.PAUSED
            self._stop_watch()
            self._may_ask.clear()
            self._connect.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        if self.state is ScanState.PAUSED:
            self.state = ScanState.RUNNING
            self._running_since = self._clock.monotonic()
            self._may_ask.set()
            if not self._held_back:
                self._connect.resume()

    def progress(self) -> ScanProgress:
        """Return how far it is, as of now."""
        counters = self._connect.counters
        elapsed = self._elapsed()
        probes = self._targets.count * len(self._ports)
        rate = counters.probes_done / elapsed if elapsed > 0 else 0.0
        return ScanProgress(
            addresses=self._targets.count,
            addresses_done=counters.addresses_done,
            probes=probes,
            probes_done=counters.probes_done,
            hosts=counters.hosts,
            open_ports=counters.open_ports,
            fingerprinted=self._asked,
            elapsed=elapsed,
            remaining=self._remaining(probes - counters.probes_done, rate),
            rate=rate,
            sockets=self._connect.sockets + self._asking,
        )

    def _remaining(self, probes: int, rate: float) -> float | None:
        """Return the seconds that it will take, at the speed it had so far."""
        if self.state.over:
            return 0.0
        if rate <= 0:
            return None
        mean = self._asking_took / self._asked if self._asked else 0.0
        asking = mean * (self._waiting.qsize() + self._asking) / MAX_ASKED_HOSTS
        return max(probes / rate, asking)

    def _elapsed(self) -> float:
        since = self._running_since
        return self._ran + (0.0 if since is None else self._clock.monotonic() - since)

    def _stop_watch(self) -> None:
        self._ran, self._running_since = self._elapsed(), None

    def _fail(self, error: Exception) -> None:
        """Keep what went wrong, as people may see it."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        _log.warning("A network scan failed", exc_info=error)
        if isinstance(error, CameraViewerError):
            self.problem = Problem(error.code, error.message)
        else:
            reason = getattr(error, "strerror", None) or type(error).__name__
            self.problem = Problem("SERVICE_ERROR", f"The scan failed: {reason}.")
        self.state = ScanState.FAILED

    # --- asking hosts -------------------------------------------------------------------------

    def _on_host(self, host: str, ports: tuple[int, ...]) -> None:
        """Queue a host with open ports to be asked."""
        if len(self.results) >= MAX_RESULTS:
            return
        found = Fingerprint(host, ports)
        self._found(result_of(found, ()))
        self._waiting.put_nowait(found)
        if self._waiting.qsize() >= _MANY_WAITING and not self._held_back:
            self._held_back = True
            self._connect.pause()

    async def _ask_hosts(self) -> None:
        """Ask one host after the other, until there are no more."""
        while (found := await self._waiting.get()) is not None:
            if self._held_back and self._waiting.qsize() <= _FEW_WAITING:
                self._held_back = False
                if self.state is ScanState.RUNNING:
                    self._connect.resume()
            await self._may_ask.wait()
            async with self._beginning:
                # Many hosts are through with their ports at the same moment.
                await asyncio.sleep(0)
            self._asking += 1
            began = self._clock.monotonic()
            try:
                told = await fingerprint(found.host, found.ports, clock=self._clock)
            finally:
                self._asking -= 1
            self._asking_took += self._clock.monotonic() - began
            self._asked += 1
            self._recognise(self._with_own_mac(told))

    def _recognise(self, told: Fingerprint) -> None:
        """Have the integrations look at what a host answered."""
        sightings = []
        for handler in self._handlers if told.answered else ():
            sighting = handler.parse(told)
            if sighting is not None:
                sightings.append((handler.domain, sighting))
        self._found(result_of(told, sightings))
        for domain, sighting in sightings:
            self._on_report(Report("scan", domain, told.host, None, sighting))

    def _with_own_mac(self, told: Fingerprint) -> Fingerprint:
        """Leave out a hardware address that another host has too: that of a repeater or proxy."""
        if told.mac and self._macs.setdefault(told.mac, told.host) != told.host:
            return replace(told, mac=None)
        return told

    def _found(self, result: ScanResult) -> None:
        self.results[result.host] = result
        self._on_result(result)


def _ignore(_host: str, _port: int) -> None:
    """Wait for all ports of the host."""
