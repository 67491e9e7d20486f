"""Commands that lead a person through adding, logging in to and changing devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import voluptuous as vol

from ucv.flows.view import FlowChanged, FlowView
from ucv.secrets import Redactor
from ucv_bridge.addresses import check_addresses
from ucv_bridge.answers import redacted
from ucv_bridge.api.command import NAME, Call, Command
from ucv_bridge.auth.principal import Role


def _view(flow: FlowView, redactor: Redactor) -> Any:
    whole = flow.to_json()
    page = whole.pop("page")
    # What stands in a form holds no secret, and comes back: "admin" must stay "admin", also where
    # that is the password of some camera. Titles and texts may be a device's or a plugin's own.
    fields = page.pop("fields", None)
    view = redacted({**whole, "page": page}, redactor)
    if fields is not None:
        view["page"]["fields"] = fields
    return view


def flow_answer(call: Call, flow: FlowView) -> Any:
    """Return what a command is answered that leads to a page of a flow."""
    return {"flow": _view(flow, call.context.hub.redactor)}


async def _start(call: Call) -> Any:
    given = call.arguments
    flow = await call.context.hub.flows.start(
        given["integration"], given["source"], entry_id=given.get("entry_id")
    )
    return flow_answer(call, flow)


async def _submit(call: Call) -> Any:
    given = call.arguments
    values = given.get("values")
    if values is not None:
        check_addresses(values)
    flow = await call.context.hub.flows.submit(given["flow_id"], values, given.get("choice"))
    if flow.page.to_json()["kind"] == "done":
        await call.caller.audit(f"flow.{flow.source}", flow.entry_id or "")
    return flow_answer(call, flow)


async def _cancel(call: Call) -> None:
    await call.context.hub.flows.cancel(call.arguments["flow_id"])


async def _list(call: Call) -> Any:
    redactor = call.context.hub.redactor
    return {"flows": [_view(flow, redactor) for flow in call.context.hub.flows.list()]}


class _FlowTopic:
    """All flows, then what changes of each: of one flow only the newest waits."""

    def __init__(
        self,
        flows: Callable[[], list[FlowView]],
        redactor: Redactor,
        wake: Callable[[], object],
    ) -> None:
        self._flows = flows
        self._redactor = redactor
        self._wake = wake
        self._begun = False
        self._changed: dict[str, FlowView] = {}

    def push(self, event: FlowChanged) -> None:
        """Take note of a change."""
        self._changed.pop(event.view.id, None)
        self._changed[event.view.id] = event.view
        self._wake()

    def take(self) -> bytes | None:
        """See `Topic.take`."""
        if not self._begun:
            self._begun = True
            flows = [_view(flow, self._redactor) for flow in self._flows()]
            # Those that ended meanwhile are not among them: they are still to be told.
            self._changed = {key: flow for key, flow in self._changed.items() if flow.ended}
            if self._changed:
                self._wake()
            return orjson.dumps({"kind": "snapshot", "flows": flows})
        if not self._changed:
            return None
        flow = self._changed.pop(next(iter(self._changed)))
        if self._changed:
            self._wake()
        return orjson.dumps({"kind": "flow", "flow": _view(flow, self._redactor)})


async def _subscribe(call: Call) -> None:
    hub = call.context.hub
    topic = _FlowTopic(hub.flows.list, hub.redactor, call.caller.wake)
    call.caller.subscribe(call.id, topic, hub.bus.subscribe(FlowChanged, topic.push))


_FLOW_ID = {vol.Required("flow_id"): NAME}

COMMANDS = (
    Command("flows/list", _list, role=Role.ADMIN),
    Command(
        "flows/start",
        _start,
        {
            vol.Required("integration"): NAME,
            vol.Optional("source", default="user"): vol.In(
                ("user", "reauth", "reconfigure", "options")
            ),
            vol.Optional("entry_id"): NAME,
        },
        Role.ADMIN,
    ),
    Command(
        "flows/submit",
        _submit,
        {**_FLOW_ID, vol.Optional("values"): {str: object}, vol.Optional("choice"): NAME},
        Role.ADMIN,
    ),
    Command("flows/cancel", _cancel, _FLOW_ID, Role.ADMIN),
    Command("flows/subscribe", _subscribe, role=Role.ADMIN),
)
