"""Devices that were found, over WebSocket and REST: followed, added, ignored, tried, looked at."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.frontend_bridge.conftest import Stage
from ucv.clock import SystemClock
from ucv.discovery.report import Report
from ucv.discovery.view import (
    Adoption,
    DeviceState,
    DeviceView,
    DiscoveryChanged,
    DiscoveryForgotten,
    DiscoveryStatus,
    DiscoveryStatusChanged,
    Problem,
)
from ucv.plugins.sightings import Sighting
from ucv.secrets import Redactor
from ucv.storage.accounts import AuditLog
from ucv.testing import AcmeDevice, RtspServer, until
from ucv.testing.clip import ClipRequest, encode
from ucv_bridge.api.discovery import _DiscoveryTopic
from ucv_bridge.device_views import adoption_view, device_view

ACME = Path(__file__).parents[2] / "custom_integrations" / "acme.py"


class Network:
    """A serving hub that knows Acme's cameras, two of them, and what is reported of them."""

    def __init__(self, stage: Stage, cameras: list[AcmeDevice]) -> None:
        self.stage = stage
        self.hub = stage.hub
        self.cameras = cameras

    def report(self, camera: AcmeDevice, source: str = "mdns", **told: Any) -> None:
        """Report one as a finder does."""
        told = {
            "serial": camera.serial,
            "unique_id": camera.serial,
            "model": camera.model,
            "http_port": camera.http.port,
            "rtsp_port": camera.rtsp.port,
            **told,
        }
        report = Report(source, "acme", camera.http.host, camera.serial, Sighting(0.9, **told))
        self.hub.discovery.report(report)

    async def found(self, number: int = 0) -> DeviceView:
        """Report a camera, and return it once it is offered."""
        camera = self.cameras[number]
        self.report(camera)
        await until(lambda: self.device(camera).flow_id is not None, 10)
        return self.device(camera)

    def device(self, camera: AcmeDevice) -> DeviceView:
        """Return a camera as it is now."""
        return next(one for one in self.hub.discovery.list() if one.serial == camera.serial)


@pytest_asyncio.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    """A serving hub, and two cameras that it may find."""
    stage = Stage(tmp_path / "config", SystemClock())
    shutil.copy(ACME, stage.path / "custom_integrations")
    async with AsyncExitStack() as running:
        cameras = [
            await running.enter_async_context(
                AcmeDevice(serial=f"ACME-000{number}", host=f"127.0.0.{number}")
            )
            for number in (1, 2)
        ]
        await stage.start()
        running.push_async_callback(stage.stop)
        yield Network(stage, cameras)


def of_kind(kind: str, **values: Any) -> Any:
    """Return a condition for events: their kind, and what their device is like."""

    def matches(event: dict[str, Any]) -> bool:
        device = event.get("device", {})
        return event["kind"] == kind and all(device[name] == values[name] for name in values)

    return matches


# --- following them -------------------------------------------------------------------------------


async def test_a_subscriber_gets_all_devices_and_then_what_changes(network: Network) -> None:
    first = await network.found(0)
    socket = await network.stage.socket()
    number, snapshot = await socket.subscribe("discovery/subscribe")
    assert snapshot["kind"] == "snapshot"
    assert [device["id"] for device in snapshot["devices"]] == [first.id]
    device = snapshot["devices"][0]
    assert (device["integration"], device["integration_name"]) == ("acme", "Acme")
    assert (device["state"], device["host"], device["serial"]) == ("new", "127.0.0.1", "ACME-0001")
    assert device["evidence"][0]["source"] == "mdns"
    assert device["addresses"][0]["host"] == "127.0.0.1"
    assert snapshot["status"]["enabled"] is False  # tests have it off

    network.report(network.cameras[1])
    event = await socket.event_where(of_kind("device", serial="ACME-0002"))
    assert event["device"]["host"] == "127.0.0.2"
    await network.hub.discovery.ignore(first.id)
    await socket.event_where(of_kind("device", id=first.id, state="ignored"))

    assert (await socket.call("unsubscribe", subscription=number))["success"]
    await network.hub.discovery.unignore(first.id)
    assert (await socket.call("ping"))["type"] == "pong"
    with pytest.raises(asyncio.TimeoutError):
        await socket.ws.receive_json(timeout=0.3)


