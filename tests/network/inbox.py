"""What a hub in a lab has found, and what is done with it, by its interface for programs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp

from tests.e2e.conftest import HubProcess
from tests.network.device import PASSWORD, USER

T = TypeVar("T")


class Inbox:
    """A client of one hub; while it is open, the hub looks for devices as when its page is open.

    Use `opened`.
    """

    def __init__(self, hub: HubProcess, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._hub = hub
        self._socket = socket
        self._numbers = itertools.count(1)

    async def call(self, kind: str, **arguments: Any) -> Any:
        """Run a command by WebSocket and return its result; events are dropped."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "type": kind, **arguments})
        while True:
            message = await self._socket.receive_json(timeout=60)
            if message.get("id") == number and message["type"] == "result":
                assert message["success"], message
                return message["result"]

    async def devices(self) -> list[dict[str, Any]]:
        """Return all devices."""
        found: list[dict[str, Any]] = (await self._hub.get("/api/discovery"))["devices"]
        return found

    async def at(self, host: str) -> list[dict[str, Any]]:
        """Return the devices at an address."""
        return [device for device in await self.devices() if device["host"] == host]

    async def sources(self, host: str) -> dict[str, float]:
        """Return by what the devices at an address were found, with when they first were."""
        times: dict[str, float] = {}
        for device in await self.at(host):
            for one in device["evidence"]:
                first = times.get(one["source"], one["first_seen"])
                times[one["source"]] = min(first, one["first_seen"])
        return times

    async def adopt(self, *device_ids: str) -> list[str]:
        """Add devices with the account that all of them have; returns their entries' ids."""
        account = {"username": USER, "password": PASSWORD}
        added = await self.call("discovery/adopt_many", device_ids=list(device_ids), **account)
        assert all(one["error"] is None for one in added["results"]), added
        assert [one["device_id"] for one in added["results"]] == list(device_ids)
        return [str(one["entry_id"]) for one in added["results"]]

    async def keep_live(self, camera_id: str) -> None:
        """Have a camera's streams connected though nobody watches."""
        camera = (await self._hub.cameras())[camera_id]
        mapping = {**camera["config"], "preload": True}
        async with self._hub.http.put(f"/api/cameras/{camera_id}", json=mapping) as answer:
            assert answer.status == 200, await answer.text()

    async def scan(self, ranges: str, **more: Any) -> dict[str, Any]:
        """Scan to the end, and return the scan with its results."""
        body = {"ranges": ranges, **more}
        async with self._hub.http.post("/api/scan", json=body) as answer:
            assert answer.status == 202, await answer.text()
            place = answer.headers["Location"]

        async def finished() -> Any:
            scan = await self._hub.get(place)
            return scan if scan["scan"]["finished"] else None

        scan: dict[str, Any] = await soon(finished, 60)
        return scan


@asynccontextmanager
async def opened(hub: HubProcess) -> AsyncIterator[Inbox]:
    """Open a hub's inbox, as its page does."""
    async with hub.http.ws_connect("/api/websocket") as socket:
        await socket.receive_json(timeout=10)
        await socket.send_json({"type": "auth", "access_token": hub.token})
        assert (await socket.receive_json(timeout=10))["type"] == "auth_ok"
        inbox = Inbox(hub, socket)
        await inbox.call("discovery/subscribe")
        yield inbox


async def soon(condition: Callable[[], Awaitable[T]], limit: float = 10.0) -> T:
    """Poll until the condition holds, and return it; fails with what it was last."""
    value: Any = None
    try:
        async with asyncio.timeout(limit):
            while not (value := await condition()):  # noqa: ASYNC110 - events are not what is tested
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"it did not happen within {limit} s; last: {value}") from None
    return value
