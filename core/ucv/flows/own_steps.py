"""An integration's own steps: run apart, so that whatever they do ends this one flow only."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Any

from ucv.clock import Clock, TimerHandle
from ucv.config import forms
from ucv.config.fields import SecretText
from ucv.config.problem import dotted
from ucv.config.schema import SchemaFaults, validate
from ucv.errors import CameraViewerError, ValidationError
from ucv.flows.conversation import Conversation, InvalidAnswer
from ucv.flows.entry_form import showable
from ucv.flows.pages import FieldError, FormPage, MenuPage, PageError
from ucv.plugins import calls as limits
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration
from ucv.plugins.steps import Abort, FlowSource
from ucv.plugins.values import DeviceInfo
from ucv.secrets import Redactor

_log = logging.getLogger(__name__)

#: Seconds that steps may work without asking anything or telling of progress.
SILENCE_LIMIT = 120.0
#: Longest text of an integration's that is shown, in characters.
MAX_TEXT = 2000

_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Steps:
    """What `Integration.steps` is given: see `ucv.plugins.steps.Flow`."""

    def __init__(
        self,
        *,
        source: FlowSource,
        data: Mapping[str, Any],
        device: Device,
        info: DeviceInfo,
        conversation: Conversation,
        clock: Clock,
        redactor: Redactor,
    ) -> None:
        self.source = source
        self.data: Mapping[str, Any] = MappingProxyType(dict(data))
        self.device = device
        self.info = info
        self._conversation = conversation
        self._clock = clock
        self._redactor = redactor
        self._over = False
        self._silence: TimerHandle | None = None
        self._silent: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def form(
        self,
        step: str,
        schema: Any,
        *,
        title: str = "",
        text: str = "",
        values: Mapping[str, Any] | None = None,
        error: str = "",
    ) -> dict[str, Any]:
        """See `ucv.plugins.steps.Flow.form`."""
        self._check_open()
        page = FormPage(
            str(step)[:64],
            tuple(forms.serialize(schema, values=values)),
            self._text(title),
            self._text(text),
            PageError(ValidationError.code, self._text(error)) if error else None,
        )

        def parse(answer: Mapping[str, Any]) -> dict[str, Any]:
            given = {name: value for name, value in answer.items() if value not in (None, "")}
            try:
                valid = validate(given, schema)
            except SchemaFaults as invalid:
                shown, _ = showable(schema, given)
                errors = tuple(
                    FieldError(dotted(fault.path), fault.message, fault.suggestion)
                    for fault in invalid.faults
                )
                fields = tuple(forms.serialize(schema, values=shown))
                raise InvalidAnswer(errors, fields) from None
            self._guard(valid)
            return valid

        self._hear()
        try:
            return await self._conversation.form(page, parse)
        finally:
            self._listen()

    async def menu(
        self, step: str, options: Mapping[str, str], *, title: str = "", text: str = ""
    ) -> str:
        """See `ucv.plugins.steps.Flow.menu`."""
        self._check_open()
        labels = {str(value): self._text(label) for value, label in options.items()}
        if not labels:
            raise ValueError("a menu needs options")
        page = MenuPage(str(step)[:64], labels, self._text(title), self._text(text))
        self._hear()
        try:
            return await self._conversation.menu(page)
        finally:
            self._listen()

    def progress(self, text: str, percent: float | None = None) -> None:
        """See `ucv.plugins.steps.Flow.progress`."""
        self._check_open()
        bounded = None if percent is None else min(100.0, max(0.0, float(percent)))
        self._conversation.progress(self._text(text), bounded)
        self._listen()

    # --- for the core -------------------------------------------------------------------------

    async def run(self, integration: Integration, calls: Calls, what: str) -> dict[str, Any]:
        """Run the integration's steps and return what they add; raises `Abort` for all failures.

        ``what`` names the flow in the log.
        """
        if type(integration).steps is Integration.steps:
            return {}
        plugin = calls.owner_of(integration.domain)
        self._listen()
        try:
            added = await self._contained(integration, calls, plugin, what)
            if added is None:
                return {}
            if not isinstance(added, Mapping):
                wrong = f"steps must return fields or None, not {type(added).__name__}"
                raise calls.fault(plugin, what, TypeError(wrong))
            self._guard(added)
            return dict(added)
        except Abort as abort:
            reason = abort.reason if _REASON.fullmatch(str(abort.reason)) else "failed"
            raise Abort(reason, self._text(abort.message or str(abort.reason))) from None
        except CameraViewerError as error:
            raise Abort("failed", self._text(error.message)) from error
        finally:
            self._over = True
            self._hear()
            # A task that the steps began may still be asking.
            self._conversation.withdraw()

    async def _contained(
        self, integration: Integration, calls: Calls, plugin: str, what: str
    ) -> Any:
        try:
            work = integration.steps(self)
        except (Exception, SystemExit) as error:  # a plugin may raise anything; it stays its own
            if isinstance(error, (Abort, CameraViewerError)):
                raise
            raise calls.fault(plugin, what, error) from error
        if not inspect.isawaitable(work):
            raise calls.fault(plugin, what, TypeError("steps must be an async function"))
        task = asyncio.create_task(_without_exit(work), name=f"{plugin}: {what}")
        try:
            await asyncio.wait({task, self._silent}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _leave(task, calls, plugin, what)
            raise
        if not task.done():
            await _leave(task, calls, plugin, what)
            late = TimeoutError(f"nothing was heard of it for {SILENCE_LIMIT:g} s")
            raise calls.fault(plugin, what, late)
        if task.cancelled():
            raise calls.fault(plugin, what, RuntimeError("it cancelled itself"))
        raised = task.exception()
        if raised is None:
            return task.result()
        if isinstance(raised, (Abort, CameraViewerError)):
            raise raised
        raise calls.fault(plugin, what, raised) from raised

    def _check_open(self) -> None:
        if self._over:
            raise RuntimeError("the steps are over")

    def _listen(self) -> None:
        """Begin to wait for the next sign of life."""
        self._hear()
        if not self._over:
            self._silence = self._clock.call_later(SILENCE_LIMIT, self._too_silent)

    def _hear(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _too_silent(self) -> None:
        if not self._silent.done():
            self._silent.set_result(None)

    def _text(self, text: object) -> str:
        return self._redactor.redact(str(text))[:MAX_TEXT]

    def _guard(self, value: Any) -> None:
        """Make secrets among what was filled in known to the redactor."""
        if isinstance(value, SecretText):
            self._redactor.add(str(value))
        elif isinstance(value, Mapping):
            for item in value.values():
                self._guard(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._guard(item)


async def _leave(task: asyncio.Task[Any], calls: Calls, plugin: str, what: str) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=limits.CANCEL_LIMIT)
    if not task.done():
        calls.fault(plugin, what, RuntimeError("it ignores that it is cancelled"))
    elif not task.cancelled():
        task.exception()  # seen: nobody waits for it any more


async def _without_exit(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        # In a task these would end the hub.
        raise RuntimeError(f"it raised {type(error).__name__}") from error