async def test_the_network_is_asked_often_for_as_long_as_somebody_looks(network: Network) -> None:
    watchers = network.hub.discovery._rounds
    listeners = network.hub.bus.listener_count
    socket = await network.stage.socket()
    number, _ = await socket.subscribe("discovery/subscribe")
    assert watchers._watchers == 1
    other = await network.stage.socket()
    await other.subscribe("discovery/subscribe")
    assert watchers._watchers == 2
    await socket.call("unsubscribe", subscription=number)
    assert watchers._watchers == 1
    await other.ws.close()
    await until(lambda: watchers._watchers == 0)
    assert network.hub.bus.listener_count == listeners


async def test_a_second_subscription_under_the_same_id_leaves_nothing_behind(
    network: Network,
) -> None:
    socket = await network.stage.socket()
    number, _ = await socket.subscribe("discovery/subscribe")
    listeners = network.hub.bus.listener_count
    await socket.send(id=number, type="discovery/subscribe")
    while (answer := await socket.receive())["type"] == "event":
        pass
    assert answer["code"] == "VALIDATION_ERROR"
    assert network.hub.bus.listener_count == listeners
    assert network.hub.discovery._rounds._watchers == 1


async def test_devices_that_are_no_longer_kept_and_the_status_are_told(network: Network) -> None:
    socket = await network.stage.socket()
    await socket.subscribe("discovery/subscribe")
    network.hub.bus.publish(DiscoveryForgotten("some-device"))
    assert await socket.event() == {"kind": "removed", "id": "some-device"}
    status = DiscoveryStatus(True, True, 1.0, 2.0, (), ())
    network.hub.bus.publish(DiscoveryStatusChanged(status))
    assert await socket.event() == {"kind": "status", "status": status.to_json()}


async def test_what_a_device_says_does_not_show_secrets(network: Network) -> None:
    network.hub.redactor.add("swordfish")
    network.hub.redactor.add("acme")
    network.report(
        network.cameras[0], name="My swordfish", firmware="swordfish", details={"hint": "swordfish"}
    )
    socket = await network.stage.socket()
    _, snapshot = await socket.subscribe("discovery/subscribe")
    history = await socket.call("discovery/history")
    async with network.stage.client(network.stage.admin).get("/api/discovery") as answer:
        over_rest = await answer.json()
    for devices in (snapshot["devices"], history["result"]["devices"], over_rest["devices"]):
        assert devices[0]["name"] == "My **redacted**"
        assert devices[0]["details"] == {"hint": "**redacted**"}
        assert "swordfish" not in str(devices)
        # What the hub calls things comes back as it is, whatever passwords there are.
        assert devices[0]["integration"] == "acme"
        assert devices[0]["evidence"][0]["integration"] == "acme"


def device(device_id: str, **values: Any) -> DeviceView:
    """Return a device as the hub tells of one."""
    whole = dict.fromkeys(DeviceView.__dataclass_fields__)
    whole |= {
        "id": device_id,
        "host": "192.0.2.10",
        "confidence": 0.5,
        "candidates": (),
        "state": DeviceState.NEW,
        "evidence": (),
        "addresses": (),
        "details": {},
    }
    return DeviceView(**{**whole, **values})


def test_problems_do_not_show_secrets() -> None:
    redactor = Redactor()
    redactor.add("swordfish")
    problem = Problem("AUTH_FAILED", "swordfish is wrong.")
    told = {"code": "AUTH_FAILED", "message": "**redacted** is wrong."}
    assert device_view(device("a", problem=problem), redactor)["problem"] == told
    adoption = Adoption("swordfish", flow_id="f", problem=problem)
    assert adoption_view(adoption, redactor) == {
        "device_id": "swordfish",
        "entry_id": None,
        "flow_id": "f",
        "error": told,
    }


class _Hub:
    """Devices as a hub keeps them, for what is sent of them."""

    def __init__(self) -> None:
        self.devices: dict[str, DeviceView] = {}
        self.rounds = 0

    def list(self) -> list[DeviceView]:
        return [*self.devices.values()]

    def status(self) -> DiscoveryStatus:
        return DiscoveryStatus(True, False, float(self.rounds), None, (), ())


_STEPS = st.sampled_from(["change", "forget", "status", "take", "take"])


