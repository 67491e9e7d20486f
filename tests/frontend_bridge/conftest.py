"""A real hub behind a real server on loopback, with cameras that a test turns by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio

from ucv.clock import Clock, SystemClock
from ucv.hub import Hub
from ucv.storage.accounts import TokenRepository
from ucv.testing.clock import until
from ucv.testing.streams import FakeCamera
from ucv_bridge.auth.accounts import new_token
from ucv_bridge.auth.principal import Role
from ucv_bridge.server import RunningServer, serve

#: A vendor whose cameras are in memory: `fake://<camera>/…`, of which `refuse` knows no password.
PLUGIN = """
import voluptuous as vol

from ucv import Command, DeviceInfo, Integration, Stream, StreamProvider, fields, hookimpl
from ucv.clock import SystemClock
from ucv.errors import CannotConnect, InvalidAuth
from ucv.testing.streams import FakeCamera

CAMERAS = {}


class Fake(Integration):
    domain = "fake"
    name = "Fake"
    schema = {vol.Required("url"): fields.Url("fake"), **fields.CREDENTIALS}

    async def probe(self, device):
        host = device.config["url"].split("/")[2]
        if host == "refuse":
            raise InvalidAuth(f"{device.credentials.password} is no password of ours")
        if host == "away":
            raise CannotConnect("Nobody is there.")
        return DeviceInfo(unique_id=f"serial-{host}", manufacturer="Fake", model="One")

    async def streams(self, device):
        url = device.config["url"]
        return [Stream("main", url + "/main"), Stream("sub", url + "/sub", width=320, height=180)]


def open_camera(request, clock):
    return CAMERAS.setdefault(request.url, FakeCamera(clock)).open(request, clock)


async def light(arguments):
    if arguments["on"] == "raise":
        raise RuntimeError("a defect of the plugin")
    return {"light": arguments["on"]}


@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Fake)


@hookimpl
def ucv_register_stream_providers(providers):
    providers.add(StreamProvider("fake", frozenset({"fake"}), open_camera))


@hookimpl
def ucv_register_commands(commands):
    commands.add(Command("fake/light", light, {vol.Required("on"): vol.Any(bool, "raise")}))
"""

PASSWORD = "correct horse battery"


class Stage:
    """A hub that serves, an administrator's and a viewer's token, and clients."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        folder = path / "custom_integrations"
        folder.mkdir(parents=True)
        (folder / "fake_vendor.py").write_text(PLUGIN)
        self.clock = clock
        self.admin = ""
        self.viewer = ""
        self.server: RunningServer
        self.hub: Hub
        self._clients: list[aiohttp.ClientSession] = []

    async def start(self) -> None:
        """Start hub and server."""
        self.hub = Hub(self.path, clock=self.clock)
        await self.hub.start()
        self.server = await serve(self.hub, "127.0.0.1", 0)
        self.admin = self.admin or await self.token(Role.ADMIN)
        self.viewer = self.viewer or await self.token(Role.VIEWER)

    async def stop(self) -> None:
        """Stop what `start` started, and the clients."""
        for client in self._clients:
            await client.close()
        self._clients.clear()
        await self.server.stop()
        await self.hub.stop()

    async def restart(self) -> None:
        """Start again on the same directory."""
        await self.stop()
        await self.start()

    async def token(self, role: Role) -> str:
        """Make a token."""
        text, token = new_token(f"test {role}", role, self.clock.time())
        await TokenRepository(self.hub.database).add(token)
        return text

    def client(self, token: str | None = None, **headers: str) -> aiohttp.ClientSession:
        """Return a client: with a token, or like a browser, with cookies."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        client = aiohttp.ClientSession(
            self.server.url,
            headers=headers,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=15),
        )
        self._clients.append(client)
        return client

    @property
    def setup_code(self) -> str:
        """The code of the first-start link."""
        link = self.server.first_start_link
        assert link is not None
        return link.partition("code=")[2]

    async def browser(self) -> aiohttp.ClientSession:
        """Make the administrator ``anna`` by the first-start link; returns her browser."""
        browser = self.client()
        body = {"code": self.setup_code, "name": "anna", "password": PASSWORD}
        async with browser.post("/api/auth/setup", json=body) as answer:
            assert answer.status == 200, await answer.text()
        return browser

    async def add(self, camera_id: str = "front", **more: Any) -> dict[str, Any]:
        """Add a camera through the hub, and wait until its entry has settled."""
        mapping = {
            "id": camera_id,
            "name": camera_id.title(),
            "integration": "fake",
            "url": f"fake://{camera_id}",
            **more,
        }
        await self.hub.entries.create(mapping)
        await until(lambda: self.hub.entries.status(camera_id).state not in _UNSETTLED)
        return mapping

    def camera(self, camera_id: str = "front", profile: str = "main") -> FakeCamera:
        """Return the device behind a stream."""
        provider = next(p for p in self.hub.plugins.providers if p.name == "fake")
        cameras: dict[str, FakeCamera] = provider.open.__globals__["CAMERAS"]
        return cameras.setdefault(f"fake://{camera_id}/{profile}", FakeCamera(self.clock))

    async def socket(self, token: str | None = None, **headers: str) -> Socket:
        """Open ``/api/websocket`` and log in."""
        socket = Socket(await self.client(**headers).ws_connect("/api/websocket"))
        assert (await socket.receive())["type"] == "auth_required"
        await socket.send(type="auth", access_token=token or self.admin)
        assert (await socket.receive())["type"] == "auth_ok"
        return socket


_UNSETTLED = ("not_loaded", "setup_in_progress")


class Socket:
    """A client of the WebSocket interface."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = socket
        self._number = 0

    async def send(self, **message: Any) -> None:
        """Send a message as it is."""
        await self.ws.send_json(message)

    async def receive(self) -> dict[str, Any]:
        """Return the next message."""
        message: dict[str, Any] = await self.ws.receive_json(timeout=10)
        return message

    async def call(self, kind: str, **arguments: Any) -> dict[str, Any]:
        """Run a command and return its answer, whole; events that come first are dropped."""
        self._number += 1
        number = self._number
        await self.send(id=number, type=kind, **arguments)
        while True:
            message = await self.receive()
            if message.get("id") == number and message["type"] != "event":
                return message

    async def subscribe(self, kind: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
        """Subscribe; returns the subscription's number and the first event."""
        answer = await self.call(kind, **arguments)
        assert answer["success"], answer
        return answer["id"], await self.event()

    async def event(self) -> dict[str, Any]:
        """Return the next event."""
        while True:
            message = await self.receive()
            if message["type"] == "event":
                event: dict[str, Any] = message["event"]
                return event

    async def event_where(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the next event for which the condition holds."""
        while not condition(event := await self.event()):
            pass
        return event


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub that serves, with the system's clock."""
    stage = Stage(tmp_path / "config", SystemClock())
    await stage.start()
    yield stage
    await stage.stop()
