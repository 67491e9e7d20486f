"""The core's own steps: what is asked, in which order, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from ucv.clock import Clock
from ucv.config.drafts import public_mapping
from ucv.config.schema import keys_of
from ucv.entries.entry import EntryConfig, EntryOrigin
from ucv.entries.manager import EntryManager
from ucv.entries.survey import Survey
from ucv.errors import (
    AlreadyConfiguredError,
    CameraViewerError,
    CertificateUntrusted,
    ValidationError,
    WrongDevice,
)
from ucv.flows import addresses
from ucv.flows.choices import BothForms, DeviceChoices
from ucv.flows.entry_form import EntryForm, connection_fields, option_fields, secret_fields
from ucv.flows.flow import RunningFlow
from ucv.flows.known_devices import facts_of
from ucv.flows.own_steps import Steps
from ucv.flows.pages import AbortPage, DonePage, FieldError, FormPage, MenuPage, PageError
from ucv.flows.recognition import recognise
from ucv.flows.wording import one_line, title_of, what_was_found
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.identity import says_the_same
from ucv.plugins.steps import Abort
from ucv.plugins.values import DeviceInfo
from ucv.secrets import Redactor

ASKING = "Asking the device …"
SAVING = "Saving …"
#: What the core's own steps are called.
TITLES = {
    "user": "Add a device",
    "discovered": "Add this device",
    "reauth": "Log in again",
    "reconfigure": "Change how the device is reached",
    "options": "Options",
    "confirm": "Name the camera",
}


@dataclass(frozen=True, slots=True)
class Tools:
    """What the steps of all flows need of the hub."""

    entries: EntryManager
    calls: Calls
    clock: Clock
    redactor: Redactor


class _Ended(Exception):
    """Ends a flow with a page of the core's."""

    def __init__(self, page: AbortPage) -> None:
        super().__init__(page.reason)
        self.page = page


