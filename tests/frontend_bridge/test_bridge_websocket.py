"""The WebSocket interface: logging in, commands, subscriptions, clients that fall behind."""

from __future__ import annotations

import asyncio
import socket as sockets
from typing import Any

import aiohttp
import orjson
import pytest

from tests.frontend_bridge.conftest import Socket, Stage
from ucv.testing.clock import until
from ucv_bridge.api import connection as connection_module


def of(event: dict[str, Any], camera_id: str) -> Any:
    """Return a camera of an event, or None."""
    cameras = event.get("cameras") or event.get("changed") or []
    return next((camera for camera in cameras if camera["id"] == camera_id), None)


# --- logging in -----------------------------------------------------------------------------------


async def test_a_token_logs_in(stage: Stage) -> None:
    socket = Socket(await stage.client().ws_connect("/api/websocket"))
    assert await socket.receive() == {"type": "auth_required", "version": stage.hub.version}
    await socket.send(type="auth", access_token=stage.viewer)
    assert await socket.receive() == {
        "type": "auth_ok",
        "version": stage.hub.version,
        "user": {"name": "token test viewer", "role": "viewer"},
    }


async def test_a_session_logs_in_without_a_token(stage: Stage) -> None:
    browser = await stage.browser()
    socket = Socket(await browser.ws_connect("/api/websocket"))
    await socket.receive()
    await socket.send(type="auth")
    assert (await socket.receive())["user"] == {"name": "anna", "role": "admin"}


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"auth"}',
        '{"type":"auth","access_token":"ucv_wrong"}',
        '{"type":"auth","access_token":7}',
        '{"id":1,"type":"cameras/list"}',
        "[]",
        "no json",
    ],
)
async def test_who_does_not_log_in_is_told_so_and_closed(stage: Stage, message: str) -> None:
    client = stage.client(**{"Accept-Language": "es"})
    ws = await client.ws_connect("/api/websocket")
    await ws.receive_json()
    await ws.send_str(message)
    refused = await ws.receive_json()
    assert refused["type"] == "auth_invalid"
    assert refused["code"] in ("UNAUTHORIZED", "INVALID_JSON")
    assert refused["error"] in ("Inicie sesión primero.", "Se esperaba un objeto JSON.")
    assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_who_says_nothing_is_closed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_AUTH_LIMIT", 0.05)
    ws = await stage.client().ws_connect("/api/websocket")
    await ws.receive_json()
    assert (await ws.receive_json())["type"] == "auth_invalid"
    assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE


# --- commands -------------------------------------------------------------------------------------


async def test_ping_is_answered(stage: Stage) -> None:
    socket = await stage.socket()
    assert await socket.call("ping") == {"id": 1, "type": "pong"}


async def test_cameras_and_entries_are_listed_as_over_rest(stage: Stage) -> None:
    await stage.add()
    socket = await stage.socket(stage.viewer)
    async with stage.client(stage.viewer).get("/api/cameras") as answer:
        assert (await socket.call("cameras/list"))["result"] == await answer.json()
    (entry,) = (await socket.call("entries/list"))["result"]["entries"]
    assert (entry["id"], entry["state"], entry["read_only"]) == ("front", "loaded", False)


async def test_entries_are_created_reloaded_and_deleted(stage: Stage) -> None:
    socket = await stage.socket()
    entry = {"name": "Front", "integration": "fake", "url": "fake://front", "password": "s3cret!!"}
    created = await socket.call("entries/create", entry=entry)
    assert created["success"]
    assert created["result"]["entry"]["id"] == "front"
    assert "s3cret!!" not in str(created)
    assert (await socket.call("entries/reload", entry_id="front"))["success"]
    assert (await socket.call("entries/delete", entry_id="front"))["result"] is None
    gone = await socket.call("entries/delete", entry_id="front")
    assert (gone["success"], gone["code"]) == (False, "NOT_FOUND")
    assert stage.hub.entries.list() == []


