"""The list of found devices: what is known of each, told to others, and remembered."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from ucv.bus import EventBus
from ucv.clock import Clock, TimerHandle
from ucv.discovery.likeness import GONE_AFTER
from ucv.discovery.merging import MAX_DEVICES, FoundDevice, Merger, neutral
from ucv.discovery.offers import Offers
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.discovery.store import DeviceStore, device_of, record_of
from ucv.discovery.view import (
    Candidate,
    DeviceState,
    DeviceView,
    DiscoveryChanged,
    DiscoveryForgotten,
    Evidence,
    Problem,
)
from ucv.errors import NotFoundError, StorageError
from ucv.plugins.integration import Integration

_log = logging.getLogger(__name__)

#: Seconds for which the result of a scan counts, and a device that has vanished is listed.
SCAN_LIFE, LISTED = 3600.0, 24 * 3600.0
#: Seconds after which it is written down again that a device was seen, if nothing else changed.
NOTE_INTERVAL = 300.0
#: Seconds between two writes of what changed.
SAVE_INTERVAL = 5.0
#: Devices that are gone and forgotten when there are too many, and seconds between two looks.
SPARE, SPARE_INTERVAL = 100, 5.0


class DeviceBook:
    """Holds the devices. `load` once, and `close` in the end."""

    def __init__(
        self,
        *,
        clock: Clock,
        bus: EventBus,
        store: DeviceStore,
        rejections: Rejections,
        offers: Offers,
        integrations: Callable[[], Mapping[str, Integration]],
    ) -> None:
        self._clock = clock
        self._bus = bus
        self._store = store
        self._offers = offers
        self._integrations = integrations
        self._merger = Merger(rejections)
        self._adopting: set[str] = set()
        self._problems: dict[str, Problem] = {}
        self._published: dict[str, DeviceView] = {}
        #: When what is lasting of a device was last to be written down, and what that was.
        self._kept: dict[str, tuple[float, tuple[str, int, int]]] = {}
        self._unsaved: set[str] = set()
        self._deleted: set[str] = set()
        self._made_room = -math.inf
        self._timer: TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        self._closed = False

    async def load(self) -> None:
        """Remember what was found before; raises `StorageError`."""
        for record in await self._store.list():
            # Written by a newer version, or by hand: what cannot be read is found again.
            with suppress(KeyError, TypeError, ValueError):
                self._merger.restore(device_of(record))

    async def close(self) -> None:
        """Write down what is known."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._saving is not None:
            await asyncio.gather(self._saving, return_exceptions=True)
        await self._save()

    # --- reading --------------------------------------------------------------------------------

    def all(self) -> list[FoundDevice]:
        """Return all devices that are remembered."""
        return list(self._merger.devices.values())

    def find(self, device_id: str) -> FoundDevice | None:
        """Return one, or None."""
        return self._merger.devices.get(device_id)

    def get(self, device_id: str) -> FoundDevice:
        """Return one; raises `NotFoundError`."""
        device = self.find(device_id)
        if device is None:
            raise NotFoundError(
                "There is no such device; it may have vanished.",
                details={"device": str(device_id)[:64]},
            )
        return device

    def domains(self, device: FoundDevice) -> dict[str, float]:
        """Return the integrations a device may be added with, with their confidence, best first."""
        known = self._integrations()
        return {domain: sure for domain, sure in device.domains().items() if domain in known}

    def is_present(self, device: FoundDevice) -> bool:
        """Say whether a device answered lately."""
        now = self._clock.time()
        announced = asked = False
        for one in device.observations.values():
            match one.report.source:
                case "mdns":
                    announced = True
                case "scan":
                    if now - one.last_seen < SCAN_LIFE:
                        return True
                case _:
                    asked = True
                    if one.missed < GONE_AFTER:
                        return True
        # An announcement outlives a plug that was pulled by more than an hour: it only counts where
        # nothing else can be asked.
        return announced and not asked

    def is_listed(self, device: FoundDevice) -> bool:
        """Say whether a device is there, in use, ignored, or has left lately."""
        return (
            self.is_present(device)
            or device.ignored
            or device.entry_id is not None
            or self._clock.time() - device.last_seen < LISTED
        )

    def view(self, device: FoundDevice) -> DeviceView:
        """Return a device as others see it."""
        known = self._integrations()
        sure = self.domains(device)
        best = next(iter(sure), None)
        flows = self._offers.of(device)
        free = DeviceState.IGNORED if device.ignored else DeviceState.NEW
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
            state=free if device.entry_id is None else DeviceState.CONFIGURED,
            present=self.is_present(device),
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
            # Whether anyone may watch shows when a picture is asked for.
            snapshot=device.entry_id is None and self.is_present(device),
            details=device.details(),
        )

    # --- changing -------------------------------------------------------------------------------

    def take(self, report: Report) -> tuple[FoundDevice, bool] | None:
        """Return the device that a report is about, and whether it is new; None for no device."""
        now = self._clock.time()
        self._make_room()
        known = len(self._merger.devices)
        taken = self._merger.take(report, now)
        if taken is None:
            return None
        device, absorbed = taken
        for other in absorbed:
            self._offers.withdraw(other, "The device is offered already.")
            self._forget(other)
        is_new = len(self._merger.devices) > known
        # When it was last seen is written down seldom: a thousand devices answer each round.
        kept = (device.host, len(device.marks), len(device.addresses))
        before = self._kept.get(device.id)
        if before is None or absorbed or before[1] != kept or now - before[0] >= NOTE_INTERVAL:
            self._kept[device.id] = (now, kept)
            self._changed(device)
        return device, is_new

    def set_owner(self, device: FoundDevice, entry_id: str | None) -> None:
        """Note which entry a device has."""
        if device.entry_id != entry_id:
            device.entry_id = entry_id
            self._problems.pop(device.id, None)
            self._changed(device)

    def set_ignored(self, device: FoundDevice, *, ignored: bool) -> None:
        """Note whether a device is not wanted."""
        if device.ignored != ignored:
            device.ignored = ignored
            self._changed(device)

    def set_adopting(
        self, device: FoundDevice, *, adopting: bool, problem: Problem | None = None
    ) -> None:
        """Show that a device is being added, or what came of it."""
        (self._adopting.add if adopting else self._adopting.discard)(device.id)
        self._problems.pop(device.id, None)
        if problem is not None:
            self._problems[device.id] = problem
        self.publish(device)

    def publish(self, device: FoundDevice) -> DeviceView:
        """Tell of a device, if anything but the time it was last seen has changed."""
        view = self.view(device)
        if device.id not in self._merger.devices or not self.is_listed(device):
            return view
        before = self._published.get(device.id)
        if before is None or _lasting(before) != _lasting(view):
            self._published[device.id] = view
            self._bus.publish(DiscoveryChanged(view))
        return view

    def end_round(self, began: float) -> list[FoundDevice]:
        """Note who did not answer to a round that began then, in seconds since the epoch.

        Returns those that are gone since.
        """
        gone: list[FoundDevice] = []
        for device in self.all():
            for one in device.observations.values():
                if one.report.source not in ("mdns", "scan"):
                    one.missed = 0 if one.last_seen >= began else one.missed + 1
            device.settle(self._clock.time())
            shown = self._published.get(device.id)
            if shown is None:
                continue
            present = self.is_present(device)
            if not present:
                if shown.present:
                    gone.append(device)
                # It may answer again before a person has filled in the form.
                self._offers.withdraw(device, "The device is gone.", chosen=False)
            if self.is_listed(device):
                # Of a thousand devices, few come or go: drawing them all would hold up the hub.
                if (present, device.host) != (shown.present, shown.host):
                    self.publish(device)
            else:
                del self._published[device.id]
                self._bus.publish(DiscoveryForgotten(device.id))
        return gone

    def _make_room(self) -> None:
        """Forget some that are gone and that nobody has a use for, if there is no room left."""
        now = self._clock.monotonic()
        if len(self._merger.devices) < MAX_DEVICES or now - self._made_room < SPARE_INTERVAL:
            return
        self._made_room = now
        useless = [
            device
            for device in self.all()
            if device.entry_id is None and not device.ignored and not self.is_present(device)
        ]
        for device in sorted(useless, key=lambda one: one.last_seen)[:SPARE]:
            self._offers.withdraw(device, "The device is gone.")
            self._merger.forget(device)
            self._forget(device)

    def _forget(self, device: FoundDevice) -> None:
        self._unsaved.discard(device.id)
        self._kept.pop(device.id, None)
        self._deleted.add(device.id)
        self._problems.pop(device.id, None)
        self._adopting.discard(device.id)
        if self._published.pop(device.id, None) is not None:
            self._bus.publish(DiscoveryForgotten(device.id))

    # --- memory ---------------------------------------------------------------------------------

    def _changed(self, device: FoundDevice) -> None:
        self._unsaved.add(device.id)
        self._save_later()

    def _save_later(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._clock.call_later(SAVE_INTERVAL, self._begin_save)

    def _begin_save(self) -> None:
        self._timer = None
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save(), name="save found devices")
        else:
            self._save_later()

    async def _save(self) -> None:
        changed = (self.find(device_id) for device_id in self._unsaved)
        records = [record_of(device) for device in changed if device is not None]
        deleted, self._deleted, self._unsaved = self._deleted, set(), set()
        if not records and not deleted:
            return
        try:
            await self._store.save(records, deleted=deleted)
        except StorageError as error:
            _log.warning("What was found on the network was not stored: %s", error.message)
            # With the next change, or in the end.
            self._unsaved.update(record.id for record in records)
            self._deleted.update(deleted)


def _lasting(view: DeviceView) -> DeviceView:
    """Return a view without what changes with each answer."""
    return replace(
        view,
        last_seen=0.0,
        evidence=tuple(replace(one, last_seen=0.0) for one in view.evidence),
        addresses=tuple(replace(span, last_seen=0.0) for span in view.addresses),
    )
