"""One flow's conversation: the page it shows, and the answer it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ucv.clock import Clock, TimerHandle
from ucv.errors import ValidationError
from ucv.flows.pages import (
    ENDED,
    AbortPage,
    DonePage,
    FieldError,
    FormPage,
    MenuPage,
    Page,
    PageError,
    ProgressPage,
)

#: Seconds between two published changes of progress.
PROGRESS_INTERVAL = 0.1
#: What is shown while work goes on that says nothing of itself.
WORKING = "One moment …"

T = TypeVar("T")


class InvalidAnswer(Exception):
    """A form's answer is not acceptable: the form is shown again, with ``errors``.

    ``fields`` are the form's fields with the values to show, ``error`` what concerns none of them.
    """

    def __init__(
        self,
        errors: tuple[FieldError, ...],
        fields: tuple[Mapping[str, Any], ...],
        error: PageError | None = None,
    ) -> None:
        super().__init__("the answer is not valid")
        self.errors = errors
        self.fields = fields
        self.error = error


class Conversation:
    """Shows pages and waits for answers; belongs to one task, and others read and answer.

    ``on_change`` is called after each change worth telling of, ``on_answer`` after each answer.
    After the last page nothing changes any more.
    """

    def __init__(
        self, clock: Clock, on_change: Callable[[], object], on_answer: Callable[[], object]
    ) -> None:
        self.page: Page = ProgressPage(WORKING)
        self._clock = clock
        self._on_change = on_change
        self._on_answer = on_answer
        self._answer: asyncio.Future[Any] | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._progress_due = 0.0
        self._progress_timer: TimerHandle | None = None

    @property
    def ended(self) -> bool:
        """Whether the last page is shown."""
        return isinstance(self.page, ENDED)

    # --- for the task -------------------------------------------------------------------------

    async def form(self, page: FormPage, parse: Callable[[Mapping[str, Any]], T]) -> T:
        """Show a form until ``parse`` accepts an answer, and return what it makes of it.

        ``parse`` raises `InvalidAnswer` for one that it does not accept.
        """
        while True:
            try:
                return parse(await self._ask(page))
            except InvalidAnswer as invalid:
                page = replace(
                    page, errors=invalid.errors, error=invalid.error, fields=invalid.fields
                )

    async def menu(self, page: MenuPage) -> str:
        """Show a menu and return the value that was chosen."""
        return str(await self._ask(page))

    def progress(self, text: str, percent: float | None = None) -> None:
        """Show how far work is; told of at most ten times a second, the last one always."""
        if self.ended:
            return
        first = not isinstance(self.page, ProgressPage)
        self.page = ProgressPage(text, percent)
        now = self._clock.monotonic()
        if first or now >= self._progress_due:
            self._tell_of_progress()
        elif self._progress_timer is None:
            delay = self._progress_due - now
            self._progress_timer = self._clock.call_later(delay, self._tell_of_progress)

    def withdraw(self) -> None:
        """Ask no more what is being asked: whoever waits for the answer is cancelled."""
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None

    def end(self, page: DonePage | AbortPage) -> None:
        """Show the last page; harmless when one is shown already."""
        if self.ended:
            return
        self.withdraw()
        self._show(page)
        self._rest()

    # --- for everyone else --------------------------------------------------------------------

    def answer(self, values: Mapping[str, Any] | None, choice: str | None) -> None:
        """Give the answer that is waited for: a form's ``values``, or what a menu's ``choice`` is.

        Raises `ValidationError` when there is no such question.
        """
        page, waiting = self.page, self._answer
        if waiting is None or waiting.done():
            raise ValidationError("Nothing is being asked at the moment.")
        answer: Any
        if isinstance(page, MenuPage):
            if choice is None or choice not in page.options:
                raise ValidationError(
                    "Choose one of the menu's options.", details={"key": "choice"}
                )
            answer = choice
        else:
            if values is None:
                raise ValidationError("A form is answered with values.", details={"key": "values"})
            answer = dict(values)
        self._answer = None
        waiting.set_result(answer)
        self._on_answer()

    async def rest(self, seconds: float) -> None:
        """Wait until something is asked or the last page is shown, at most that many seconds.

        Where nothing is by then, a page of progress is.
        """
        if self._answer is None and not self.ended:
            rested: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(rested)
            timer = self._clock.call_later(seconds, lambda: _resolve(rested))
            try:
                await rested
            finally:
                timer.cancel()
                self._waiting.discard(rested)
        if self._answer is None and isinstance(self.page, (FormPage, MenuPage)):
            self.progress(WORKING)

    # ------------------------------------------------------------------------------------------

    async def _ask(self, page: FormPage | MenuPage) -> Any:
        if self.ended:
            # Code that goes on although its flow has ended gets no answer, and must not spin.
            await asyncio.get_running_loop().create_future()
        if self._answer is not None:
            raise RuntimeError("a flow shows one page at a time")
        answer = self._answer = asyncio.get_running_loop().create_future()
        self._show(page)
        self._rest()
        try:
            return await answer
        finally:
            if self._answer is answer:
                self._answer = None

    def _show(self, page: Page) -> None:
        self._stop_progress()
        self.page = page
        self._on_change()

    def _rest(self) -> None:
        for rested in self._waiting:
            _resolve(rested)

    def _tell_of_progress(self) -> None:
        self._stop_progress()
        self._progress_due = self._clock.monotonic() + PROGRESS_INTERVAL
        self._on_change()

    def _stop_progress(self) -> None:
        if self._progress_timer is not None:
            self._progress_timer.cancel()
            self._progress_timer = None


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