class Wizard:
    """Leads one flow from its first page to its last; `run` once."""

    def __init__(self, flow: RunningFlow, tools: Tools) -> None:
        self._flow = flow
        self._tools = tools
        self._integration = flow.integration
        self._talk = flow.conversation

    async def run(self) -> DonePage | AbortPage:
        """Return the last page; raises `Abort` and the errors of `ucv.errors`."""
        try:
            match self._flow.source:
                case "user" | "discovery":
                    return await self._add()
                case "reauth":
                    return await self._reauthenticate()
                case "reconfigure":
                    return await self._reconfigure()
                case "options":
                    return await self._change_options()
        except _Ended as ended:
            return ended.page

    # --- adding -------------------------------------------------------------------------------

    async def _add(self) -> DonePage | AbortPage:
        names = connection_fields(self._integration)
        form = self._entry_form(names, known=self._prefilled())
        step = "discovered" if self._flow.discovered is not None else "user"
        async with self._reached(form, step, survey=True) as (device, told, found):
            self._flow.title = self._redact(title_of(told)) or self._flow.title
            info = await self._recognise(form, told)
            elsewhere = await self._ask_more(form, device, info)
            # What the device has told need not be found out again.
            facts = {**device.facts, **facts_of(self._flow.discovered)}
        if elsewhere:
            info, facts, found = await self._ask_again(form)
        options = [name for name in option_fields(self._integration) if name not in names]
        if options:
            form = self._entry_form(options, known=form.mapping)
            await self._talk.form(form.page("options", title=TITLES["options"]), form.take)
        return await self._confirm(form, info, facts, found)

    def _prefilled(self) -> dict[str, Any]:
        found = self._flow.discovered
        if found is None:
            return {}
        return addresses.of_discovered(found, keys_of(self._integration.schema))

    async def _recognise(self, form: EntryForm, info: DeviceInfo) -> DeviceInfo:
        """End the flow for a device that has an entry; one at a new address goes on there.

        Returns who the device is, told apart from others that say they are the same.
        """
        met = await recognise(self._tools.entries, self._integration.domain, info, form.draft.data)
        if met.entry is None:
            return met.info
        entry, changes = met.entry, met.changes
        if not changes:
            raise _Ended(AbortPage("already_configured", f"{entry.name} is this device.", entry.id))
        async with self._flow.committing:
            await self._tools.entries.relocate(entry.id, changes)
            sentence = f"{entry.name} is this device; it is used at its new address from now on."
            raise _Ended(AbortPage("updated", sentence, entry.id))

    async def _end_if_known(self, info: DeviceInfo) -> None:
        if info.unique_id is None:
            return
        known = self._tools.entries.find_unique(self._integration.domain, info.unique_id)
        if known is not None:
            entry = known.config
            raise _Ended(AbortPage("already_configured", f"{entry.name} is this device.", entry.id))

    async def _confirm(
        self, form: EntryForm, info: DeviceInfo, facts: Mapping[str, Any], found: Survey
    ) -> DonePage | AbortPage:
        name = one_line(title_of(info) or addresses.host_of(form.draft.data) or "")
        choices = DeviceChoices(found)
        choices.ask_name(name or self._integration.name)
        values: Mapping[str, Any] = choices.values
        errors: tuple[FieldError, ...] = ()
        while True:
            page = FormPage(
                "confirm",
                choices.fields(values),
                TITLES["confirm"],
                self._redact(what_was_found(info, found)),
                errors=errors,
            )
            chosen = await self._talk.form(page, choices.parse)
            self._talk.progress(SAVING)
            # Another flow may have been faster.
            await self._end_if_known(info)
            try:
                async with self._flow.committing:
                    wanted = {"name": str(chosen["name"]), **choices.of_answer(chosen)}
                    entry = await self._tools.entries.create(
                        {**form.mapping, **wanted}, unique_id=info.unique_id, facts=facts
                    )
            except AlreadyConfiguredError as error:
                return AbortPage("already_configured", error.message)
            except ValidationError as invalid:
                values = chosen
                errors = (FieldError("name", invalid.message),)
                continue
            return DonePage(entry.id, f"{entry.name} was added.")

    # --- changing -----------------------------------------------------------------------------

    async def _reauthenticate(self) -> DonePage | AbortPage:
        entry = self._writable("change its password in secrets.yaml")
        names = [
            name
            for name in keys_of(self._integration.schema)
            if name == "username" or name in secret_fields(self._integration)
        ]
        if not names:
            return AbortPage(
                "not_supported", f"{self._integration.name} has nothing to log in with.", entry.id
            )
        return await self._reach_again(entry, names, "reauth")

    async def _reconfigure(self) -> DonePage | AbortPage:
        entry = self._writable("change it in ucv.yaml")
        return await self._reach_again(entry, connection_fields(self._integration), "reconfigure")

    async def _change_options(self) -> DonePage | AbortPage:
        entry = self._writable("change it in ucv.yaml")
        names = option_fields(self._integration)
        found = self._tools.entries.survey(entry.id)
        choices = DeviceChoices(found, entry) if found is not None else None
        if not names and (choices is None or not choices.schema):
            return AbortPage("not_supported", f"{self._integration.name} has no options.", entry.id)
        form = self._entry_form(names, known=public_mapping(entry), stored=entry.secrets)
        page = form.page("options", title=TITLES["options"])
        if choices is None:
            await self._talk.form(page, form.take)
        else:
            both = BothForms(form, choices)
            chosen = await self._talk.form(replace(page, fields=both.fields()), both.take)
            form.mapping = {**_without_choices(form.mapping), **choices.of_answer(chosen)}
        return await self._update(entry.id, form)

    async def _reach_again(
        self, entry: EntryConfig, names: Collection[str], step: str
    ) -> DonePage | AbortPage:
        form = self._entry_form(names, known=public_mapping(entry), stored=entry.secrets)
        async with self._reached(form, step, entry) as (device, info, _):
            await self._ask_more(form, device, info)
        return await self._update(entry.id, form)

    async def _update(self, entry_id: str, form: EntryForm) -> DonePage:
        self._talk.progress(SAVING)
        async with self._flow.committing:
            entry = await self._tools.entries.update(entry_id, form.mapping)
        return DonePage(entry.id, f"{entry.name} was changed.")

    def _writable(self, what_to_do: str) -> EntryConfig:
        entry = self._tools.entries.get(self._flow.entry_id or "").config
        if entry.origin is EntryOrigin.YAML:
            sentence = f"{entry.name} is defined in YAML: {what_to_do}."
            raise _Ended(AbortPage("read_only", sentence, entry.id))
        return entry

    # --- what they have in common -------------------------------------------------------------

    def _entry_form(
        self, names: Collection[str], *, known: Mapping[str, Any], stored: Collection[str] = ()
    ) -> EntryForm:
        return EntryForm(
            self._integration,
            names,
            known=known,
            stored=stored,
            redactor=self._tools.redactor,
        )

    @asynccontextmanager
    async def _reached(
        self,
        form: EntryForm,
        step: str,
        entry: EntryConfig | None = None,
        *,
        survey: bool = False,
    ) -> AsyncIterator[tuple[Device, DeviceInfo, Survey]]:
        """Ask for the form's fields until the device answers; it is let go of in the end.

        With ``survey``, also for its channels and streams.
        """
        error: PageError | None = None
        text = self._why(entry) if entry is not None and step == "reauth" else ""
        ask = True
        while True:
            if ask:
                await self._talk.form(
                    form.page(step, title=TITLES[step], text=text, error=error), form.take
                )
            self._talk.progress(ASKING)
            ask, error = True, None
            try:
                device, info, found, held = await self._reach(form, entry, survey=survey)
                break
            except CertificateUntrusted as untrusted:
                if self._can_trust():
                    await self._ask_for_trust(form, untrusted)
                    ask = False
                else:
                    error = self._page_error(untrusted)
            except CameraViewerError as failed:
                if isinstance(failed, WrongDevice) and step == "reauth" and entry is not None:
                    raise _Ended(
                        AbortPage("wrong_device", self._redact(failed.message), entry.id)
                    ) from failed
                error = self._page_error(failed)
        async with held:
            yield device, info, found

    async def _reach(
        self, form: EntryForm, entry: EntryConfig | None, *, survey: bool
    ) -> tuple[Device, DeviceInfo, Survey, AsyncExitStack]:
        """Ask the device who it is; closing the stack lets go of it."""
        entry_id = None if entry is None else entry.id
        async with AsyncExitStack() as attempt:
            device, info = await attempt.enter_async_context(
                self._tools.entries.trial(form.mapping, entry_id=entry_id)
            )
            if entry is not None:
                _check_same(entry, info)
            found = Survey(None, {})
            if survey:
                found = await self._tools.entries.survey_trial(device, self._integration.domain)
            return device, info, found, attempt.pop_all()

    def _why(self, entry: EntryConfig) -> str:
        """Say why an entry is not set up, empty if it is."""
        reason = self._tools.entries.status(entry.id).reason
        return self._redact(reason.message) if reason is not None else ""

    def _can_trust(self) -> bool:
        return "fingerprint" in keys_of(self._integration.schema)

    async def _ask_for_trust(self, form: EntryForm, untrusted: CertificateUntrusted) -> None:
        before = form.draft.data.get("fingerprint")
        text = (
            f"{self._redact(untrusted.message)} The SHA-256 fingerprint of the certificate is "
            f"{untrusted.fingerprint}."
        )
        if before is not None:
            text += f" The one that was trusted until now is {before}."
        page = MenuPage(
            "trust",
            {"trust": "Trust this certificate", "stop": "Do not connect"},
            title="Is this the device's certificate?",
            text=text,
        )
        if await self._talk.menu(page) != "trust":
            raise Abort("cancelled", "The certificate is not trusted.")
        form.add({"fingerprint": untrusted.fingerprint})

    async def _ask_again(self, form: EntryForm) -> tuple[DeviceInfo, dict[str, Any], Survey]:
        """Ask who the device is that a step of the integration's own has chosen."""
        self._talk.progress(ASKING)
        try:
            device, info, found, held = await self._reach(form, None, survey=True)
        except CameraViewerError as error:
            raise Abort("cannot_connect", self._redact(error.message)) from error
        async with held:
            info = await self._recognise(form, info)
            return info, {**device.facts, **facts_of(self._flow.discovered)}, found

    async def _ask_more(self, form: EntryForm, device: Device, info: DeviceInfo) -> bool:
        """Run the integration's own steps and add what they return.

        Returns whether that is something the device is reached by, such as a channel.
        """
        calls, integration = self._tools.calls, self._integration
        steps = Steps(
            source=self._flow.source,
            data=form.draft.data,
            device=device,
            info=info,
            conversation=self._talk,
            clock=self._tools.clock,
            redactor=self._tools.redactor,
        )
        what = f"steps of a {self._flow.source} flow"
        added = await steps.run(integration, calls, what)
        if not added:
            return False
        try:
            if foreign := sorted(map(str, set(added).difference(keys_of(integration.schema)))):
                raise ValidationError(f"the schema has no field {foreign[0]}")
            form.add(added)
        except ValidationError as invalid:
            plugin = calls.owner_of(integration.domain)
            wrong = ValueError(f"steps returned what the schema refuses: {invalid.message}")
            raise calls.fault(plugin, what, wrong) from None
        others = {*option_fields(integration), *secret_fields(integration)}
        return not others.issuperset(added)

    def _page_error(self, error: CameraViewerError) -> PageError:
        return PageError(error.code, self._redact(error.message))

    def _redact(self, text: str) -> str:
        return self._tools.redactor.redact(text)


def _without_choices(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in ("profiles", "channels")}


def _check_same(entry: EntryConfig, info: DeviceInfo) -> None:
    known, told = entry.unique_id, info.unique_id
    if known is not None and told is not None and not says_the_same(known, told):
        raise WrongDevice(
            f"The device at this address is another one than that of {entry.name}.",
            details={"expected": entry.unique_id, "found": info.unique_id},
        )
