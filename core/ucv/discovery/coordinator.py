"""Finds devices and offers them: what all the parts of discovery do together."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ucv.bus import EventBus
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock
from ucv.config.common import MAX_NAME
from ucv.config.configuration import DiscoverySettings
from ucv.config.schema import keys_of
from ucv.discovery.adoption import Adopter
from ucv.discovery.device_book import DeviceBook
from ucv.discovery.finders import Finders
from ucv.discovery.handlers import OnFault
from ucv.discovery.offers import Offers, discovered
from ucv.discovery.pictures import Pictures
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.discovery.rounds import Rounds
from ucv.discovery.routing import Router
from ucv.discovery.store import DeviceStore
from ucv.discovery.view import (
    Adoption,
    DeviceView,
    DiscoveryStatus,
    DiscoveryStatusChanged,
)
from ucv.entries.entry import EntryChanged, EntryRemoved, EntryState
from ucv.entries.manager import EntryManager
from ucv.errors import NotFoundError, NotSupported, ValidationError
from ucv.flows import addresses
from ucv.flows.manager import FlowManager
from ucv.flows.pages import ENDED, AbortPage
from ucv.flows.view import Discovered, FlowChanged, FlowView
from ucv.plugins.discovery_handlers import DiscoveryHandler
from ucv.plugins.integration import Integration
from ucv.plugins.values import DeviceInfo
from ucv.streams.providers import ProviderRegistry
from ucv.streams.state import StreamState, StreamStateChanged

#: States of an entry and a stream in which the device may have moved.
_MISSED_ENTRY = frozenset({EntryState.SETUP_RETRY})
_MISSED_STREAM = frozenset({StreamState.RETRYING, StreamState.OFFLINE})
#: States of a next try: whether the device is still missed, shows after it.
_TRYING = frozenset({EntryState.SETUP_IN_PROGRESS, StreamState.CONNECTING})


class DiscoveryCoordinator:
    """Owns the found devices. Make it within the running loop; `start` and `stop` once.

    With discovery disabled it asks and listens for nothing; what scans find it takes all the same.
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
        providers: ProviderRegistry,
        on_fault: OnFault,
    ) -> None:
        self.rejections = Rejections(clock)
        self._settings = settings
        self._bus = bus
        self._entries = entries
        self._flows = flows
        self._integrations = integrations
        self._offers = Offers(flows)
        self._book = DeviceBook(
            clock=clock,
            bus=bus,
            store=store,
            rejections=self.rejections,
            offers=self._offers,
            integrations=integrations,
        )
        self._router = Router(
            clock=clock,
            book=self._book,
            offers=self._offers,
            flows=flows,
            entries=entries,
            cameras=cameras,
        )
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
        self._pictures = Pictures(entries, providers=providers, clock=clock)
        self._adopter = Adopter(flows, begin=self.adopt, on_step=self._on_adoption)
        self._missed: set[tuple[str, str]] = set()
        self._unsubscribe: tuple[Callable[[], None], ...] = ()
        self._stopped = False

    # --- life -----------------------------------------------------------------------------------

    async def start(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """Remember what was found before, and begin to look; raises `StorageError`."""
        await self._book.load()
        self._unsubscribe = (
            self._bus.subscribe(EntryChanged, self._on_entry_changed),
            self._bus.subscribe(EntryRemoved, self._on_entry_removed),
            self._bus.subscribe(FlowChanged, self._on_flow_changed),
            self._bus.subscribe(StreamStateChanged, self._on_stream_changed),
        )
        self._router.review_soon()
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
        await self._router.stop()
        await self._pictures.stop()
        await self._book.close()

    # --- reading --------------------------------------------------------------------------------

    def list(self) -> builtins.list[DeviceView]:
        """Return the devices: those that are there, are in use, are ignored, or left lately."""
        return [self._book.view(one) for one in self._book.all() if self._book.is_listed(one)]

    def history(self) -> builtins.list[DeviceView]:
        """Return all devices that are remembered, with the addresses they had."""
        return [self._book.view(device) for device in self._book.all()]

    def get(self, device_id: str) -> DeviceView:
        """Return one device; raises `NotFoundError`."""
        return self._book.view(self._book.get(device_id))

    def at(self, host: str) -> DeviceView | None:
        """Return the device at an address, None if none was found there."""
        for device in self._book.all():
            if device.host == host and self._book.is_present(device):
                return self._book.view(device)
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

    def diagnostics(self) -> dict[str, Any]:
        """Return what is needed to see why a device is not found, as plain JSON values.

        ``rejected`` has what was received and could not be used, by source, address and reason.
        """
        return {
            "status": self.status().to_json(),
            "rejected": self.rejections.to_json(),
            "devices": [view.to_json() for view in self.history()],
        }

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
        device = self._book.get(device_id)
        self._book.set_ignored(device, ignored=True)
        self._offers.withdraw(device, "The device is ignored.")
        return self._book.publish(device)

    async def unignore(self, device_id: str) -> DeviceView:
        """Offer a device again; raises `NotFoundError`."""
        device = self._book.get(device_id)
        self._book.set_ignored(device, ignored=False)
        for domain in self._book.domains(device):
            self._flows.want(discovered(device, domain))
        self._router.offer_again(device)
        await self._router.route(device)
        return self._book.publish(device)

    async def adopt(self, device_id: str, integration: str | None = None) -> FlowView:
        """Return the flow that adds a device; ``integration`` is another one than the best.

        Raises `NotFoundError`, `ValidationError` for a device that nothing can add or that is in
        use, and what `FlowManager.start` raises.
        """
        device = self._book.get(device_id)
        if device.entry_id is not None:
            raise ValidationError("This device is in use already.")
        domain = integration or next(iter(self._book.domains(device)), None)
        if domain is None:
            raise ValidationError("No integration knows this device: choose one.")
        if domain not in self._integrations():
            raise NotFoundError("There is no such integration.", details={"key": "integration"})
        self._book.set_ignored(device, ignored=False)
        sentence = "The device is added by another integration."
        self._offers.withdraw(device, sentence, but=domain)
        for flow in self._offers.of(device):
            if flow.integration == domain:
                return self._flows.choose(flow.id)
        found = discovered(device, domain)
        self._flows.want(found)
        if self._offers.is_full():
            self._offers.make_room()
        flow = await self._flows.start(domain, "discovery", discovered=found)
        if not isinstance(flow.page, ENDED):
            flow = self._flows.choose(flow.id)
        self._book.publish(device)
        return flow

    async def adopt_many(
        self, device_ids: Sequence[str], *, username: str, password: str
    ) -> builtins.list[Adoption]:
        """Add several devices with the same credentials; each is tried once.

        What fails is told for each. Raises `NotFoundError` for a device that is not there.
        """
        devices = [self._book.get(device_id) for device_id in dict.fromkeys(device_ids)]
        return await self._adopter.adopt(
            [(device.id, device.host) for device in devices], username=username, password=password
        )

    async def snapshot(self, device_id: str) -> bytes:
        """Return a JPEG of a device that lets anyone have one; nothing is logged in to.

        Raises `NotFoundError`, and `NotSupported` if it lets nobody.
        """
        device = self._book.get(device_id)
        if not self._book.is_present(device):
            raise NotSupported("The device is gone.")
        mappings = [
            self._mapping(discovered(device, domain)) for domain in self._book.domains(device)
        ]
        return await self._pictures.of(f"{device.id}@{device.host}", mappings)

    async def test_access(
        self,
        device_id: str | None = None,
        *,
        integration: str | None = None,
        host: str | None = None,
        values: Mapping[str, Any],
    ) -> DeviceInfo:
        """Log in to a device with given credentials and return who it says it is.

        ``values`` are fields of the integration, such as ``username`` and ``password``. This is
        the only thing here that logs in: once, within what the device's lockout allows. Raises
        `NotFoundError`, `ValidationError`, and what the integration does.
        """
        if device_id is not None:
            device = self._book.get(device_id)
            domain = integration or next(iter(self._book.domains(device)), None)
            found = None if domain is None else discovered(device, domain)
        elif integration is not None and host is not None:
            domain, found = integration, Discovered(integration, host, host, host)
        else:
            raise ValidationError("Name a device, or a host and an integration.")
        if domain not in self._integrations() or found is None:
            raise NotFoundError("There is no such integration.", details={"key": "integration"})
        async with self._entries.trial({**self._mapping(found), **values}) as (_, info):
            return info

    def _mapping(self, found: Discovered) -> dict[str, Any]:
        """Return the entry that adding a device would make, without credentials."""
        names = keys_of(self._integrations()[found.domain].schema)
        fields = addresses.of_discovered(found, names)
        return {"name": found.name[:MAX_NAME], "integration": found.domain, **fields}

    # --- what happens ---------------------------------------------------------------------------

    def report(self, report: Report) -> None:
        """Take what a finder or a scan reports."""
        taken = None if self._stopped else self._book.take(report)
        if taken is None:
            return
        device, is_new = taken
        if is_new and report.source != "scan" and not self._rounds.asking:
            # It announced itself: others of its protocols have more to say.
            self._rounds.soon()
        self._router.soon(device)

    def _on_round_end(self) -> None:
        for device in self._book.end_round(self._rounds.last or 0.0):
            # When it is back it is as new.
            self._router.offer_again(device)

    def _on_status(self) -> None:
        self._bus.publish(DiscoveryStatusChanged(self.status()))

    def _on_adoption(self, device_id: str, adoption: Adoption | None) -> None:
        device = self._book.find(device_id)
        if device is not None:
            problem = None if adoption is None else adoption.problem
            self._book.set_adopting(device, adopting=adoption is None, problem=problem)

    def _on_entry_changed(self, event: EntryChanged) -> None:
        state = event.status.state
        if state not in _TRYING:
            self._miss(("entry", event.entry.id), is_missed=state in _MISSED_ENTRY)
        self._router.review_soon()

    def _on_entry_removed(self, event: EntryRemoved) -> None:
        self._miss(("entry", event.entry_id), is_missed=False)
        for device in self._book.all():
            if device.entry_id == event.entry_id:
                self._book.set_owner(device, None)
                self._router.offer_again(device)
                self._router.soon(device)
        self._router.review_soon()

    def _on_stream_changed(self, event: StreamStateChanged) -> None:
        state = event.status.state
        if state not in _TRYING:
            key = ("stream", f"{event.camera_id} {event.profile}")
            self._miss(key, is_missed=state in _MISSED_STREAM)

    def _miss(self, key: tuple[str, str], *, is_missed: bool) -> None:
        """Ask oftener while a camera does not answer: it may have got another address."""
        if is_missed == (key in self._missed):
            return
        (self._missed.add if is_missed else self._missed.discard)(key)
        if is_missed or not self._missed:
            self._rounds.missed(is_missed=is_missed)

    def _on_flow_changed(self, event: FlowChanged) -> None:
        found = event.view.discovered
        device = None if found is None else self._book.find(found.key)
        if device is None:
            return
        page = event.view.page
        if isinstance(page, AbortPage) and page.reason == "cancelled" and page.entry_id is None:
            # Whoever cancels the flow of a found device does not want it.
            self._book.set_ignored(device, ignored=True)
        if isinstance(page, ENDED) and page.entry_id is not None:
            self._router.soon(device)
        self._book.publish(device)