@given(st.lists(st.tuples(_STEPS, st.sampled_from("abc"), st.integers(0, 9)), max_size=40))
def test_whenever_a_client_reads_it_ends_up_with_what_there_is(
    steps: list[tuple[str, str, int]],
) -> None:
    hub, awake = _Hub(), [0]

    def wake() -> None:
        awake[0] += 1

    topic = _DiscoveryTopic(hub, Redactor(), wake)  # type: ignore[arg-type]  # as much as it needs
    shown: dict[str, Any] = {}
    status: dict[str, Any] = {}

    def take() -> bool:
        nonlocal shown, status
        told = topic.take()
        if told is None:
            return False
        event = orjson.loads(told)
        if event["kind"] == "snapshot":
            shown, status = {one["id"]: one for one in event["devices"]}, event["status"]
        elif event["kind"] == "device":
            shown[event["device"]["id"]] = event["device"]
        elif event["kind"] == "removed":
            shown.pop(event["id"], None)
        else:
            status = event["status"]
        return True

    for step, name, value in steps:
        if step == "change":
            hub.devices[name] = device(name, model=str(value))
            topic.changed(DiscoveryChanged(hub.devices[name]))
        elif step == "forget":
            hub.devices.pop(name, None)
            topic.forgotten(DiscoveryForgotten(name))
        elif step == "status":
            hub.rounds += 1
            topic.status_changed(DiscoveryStatusChanged(hub.status()))
        else:
            take()
    messages = 0
    while take():
        messages += 1
    # Of each only the newest waited.
    assert messages <= 5
    assert shown == {one.id: device_view(one, Redactor()) for one in hub.list()}
    assert status == hub.status().to_json()


def test_the_first_message_has_only_so_many_devices_and_the_rest_follow() -> None:
    hub, awake = _Hub(), [0]
    hub.devices = {str(number): device(str(number)) for number in range(103)}

    def wake() -> None:
        awake[0] += 1

    topic = _DiscoveryTopic(hub, Redactor(), wake)  # type: ignore[arg-type]  # as above
    snapshot = orjson.loads(topic.take() or b"")
    assert awake[0] == 1
    rest = []
    while told := topic.take():
        rest.append(orjson.loads(told)["device"]["id"])
    assert [one["id"] for one in snapshot["devices"]] + rest == [*hub.devices]


async def test_a_flood_of_changes_to_a_client_that_does_not_read_is_one_for_each_device(
    network: Network,
) -> None:
    socket = await network.stage.socket()
    await socket.subscribe("discovery/subscribe")
    socket.ws._response.connection.transport.pause_reading()  # type: ignore[union-attr]  # aiohttp has no public way
    for count in range(2000):
        text = f"{count} " + "x" * 2000
        network.hub.bus.publish(DiscoveryChanged(device(f"device-{count % 5}", name=text)))
        if count % 100 == 0:
            await asyncio.sleep(0)
    socket.ws._response.connection.transport.resume_reading()  # type: ignore[union-attr]  # as above
    newest: dict[str, str] = {}
    messages = 0
    while not (len(newest) == 5 and all(text.startswith("199") for text in newest.values())):
        event = await socket.event_where(of_kind("device"))
        newest[event["device"]["id"]] = event["device"]["name"]
        messages += 1
    assert messages < 500


# --- adding them ----------------------------------------------------------------------------------


async def test_adopting_leads_to_the_flow_that_adds_the_device(network: Network) -> None:
    found = await network.found()
    socket = await network.stage.socket()
    answer = await socket.call("discovery/adopt", device_id=found.id)
    flow = answer["result"]["flow"]
    assert (flow["id"], flow["source"], flow["integration"]) == (found.flow_id, "discovery", "acme")
    camera = network.cameras[0]
    values = {"username": camera.username, "password": camera.password}
    while (page := flow["page"])["kind"] != "done":
        # What it proposes is taken.
        assert (page["kind"], page["error"]) == ("form", None), page
        proposed = {one["name"]: one["value"] for one in page["fields"] if one.get("value")}
        answer = await socket.call(
            "flows/submit", flow_id=flow["id"], values={**proposed, **values}
        )
        flow, values = answer["result"]["flow"], {}
    await until(lambda: network.device(camera).state is DeviceState.CONFIGURED, 15)


async def test_another_integration_may_be_chosen(network: Network) -> None:
    found = await network.found()
    socket = await network.stage.socket()
    answer = await socket.call("discovery/adopt", device_id=found.id, integration="onvif")
    assert answer["result"]["flow"]["integration"] == "onvif"
    refused = await socket.call("discovery/adopt", device_id=found.id, integration="no-such")
    assert (refused["success"], refused["code"]) == (False, "NOT_FOUND")