async def test_viewers_change_nothing(stage: Stage) -> None:
    await stage.add()
    socket = await stage.socket(stage.viewer)
    for kind, arguments in (
        ("entries/create", {"entry": {}}),
        ("entries/delete", {"entry_id": "front"}),
        ("entries/reload", {"entry_id": "front"}),
        ("fake/light", {"on": True}),
    ):
        assert (await socket.call(kind, **arguments))["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", "INVALID_JSON"),
        ("[1]", "INVALID_JSON"),
        ('{"type":"ping"}', "VALIDATION_ERROR"),
        ('{"id":"1","type":"ping"}', "VALIDATION_ERROR"),
        ('{"id":true,"type":"ping"}', "VALIDATION_ERROR"),
        ('{"id":-1,"type":"ping"}', "VALIDATION_ERROR"),
        ('{"id":1}', "UNKNOWN_COMMAND"),
        ('{"id":1,"type":["x"]}', "UNKNOWN_COMMAND"),
        ('{"id":1,"type":"nothing"}', "UNKNOWN_COMMAND"),
        ('{"id":1,"type":"entries/create"}', "VALIDATION_ERROR"),
        ('{"id":1,"type":"entries/create","entry":[]}', "VALIDATION_ERROR"),
        ('{"id":1,"type":"cameras/list","more":1}', "VALIDATION_ERROR"),
        ('{"id":1,"type":"cameras/subscribe","since":-1}', "VALIDATION_ERROR"),
        ('{"id":1,"type":"unsubscribe","subscription":7}', "NOT_FOUND"),
    ],
)
async def test_what_is_wrong_is_answered_and_the_connection_goes_on(
    stage: Stage, message: str, code: str
) -> None:
    socket = await stage.socket()
    await socket.ws.send_str(message)
    answer = await socket.receive()
    assert (answer["type"], answer["success"], answer["code"]) == ("result", False, code)
    assert (await socket.call("ping"))["type"] == "pong"


async def test_errors_come_in_the_clients_language(stage: Stage) -> None:
    socket = await stage.socket(**{"Accept-Language": "es"})
    assert (await socket.call("nothing"))["error"] == "No existe esa orden."


