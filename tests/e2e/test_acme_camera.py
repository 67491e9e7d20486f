"""The worked example of a vendor's plugin, as its users meet it: a served hub and a virtual camera.

The plugin is the file as it stands, dropped into ``custom_integrations``. What a person does, they
do by the page's own commands.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import shutil
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import orjson
import psutil
import pytest
import pytest_asyncio
from aiohttp import WSMsgType
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncZeroconf

from tests.frontend_bridge.conftest import Socket, Stage
from ucv.clock import Clock, SystemClock
from ucv.errors import NotFoundError
from ucv.testing import AcmeDevice, FakeClock, until
from ucv.testing.scene import read_counter

pytestmark = pytest.mark.slow

PLUGIN = Path(__file__).parents[2] / "custom_integrations" / "acme.py"
#: What the player of the page asks for.
CODECS = "avc1.640029,avc1.64002A,avc1.640033"

_numbers = itertools.count(1)


def serial() -> str:
    """Return a serial number no other test has: on loopback everybody hears everybody."""
    return f"ACME-{os.getpid()}-{next(_numbers)}"


class Page(Stage):
    """A served hub with the plugin, and what a person sees of it."""

    def __init__(self, path: Path, clock: Clock | None = None, *, discovery: bool = False) -> None:
        super().__init__(path, clock or SystemClock())
        shutil.copy(PLUGIN, path / "custom_integrations")
        self.discovery = discovery
        self.write()

    def write(self, *cameras: dict[str, Any]) -> None:
        """Write ``ucv.yaml``."""
        settings = {
            "enabled": self.discovery,
            "methods": ["mdns"],
            "interfaces": ["127.0.0.1"],
        }
        document = {"discovery": settings, "cameras": list(cameras)}
        # JSON is YAML.
        (self.path / "ucv.yaml").write_bytes(orjson.dumps(document))

    async def add_by_page(self, camera: AcmeDevice, name: str = "Front") -> str:
        """Add a camera by its form; returns the entry's id once it is loaded."""
        socket = await self.socket()
        flow = await begin(socket)
        page = await submit(socket, flow, **camera.config)
        assert page["step"] == "confirm", page
        page = await submit(socket, flow, name=name)
        assert page["kind"] == "done", page
        await self.loaded(page["entry_id"])
        return str(page["entry_id"])

    async def loaded(self, entry_id: str) -> None:
        """Wait until an entry is loaded."""
        await until(lambda: self.state(entry_id) == "loaded", 15)

    def state(self, entry_id: str) -> str:
        """Return the state of an entry."""
        return str(self.hub.entries.status(entry_id).state)

    async def keep_live(self, entry_id: str) -> None:
        """Have a camera connected also while nobody watches it."""
        config = self.hub.entries.get(entry_id).config
        mapping = {"name": config.name, "integration": config.integration, **config.data}
        await self.hub.entries.update(entry_id, {**mapping, "preload": True})

    def is_live(self, camera_id: str) -> bool:
        """Say whether pictures come."""
        try:
            return str(self.hub.streams.status(camera_id).state) == "live"
        except NotFoundError:  # not set up at the moment
            return False

    async def camera_view(self, camera_id: str) -> dict[str, Any]:
        """Return a camera as the page gets it."""
        async with self.client(self.admin).get(f"/api/cameras/{camera_id}") as answer:
            assert answer.status == 200, await answer.text()
            view: dict[str, Any] = await answer.json()
            return view

    async def watch(self, src: str, count: int = 10) -> list[av.VideoFrame]:
        """Play a stream as the page does, and decode so many of its pictures."""
        async with self.client(self.admin).ws_connect("/api/ws", params={"src": src}) as player:
            await player.send_json({"type": "mse", "value": CODECS})
            parts: list[bytes] = []
            while len(parts) <= count:  # the first one is the init segment
                message = await player.receive(timeout=15)
                assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
                if message.type is WSMsgType.BINARY:
                    parts.append(message.data)
        return await asyncio.to_thread(decode, b"".join(parts))


def camera_asked(camera: AcmeDevice) -> tuple[int, int, int, int]:
    """Return how much a camera was asked for, by everybody."""
    http, rtsp = camera.http.counters, camera.rtsp.counters
    return http.total, http.connections, sum(rtsp.requests.values()), rtsp.connections


def decode(film: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(film), "r") as container:
        container.streams.video[0].thread_count = 1
        return list(container.decode(video=0))


