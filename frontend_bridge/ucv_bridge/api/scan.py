"""Commands about scans of the network: starting and ending them, and what they find."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import islice
from typing import Any

import orjson
import voluptuous as vol

from ucv.discovery.scan.history import MAX_SCANS
from ucv.discovery.scan.manager import ScanManager
from ucv.discovery.scan.view import (
    ScanChanged,
    ScanResult,
    ScanResultFound,
    ScanState,
    ScanView,
)
from ucv.errors import NotFoundError
from ucv.secrets import Redactor
from ucv_bridge.api.command import NAME, Call, Command
from ucv_bridge.auth.principal import Role
from ucv_bridge.scan_views import START, comparison_view, result_view, scan_view, start

#: Results in one message.
_MAX_TOGETHER = 200
#: Results that wait for one client; one that falls further behind begins anew.
_MAX_WAITING = 5000


def _answer(call: Call, scan: ScanView) -> Any:
    return {"scan": scan_view(scan, call.context.hub.redactor)}


async def _start(call: Call) -> Any:
    scan = await start(call.context.hub.scans, call.arguments)
    if not scan.cached:
        await call.caller.audit("scan.start", ", ".join(scan.ranges))
    return _answer(call, scan)


async def _pause(call: Call) -> Any:
    return _answer(call, call.context.hub.scans.pause(call.arguments["scan_id"]))


async def _resume(call: Call) -> Any:
    return _answer(call, call.context.hub.scans.resume(call.arguments["scan_id"]))


async def _cancel(call: Call) -> Any:
    return _answer(call, await call.context.hub.scans.cancel(call.arguments["scan_id"]))


async def _history(call: Call) -> Any:
    hub = call.context.hub
    scans = await hub.scans.history(call.arguments["limit"])
    return {"scans": [scan_view(scan, hub.redactor) for scan in scans]}


async def _results(call: Call) -> Any:
    hub = call.context.hub
    await hub.scans.load()
    found = hub.scans.results(call.arguments["scan_id"])
    return {"results": [result_view(result, hub.redactor) for result in found]}


async def _compare(call: Call) -> Any:
    hub, given = call.context.hub, call.arguments
    comparison = await hub.scans.compare(given["scan_id"], given.get("other_id"))
    return comparison_view(comparison, hub.redactor)


class _ScanTopic:
    """All scans with the results of one, then what changes.

    ``wanted`` is the scan whose results are told, None for all of them; then the first ones are
    those of the scan that runs, or else of the newest. Of a scan only its newest state waits, of a
    host in a scan only its newest result. That a scan runs is told before its results, and that it
    is over after all of them. None is left out: who falls too far behind gets everything anew.
    """

    def __init__(
        self,
        scans: ScanManager,
        redactor: Redactor,
        wake: Callable[[], object],
        wanted: str | None,
    ) -> None:
        self._manager = scans
        self._redactor = redactor
        self._wake = wake
        self._wanted = wanted
        self._begun = False
        self._scans: dict[str, ScanView] = {}
        self._over: dict[str, ScanView] = {}
        self._results: dict[str, dict[str, ScanResult]] = {}
        #: Of which it was told that they run.
        self._known: set[str] = set()
        self._scan_is_next = True

    def changed(self, event: ScanChanged) -> None:
        """Take note of a scan as it is now."""
        scan = event.view
        if self._begun and scan.state.over:  # what was before is in the snapshot
            if scan.id in self._known:
                self._scans.pop(scan.id, None)
            self._over[scan.id] = scan
        elif self._begun:
            self._scans[scan.id] = scan
        self._wake()

    def found(self, event: ScanResultFound) -> None:
        """Take note of a result."""
        if self._begun and self._wanted in (None, event.scan_id):
            self._results.setdefault(event.scan_id, {})[event.result.host] = event.result
            if sum(map(len, self._results.values())) > _MAX_WAITING:
                self._begun = False
        self._wake()

    def take(self) -> bytes | None:
        """See `Topic.take`."""
        event = self._next() if self._begun else self._snapshot()
        if self._scans or self._over or self._results:
            self._wake()
        return None if event is None else orjson.dumps(event)

    def _next(self) -> dict[str, Any] | None:
        scan = self._next_scan()
        # In turns, so that neither keeps the other from being told.
        if scan is not None and (self._scan_is_next or scan.id not in self._known):
            self._scan_is_next = not self._results
            return self._told(scan)
        self._scan_is_next = True
        if self._results:
            return self._next_results()
        return None if scan is None else self._told(scan)

    def _next_scan(self) -> ScanView | None:
        """Return a scan to tell of, those first that nothing is known of."""
        scans = self._scans.values()
        return (
            next((scan for scan in scans if scan.id not in self._known), None)
            or next(iter(scans), None)
            or next((scan for scan in self._over.values() if scan.id not in self._results), None)
        )

    def _told(self, scan: ScanView) -> dict[str, Any]:
        del (self._over if scan.state.over else self._scans)[scan.id]
        self._know(scan)
        return {"kind": "scan", "scan": scan_view(scan, self._redactor)}

    def _know(self, scan: ScanView) -> None:
        if scan.state.over:
            self._known.discard(scan.id)  # nothing more is to come
        elif scan.state is not ScanState.QUEUED:
            self._known.add(scan.id)

    def _next_results(self) -> dict[str, Any]:
        scan_id, waiting = next(iter(self._results.items()))
        hosts = list(islice(waiting, _MAX_TOGETHER))
        views = [result_view(waiting.pop(host), self._redactor) for host in hosts]
        if not waiting:
            del self._results[scan_id]
        if len(views) == 1:
            return {"kind": "result", "scan_id": scan_id, "result": views[0]}
        return {"kind": "results", "scan_id": scan_id, "results": views}

    def _snapshot(self) -> dict[str, Any]:
        self._begun = True
        for waiting in (self._scans, self._over, self._results, self._known):
            waiting.clear()
        scans = self._manager.list()
        for scan in scans:
            self._know(scan)
        scan_id = self._wanted or _shown(scans)
        results = [] if scan_id is None else self._found(scan_id)
        if scan_id is not None and len(results) > _MAX_TOGETHER:
            # The rest follows at once.
            self._results[scan_id] = {one.host: one for one in results[_MAX_TOGETHER:]}
        return {
            "kind": "snapshot",
            "scans": [scan_view(scan, self._redactor) for scan in scans],
            "scan_id": scan_id,
            "results": [result_view(one, self._redactor) for one in results[:_MAX_TOGETHER]],
        }

    def _found(self, scan_id: str) -> list[ScanResult]:
        with suppress(NotFoundError):  # it is so long ago that it is no longer remembered
            return self._manager.results(scan_id)
        return []


def _shown(scans: list[ScanView]) -> str | None:
    """Return the scan that is being made, else the newest; None without any."""
    made = (scan for scan in scans if scan.state in (ScanState.RUNNING, ScanState.PAUSED))
    shown = next(made, None) or next(iter(scans), None)
    return None if shown is None else shown.id


async def _subscribe(call: Call) -> None:
    hub, wanted = call.context.hub, call.arguments.get("scan_id")
    await hub.scans.load()
    if wanted is not None:
        hub.scans.get(wanted)
    topic = _ScanTopic(hub.scans, hub.redactor, call.caller.wake, wanted)
    end = ExitStack()
    end.callback(hub.bus.subscribe(ScanChanged, topic.changed))
    end.callback(hub.bus.subscribe(ScanResultFound, topic.found))
    call.caller.subscribe(call.id, topic, end.close)


_SCAN: dict[Any, Any] = {vol.Required("scan_id"): NAME}
_LIMIT = vol.All(int, vol.Range(min=1, max=MAX_SCANS))

COMMANDS = (
    Command("scan/start", _start, START, Role.ADMIN),
    Command("scan/pause", _pause, _SCAN, Role.ADMIN),
    Command("scan/resume", _resume, _SCAN, Role.ADMIN),
    Command("scan/cancel", _cancel, _SCAN, Role.ADMIN),
    Command("scan/subscribe", _subscribe, {vol.Optional("scan_id"): NAME}, Role.ADMIN),
    Command(
        "scan/history", _history, {vol.Optional("limit", default=MAX_SCANS): _LIMIT}, Role.ADMIN
    ),
    Command("scan/results", _results, _SCAN, Role.ADMIN),
    Command("scan/compare", _compare, {**_SCAN, vol.Optional("other_id"): NAME}, Role.ADMIN),
)
