"""Commands about devices that were found on the network: which there are, and adding them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import orjson
import voluptuous as vol

from ucv.config.fields import MAX_TEXT
from ucv.discovery.coordinator import DiscoveryCoordinator
from ucv.discovery.view import (
    DeviceView,
    DiscoveryChanged,
    DiscoveryForgotten,
    DiscoveryStatus,
    DiscoveryStatusChanged,
)
from ucv.secrets import Redactor
from ucv_bridge.api.command import NAME, Call, Command
from ucv_bridge.api.flows import flow_answer
from ucv_bridge.auth.principal import Role
from ucv_bridge.device_access import SCHEMA as ACCESS
from ucv_bridge.device_access import try_access
from ucv_bridge.device_views import adoption_view, device_view

#: Devices that are added by one command.
_MAX_ADOPTED = 64
#: Devices in one message.
_MAX_TOGETHER = 100


async def _refresh(call: Call) -> Any:
    return {"status": (await call.context.hub.discovery.refresh()).to_json()}


def _answer(call: Call, device: DeviceView) -> Any:
    return {"device": device_view(device, call.context.hub.redactor)}


async def _ignore(call: Call) -> Any:
    device = await call.context.hub.discovery.ignore(call.arguments["device_id"])
    await call.caller.audit("device.ignore", device.host)
    return _answer(call, device)


async def _unignore(call: Call) -> Any:
    device = await call.context.hub.discovery.unignore(call.arguments["device_id"])
    await call.caller.audit("device.unignore", device.host)
    return _answer(call, device)


async def _adopt(call: Call) -> Any:
    given = call.arguments
    flow = await call.context.hub.discovery.adopt(given["device_id"], given.get("integration"))
    return flow_answer(call, flow)


async def _adopt_many(call: Call) -> Any:
    given, hub = call.arguments, call.context.hub
    # Before anybody could put it into a text.
    hub.redactor.add(given["password"])
    adoptions = await hub.discovery.adopt_many(
        given["device_ids"], username=given["username"], password=given["password"]
    )
    for adoption in adoptions:
        if adoption.entry_id is not None:
            await call.caller.audit("flow.discovery", adoption.entry_id)
    return {"results": [adoption_view(adoption, hub.redactor) for adoption in adoptions]}


async def _test_access(call: Call) -> Any:
    given = call.arguments
    await call.caller.audit("device.access", given.get("device_id") or given.get("host", ""))
    return await try_access(call.context.hub, given)


async def _history(call: Call) -> Any:
    hub, device_id = call.context.hub, call.arguments.get("device_id")
    devices = hub.discovery.history() if device_id is None else [hub.discovery.get(device_id)]
    return {"devices": [device_view(device, hub.redactor) for device in devices]}


class _DiscoveryTopic:
    """All devices, then what changes: of one device, and of the status, only the newest waits."""

    def __init__(
        self, discovery: DiscoveryCoordinator, redactor: Redactor, wake: Callable[[], object]
    ) -> None:
        self._discovery = discovery
        self._redactor = redactor
        self._wake = wake
        self._begun = False
        self._devices: dict[str, DeviceView | None] = {}
        self._status: DiscoveryStatus | None = None

    def changed(self, event: DiscoveryChanged) -> None:
        """Take note of a device as it is now."""
        self._note(event.view.id, event.view)

    def forgotten(self, event: DiscoveryForgotten) -> None:
        """Take note that a device is no longer kept."""
        self._note(event.device_id, None)

    def status_changed(self, event: DiscoveryStatusChanged) -> None:
        """Take note of what is being done."""
        self._status = event.status
        self._wake()

    def take(self) -> bytes | None:
        """See `Topic.take`."""
        if not self._begun:
            return self._snapshot()
        if self._status is not None:
            status, self._status = self._status, None
            event: dict[str, Any] = {"kind": "status", "status": status.to_json()}
        elif self._devices:
            device_id = next(iter(self._devices))
            device = self._devices.pop(device_id)
            if device is None:
                event = {"kind": "removed", "id": device_id}
            else:
                event = {"kind": "device", "device": device_view(device, self._redactor)}
        else:
            return None
        if self._devices:
            self._wake()
        return orjson.dumps(event)

    def _note(self, device_id: str, device: DeviceView | None) -> None:
        self._devices.pop(device_id, None)
        self._devices[device_id] = device
        self._wake()

    def _snapshot(self) -> bytes:
        self._begun = True
        self._status = None
        known = self._discovery.list()
        # The rest follows at once.
        self._devices = {device.id: device for device in known[_MAX_TOGETHER:]}
        if self._devices:
            self._wake()
        devices = [device_view(device, self._redactor) for device in known[:_MAX_TOGETHER]]
        status = self._discovery.status().to_json()
        return orjson.dumps({"kind": "snapshot", "devices": devices, "status": status})


async def _subscribe(call: Call) -> None:
    hub = call.context.hub
    topic = _DiscoveryTopic(hub.discovery, hub.redactor, call.caller.wake)
    end = ExitStack()
    end.callback(hub.bus.subscribe(DiscoveryChanged, topic.changed))
    end.callback(hub.bus.subscribe(DiscoveryForgotten, topic.forgotten))
    end.callback(hub.bus.subscribe(DiscoveryStatusChanged, topic.status_changed))
    # The network is asked often for as long as somebody looks.
    end.enter_context(hub.discovery.watched())
    call.caller.subscribe(call.id, topic, end.close)


_DEVICE = {vol.Required("device_id"): NAME}
_TEXT = vol.All(str, vol.Length(max=MAX_TEXT))

COMMANDS = (
    Command("discovery/subscribe", _subscribe, role=Role.ADMIN),
    Command("discovery/refresh", _refresh, role=Role.ADMIN),
    Command("discovery/ignore", _ignore, _DEVICE, Role.ADMIN),
    Command("discovery/unignore", _unignore, _DEVICE, Role.ADMIN),
    Command("discovery/adopt", _adopt, {**_DEVICE, vol.Optional("integration"): NAME}, Role.ADMIN),
    Command(
        "discovery/adopt_many",
        _adopt_many,
        {
            vol.Required("device_ids"): vol.All([NAME], vol.Length(min=1, max=_MAX_ADOPTED)),
            vol.Required("username"): _TEXT,
            vol.Required("password"): _TEXT,
        },
        Role.ADMIN,
    ),
    Command("discovery/test_access", _test_access, ACCESS, Role.ADMIN),
    Command("discovery/history", _history, {vol.Optional("device_id"): NAME}, Role.ADMIN),
)