async def begin(socket: Socket, source: str = "user", entry_id: str | None = None) -> str:
    """Start a flow for an Acme camera; returns its id once it shows a form."""
    more = {} if entry_id is None else {"entry_id": entry_id}
    answer = await socket.call("flows/start", integration="acme", source=source, **more)
    assert answer["success"], answer
    assert answer["result"]["flow"]["page"]["kind"] == "form", answer
    return str(answer["result"]["flow"]["id"])


async def submit(socket: Socket, flow_id: str, **values: Any) -> dict[str, Any]:
    """Answer a form and return the next page that is not progress."""
    answer = await socket.call("flows/submit", flow_id=flow_id, values=values)
    assert answer["success"], answer
    page: dict[str, Any] = answer["result"]["flow"]["page"]
    while page["kind"] == "progress":
        flows = (await socket.call("flows/list"))["result"]["flows"]
        page = next(flow["page"] for flow in flows if flow["id"] == flow_id)
        await asyncio.sleep(0.02)
    return page


@pytest_asyncio.fixture
async def camera() -> AsyncIterator[AcmeDevice]:
    async with AcmeDevice(serial=serial()) as camera:
        yield camera


@pytest_asyncio.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    page = Page(tmp_path / "config")
    await page.start()
    yield page
    await page.stop()


@pytest_asyncio.fixture
async def finding(tmp_path: Path) -> AsyncIterator[Page]:
    """A hub that listens for devices that announce themselves."""
    page = Page(tmp_path / "config", discovery=True)
    await page.start()
    yield page
    await page.stop()


@pytest_asyncio.fixture
async def network() -> AsyncIterator[AsyncZeroconf]:
    zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    yield zeroconf
    await zeroconf.async_close()


# --- added ----------------------------------------------------------------------------------------


async def test_a_camera_is_added_by_its_form_and_shows_pictures(
    page: Page, camera: AcmeDevice
) -> None:
    socket = await page.socket()
    offered = (await socket.call("integrations/list"))["result"]["integrations"]
    assert {one["domain"]: one["name"] for one in offered}["acme"] == "Acme"

    answer = await socket.call("flows/start", integration="acme")
    flow = answer["result"]["flow"]
    asked = {one["name"]: one for one in flow["page"]["fields"]}
    assert list(asked) == ["host", "http_port", "rtsp_port", "username", "password"]
    assert asked["host"]["required"]
    assert asked["password"]["type"] == "secret"

    confirm = await submit(socket, flow["id"], **camera.config)
    assert confirm["step"] == "confirm"
    assert "Acme A1" in confirm["text"]
    done = await submit(socket, flow["id"], name="Front door")
    assert done["kind"] == "done"
    assert done["entry_id"] == "front-door"

    await page.loaded("front-door")
    view = await page.camera_view("front-door")
    assert (view["manufacturer"], view["model"]) == ("Acme", "A1")
    assert [profile["name"] for profile in view["profiles"]] == ["main", "sub"]
    assert camera.refused == 0


async def test_the_streams_of_a_camera_are_decoded_picture_by_picture(
    page: Page, camera: AcmeDevice
) -> None:
    entry_id = await page.add_by_page(camera)
    for src, size in ((entry_id, (640, 360)), (f"{entry_id}:sub", (320, 180))):
        frames = await page.watch(src, 12)
        assert [(frame.width, frame.height) for frame in frames] == [size] * 12
        counters = [read_counter(frame) for frame in frames]
        assert counters[0] is not None
        pictures = 15 * 4
        assert counters == [(counters[0] + n) % pictures for n in range(12)]
    assert camera.refused == 0


