"""All config flows that are open: started, answered, cancelled and ended here."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ucv.bus import EventBus
from ucv.clock import Clock
from ucv.config.schema import keys_of
from ucv.entries.entry import EntryChanged, EntryConfig, EntryOrigin, EntryRemoved, EntryState
from ucv.entries.manager import EntryManager
from ucv.errors import (
    CameraViewerError,
    NotFoundError,
    PluginNotLoaded,
    RateLimited,
    ValidationError,
)
from ucv.flows import addresses
from ucv.flows.flow import RunningFlow
from ucv.flows.known_devices import KnownDevices, is_of, is_same
from ucv.flows.pages import AbortPage, DonePage
from ucv.flows.view import Discovered, FlowChanged, FlowView
from ucv.flows.wizard import Tools, Wizard
from ucv.plugins.calls import Calls
from ucv.plugins.integration import Integration
from ucv.plugins.quarantine import locate
from ucv.plugins.steps import Abort, FlowSource
from ucv.secrets import Redactor

_log = logging.getLogger(__name__)

#: Flows open at once; those that nobody asked for leave room for those that people start.
MAX_FLOWS = 100
MAX_UNASKED = 80
#: Seconds after the last answer until a flow expires: one that a person began, one of a device that
#: was discovered.
LIFETIME, DISCOVERY_LIFETIME = 15 * 60.0, 24 * 3600.0
#: Seconds that `FlowManager.stop` waits for flows that are saving, and for tasks that end.
STOP_LIMIT = 10.0


class FlowManager:
    """Owns the flows. Make it within the running loop; `stop` once."""

    def __init__(
        self,
        entries: EntryManager,
        *,
        integrations: Callable[[], Mapping[str, Integration]],
        calls: Calls,
        bus: EventBus,
        clock: Clock,
        redactor: Redactor,
    ) -> None:
        self._entries = entries
        self._integrations = integrations
        self._calls = calls
        self._bus = bus
        self._clock = clock
        self._redactor = redactor
        self._tools = Tools(entries=entries, calls=calls, clock=clock, redactor=redactor)
        self._flows: dict[str, RunningFlow] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._known = KnownDevices(entries)
        self._stopped = False
        self._unsubscribe = (
            bus.subscribe(EntryChanged, self._on_entry_changed),
            bus.subscribe(EntryRemoved, self._on_entry_removed),
        )
        for view in entries.list():
            if view.status.state is EntryState.AUTH_FAILED:
                self._ask_to_log_in(view.config, None)

    # --- reading ------------------------------------------------------------------------------

    def list(self) -> builtins.list[FlowView]:
        """Return the open flows, the oldest first."""
        return [flow.view() for flow in self._flows.values()]

    def of_discovered(self, key: str | None = None) -> builtins.list[FlowView]:
        """Return the open flows of the device discovered under a key, or of all of them."""
        return [
            flow.view()
            for flow in self._flows.values()
            if flow.discovered is not None and key in (None, flow.discovered.key)
        ]

    def get(self, flow_id: str) -> FlowView:
        """Return an open flow; raises `NotFoundError`."""
        return self._flow(flow_id).view()

    # --- for people ---------------------------------------------------------------------------

    async def start(
        self,
        domain: str,
        source: FlowSource = "user",
        *,
        entry_id: str | None = None,
        discovered: Discovered | None = None,
        wait: float = 1.0,
    ) -> FlowView:
        """Begin a flow and return what it shows first, after at most ``wait`` seconds.

        One that cannot be done ends with its first page. A device that needs to be logged in to, or
        was discovered, has one flow, which is returned if it is open. Raises `NotFoundError`,
        `PluginNotLoaded`, `ValidationError`, and `RateLimited` when too many are open.
        """
        if source == "discovery":
            if discovered is None:
                raise ValidationError("Devices are discovered by the hub itself.")
            flow = await self._discovered(discovered)
            if flow is None:
                raise ValidationError("This device is known already.")
        elif source == "user":
            integration = self._integrations().get(domain)
            if integration is None:
                raise NotFoundError("There is no such integration.", details={"key": "integration"})
            flow = self._begin(integration, source, title=integration.name)
        else:
            flow = self._start_for_entry(domain, source, entry_id)
        await flow.conversation.rest(wait)
        return flow.view()

    async def submit(
        self,
        flow_id: str,
        values: Mapping[str, Any] | None = None,
        choice: str | None = None,
        *,
        wait: float = 1.0,
    ) -> FlowView:
        """Answer a form or a menu, and return what is shown then.

        That is the next question or the last page, or after ``wait`` seconds how far work is.
        Raises `NotFoundError`, and `ValidationError` when nothing is asked or the answer is of the
        wrong kind; an invalid value is no error, but shown in the form.
        """
        flow = self._flow(flow_id)
        flow.conversation.answer(values, choice)
        await flow.conversation.rest(wait)
        return flow.view()

    async def wait(self, flow_id: str, seconds: float) -> FlowView:
        """Return what a flow shows when something is asked, or after so many seconds.

        Raises `NotFoundError`.
        """
        flow = self._flow(flow_id)
        await flow.conversation.rest(seconds)
        return flow.view()

    async def cancel(self, flow_id: str) -> None:
        """End a flow; a discovered device is then ignored until the hub starts anew.

        Raises `NotFoundError`. What is being saved is saved.
        """
        flow = self._flow(flow_id)
        async with flow.committing:
            if flow.ended:
                return
            if flow.discovered is not None:
                self._known.ignore(flow.discovered)
            self._end(flow, AbortPage("cancelled", "The flow was cancelled.", flow.entry_id))
        if flow.task is not None:
            await asyncio.wait({flow.task}, timeout=STOP_LIMIT)

    # --- for the hub --------------------------------------------------------------------------

    async def follow(self, entry_id: str, found: Discovered) -> bool:
        """Have an entry go on where its device was found, and say whether that is a new address.

        Not if the device still answers where it was: then it has two, or another says it were it.
        Nor is a port given up that it answers at. Raises `NotFoundError` and `StorageError`.
        """
        entry = self._entries.get(entry_id).config
        integration = self._integrations().get(entry.integration)
        if integration is None:
            return False
        changes = addresses.moved(entry, found, keys_of(integration.schema))
        if not changes or await self._entries.answers(entry_id):
            return False
        if not await self._entries.relocate(entry_id, changes, since=entry):
            return False  # somebody gave it another address meanwhile
        _log.info("%s was found again at %s", entry_id, found.host)
        return True

    def choose(self, flow_id: str) -> FlowView:
        """Note that a person has a discovered device's flow before them; raises `NotFoundError`."""
        flow = self._flow(flow_id)
        flow.chosen = True
        return flow.view()

    def withdraw(self, flow_id: str, sentence: str, *, chosen: bool = True) -> bool:
        """End a discovered device's flow that nobody has answered yet; says whether it ended.

        ``chosen`` is whether to end also one that a person has before them.
        """
        flow = self._flows.get(flow_id)
        if flow is None or flow.touched or flow.committing.locked():
            return False
        if flow.chosen and not chosen:
            return False
        self._end(flow, AbortPage("withdrawn", sentence, flow.entry_id))
        return True

    def want(self, found: Discovered) -> None:
        """Offer a device again of which a flow was cancelled."""
        self._known.want(found)

    async def discovered(self, found: Discovered) -> FlowView | None:
        """Take note of a device on the network; returns its flow if it is new.

        A known one that has moved is followed to its new address. Nothing is raised for what cannot
        be used: integrations that are gone, or too many devices.
        """
        try:
            flow = await self._discovered(found)
        except CameraViewerError as error:
            _log.info("%s at %s is not offered: %s", found.name, found.host, error.message)
            return None
        return None if flow is None else flow.view()

    async def drop(self, domains: Collection[str]) -> None:
        """End the flows of integrations that are going away."""
        concerned = [f for f in self._flows.values() if f.integration.domain in domains]
        for flow in concerned:
            if not flow.committing.locked():
                sentence = f"{flow.integration.name} was unloaded."
                self._end(flow, AbortPage("failed", sentence, flow.entry_id))
        tasks = {flow.task for flow in concerned if flow.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_LIMIT)

    async def stop(self) -> None:
        """End all flows; what is being saved is saved."""
        self._stopped = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        for flow in builtins.list(self._flows.values()):
            if not flow.committing.locked():
                self._end(flow, AbortPage("cancelled", "The hub is stopping.", flow.entry_id))
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=STOP_LIMIT)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=STOP_LIMIT)
        for flow in builtins.list(self._flows.values()):
            self._end(flow, AbortPage("cancelled", "The hub is stopping.", flow.entry_id))

    # --- starting -----------------------------------------------------------------------------

    def _start_for_entry(
        self, domain: str, source: FlowSource, entry_id: str | None
    ) -> RunningFlow:
        if entry_id is None:
            raise ValidationError("Which entry?", details={"key": "entry_id"})
        entry = self._entries.get(entry_id).config
        if entry.integration != domain:
            raise ValidationError(
                f"{entry.name} is not of this integration.", details={"key": "integration"}
            )
        if source == "reauth" and (flow := self._reauth_of(entry_id)) is not None:
            return flow
        integration = self._integrations().get(domain)
        if integration is None:
            raise PluginNotLoaded(details={"integration": domain})
        flow = self._begin(integration, source, title=entry.name, entry_id=entry_id)
        if source == "reauth" and self._waits_for_login(entry_id):
            flow.live_for(None)
        return flow

    async def _discovered(self, found: Discovered) -> RunningFlow | None:
        integration = self._integrations().get(found.domain)
        if integration is None:
            raise PluginNotLoaded(details={"integration": found.domain})
        known = self._known.entry_of(found, integration)
        if known is not None:
            if not addresses.moved(known, found, keys_of(integration.schema)):
                return None
            if await self.follow(known.id, found):
                return None
            # It says that it is a device which is still where it was: the flow will tell.
        if self._known.is_ignored(found):
            return None
        for flow in builtins.list(self._flows.values()):
            if flow.discovered is None or not is_same(flow.discovered, found):
                continue
            before = flow.discovered
            if (
                flow.touched
                or flow.chosen
                or (before.host, before.port) == (found.host, found.port)
            ):
                return flow
            # Nobody has looked at it yet: begin anew with the address that is right now.
            self._end(flow, AbortPage("withdrawn", "The device has another address now."))
        return self._begin(
            integration, "discovery", title=found.name or integration.name, discovered=found
        )

    def _begin(
        self,
        integration: Integration,
        source: FlowSource,
        *,
        title: str,
        entry_id: str | None = None,
        discovered: Discovered | None = None,
        asked: bool = True,
    ) -> RunningFlow:
        if self._stopped:
            raise ValidationError("The hub is stopping.")
        unasked = discovered is not None or not asked
        if len(self._flows) >= (MAX_UNASKED if unasked else MAX_FLOWS):
            raise RateLimited("Too many flows are open: finish or cancel some of them.")
        flow = RunningFlow(
            integration=integration,
            source=source,
            title=title,
            clock=self._clock,
            on_change=self._publish,
            on_expired=self._expire,
            entry_id=entry_id,
            discovered=discovered,
        )
        flow.live_for(LIFETIME if discovered is None else DISCOVERY_LIFETIME)
        self._flows[flow.id] = flow
        work = self._run(flow, Wizard(flow, self._tools))
        flow.task = asyncio.create_task(work, name=f"{source} flow of {integration.domain}")
        self._tasks.add(flow.task)
        flow.task.add_done_callback(self._tasks.discard)
        return flow

    # --- running and ending -------------------------------------------------------------------

    async def _run(self, flow: RunningFlow, wizard: Wizard) -> None:
        page: DonePage | AbortPage
        try:
            page = await wizard.run()
        except Abort as abort:
            page = AbortPage(abort.reason, abort.message or abort.reason, flow.entry_id)
        except CameraViewerError as error:
            page = AbortPage("failed", self._redactor.redact(error.message), flow.entry_id)
        except Exception as error:  # a schema is a plugin's code; no flow may disturb the others
            page = AbortPage("failed", self._failure(flow, error), flow.entry_id)
        self._end(flow, page)

    def _failure(self, flow: RunningFlow, error: Exception) -> str:
        if locate(error, None)[1]:
            plugin = self._calls.owner_of(flow.integration.domain)
            fault = self._calls.fault(plugin, f"{flow.source} flow", error)
            return self._redactor.redact(fault.message)
        _log.exception("A %s flow of %s failed", flow.source, flow.integration.domain)
        return "Something in the hub failed; its log says what."

    def _end(self, flow: RunningFlow, page: DonePage | AbortPage) -> None:
        """Show the last page and let the flow's task end; harmless when it has ended."""
        if self._flows.pop(flow.id, None) is None:
            return
        flow.disarm()
        if flow.discovered is not None and page.entry_id is not None:
            self._known.learn(page.entry_id, flow.discovered)
        if isinstance(page, DonePage):
            flow.entry_id = page.entry_id
        flow.conversation.end(page)
        if flow.task is not None and flow.task is not asyncio.current_task():
            flow.task.cancel()

    def _expire(self, flow: RunningFlow) -> None:
        if not flow.committing.locked():
            self._end(flow, AbortPage("expired", "Nobody went on with it.", flow.entry_id))

    def _publish(self, flow: RunningFlow) -> None:
        self._bus.publish(FlowChanged(flow.view()))

    def _flow(self, flow_id: str) -> RunningFlow:
        if (flow := self._flows.get(flow_id)) is None:
            raise NotFoundError(
                "There is no such flow; it may have expired.", details={"flow": str(flow_id)[:64]}
            )
        return flow

    # --- entries ------------------------------------------------------------------------------

    def _on_entry_changed(self, event: EntryChanged) -> None:
        entry, state = event.entry, event.status.state
        flow = self._reauth_of(entry.id)
        if state is EntryState.AUTH_FAILED:
            self._ask_to_log_in(entry, flow)
        elif flow is not None and flow.expires == 0.0 and not flow.committing.locked():
            sentence = f"{entry.name} need not be logged in to any more."
            self._end(flow, AbortPage("cancelled", sentence, entry.id))
        if state is EntryState.LOADED:
            self._end_offers_of(entry)

    def _end_offers_of(self, entry: EntryConfig) -> None:
        for flow in builtins.list(self._flows.values()):
            found = flow.discovered
            if found is None or flow.committing.locked():
                continue
            if is_of(entry, found, flow.integration):
                sentence = f"{entry.name} is this device."
                self._end(flow, AbortPage("already_configured", sentence, entry.id))

    def _ask_to_log_in(self, entry: EntryConfig, flow: RunningFlow | None) -> None:
        if flow is not None:
            flow.live_for(None)
            return
        integration = self._integrations().get(entry.integration)
        if integration is None or entry.origin is EntryOrigin.YAML:
            return
        try:
            flow = self._begin(
                integration, "reauth", title=entry.name, entry_id=entry.id, asked=False
            )
        except CameraViewerError as error:
            _log.warning("%s needs to be logged in to: %s", entry.id, error.message)
            return
        flow.live_for(None)

    def _on_entry_removed(self, event: EntryRemoved) -> None:
        self._known.forget(event.entry_id)
        for flow in builtins.list(self._flows.values()):
            if flow.entry_id == event.entry_id and not flow.committing.locked():
                self._end(flow, AbortPage("cancelled", "The camera was removed."))

    def _waits_for_login(self, entry_id: str) -> bool:
        return self._entries.status(entry_id).state is EntryState.AUTH_FAILED

    def _reauth_of(self, entry_id: str) -> RunningFlow | None:
        for flow in self._flows.values():
            if flow.source == "reauth" and flow.entry_id == entry_id:
                return flow
        return None
