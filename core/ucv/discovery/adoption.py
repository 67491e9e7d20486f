"""Adds found devices without a person at each form: several at once, with the same credentials."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ucv.discovery.view import Adoption, Problem
from ucv.errors import CameraViewerError
from ucv.flows.manager import FlowManager
from ucv.flows.pages import AbortPage, DonePage, FormPage, MenuPage
from ucv.flows.view import FlowView

#: Devices that are added concurrently: those at one address one after the other, for they may count
#: refused log-ins together.
MAX_CONCURRENT = 4
#: Pages that are answered by themselves before a person has to.
MAX_PAGES = 8
#: Seconds for which the next page is waited for.
PAGE_LIMIT = 60.0

#: Begins, or finds, the flow that adds a device.
Begin = Callable[[str], Awaitable[FlowView]]
#: Called with a device's id when adding it begins (None), and with what came of it.
OnStep = Callable[[str, Adoption | None], object]


class Adopter:
    """Answers the flows of found devices with what they propose, and with given credentials."""

    def __init__(self, flows: FlowManager, *, begin: Begin, on_step: OnStep) -> None:
        self._flows = flows
        self._begin = begin
        self._on_step = on_step

    async def adopt(
        self, devices: Sequence[tuple[str, str]], *, username: str, password: str
    ) -> list[Adoption]:
        """Add devices, given as their ids and addresses; the results are in the same order.

        Each is tried once: a refused password is not tried again, and leaves the flow open for a
        person. So does a question that has no usual answer.
        """
        credentials = {"username": username, "password": password}
        room = asyncio.Semaphore(MAX_CONCURRENT)
        turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

        async def one(device_id: str, host: str) -> Adoption:
            async with turns[host], room:
                self._on_step(device_id, None)
                adoption = Adoption(device_id, problem=Problem("CANCELLED", "It was interrupted."))
                try:
                    adoption = await self._add(device_id, credentials)
                except CameraViewerError as error:
                    adoption = Adoption(device_id, problem=Problem(error.code, error.message))
                finally:
                    self._on_step(device_id, adoption)
                return adoption

        return await asyncio.gather(*(one(*device) for device in devices))

    async def _add(self, device_id: str, credentials: dict[str, str]) -> Adoption:
        flow = await self._begin(device_id)
        answered: set[str] = set()
        for _ in range(MAX_PAGES):
            page = flow.page
            if isinstance(page, DonePage):
                return Adoption(device_id, entry_id=page.entry_id)
            if isinstance(page, AbortPage):
                if page.entry_id is not None:
                    return Adoption(device_id, entry_id=page.entry_id)
                return Adoption(device_id, problem=Problem("FLOW_ENDED", page.message))
            if isinstance(page, MenuPage):
                return Adoption(device_id, flow_id=flow.id)
            if isinstance(page, FormPage):
                # What it shows before anything was answered is left from who tried it before.
                if page.step in answered or (answered and page.error is not None):
                    return Adoption(device_id, flow_id=flow.id, problem=_why(page))
                answered.add(page.step)
                flow = await self._flows.submit(
                    flow.id, _answer(page, credentials), wait=PAGE_LIMIT
                )
            else:
                flow = await self._flows.wait(flow.id, PAGE_LIMIT)
        return Adoption(device_id, flow_id=flow.id)


def _answer(page: FormPage, credentials: dict[str, str]) -> dict[str, Any]:
    """Return what a form proposes, with the credentials where it asks for some."""
    proposed = {
        str(served["name"]): served["value"]
        for served in page.fields
        if served.get("value") is not None
    }
    asked = {str(served["name"]) for served in page.fields}
    return {**proposed, **{name: credentials[name] for name in asked.intersection(credentials)}}


def _why(page: FormPage) -> Problem:
    if page.error is not None:
        return Problem(page.error.code, page.error.message)
    if page.errors:
        first = page.errors[0]
        return Problem("INVALID", f"{first.key}: {first.message}")
    return Problem("INVALID", "The form asks for more.")