async def test_several_devices_are_added_with_shared_credentials(network: Network) -> None:
    devices = [await network.found(number) for number in (0, 1)]
    socket = await network.stage.socket()
    await socket.subscribe("discovery/subscribe")
    camera = network.cameras[0]
    number = 77
    await socket.send(
        id=number,
        type="discovery/adopt_many",
        device_ids=[one.id for one in devices],
        username=camera.username,
        password=camera.password,
    )
    adopting: set[str] = set()
    while (message := await socket.receive())["type"] == "event":
        if (told := message["event"].get("device", {})).get("adopting"):
            adopting.add(told["id"])
    assert message["id"] == number
    results = message["result"]["results"]
    assert [result["device_id"] for result in results] == [one.id for one in devices]
    assert [result["error"] for result in results] == [None, None]
    entries = {view.config.id for view in network.hub.entries.list()}
    assert {result["entry_id"] for result in results} == entries
    assert adopting == {one.id for one in devices}
    assert camera.password not in str(message)


async def test_a_refused_password_is_told_for_each_device_and_shown_nowhere(
    network: Network,
) -> None:
    devices = [await network.found(number) for number in (0, 1)]
    socket = await network.stage.socket()
    answer = await socket.call(
        "discovery/adopt_many",
        device_ids=[one.id for one in devices],
        username="admin",
        password="wrong-swordfish",
    )
    results = answer["result"]["results"]
    assert [result["error"]["code"] for result in results] == ["AUTH_FAILED"] * 2
    assert [result["entry_id"] for result in results] == [None, None]
    assert all(result["flow_id"] for result in results)
    audited = await AuditLog(network.hub.database).list()
    listing = await socket.call("discovery/history")
    assert "wrong-swordfish" not in f"{answer}{audited}{listing}"
    for camera in network.cameras:
        # Each was asked once, with the second nonce that Digest may need.
        assert 1 <= camera.http.counters.refused <= 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"device_ids": [], "username": "a", "password": "b"},
        {"device_ids": ["x"] * 65, "username": "a", "password": "b"},
        {"device_ids": ["x"], "username": "a"},
        {"device_ids": ["x"], "username": "a", "password": "swordfish " * 200},
        {"device_ids": "x", "username": "a", "password": "swordfish"},
    ],
    ids=["no device", "too many devices", "no password", "a giant password", "no list"],
)
async def test_what_cannot_be_added_is_refused_without_repeating_it(
    network: Network, arguments: dict[str, Any]
) -> None:
    socket = await network.stage.socket()
    answer = await socket.call("discovery/adopt_many", **arguments)
    assert (answer["success"], answer["code"]) == (False, "VALIDATION_ERROR")
    assert "swordfish" not in str(answer)


async def test_what_is_not_there_cannot_be_added_or_ignored(network: Network) -> None:
    socket = await network.stage.socket()
    for command, more in (
        ("adopt", {"device_id": "no-such"}),
        ("adopt_many", {"device_ids": ["no-such"], "username": "a", "password": "b"}),
        ("ignore", {"device_id": "no-such"}),
        ("unignore", {"device_id": "no-such"}),
        ("history", {"device_id": "no-such"}),
        ("test_access", {"device_id": "no-such", "values": {}}),
    ):
        answer = await socket.call(f"discovery/{command}", **more)
        assert (answer["success"], answer["code"]) == (False, "NOT_FOUND"), command


async def test_ignoring_can_be_undone(network: Network) -> None:
    found = await network.found()
    socket = await network.stage.socket()
    ignored = await socket.call("discovery/ignore", device_id=found.id)
    assert ignored["result"]["device"]["state"] == "ignored"
    wanted = await socket.call("discovery/unignore", device_id=found.id)
    assert wanted["result"]["device"]["state"] == "new"
    noted = [entry.action for entry in await AuditLog(network.hub.database).list()]
    assert noted == ["device.unignore", "device.ignore"]


async def test_where_a_device_was_before_is_remembered(network: Network) -> None:
    camera = network.cameras[0]
    found = await network.found()
    sighting = Sighting(0.9, serial=camera.serial, unique_id=camera.serial)
    moved = Report("mdns", "acme", "127.0.0.9", camera.serial, sighting)
    network.hub.discovery.report(moved)
    socket = await network.stage.socket()
    for arguments in ({}, {"device_id": found.id}):
        answer = await socket.call("discovery/history", **arguments)
        (device_,) = answer["result"]["devices"]
        hosts = {span["host"] for span in device_["addresses"]}
        assert (device_["id"], hosts) == (found.id, {"127.0.0.1", "127.0.0.9"})