async def test_a_still_picture_is_the_cameras_own(page: Page, camera: AcmeDevice) -> None:
    entry_id = await page.add_by_page(camera)
    async with page.client(page.admin).get(f"/api/cameras/{entry_id}/snapshot.jpg") as answer:
        assert answer.status == 200
        assert answer.content_type == "image/jpeg"
        picture = await answer.read()
    assert camera.http.counters.requests["/snap.jpg"] == 1
    with av.open(io.BytesIO(picture), "r", format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (640, 360)


async def test_a_camera_is_defined_by_yaml(page: Page, camera: AcmeDevice) -> None:
    await page.stop()
    written = {"id": "yard", "name": "Yard", "integration": "acme", **camera.config}
    page.write(written)
    await page.start()
    await page.loaded("yard")
    assert len(await page.watch("yard", 5)) == 5
    socket = await page.socket()
    (entry,) = (await socket.call("entries/list"))["result"]["entries"]
    assert entry["read_only"]
    assert "password" not in entry["config"]


async def test_what_is_wrong_in_yaml_is_named_by_its_key(page: Page, camera: AcmeDevice) -> None:
    socket = await page.socket()
    page.write(
        {"id": "yard", "name": "Yard", "integration": "acme", "host": "127.0.0.1", "pasword": "x"}
    )
    await until(lambda: page.hub.configuration_runtime.problems, 10)
    answer = await socket.call("config/status")
    (problem,) = answer["result"]["problems"]
    assert "pasword" in str(problem)
    assert "ucv.yaml" in str(problem)
    assert (await socket.call("entries/list"))["result"]["entries"] == []


async def test_a_wrong_password_is_corrected_in_the_form(page: Page, camera: AcmeDevice) -> None:
    socket = await page.socket()
    flow = await begin(socket)
    again = await submit(socket, flow, **{**camera.config, "password": "wrong-one"})
    assert (again["kind"], again["step"]) == ("form", "user")
    assert again["error"]["code"] == "AUTH_FAILED"
    assert "wrong-one" not in orjson.dumps(again).decode()
    refused = camera.refused
    assert refused <= 2  # one for each algorithm it offers
    kept = {one["name"]: one["value"] for one in again["fields"] if "value" in one}
    assert kept["host"] == camera.host
    assert kept["username"] == camera.username

    confirm = await submit(socket, flow, **camera.config)
    assert confirm["step"] == "confirm"
    done = await submit(socket, flow, name="Front")
    await page.loaded(done["entry_id"])
    assert camera.refused == refused


async def test_an_address_where_nobody_is_can_be_corrected(page: Page, camera: AcmeDevice) -> None:
    socket = await page.socket()
    flow = await begin(socket)
    again = await submit(socket, flow, **{**camera.config, "host": "127.0.0.77"})
    assert again["error"]["code"] == "CONN_REFUSED"
    again = await submit(socket, flow, **{**camera.config, "host": "not a host"})
    assert [error["key"] for error in again["errors"]] == ["host"]
    assert (await submit(socket, flow, **camera.config))["step"] == "confirm"


async def test_a_camera_is_not_added_twice(page: Page, camera: AcmeDevice) -> None:
    entry_id = await page.add_by_page(camera)
    socket = await page.socket()
    ended = await submit(socket, await begin(socket), **camera.config)
    assert ended["kind"] == "abort"
    assert (ended["reason"], ended["entry_id"]) == ("already_configured", entry_id)


# --- the password changes -------------------------------------------------------------------------


async def test_a_changed_password_is_asked_for_and_the_camera_is_left_alone_until_then(
    tmp_path: Path, camera: AcmeDevice
) -> None:
    clock = FakeClock(epoch=1_795_000_000.0)
    page = Page(tmp_path / "config", clock)
    await page.start()

    async def live() -> None:
        async with asyncio.timeout(15):
            while not page.is_live(entry_id):
                await clock.advance(0.5)
                await asyncio.sleep(0.02)

    try:
        entry_id = await page.add_by_page(camera)
        await page.keep_live(entry_id)
        await live()
        socket = await page.socket()
        _, first = await socket.subscribe("flows/subscribe")
        assert first == {"kind": "snapshot", "flows": []}

        camera.set_password("a new one")
        camera.rtsp.drop_connections()
        async with asyncio.timeout(15):
            # The connection is made anew by itself, and refused.
            while page.state(entry_id) == "loaded":
                await clock.advance(0.5)
                await asyncio.sleep(0.02)
        event = await socket.event_where(lambda event: event["flow"]["page"]["kind"] == "form")
        flow = event["flow"]
        assert (flow["source"], flow["entry_id"]) == ("reauth", entry_id)
        assert [one["name"] for one in flow["page"]["fields"]] == ["username", "password"]
        view = await page.camera_view(entry_id)
        assert (view["state"], view["reason"]["code"]) == ("auth_failed", "AUTH_FAILED")
        refused = camera.refused
        assert 1 <= refused <= 2

        # Neither time nor people who look at it make the hub try again.
        asked = camera_asked(camera)
        for _ in range(60):
            await clock.advance(60)
        for path in ("snapshot.jpg", "snapshot.jpg?profile=sub"):
            async with page.client(page.admin).get(f"/api/cameras/{entry_id}/{path}") as answer:
                assert answer.status >= 400
        await asyncio.sleep(0.2)
        assert camera_asked(camera) == asked

        again = await submit(socket, flow["id"], username="admin", password="not this")
        assert again["error"]["code"] == "AUTH_FAILED"
        assert camera.refused <= refused + 2
        refused = camera.refused
        done = await submit(socket, flow["id"], username="admin", password="a new one")
        assert done == {"kind": "done", "entry_id": entry_id, "text": "Front was changed."}
        await live()
        assert page.state(entry_id) == "loaded"
        assert len(await page.watch(entry_id, 5)) == 5
        assert camera.refused == refused
        assert (await socket.call("flows/list"))["result"]["flows"] == []
    finally:
        await page.stop()


async def test_a_refused_still_picture_stops_everything_too(page: Page, camera: AcmeDevice) -> None:
    entry_id = await page.add_by_page(camera)
    socket = await page.socket()
    await socket.subscribe("flows/subscribe")
    camera.set_password("a new one")
    async with page.client(page.admin).get(f"/api/cameras/{entry_id}/snapshot.jpg") as answer:
        assert answer.status >= 400
        assert (await answer.json())["code"] == "AUTH_FAILED"
    event = await socket.event_where(lambda event: event["flow"]["page"]["kind"] == "form")
    assert event["flow"]["source"] == "reauth"
    async with page.client(page.admin).get(f"/api/cameras/{entry_id}/snapshot.jpg") as answer:
        assert answer.status >= 400
    assert 1 <= camera.refused <= 2


async def test_the_account_is_not_locked_by_a_changed_password(page: Page) -> None:
    async with AcmeDevice(serial=serial(), lock_after=5) as camera:
        entry_id = await page.add_by_page(camera)
        await page.keep_live(entry_id)
        await until(lambda: page.is_live(entry_id), 15)
        camera.set_password("a new one")
        camera.rtsp.drop_connections()
        url = f"/api/cameras/{entry_id}/snapshot.jpg"
        clients = [page.client(page.admin) for _ in range(2)]
        while page.state(entry_id) == "loaded":
            answers = await asyncio.gather(*(client.get(url) for client in clients))
            for answer in answers:
                answer.release()
        socket = await page.socket()
        flow = await begin(socket, "reauth", entry_id)
        done = await submit(socket, flow, username="admin", password="a new one")
        assert done["kind"] == "done", (done, camera.refused)
        await until(lambda: page.is_live(entry_id), 15)
        assert camera.http.counters.locked == camera.rtsp.counters.locked == 0


async def test_a_password_in_secrets_yaml_is_changed_there(page: Page, camera: AcmeDevice) -> None:
    secrets = page.path / "secrets.yaml"
    secrets.write_text(f"yard_password: {camera.password}\n")
    await page.stop()
    keys = {key: value for key, value in camera.config.items() if key != "password"}
    lines = [f"    {key}: {value}\n" for key, value in keys.items()]
    (page.path / "ucv.yaml").write_text(
        "discovery:\n  enabled: false\ncameras:\n  - name: Yard\n    integration: acme\n"
        + "".join(lines)
        + "    password: !secret yard_password\n"
    )
    await page.start()
    await page.loaded("yard")
    camera.set_password("a-new-one")
    async with page.client(page.admin).get("/api/cameras/yard/snapshot.jpg") as answer:
        assert answer.status >= 400
    await until(lambda: page.state("yard") == "auth_failed")
    socket = await page.socket()
    # The page cannot change it, and says who can.
    assert (await socket.call("flows/list"))["result"]["flows"] == []
    ended = await socket.call("flows/start", integration="acme", source="reauth", entry_id="yard")
    ended = ended["result"]["flow"]["page"]
    assert (ended["kind"], ended["reason"]) == ("abort", "read_only")
    assert "secrets.yaml" in ended["message"]
    refused = camera.refused
    assert refused <= 2

    secrets.write_text("yard_password: a-new-one\n")
    await page.loaded("yard")
    assert len(await page.watch("yard", 3)) == 3
    assert camera.refused == refused


async def test_a_camera_comes_back_when_the_hub_is_started_again(
    page: Page, camera: AcmeDevice
) -> None:
    entry_id = await page.add_by_page(camera)
    await page.restart()
    await page.loaded(entry_id)
    assert len(await page.watch(entry_id, 3)) == 3
    assert camera.refused == 0
    assert camera.password not in (page.path / ".storage" / "ucv.db").read_bytes().decode("latin-1")


# --- it moves -------------------------------------------------------------------------------------


async def test_a_new_address_is_given_by_hand(page: Page, camera: AcmeDevice) -> None:
    entry_id = await page.add_by_page(camera)
    await camera.stop()
    async with AcmeDevice(host="127.0.0.2", serial=camera.serial) as moved:
        socket = await page.socket()
        answer = await socket.call(
            "flows/start", integration="acme", source="reconfigure", entry_id=entry_id
        )
        flow = answer["result"]["flow"]
        fields = {one["name"]: one for one in flow["page"]["fields"]}
        assert fields["host"]["value"] == "127.0.0.1"
        assert fields["password"]["stored"]
        assert "value" not in fields["password"]
        # The password stays what it was.
        given = {key: value for key, value in moved.config.items() if key != "password"}
        done = await submit(socket, flow["id"], **given)
        assert done["kind"] == "done", done
        await page.loaded(entry_id)
        frames = await page.watch(entry_id, 5)
        assert len(frames) == 5
        assert moved.refused == 0


async def test_another_camera_at_the_new_address_is_refused(page: Page, camera: AcmeDevice) -> None:
    entry_id = await page.add_by_page(camera)
    async with AcmeDevice(host="127.0.0.2", serial=serial()) as other:
        socket = await page.socket()
        again = await submit(socket, await begin(socket, "reconfigure", entry_id), **other.config)
        assert again["kind"] == "form"
        assert again["error"]["code"] == "WRONG_DEVICE"
        assert page.state(entry_id) == "loaded"


# --- found by itself ------------------------------------------------------------------------------


async def test_a_camera_that_announces_itself_is_offered_and_adopted(
    finding: Page, camera: AcmeDevice, network: AsyncZeroconf
) -> None:
    socket = await finding.socket()
    await socket.subscribe("flows/subscribe")
    await camera.announce_acme(network)
    event = await socket.event_where(lambda event: _is_of(event["flow"], camera))
    flow = event["flow"]
    assert flow["source"] == "discovery"
    assert flow["page"]["step"] == "discovered"
    given = {one["name"]: one.get("value") for one in flow["page"]["fields"]}
    assert (given["host"], given["http_port"]) == (camera.host, camera.http_port)

    again = await submit(socket, flow["id"], **{**camera.config, "password": "wrong-one"})
    assert again["error"]["code"] == "AUTH_FAILED"
    assert (await submit(socket, flow["id"], **camera.config))["step"] == "confirm"
    done = await submit(socket, flow["id"], name="Found")
    await finding.loaded(done["entry_id"])
    assert len(await finding.watch(done["entry_id"], 5)) == 5
    # It is not offered again.
    await camera.withdraw()
    await camera.announce_acme(network)
    await asyncio.sleep(0.5)
    flows = (await socket.call("flows/list"))["result"]["flows"]
    assert not [flow for flow in flows if _is_of(flow, camera)]


async def test_a_camera_found_at_another_address_is_live_again_without_anybody(
    finding: Page, camera: AcmeDevice, network: AsyncZeroconf
) -> None:
    entry_id = await finding.add_by_page(camera)
    await finding.keep_live(entry_id)
    await until(lambda: finding.is_live(entry_id), 15)
    await camera.stop()
    async with AcmeDevice(
        host="127.0.0.2", rtsp_port=camera.rtsp_port, serial=camera.serial
    ) as moved:
        await moved.announce_acme(network)
        await until(
            lambda: moved.rtsp.counters.requests.get("PLAY") and finding.is_live(entry_id), 15
        )
        data = finding.hub.entries.get(entry_id).config.data
        assert (data["host"], data["http_port"]) == ("127.0.0.2", moved.http_port)
        assert len(await finding.watch(entry_id, 5)) == 5
        assert moved.refused == 0
        flows = [flow.to_json() for flow in finding.hub.flows.list()]
        assert not [flow for flow in flows if _is_of(flow, camera)]


async def test_a_camera_of_the_yaml_is_followed_too(
    tmp_path: Path, camera: AcmeDevice, network: AsyncZeroconf
) -> None:
    page = Page(tmp_path / "config", discovery=True)
    page.write({"id": "yard", "name": "Yard", "integration": "acme", **camera.config})
    await page.start()
    try:
        await page.loaded("yard")
        await camera.stop()
        async with AcmeDevice(
            host="127.0.0.3", rtsp_port=camera.rtsp_port, serial=camera.serial
        ) as moved:
            await moved.announce_acme(network)
            await until(lambda: moved.http.counters.total and page.state("yard") == "loaded", 15)
            assert len(await page.watch("yard", 5)) == 5
    finally:
        await page.stop()


def _is_of(flow: dict[str, Any], camera: AcmeDevice) -> bool:
    found = flow["discovered"]
    return found is not None and found["properties"].get("serial") == camera.serial


# --- what is told of it ---------------------------------------------------------------------------


async def test_its_diagnostics_tell_what_it_is_and_does_but_not_its_password(page: Page) -> None:
    password = "Tr0ub4dor&3 p@ss/w:rd"
    async with AcmeDevice(serial=serial(), username="operator", password=password) as camera:
        entry_id = await page.add_by_page(camera)
        await page.watch(entry_id, 5)
        camera.set_password("another one")
        async with page.client(page.admin).get(f"/api/cameras/{entry_id}/snapshot.jpg") as answer:
            assert answer.status >= 400
        path = f"/api/entries/{entry_id}/diagnostics.json"
        async with page.client(page.admin).get(path) as answer:
            assert answer.status == 200
            assert answer.content_disposition is not None
            assert answer.content_disposition.type == "attachment"
            text = await answer.text()
        socket = await page.socket()
        same = await socket.call("entries/diagnostics", entry_id=entry_id)
        texts = text + orjson.dumps(same["result"]).decode()
    for form in (
        password,
        quote(password, safe=""),
        b64encode(password.encode()).decode(),
        b64encode(f"operator:{password}".encode()).decode(),
        "operator",
    ):
        assert form not in texts
    told = orjson.loads(text)
    assert told["plugin"]["version"] == "1.0.0"
    assert told["entry"]["unique_id"] == camera.serial
    assert told["entry"]["host"] == camera.host
    assert told["entry"]["secrets_kept"] == ["password"]
    assert told["entry"]["state"] == "auth_failed"
    assert [change["state"] for change in told["entry"]["changes"]][-2:] == [
        "loaded",
        "auth_failed",
    ]
    (shown,) = told["cameras"]
    assert shown["model"] == "A1"
    assert "avc1" in orjson.dumps(shown).decode()

    async with page.client(page.viewer).get(path) as refused:
        assert refused.status == 403


# --- and leaves -----------------------------------------------------------------------------------


async def test_a_removed_camera_leaves_nothing_behind(page: Page, camera: AcmeDevice) -> None:
    # The first use of anything may make what stays: an executor's thread, a pool.
    first = await page.add_by_page(camera, "First")
    await page.watch(first, 3)
    socket = await page.socket()
    assert (await socket.call("entries/delete", entry_id=first))["success"]
    await _let_go(camera)

    listeners, tasks = page.hub.bus.listener_count, _tasks()
    entry_id = await page.add_by_page(camera)
    await page.watch(entry_id, 3)
    async with page.client(page.admin).get(f"/api/cameras/{entry_id}/snapshot.jpg") as answer:
        assert answer.status == 200
    assert _sockets_to(camera)

    assert (await socket.call("entries/delete", entry_id=entry_id))["success"]
    await _let_go(camera)
    assert page.hub.bus.listener_count == listeners
    assert not [name for name in _tasks() - tasks if entry_id in name]
    assert page.hub.cameras.list() == []


async def test_the_plugin_itself_leaves_nothing_behind(page: Page, camera: AcmeDevice) -> None:
    entry_id = await page.add_by_page(camera)
    await page.watch(entry_id, 3)
    await page.hub.plugin_runtime.unload("acme")
    await _let_go(camera)
    assert page.hub.faults.of("acme") == []
    assert "acme" not in page.hub.plugins.integrations
    assert page.state(entry_id) == "setup_error"

    await page.hub.plugin_runtime.load(page.path / "custom_integrations" / "acme.py")
    await page.loaded(entry_id)


def _tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


def _sockets_to(camera: AcmeDevice) -> list[Any]:
    """Return this process's connections to a camera, seen from the hub's side."""
    ports = {camera.http_port, camera.rtsp_port}
    return [
        connection
        for connection in psutil.Process().net_connections("tcp")
        if connection.raddr
        and connection.raddr.port in ports
        and connection.status == psutil.CONN_ESTABLISHED
    ]


async def _let_go(camera: AcmeDevice) -> None:
    await until(lambda: not camera.http.counters.open and not camera.rtsp.connections)
    await until(lambda: not _sockets_to(camera))
