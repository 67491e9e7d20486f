"""Finds devices and keeps the list of them: what each is, whose it is, and what became of it."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Any

from ucv.bus import EventBus
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock, TimerHandle
from ucv.config.configuration import DiscoverySettings
from ucv.discovery.finders import Finders
from ucv.discovery.handlers import OnFault
from ucv.discovery.merging import GONE_AFTER, FoundDevice, Merger, neutral
from ucv.discovery.ownership import Owners
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.discovery.rounds import Rounds
from ucv.discovery.store import DeviceStore, device_of, record_of
from ucv.discovery.view import (
    Candidate,
    DeviceState,
    DeviceView,
    DiscoveryChanged,
    DiscoveryForgotten,
    DiscoveryStatus,
    DiscoveryStatusChanged,
    Evidence,
    Problem,
)
from ucv.entries.entry import EntryChanged, EntryConfig, EntryRemoved, EntryState
from ucv.entries.manager import EntryManager
from ucv.errors import NotFoundError, StorageError, ValidationError
from ucv.flows.manager import FlowManager
from ucv.flows.pages import AbortPage
from ucv.flows.view import Discovered, FlowChanged, FlowView
from ucv.plugins.discovery_handlers import DiscoveryHandler
from ucv.plugins.integration import Integration
from ucv.streams.state import StreamState, StreamStateChanged

_log = logging.getLogger(__name__)

#: Seconds for which further protocols may speak before a device is offered, or followed.
SETTLE = 0.4
#: Seconds between two looks at whether a device is to be followed to the same address.
FOLLOW_AGAIN = 10.0
#: Seconds for which the result of a scan counts, and a device that has vanished is listed.
SCAN_LIFE, LISTED = 3600.0, 24 * 3600.0
#: Seconds between two writes of what changed.
SAVE_INTERVAL = 5.0
#: Devices that are looked at concurrently.
MAX_ROUTES = 16
#: States of an entry and a stream in which the device may have moved.
_MISSED_ENTRY = frozenset({EntryState.SETUP_RETRY})
_MISSED_STREAM = frozenset({StreamState.RETRYING, StreamState.OFFLINE})


class DiscoveryCoordinator:
    """Owns the found devices. Make it within the running loop; `start` and `stop` once.

    With ``enabled`` off it asks and listens for nothing; what scans find it takes all the same.
    """

    def __init__(
        self,
        *,
        settings: DiscoverySettings,
        clock: Clock,
        bus: EventBus,
        entries: EntryManager,
        cameras: CameraRegistry,
        flows: FlowManager,
        integrations: Callable[[], Mapping[str, Integration]],
        store: DeviceStore,
        on_fault: OnFault,
    ) -> None:
        self.rejections = Rejections(clock)
        self._settings = settings
        self._clock = clock
        self._bus = bus
        self._entries = entries
        self._cameras = cameras
        self._flows = flows
        self._integrations = integrations
        self._store = store
        self._merger = Merger(self.rejections)
        self._finders = Finders(
            clock=clock,
            settings=settings,
            on_report=self.report,
            rejections=self.rejections,
            on_fault=on_fault,
        )
        self._rounds = Rounds(
            clock,
            interval=settings.interval,
            ask=self._finders.ask,
            on_end=self._on_round_end,
            on_change=self._on_status,
        )
        self._owners: Owners | None = None
        self._missed: set[tuple[str, str]] = set()
        self._adopting: set[str] = set()
        self._problems: dict[str, Problem] = {}
        self._followed: dict[tuple[str, str], float] = {}
        self._published: dict[str, DeviceView] = {}
        self._timers: dict[str, TimerHandle] = {}
        self._routes: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._room = asyncio.Semaphore(MAX_ROUTES)
        self._unsaved: set[str] = set()
        self._deleted: set[str] = set()
        self._save_timer: TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        self._review_timer: TimerHandle | None = None
        self._unsubscribe: tuple[Callable[[], None], ...] = ()
        self._stopped = False

    # --- life -----------------------------------------------------------------------------------

    async def start(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """Remember what was found before, and begin to look."""
        for record in await self._store.list():
            # Written by a newer version, or by hand: what cannot be read is found again.
            with suppress(KeyError, TypeError, ValueError):
                self._merger.restore(device_of(record))
        self._unsubscribe = (
            self._bus.subscribe(EntryChanged, self._on_entry_changed),
            self._bus.subscribe(EntryRemoved, self._on_entry_removed),
            self._bus.subscribe(FlowChanged, self._on_flow_changed),
            self._bus.subscribe(StreamStateChanged, self._on_stream_changed),
        )
        self._review()
        await self.listen(handlers)
        if self._settings.enabled:
            self._rounds.start()

    async def listen(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """Look with these handlers from now on."""
        if self._settings.enabled and not self._stopped:
            await self._finders.listen(handlers)
            self._rounds.soon()
            self._on_status()

    async def stop(self) -> None:
        """Look no more, and write down what is known."""
        self._stopped = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        await self._rounds.stop()
        await self._finders.stop()
        for timer in (*self._timers.values(), self._save_timer, self._review_timer):
            if timer is not None:
                timer.cancel()
        for task in self._routes.values():
            task.cancel()
        await asyncio.gather(*self._routes.values(), return_exceptions=True)
        if self._saving is not None:
            await asyncio.gather(self._saving, return_exceptions=True)
        await self._save()

    # --- reading --------------------------------------------------------------------------------

    def list(self) -> builtins.list[DeviceView]:
        """Return the devices: those that are there, are in use, are ignored, or left lately."""
        return [self._view(one) for one in self._merger.devices.values() if self._is_listed(one)]

    def history(self) -> builtins.list[DeviceView]:
        """Return all devices that are remembered, with the addresses they had."""
        return [self._view(device) for device in self._merger.devices.values()]

    def get(self, device_id: str) -> DeviceView:
        """Return one device; raises `NotFoundError`."""
        return self._view(self._device(device_id))

    def at(self, host: str) -> DeviceView | None:
        """Return the device at an address, None if none was found there."""
        for device in self._merger.devices.values():
            if device.host == host and self._is_present(device):
                return self._view(device)
        return None

    def status(self) -> DiscoveryStatus:
        """Return what discovery is doing."""
        return DiscoveryStatus(
            enabled=self._settings.enabled,
            asking=self._rounds.asking,
            last_round=self._rounds.last,
            next_round=self._rounds.next,
            interfaces=self._finders.networks(),
            methods=self._finders.methods(),
        )

    # --- for people -----------------------------------------------------------------------------

    def watched(self) -> AbstractContextManager[None]:
        """Ask often for as long as somebody looks at the list."""
        return self._rounds.watched()

    async def refresh(self) -> DiscoveryStatus:
        """Ask all devices now, and often for a minute."""
        self._rounds.eager()
        return self.status()

    async def ignore(self, device_id: str) -> DeviceView:
        """Do not offer a device any more, until `unignore`; raises `NotFoundError`."""
        device = self._device(device_id)
        self._set_ignored(device, ignored=True)
        self._withdraw(device, "The device is ignored.")
        return self._publish(device)

    async def unignore(self, device_id: str) -> DeviceView:
        """Offer a device again; raises `NotFoundError`."""
        device = self._device(device_id)
        self._set_ignored(device, ignored=False)
        await self._route(device)
        return self._publish(device)

    async def adopt(self, device_id: str, integration: str | None = None) -> FlowView:
        """Return the flow that adds a device; ``integration`` is another one than the best.

        Raises `NotFoundError`, `ValidationError` for a device that nothing can add or that is in
        use, and what `FlowManager.start` raises.
        """
        device = self._device(device_id)
        view = self._view(device)
        if view.state is DeviceState.CONFIGURED:
            raise ValidationError("This device is in use already.")
        domain = integration or view.integration
        if domain is None:
            raise ValidationError("No integration knows this device: choose one.")
        self._set_ignored(device, ignored=False)
        for flow in self._flows_of(device):
            if flow.integration == domain:
                return flow
            self._flows.withdraw(flow.id, "The device is added by another integration.")
        found = self._discovered(device, domain)
        self._flows.want(found)
        flow = await self._flows.start(domain, "discovery", discovered=found)
        self._publish(device)
        return flow

    def set_adopting(
        self, device_id: str, *, adopting: bool, problem: Problem | None = None
    ) -> None:
        """Show that a device is being added, or what came of it."""
        (self._adopting.add if adopting else self._adopting.discard)(device_id)
        self._problems.pop(device_id, None)
        if problem is not None:
            self._problems[device_id] = problem
        device = self._merger.devices.get(device_id)
        if device is not None:
            self._publish(device)

    # --- reports --------------------------------------------------------------------------------

    def report(self, report: Report) -> None:
        """Take what a finder or a scan reports."""
        if self._stopped:
            return
        now = self._clock.time()
        taken = self._merger.take(report, now)
        if taken is None:
            return
        device, absorbed = taken
        for other in absorbed:
            self._absorbed(device, other)
        self._unsaved.add(device.id)
        self._save_soon()
        if device.first_seen == now and report.source != "scan" and not self._rounds.asking:
            # It announced itself: others of its protocols have more to say.
            self._rounds.soon()
        self._route_soon(device)

    def _absorbed(self, device: FoundDevice, other: FoundDevice) -> None:
        """Let go of a device that turned out to be another one."""
        self._withdraw(other, "The device is offered already.")
        self._forget(other)
        if device.ignored:
            self._withdraw(device, "The device is ignored.")

    def _forget(self, device: FoundDevice) -> None:
        self._unsaved.discard(device.id)
        self._deleted.add(device.id)
        self._problems.pop(device.id, None)
        if (timer := self._timers.pop(device.id, None)) is not None:
            timer.cancel()
        if self._published.pop(device.id, None) is not None:
            self._bus.publish(DiscoveryForgotten(device.id))
        self._save_soon()

    def _route_soon(self, device: FoundDevice) -> None:
        if device.id in self._timers or self._stopped:
            return
        self._timers[device.id] = self._clock.call_later(SETTLE, lambda: self._begin_route(device))

    def _begin_route(self, device: FoundDevice) -> None:
        self._timers.pop(device.id, None)
        if device.id in self._routes:
            self._again.add(device.id)
            return
        task = asyncio.create_task(self._routed(device), name=f"found {device.host[:40]}")
        self._routes[device.id] = task
        task.add_done_callback(lambda _: self._end_route(device))

    def _end_route(self, device: FoundDevice) -> None:
        self._routes.pop(device.id, None)
        if device.id in self._again:
            self._again.discard(device.id)
            self._route_soon(device)

    async def _routed(self, device: FoundDevice) -> None:
        try:
            async with self._room:
                await self._route(device)
        except Exception:  # one device must not keep the others from being offered
            _log.exception("A device at %s could not be offered", device.host)
        if device.id in self._merger.devices:
            self._publish(device)

    async def _route(self, device: FoundDevice) -> None:
        """Bring a device to its entry, or offer it to the integration that fits best."""
        if device.id not in self._merger.devices:
            return
        domains = self._domains(device)
        owner = self._find_owner(device, domains)
        if owner is not None:
            await self._belongs(device, owner)
            return
        self._set_owner(device, None)
        if device.ignored or not domains or not self._is_present(device):
            if device.ignored:
                self._withdraw(device, "The device is ignored.")
            return
        best = domains[0]
        for flow in self._flows_of(device):
            if flow.integration != best:
                # More is known now. Somebody who is at it already goes on.
                self._flows.withdraw(flow.id, "Another integration fits the device better.")
        if not any(flow.integration != best for flow in self._flows_of(device)):
            await self._flows.discovered(self._discovered(device, best))

    async def _belongs(self, device: FoundDevice, owner: EntryConfig) -> None:
        self._set_owner(device, owner.id)
        self._withdraw(device, f"{owner.name} is this device.")
        if not self._is_present(device):
            return
        found = replace(self._discovered(device, owner.integration), unique_id=owner.unique_id)
        self._flows.learn(owner.id, found)
        now = self._clock.monotonic()
        last = self._followed.get((owner.id, device.host))
        if last is not None and now - last < FOLLOW_AGAIN:
            return
        self._followed = {
            key: at for key, at in self._followed.items() if now - at < FOLLOW_AGAIN
        } | {(owner.id, device.host): now}
        await self._flows.discovered(found)

    # --- what is known --------------------------------------------------------------------------

    def _device(self, device_id: str) -> FoundDevice:
        device = self._merger.devices.get(device_id)
        if device is None:
            raise NotFoundError(
                "There is no such device; it may have vanished.",
                details={"device": str(device_id)[:64]},
            )
        return device

    def _domains(self, device: FoundDevice) -> builtins.list[str]:
        known = self._integrations()
        return [domain for domain in device.domains() if domain in known]

    def _find_owner(self, device: FoundDevice, domains: builtins.list[str]) -> EntryConfig | None:
        if self._owners is None:
            self._owners = Owners(self._entries, self._cameras)
        return self._owners.of(device, domains)

    def _set_owner(self, device: FoundDevice, entry_id: str | None) -> None:
        if device.entry_id != entry_id:
            device.entry_id = entry_id
            self._unsaved.add(device.id)
            self._save_soon()

    def _set_ignored(self, device: FoundDevice, *, ignored: bool) -> None:
        if device.ignored != ignored:
            device.ignored = ignored
            self._unsaved.add(device.id)
            self._save_soon()

    def _discovered(self, device: FoundDevice, domain: str) -> Discovered:
        """Return a device as its flow has it; what is known under other names is the core's."""
        unique_ids = device.unique_ids(domain)
        mine = [o for o in device.alive() if o.report.domain == domain]
        ports = [o.report.sighting.http_port for o in mine if o.report.sighting.http_port]
        return Discovered(
            domain=domain,
            key=device.id,
            name=_title(device) or device.host,
            host=device.host,
            port=next(iter(ports), None),
            properties=device.details(),
            unique_id=next(iter(unique_ids), None),
            rtsp_port=device.told("rtsp_port"),
        )

    def _flows_of(self, device: FoundDevice) -> builtins.list[FlowView]:
        return [
            flow
            for flow in self._flows.list()
            if flow.discovered is not None and flow.discovered.key == device.id
        ]

    def _withdraw(self, device: FoundDevice, sentence: str) -> None:
        for flow in self._flows_of(device):
            self._flows.withdraw(flow.id, sentence)

    def _is_present(self, device: FoundDevice) -> bool:
        now = self._clock.time()
        for one in device.observations.values():
            if one.report.source == "mdns":
                return True
            if one.report.source == "scan":
                if now - one.last_seen < SCAN_LIFE:
                    return True
            elif one.missed < GONE_AFTER:
                return True
        return False

    def _is_listed(self, device: FoundDevice) -> bool:
        return (
            self._is_present(device)
            or device.ignored
            or device.entry_id is not None
            or self._clock.time() - device.last_seen < LISTED
        )

    def _view(self, device: FoundDevice) -> DeviceView:
        known = self._integrations()
        sure = {domain: one for domain, one in device.domains().items() if domain in known}
        best = next(iter(sure), None)
        flows = self._flows_of(device)
        state = DeviceState.IGNORED if device.ignored else DeviceState.NEW
        return DeviceView(
            id=device.id,
            host=device.host,
            name=device.told("name"),
            manufacturer=device.told("manufacturer"),
            model=device.told("model"),
            serial=device.told("serial"),
            mac=device.told("mac"),
            firmware=device.told("firmware"),
            http_port=device.told("http_port"),
            rtsp_port=device.told("rtsp_port"),
            integration=best,
            integration_name=None if best is None else known[best].name,
            confidence=round(sure.get(best or "", 0.0), 2),
            candidates=tuple(
                Candidate(domain, known[domain].name, round(one, 2)) for domain, one in sure.items()
            ),
            state=state if device.entry_id is None else DeviceState.CONFIGURED,
            present=self._is_present(device),
            entry_id=device.entry_id,
            flow_id=flows[0].id if flows else None,
            adopting=device.id in self._adopting,
            problem=self._problems.get(device.id),
            first_seen=device.first_seen,
            last_seen=device.last_seen,
            evidence=tuple(
                Evidence(
                    source=one.report.source,
                    integration=one.report.domain,
                    host=one.report.host,
                    text=" · ".join(neutral(one.report.sighting)),
                    confidence=round(one.report.sighting.confidence, 2),
                    first_seen=one.first_seen,
                    last_seen=one.last_seen,
                )
                for one in device.alive()
            ),
            addresses=tuple(reversed(device.addresses.values())),
            snapshot=device.entry_id is None and device.told("rtsp_port") is not None,
            details=device.details(),
        )

    def _publish(self, device: FoundDevice) -> DeviceView:
        """Tell of a device, if anything but the time it was last seen has changed."""
        view = self._view(device)
        if not self._is_listed(device):
            return view
        before = self._published.get(device.id)
        if before is None or _lasting(before) != _lasting(view):
            self._published[device.id] = view
            self._bus.publish(DiscoveryChanged(view))
        return view

    # --- rounds ---------------------------------------------------------------------------------

    def _on_round_end(self) -> None:
        began = self._rounds.last or 0.0
        for device in builtins.list(self._merger.devices.values()):
            for one in device.observations.values():
                if one.report.source not in ("mdns", "scan"):
                    one.missed = 0 if one.last_seen >= began else one.missed + 1
            if device.id in self._published:
                if not self._is_present(device):
                    self._withdraw(device, "The device is gone.")
                self._publish(device)
            if not self._is_listed(device) and self._published.pop(device.id, None) is not None:
                self._bus.publish(DiscoveryForgotten(device.id))

    def _on_status(self) -> None:
        self._bus.publish(DiscoveryStatusChanged(self.status()))

    # --- what happens elsewhere -----------------------------------------------------------------

    def _on_entry_changed(self, event: EntryChanged) -> None:
        self._miss(("entry", event.entry.id), is_missed=event.status.state in _MISSED_ENTRY)
        self._review_soon()

    def _on_entry_removed(self, event: EntryRemoved) -> None:
        self._miss(("entry", event.entry_id), is_missed=False)
        for device in self._merger.devices.values():
            if device.entry_id == event.entry_id:
                self._set_owner(device, None)
        self._review_soon()

    def _on_stream_changed(self, event: StreamStateChanged) -> None:
        key = ("stream", f"{event.camera_id} {event.profile}")
        self._miss(key, is_missed=event.status.state in _MISSED_STREAM)

    def _miss(self, key: tuple[str, str], *, is_missed: bool) -> None:
        before = bool(self._missed)
        (self._missed.add if is_missed else self._missed.discard)(key)
        if bool(self._missed) != before or (is_missed and self._settings.enabled):
            self._rounds.missed(is_missed=bool(self._missed))

    def _on_flow_changed(self, event: FlowChanged) -> None:
        found = event.view.discovered
        device = None if found is None else self._merger.devices.get(found.key)
        if device is None:
            return
        page = event.view.page
        if isinstance(page, AbortPage) and page.reason == "cancelled" and page.entry_id is None:
            # Whoever cancels the flow of a found device does not want it.
            self._set_ignored(device, ignored=True)
        if event.view.ended or device.id not in self._published:
            self._route_soon(device)
        self._publish(device)

    def _review_soon(self) -> None:
        """Look anew whose the devices are, once what happens has settled."""
        self._owners = None
        if self._review_timer is None and not self._stopped:
            self._review_timer = self._clock.call_later(SETTLE, self._review)

    def _review(self) -> None:
        self._review_timer = None
        self._owners = None
        for device in builtins.list(self._merger.devices.values()):
            owner = self._find_owner(device, self._domains(device))
            if (owner.id if owner else None) != device.entry_id or device.entry_id is not None:
                self._route_soon(device)

    # --- memory ---------------------------------------------------------------------------------

    def _save_soon(self) -> None:
        if self._save_timer is None and not self._stopped:
            self._save_timer = self._clock.call_later(SAVE_INTERVAL, self._begin_save)

    def _begin_save(self) -> None:
        self._save_timer = None
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save(), name="save found devices")
        else:
            self._save_soon()

    async def _save(self) -> None:
        records = [
            record_of(self._merger.devices[one])
            for one in self._unsaved
            if one in self._merger.devices
        ]
        deleted, self._deleted = self._deleted, set()
        self._unsaved = set()
        if not records and not deleted:
            return
        try:
            await self._store.save(records, deleted=deleted)
        except StorageError as error:
            _log.warning("What was found on the network was not stored: %s", error.message)


def _title(device: FoundDevice) -> str | None:
    named = [device.told("manufacturer"), device.told("model")]
    return device.told("name") or " ".join(part for part in named if part) or None


def _lasting(view: DeviceView) -> Any:
    """Return a view without what changes with each answer."""
    return replace(
        view,
        last_seen=0.0,
        evidence=tuple(replace(one, last_seen=0.0) for one in view.evidence),
        addresses=tuple(replace(span, last_seen=0.0) for span in view.addresses),
    )