async def test_plugins_have_commands_of_their_own(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    socket = await stage.socket()
    assert (await socket.call("fake/light", on=True))["result"] == {"light": True}
    assert (await socket.call("fake/light", on="blue"))["code"] == "VALIDATION_ERROR"
    failed = await socket.call("fake/light", on="raise")
    assert failed["code"] == "PLUGIN_ERROR"
    assert "fake_vendor" in failed["error"]
    (fault,) = stage.hub.faults.of("fake_vendor")
    assert fault.what == "fake/light"
    assert "a defect of the plugin" in caplog.text
    assert (await socket.call("ping"))["type"] == "pong"


async def test_what_was_begun_is_finished_when_the_client_leaves(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.add()
    delete, finished = stage.hub.entries.delete, asyncio.Event()
    begun = asyncio.Event()

    async def slow(entry_id: str) -> None:
        begun.set()
        await asyncio.sleep(0.1)
        await delete(entry_id)
        finished.set()

    monkeypatch.setattr(stage.hub.entries, "delete", slow)
    socket = await stage.socket()
    await socket.send(id=1, type="entries/delete", entry_id="front")
    await begun.wait()
    await socket.ws.close()
    async with asyncio.timeout(5):
        await finished.wait()
    assert stage.hub.entries.list() == []


# --- cameras --------------------------------------------------------------------------------------


async def test_a_subscriber_gets_all_cameras_and_then_what_changes(stage: Stage) -> None:
    await stage.add()
    socket = await stage.socket(stage.viewer)
    number, snapshot = await socket.subscribe("cameras/subscribe")
    assert snapshot["kind"] == "snapshot"
    assert of(snapshot, "front")["state"] == "idle"

    await stage.add("back")
    event = await socket.event_where(lambda event: of(event, "back"))
    assert event["kind"] == "changes"
    assert event["removed"] == []
    assert of(event, "front") is None
    assert event["sequence"] > snapshot["sequence"]

    media = await stage.client(stage.viewer).ws_connect("/api/ws", params={"src": "front"})
    await media.send_json({"type": "mse", "value": "", "shared": True})
    await until(lambda: stage.camera().connections)
    stage.camera().gop()
    event = await socket.event_where(
        lambda event: (of(event, "front") or {}).get("state") == "live"
    )
    assert of(event, "front")["profiles"][0]["codec_string"] == "avc1.42c01e"
    # How many watch comes with the measurements, once a second.
    another = await stage.client(stage.viewer).ws_connect("/api/ws", params={"src": "front"})
    await another.send_json({"type": "mse", "value": "", "shared": True})
    await socket.event_where(
        lambda event: (
            of(event, "front") and of(event, "front")["profiles"][0]["stream"]["viewers"] == 2
        )
    )

    await stage.hub.entries.delete("back")
    event = await socket.event_where(lambda event: event["removed"])
    assert event["removed"] == ["back"]

    assert (await socket.call("unsubscribe", subscription=number))["success"]
    await stage.add("third")
    assert (await socket.call("ping"))["type"] == "pong"
    with pytest.raises(asyncio.TimeoutError):
        await socket.ws.receive_json(timeout=0.3)


async def test_who_comes_back_gets_only_what_they_missed(stage: Stage) -> None:
    await stage.add()
    await stage.add("back")
    await stage.add("third")
    socket = await stage.socket()
    _, snapshot = await socket.subscribe("cameras/subscribe")
    await socket.ws.close()
    await stage.hub.entries.delete("back")
    await stage.hub.entries.update(
        "front", {"name": "Front 2", "integration": "fake", "url": "fake://front"}
    )
    await stage.add("fourth")
    await asyncio.sleep(0.2)

    again = await stage.socket()
    _, event = await again.subscribe("cameras/subscribe", since=snapshot["sequence"])
    assert event["kind"] == "changes"
    assert sorted(camera["id"] for camera in event["changed"]) == ["fourth", "front"]
    assert of(event, "front")["name"] == "Front 2"
    assert event["removed"] == ["back"]
    _, event = await again.subscribe("cameras/subscribe", since=event["sequence"])
    assert (event["changed"], event["removed"]) == ([], [])


async def test_who_comes_back_to_a_hub_started_anew_gets_everything(stage: Stage) -> None:
    await stage.add()
    socket = await stage.socket()
    _, snapshot = await socket.subscribe("cameras/subscribe")
    await stage.hub.entries.delete("front")
    await asyncio.sleep(1.0)  # the new run's numbers begin at the next second
    await stage.restart()
    await stage.add("back")
    socket = await stage.socket()
    for since in (snapshot["sequence"], snapshot["sequence"] + 1, 0, 2**53 - 1):
        _, event = await socket.subscribe("cameras/subscribe", since=since)
        assert event["kind"] == "snapshot"
        assert [camera["id"] for camera in event["cameras"]] == ["back"]


async def test_many_changes_at_once_are_one_event(stage: Stage) -> None:
    await stage.add()
    socket = await stage.socket()
    await socket.subscribe("cameras/subscribe")
    await asyncio.gather(*(stage.add(f"camera-{number}") for number in range(30)))
    seen: set[str] = set()
    events = 0
    while len(seen) < 30:
        event = await socket.event()
        seen |= {camera["id"] for camera in event["changed"]} - {"front"}
        events += 1
    assert events < 30


async def test_an_id_is_one_subscription_and_there_are_not_endless_ones(stage: Stage) -> None:
    socket = await stage.socket()
    number, _ = await socket.subscribe("cameras/subscribe")
    await socket.send(id=number, type="cameras/subscribe")
    while (answer := await socket.receive())["type"] == "event":
        pass
    assert (answer["success"], answer["code"]) == (False, "VALIDATION_ERROR")
    results = [await socket.call("streams/metrics/subscribe") for _ in range(80)]
    assert [result["success"] for result in results].count(True) == 63


# --- measurements ---------------------------------------------------------------------------------


async def test_measurements_come_at_once_and_then_every_second(stage: Stage) -> None:
    await stage.add(preload=True)
    await until(lambda: stage.camera().connections)
    stage.camera().gop()
    socket = await stage.socket(stage.viewer)
    number, first = await socket.subscribe("streams/metrics/subscribe")
    assert first["kind"] == "metrics"
    assert first["process"]["memory_bytes"] > 10_000_000
    event = await socket.event_where(lambda event: event["streams"])
    health = event["streams"]["front:main"]
    assert health["viewers"] == 0
    assert set(health) >= {"fps", "bitrate", "score", "latency_p99", "lost_packets", "skips"}
    assert (await socket.call("unsubscribe", subscription=number))["success"]
    assert stage.server.context.metrics_feed._timer is None


# --- clients that do not read ---------------------------------------------------------------------


async def test_a_client_that_does_not_read_costs_nobody_anything_and_is_brought_up_to_date(
    stage: Stage,
) -> None:
    await asyncio.gather(*(stage.add(f"camera-{number}") for number in range(40)))
    slow = await stage.socket()
    await slow.subscribe("cameras/subscribe")
    transport = slow.ws.get_extra_info("socket")
    transport.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 128 * 1024)
    quick = await stage.socket()
    await quick.subscribe("cameras/subscribe")
    # It stops reading: nothing is taken from its socket any more.
    slow.ws._response.connection.transport.pause_reading()  # type: ignore[union-attr]  # aiohttp has no public way

    feed = stage.server.context.camera_feed
    for round_number in range(60):
        for number in range(40):
            entry = stage.hub.entries._entries[f"camera-{number}"]
            object.__setattr__(entry.config, "name", f"Name {round_number} " + "x" * 4000)
            feed._touch(f"camera-{number}")
        feed._flush()
        await quick.event()
    (topic,) = [
        listener.__self__  # type: ignore[attr-defined]  # a bound method
        for listener in feed._listeners
        if listener.__self__._pending is not None  # type: ignore[attr-defined]  # as above
    ]
    # Of each camera only what holds now waits.
    assert len(topic._pending.changed) == 40
    slow.ws._response.connection.transport.resume_reading()  # type: ignore[union-attr]  # as above
    last = ""
    events = 0
    while not last.startswith("Name 59"):
        event = await slow.event()
        events += 1
        last = of(event, "camera-7")["config"]["name"]
    assert events < 60
    assert (await slow.call("ping"))["type"] == "pong"


async def test_commands_of_a_client_that_does_not_read_its_answers_wait(stage: Stage) -> None:
    await asyncio.gather(*(stage.add(f"camera-{number}") for number in range(40)))
    socket = await stage.socket()
    socket.ws._response.connection.transport.pause_reading()  # type: ignore[union-attr]  # aiohttp has no public way
    calls = 0
    list_all = stage.server.context.views.all

    def counted() -> list[dict[str, Any]]:
        nonlocal calls
        calls += 1
        return list_all()

    stage.server.context.views.all = counted  # type: ignore[method-assign]  # to count
    asked = 3000
    for number in range(1, asked + 1):
        await socket.send(id=number, type="cameras/list")
    before = -1
    while before != calls:
        before = calls
        await asyncio.sleep(0.3)
    assert calls < asked
    socket.ws._response.connection.transport.resume_reading()  # type: ignore[union-attr]  # as above
    received = 0
    while received < asked:
        received += (await socket.receive())["type"] == "result"
    assert calls == asked


async def test_stopping_says_goodbye_to_everyone_at_once(stage: Stage) -> None:
    clients = [await stage.socket() for _ in range(5)]
    stuck = await stage.socket()
    stuck.ws._response.connection.transport.pause_reading()  # type: ignore[union-attr]  # aiohttp has no public way
    reading = [asyncio.create_task(client.ws.receive()) for client in clients]
    async with asyncio.timeout(4):
        await stage.server.stop()
    for message in await asyncio.gather(*reading):
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == aiohttp.WSCloseCode.GOING_AWAY
    assert stage.hub.bus.listener_count == 0 or not stage.server.context.camera_feed._listeners


async def test_events_are_whole_json(stage: Stage) -> None:
    await stage.add("quoted", name='A "name" with \\ and ü')
    socket = await stage.socket()
    await socket.send(id=1, type="cameras/subscribe")
    await socket.receive()
    raw = await socket.ws.receive_str()
    assert orjson.loads(raw)["event"]["cameras"][0]["name"] == 'A "name" with \\ and ü'