# --- trying credentials ---------------------------------------------------------------------------


async def test_access_to_a_found_device_is_tried_once_and_stored_nowhere(network: Network) -> None:
    found = await network.found()
    camera = network.cameras[0]
    socket = await network.stage.socket()
    values = {"username": camera.username, "password": camera.password}
    answer = await socket.call("discovery/test_access", device_id=found.id, values=values)
    assert answer["result"] == {
        "ok": True,
        "info": {"manufacturer": "Acme", "model": "A1", "serial": None, "firmware": None},
    }
    assert network.hub.entries.list() == []
    assert camera.http.counters.refused == 0
    wrong = {"username": camera.username, "password": "swordfish-1"}
    answer = await socket.call("discovery/test_access", device_id=found.id, values=wrong)
    assert (answer["success"], answer["code"]) == (False, "AUTH_FAILED")
    # Once, with the second nonce that Digest may need.
    assert 1 <= camera.http.counters.refused <= 2
    assert "swordfish-1" not in str(answer)
    noted = await AuditLog(network.hub.database).list()
    assert [(entry.action, entry.target) for entry in noted] == [("device.access", found.id)] * 2


async def test_access_to_an_address_is_tried_over_rest_too(network: Network) -> None:
    camera = network.cameras[0]
    client = network.stage.client(network.stage.admin)
    values = {
        "username": camera.username,
        "password": camera.password,
        "http_port": camera.http.port,
    }
    body = {"host": "127.0.0.1", "integration": "acme", "values": values}
    async with client.post("/api/scan/access", json=body) as answer:
        assert answer.status == 200
        assert (await answer.json())["info"]["model"] == "A1"
    body["values"] = {**values, "password": "swordfish-2"}
    async with client.post("/api/scan/access", json=body) as answer:
        assert answer.status == 502
        text = await answer.text()
    assert "AUTH_FAILED" in text
    assert "swordfish-2" not in text


async def test_an_integration_that_repeats_the_password_does_not_show_it(network: Network) -> None:
    # The plugin of these tests does.
    socket = await network.stage.socket()
    answer = await socket.call(
        "discovery/test_access",
        host="refuse",
        integration="fake",
        values={"url": "fake://refuse", "username": "admin", "password": "swordfish-3"},
    )
    assert answer["code"] == "AUTH_FAILED"
    assert answer["error"] == "**redacted** is no password of ours"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"values": {}}, "VALIDATION_ERROR"),
        ({"host": "127.0.0.1", "values": {}}, "VALIDATION_ERROR"),
        ({"host": "127.0.0.1", "integration": "acme"}, "VALIDATION_ERROR"),
        ({"host": "127.0.0.1", "device_id": "x", "values": {}}, "VALIDATION_ERROR"),
        ({"host": "127.0.0.1", "integration": "no-such", "values": {}}, "NOT_FOUND"),
        (
            {"host": "127.0.0.1", "integration": "acme", "values": {"integration": "fake"}},
            "VALIDATION_ERROR",
        ),
        ({"host": "169.254.169.254", "integration": "acme", "values": {}}, "ADDRESS_REFUSED"),
        (
            {"host": "127.0.0.1", "integration": "fake", "values": {"url": "fake://0.0.0.0/"}},
            "ADDRESS_REFUSED",
        ),
    ],
    ids=[
        "nothing",
        "no integration",
        "no values",
        "a host and a device",
        "no such integration",
        "another integration among the values",
        "where no camera is",
        "an address where no camera is",
    ],
)
async def test_access_that_cannot_be_tried_is_refused(
    network: Network, arguments: dict[str, Any], code: str
) -> None:
    socket = await network.stage.socket()
    answer = await socket.call("discovery/test_access", **arguments)
    assert (answer["success"], answer["code"]) == (False, code)
    client = network.stage.client(network.stage.admin)
    async with client.post("/api/scan/access", json=arguments) as response:
        assert (await response.json())["code"] == code


# --- REST, and who may ----------------------------------------------------------------------------


async def test_devices_and_status_are_there_over_rest(network: Network) -> None:
    await network.found()
    client = network.stage.client(network.stage.admin)
    async with client.get("/api/discovery") as answer:
        body = await answer.json()
    assert [one["serial"] for one in body["devices"]] == ["ACME-0001"]
    assert set(body["status"]) == {
        "enabled",
        "asking",
        "last_round",
        "next_round",
        "interfaces",
        "methods",
    }
    network.stage.hub.discovery.rejections.note("ssdp", "192.0.2.66", "too long")
    async with client.get("/api/discovery/diagnostics.json") as answer:
        report = await answer.json()
    assert report["devices"] == body["devices"]
    assert report["rejected"]["counts"] == [{"source": "ssdp", "reason": "too long", "count": 1}]
    assert report["rejected"]["last"][0]["host"] == "192.0.2.66"
    async with client.post("/api/discovery/refresh", json={}) as answer:
        assert (await answer.json())["status"]["enabled"] is False
    # Nothing of this logs in anywhere.
    assert [camera.http.counters.refused for camera in network.cameras] == [0, 0]


@pytest.mark.slow
async def test_a_picture_is_shown_where_anybody_may_have_one(network: Network) -> None:
    clip = await asyncio.to_thread(encode, ClipRequest("OPEN", 320, 180, 10, duration=2))
    async with RtspServer() as camera:
        camera.add("/live", clip)
        told = Sighting(0.3, rtsp_port=camera.port)
        network.hub.discovery.report(Report("scan", "rtsp", "127.0.0.1", None, told))
        (found,) = network.hub.discovery.list()
        client = network.stage.client(network.stage.admin)
        async with client.get(f"/api/discovery/{found.id}/snapshot.jpg") as answer:
            assert answer.status == 200
            assert answer.content_type == "image/jpeg"
            assert answer.headers["Cache-Control"] == "no-store"
            assert (await answer.read()).startswith(b"\xff\xd8\xff")


async def test_a_device_that_wants_a_log_in_has_no_picture(network: Network) -> None:
    found = await network.found()
    client = network.stage.client(network.stage.admin)
    async with client.get(f"/api/discovery/{found.id}/snapshot.jpg") as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    async with client.get("/api/discovery/no-such/snapshot.jpg") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "NOT_FOUND")
    assert network.cameras[0].http.counters.refused == 0


async def test_found_devices_are_for_administrators(stage: Stage) -> None:
    socket = await stage.socket(stage.viewer)
    arguments: dict[str, dict[str, Any]] = {
        "subscribe": {},
        "refresh": {},
        "ignore": {"device_id": "x"},
        "unignore": {"device_id": "x"},
        "adopt": {"device_id": "x"},
        "adopt_many": {"device_ids": ["x"], "username": "a", "password": "b"},
        "test_access": {"device_id": "x", "values": {}},
        "history": {},
    }
    for command, more in arguments.items():
        answer = await socket.call(f"discovery/{command}", **more)
        assert (answer["success"], answer["code"]) == (False, "FORBIDDEN"), command
    viewer, stranger = stage.client(stage.viewer), stage.client()
    for method, path in (
        ("GET", "/api/discovery"),
        ("GET", "/api/discovery/diagnostics.json"),
        ("POST", "/api/discovery/refresh"),
        ("GET", "/api/discovery/x/snapshot.jpg"),
    ):
        body: dict[str, Any] | None = {} if method == "POST" else None
        for client, status in ((viewer, 403), (stranger, 401)):
            async with client.request(method, path, json=body) as response:
                assert response.status == status, path


async def test_looking_again_asks_the_network(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "config", SystemClock())
    (stage.path / "ucv.yaml").write_text(
        "discovery: {enabled: true, methods: [mdns], interfaces: [127.0.0.1], interval: 3600}\n"
    )
    await stage.start()
    try:
        socket = await stage.socket()
        # The first round, at the start.
        await until(
            lambda: (
                stage.hub.discovery.status().last_round and not stage.hub.discovery._rounds.asking
            )
        )
        before = stage.hub.discovery.status().last_round or 0.0
        answer = await socket.call("discovery/refresh")
        status = answer["result"]["status"]
        assert status["enabled"] is True
        assert [one["address"] for one in status["interfaces"]] == ["127.0.0.1"]
        assert "mdns" in [one["name"] for one in status["methods"]]
        _, snapshot = await socket.subscribe("discovery/subscribe")
        if snapshot["status"]["last_round"] == before:
            event = await socket.event_where(lambda event: event["kind"] == "status")
            snapshot = event
        assert snapshot["status"]["last_round"] > before
    finally:
        await stage.stop()
