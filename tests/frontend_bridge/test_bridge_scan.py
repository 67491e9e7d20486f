"""Network scans over WebSocket and REST: started, followed, paused, ended, remembered, compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio
from hypothesis import example, given
from hypothesis import strategies as st

from tests.frontend_bridge.conftest import Stage
from ucv.discovery.scan.view import (
    HostChange,
    ScanChanged,
    ScanComparison,
    ScanResult,
    ScanResultFound,
    ScanState,
    ScanView,
)
from ucv.discovery.view import Problem
from ucv.errors import NotFoundError
from ucv.plugins.sightings import HttpAnswer, RtspAnswer
from ucv.secrets import Redactor
from ucv.storage.accounts import AuditLog
from ucv.testing import until
from ucv_bridge.api import scan as scan_module
from ucv_bridge.api.commands import BUILT_IN
from ucv_bridge.api.scan import _ScanTopic
from ucv_bridge.scan_views import comparison_view, result_view, scan_view

#: Takes seconds: all of it is loopback, where nobody listens on port 9.
LONG = {"ranges": "127.66.0.0/16", "ports": [9], "confirmed": True}


class Hosts:
    """Listeners on loopback, all on the same port: what scans find."""

    def __init__(self) -> None:
        self.port = 0
        self._servers: dict[str, asyncio.Server] = {}

    async def open(self, host: str) -> None:
        """Listen there."""
        server = await asyncio.start_server(self._answer, host, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._servers[host] = server

    async def close(self, host: str) -> None:
        """Listen there no longer."""
        server = self._servers.pop(host)
        server.close()
        await server.wait_closed()

    async def stop(self) -> None:
        """Listen nowhere."""
        for host in [*self._servers]:
            await self.close(host)

    @staticmethod
    async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            assert b"authorization" not in request.lower()
            if request.startswith(b"GET "):
                writer.write(
                    b"HTTP/1.1 200 OK\r\nServer: Toaster\r\nContent-Type: text/html\r\n"
                    b"Connection: close\r\nContent-Length: 22\r\n\r\n<title>Kitchen</title>"
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it only looked whether the port is open
        finally:
            writer.close()


@pytest_asyncio.fixture
async def hosts() -> AsyncIterator[Hosts]:
    """Two listeners."""
    hosts = Hosts()
    await hosts.open("127.0.0.71")
    await hosts.open("127.0.0.72")
    yield hosts
    await hosts.stop()


def asked(hosts: Hosts, **more: Any) -> dict[str, Any]:
    """Return what starts a scan of these hosts."""
    return {"ranges": ["127.0.0.70-127.0.0.75"], "ports": [hosts.port], **more}


def of_scan(scan_id: str, *states: str) -> Any:
    """Return a condition for events: they tell that a scan is in one of the states."""
    return lambda event: (
        event["kind"] == "scan"
        and event["scan"]["id"] == scan_id
        and (event["scan"]["state"] in states)
    )


def found_in(events: list[dict[str, Any]], scan_id: str) -> dict[str, dict[str, Any]]:
    """Return the newest result for each host that events tell of."""
    results: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.get("scan_id") == scan_id:
            for result in event.get("results") or [event["result"]]:
                results[result["host"]] = result
    return results


# --- WebSocket ------------------------------------------------------------------------------------


async def test_a_subscriber_sees_a_scan_from_start_to_end(stage: Stage, hosts: Hosts) -> None:
    socket = await stage.socket()
    _, snapshot = await socket.subscribe("scan/subscribe")
    assert snapshot == {"kind": "snapshot", "scans": [], "scan_id": None, "results": []}

    other = await stage.socket()
    started = (await other.call("scan/start", **asked(hosts)))["result"]["scan"]
    assert started["ranges"] == ["127.0.0.70-127.0.0.75"]
    assert (started["profile"], started["ports"]) == ("custom", [hosts.port])
    events = [await socket.event()]
    while not of_scan(started["id"], "finished")(events[-1]):
        events.append(await socket.event())
    assert events[-1]["scan"]["progress"]["addresses_done"] == 6
    # Everything that it found was told before that it is over.
    results = found_in(events, started["id"])
    assert sorted(results) == ["127.0.0.71", "127.0.0.72"]
    assert [answer["title"] for answer in results["127.0.0.71"]["http"]] == ["Kitchen"]

    late = await stage.socket()
    _, snapshot = await late.subscribe("scan/subscribe")
    assert snapshot["scan_id"] == started["id"]
    assert {one["host"]: one for one in snapshot["results"]} == results
    listed = await other.call("scan/results", scan_id=started["id"])
    assert {one["host"]: one for one in listed["result"]["results"]} == results
    history = (await other.call("scan/history"))["result"]["scans"]
    assert [scan["id"] for scan in history] == [started["id"]]
    assert history == snapshot["scans"]


async def test_who_follows_one_scan_hears_of_no_other_s_results(stage: Stage) -> None:
    socket = await stage.socket()
    first = (await socket.call("scan/start", ranges="127.0.0.70", ports=[9]))["result"]["scan"]
    _, snapshot = await socket.subscribe("scan/subscribe", scan_id=first["id"])
    assert snapshot["scan_id"] == first["id"]
    bus = stage.hub.bus
    bus.publish(ScanResultFound("another", ScanResult("192.0.2.1")))
    bus.publish(ScanResultFound(first["id"], ScanResult("192.0.2.2")))
    event = await socket.event_where(lambda event: event["kind"] in ("result", "results"))
    assert (event["scan_id"], event["result"]["host"]) == (first["id"], "192.0.2.2")
    refused = await socket.call("scan/subscribe", scan_id="no-such")
    assert (refused["success"], refused["code"]) == (False, "NOT_FOUND")


async def test_ending_a_subscription_leaves_no_listener(stage: Stage) -> None:
    listeners = stage.hub.bus.listener_count
    socket = await stage.socket()
    number, _ = await socket.subscribe("scan/subscribe")
    await socket.subscribe("scan/subscribe")
    await socket.call("unsubscribe", subscription=number)
    await socket.ws.close()
    await until(lambda: stage.hub.bus.listener_count == listeners)


async def test_a_scan_is_paused_and_resumed_and_cancelled(stage: Stage) -> None:
    follower, socket = await stage.socket(), await stage.socket()
    await follower.subscribe("scan/subscribe")
    scan = (await socket.call("scan/start", **LONG))["result"]["scan"]
    await follower.event_where(of_scan(scan["id"], "running"))
    paused = await socket.call("scan/pause", scan_id=scan["id"])
    assert paused["result"]["scan"]["state"] == "paused"
    await follower.event_where(of_scan(scan["id"], "paused"))
    await socket.call("scan/resume", scan_id=scan["id"])
    await follower.event_where(of_scan(scan["id"], "running"))
    cancelled = await socket.call("scan/cancel", scan_id=scan["id"])
    assert cancelled["result"]["scan"]["state"] == "cancelled"
    await follower.event_where(of_scan(scan["id"], "cancelled"))
    for command in ("pause", "resume", "cancel", "results", "compare"):
        answer = await socket.call(f"scan/{command}", scan_id="no-such")
        assert (answer["success"], answer["code"]) == (False, "NOT_FOUND"), command


async def test_the_results_shown_first_are_those_of_the_scan_that_runs(
    stage: Stage, hosts: Hosts
) -> None:
    socket = await stage.socket()
    running = (await socket.call("scan/start", **LONG))["result"]["scan"]
    waiting = (await socket.call("scan/start", **asked(hosts)))["result"]["scan"]
    assert waiting["state"] == "queued"
    follower = await stage.socket()
    _, snapshot = await follower.subscribe("scan/subscribe")
    assert snapshot["scan_id"] == running["id"]
    await socket.call("scan/cancel", scan_id=running["id"])
    # Now the other one's turn has come.
    await follower.event_where(of_scan(waiting["id"], "running"))
    await follower.event_where(of_scan(waiting["id"], "finished"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"ranges": "127.0.0.0/8"}, "SCAN_TOO_LARGE"),
        ({"ranges": "8.8.8.8"}, "SCAN_PUBLIC"),
        ({"ranges": "8.8.8.8", "confirmed": True}, "SCAN_PUBLIC"),
        ({"ranges": "the whole house"}, "VALIDATION_ERROR"),
        ({"ranges": []}, "VALIDATION_ERROR"),
        ({"ranges": ""}, "VALIDATION_ERROR"),
        ({"ranges": "127." * 20_000}, "VALIDATION_ERROR"),
        ({}, "VALIDATION_ERROR"),
        ({"ranges": "127.0.0.1", "profile": "everything"}, "VALIDATION_ERROR"),
        ({"ranges": "127.0.0.1", "ports": [0]}, "VALIDATION_ERROR"),
        ({"ranges": "127.0.0.1", "ports": "http"}, "VALIDATION_ERROR"),
        ({"ranges": "127.0.0.1", "confirmed": "yes"}, "VALIDATION_ERROR"),
        ({"ranges": "127.0.0.1", "speed": "ludicrous"}, "VALIDATION_ERROR"),
    ],
    ids=[
        "too many addresses",
        "a public address",
        "a confirmed public address",
        "no addresses",
        "an empty list",
        "an empty text",
        "a giant text",
        "nothing",
        "no such profile",
        "no port",
        "no ports",
        "no boolean",
        "no such option",
    ],
)
async def test_a_scan_that_may_not_be_is_refused(
    stage: Stage, arguments: dict[str, Any], code: str
) -> None:
    socket = await stage.socket()
    answer = await socket.call("scan/start", **arguments)
    assert (answer["success"], answer["code"]) == (False, code)
    async with stage.client(stage.admin).post("/api/scan", json=arguments) as response:
        assert (response.status, (await response.json())["code"]) == (400, code)
    assert stage.hub.scans.list() == []


async def test_how_many_addresses_are_too_many_is_told_in_spanish_too(stage: Stage) -> None:
    socket = await stage.socket(**{"Accept-Language": "es"})
    answer = await socket.call("scan/start", ranges="127.0.0.0/16")
    assert answer["error"] == "Tantas direcciones solo se exploran si se confirma."
    assert answer["details"] == {"count": 65_534, "limit": 4096}


async def test_scans_are_for_administrators(stage: Stage) -> None:
    socket = await stage.socket(stage.viewer)
    arguments: dict[str, dict[str, Any]] = {
        "start": {"ranges": "127.0.0.1"},
        "pause": {"scan_id": "x"},
        "resume": {"scan_id": "x"},
        "cancel": {"scan_id": "x"},
        "subscribe": {},
        "history": {},
        "results": {"scan_id": "x"},
        "compare": {"scan_id": "x"},
    }
    for command, more in arguments.items():
        answer = await socket.call(f"scan/{command}", **more)
        assert (answer["success"], answer["code"]) == (False, "FORBIDDEN"), command
    viewer, stranger = stage.client(stage.viewer), stage.client()
    for method, path in (
        ("GET", "/api/scan"),
        ("POST", "/api/scan"),
        ("GET", "/api/scan/x"),
        ("GET", "/api/scan/x/compare"),
        ("POST", "/api/scan/x/pause"),
        ("POST", "/api/scan/x/resume"),
        ("POST", "/api/scan/x/cancel"),
        ("POST", "/api/scan/access"),
    ):
        body: dict[str, Any] | None = {} if method == "POST" else None
        for client, status in ((viewer, 403), (stranger, 401)):
            async with client.request(method, path, json=body) as response:
                assert response.status == status, path


# --- REST -----------------------------------------------------------------------------------------


async def over(client: aiohttp.ClientSession, location: str) -> dict[str, Any]:
    """Return a scan once it is over, with its results."""
    async with asyncio.timeout(20):
        while True:
            async with client.get(location) as answer:
                assert answer.status == 200
                body: dict[str, Any] = await answer.json()
            if body["scan"]["finished"] is not None:
                return body
            await asyncio.sleep(0.05)


async def test_a_scan_is_started_read_and_compared_with_the_one_before(
    stage: Stage, hosts: Hosts
) -> None:
    client = stage.client(stage.admin)
    async with client.post("/api/scan", json=asked(hosts)) as answer:
        assert answer.status == 202
        location = answer.headers["Location"]
        first = (await answer.json())["scan"]
    assert location == f"/api/scan/{first['id']}"
    body = await over(client, location)
    assert body["scan"]["state"] == "finished"
    assert sorted(result["host"] for result in body["results"]) == ["127.0.0.71", "127.0.0.72"]
    async with client.get(f"{location}/compare") as answer:
        assert await answer.json() == {"before": None, "new": [], "gone": [], "changed": []}

    async with client.post("/api/scan", json=asked(hosts)) as answer:
        assert answer.status == 200
        assert answer.headers["Location"] == location
        cached = (await answer.json())["scan"]
    assert (cached["id"], cached["cached"], cached["hits"]) == (first["id"], True, 1)

    await hosts.close("127.0.0.72")
    await hosts.open("127.0.0.73")
    async with client.post("/api/scan", json=asked(hosts, force=True)) as answer:
        assert answer.status == 202
        location = answer.headers["Location"]
    second = (await over(client, location))["scan"]
    assert second["id"] != first["id"]
    async with client.get(f"{location}/compare") as answer:
        compared = await answer.json()
    assert (compared["before"], compared["new"]) == (first["id"], ["127.0.0.73"])
    assert [result["host"] for result in compared["gone"]] == ["127.0.0.72"]
    socket = await stage.socket()
    told = await socket.call("scan/compare", scan_id=second["id"], other_id=first["id"])
    assert told["result"] == compared
    async with client.get(f"{location}/compare", params={"other_id": "no-such"}) as answer:
        assert answer.status == 404
    async with client.get("/api/scan") as answer:
        listed = (await answer.json())["scans"]
    assert [scan["id"] for scan in listed] == [second["id"], first["id"]]


async def test_a_scan_is_paused_resumed_and_cancelled_over_rest(stage: Stage) -> None:
    client = stage.client(stage.admin)
    async with client.post("/api/scan", json=LONG) as answer:
        location = answer.headers["Location"]
    for action, states in (
        ("pause", ["paused"]),
        ("resume", ["running"]),
        ("cancel", ["cancelled"]),
    ):
        async with client.post(f"{location}/{action}") as answer:
            assert answer.status == 200
            assert (await answer.json())["scan"]["state"] in states
    for action in ("pause", "resume", "cancel"):
        async with client.post(f"/api/scan/no-such/{action}") as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "NOT_FOUND")


async def test_scans_of_the_past_are_there_after_a_start(stage: Stage, hosts: Hosts) -> None:
    client = stage.client(stage.admin)
    async with client.post("/api/scan", json=asked(hosts)) as answer:
        location = answer.headers["Location"]
    before = await over(client, location)
    await stage.restart()
    assert await over(stage.client(stage.admin), location) == before
    socket = await stage.socket()
    assert (await socket.call("scan/history", limit=1))["result"]["scans"] == [before["scan"]]
    _, snapshot = await socket.subscribe("scan/subscribe")
    assert snapshot["results"] == before["results"]


async def test_who_started_a_scan_of_what_is_in_the_audit_log(stage: Stage, hosts: Hosts) -> None:
    client = stage.client(stage.admin)
    async with client.post("/api/scan", json=asked(hosts)) as answer:
        assert answer.status == 202
    socket = await stage.socket()
    await socket.call("scan/start", ranges="127.0.0.80", ports=[9])
    noted = [
        (entry.actor, entry.action, entry.target)
        for entry in await AuditLog(stage.hub.database).list()
        if entry.action == "scan.start"
    ]
    assert noted == [
        ("token test admin", "scan.start", "127.0.0.80"),
        ("token test admin", "scan.start", "127.0.0.70-127.0.0.75"),
    ]


async def test_each_command_and_address_is_described(stage: Stage) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    commands = [kind for kind in BUILT_IN if kind.startswith(("scan/", "discovery/"))]
    assert len(commands) == 16
    for kind in commands:
        assert f"`{kind}`" in text, kind
    paths = {
        route.resource.canonical for route in stage.server.app.router.routes() if route.resource
    }
    for path in paths:
        if path.startswith(("/api/scan", "/api/discovery")):
            last = path.rpartition("/")[2]
            assert f"{path}`" in text or f"{path}?" in text or f"`…/{last}`" in text, path


# --- what is sent ---------------------------------------------------------------------------------


def test_what_hosts_say_does_not_show_secrets() -> None:
    redactor = Redactor()
    redactor.add("swordfish")
    redactor.add("192.0.2.1")
    said = "my swordfish"
    result = ScanResult(
        "192.0.2.1",
        (80, 554),
        manufacturer=said,
        model=said,
        name=said,
        integration="swordfish",
        evidence=(said,),
        rtsp=(RtspAnswer(554, 401, said, said, said),),
        http=(HttpAnswer(80, 200, False, said, said, said),),
    )
    change = HostChange("192.0.2.1", (80,), (), result)
    comparison = ScanComparison("before", (), (result,), (change,))
    told = result_view(result, redactor)
    assert str(told).count("swordfish") == 1
    assert (told["host"], told["integration"]) == ("192.0.2.1", "swordfish")
    compared = comparison_view(comparison, redactor)
    assert compared["gone"] == [told]
    assert compared["changed"][0]["was"] == told
    failed = ScanView(
        "a", (), "quick", (), ScanState.FAILED, 0.0, error=Problem("SERVICE_ERROR", said)
    )
    assert scan_view(failed, redactor)["error"]["message"] == "my **redacted**"


class _Scans:
    """Scans as the hub keeps them, for what is sent of them."""

    def __init__(self) -> None:
        self.scans: dict[str, ScanView] = {}
        self.found: dict[str, dict[str, ScanResult]] = {}

    def results(self, scan_id: str) -> list[ScanResult]:
        if scan_id not in self.scans:
            raise NotFoundError
        return [*self.found.get(scan_id, {}).values()]

    def list(self) -> list[ScanView]:
        return [*self.scans.values()]


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["found", "found", "progress", "over", "take"]),
        st.sampled_from("ab"),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(_STEPS, st.sampled_from([None, "a"]))
@example([("take", "a", 0), ("progress", "a", 1), ("found", "a", 1), ("over", "a", 2)], None)
@example(
    [
        *(("take", "a", 0), ("progress", "a", 1), ("take", "a", 0)),
        *(("found", "a", 1), ("over", "a", 2)),
    ],
    "a",
)
def test_no_result_is_lost_however_seldom_a_client_reads(
    steps: list[tuple[str, str, int]], wanted: str | None
) -> None:
    scans = _Scans()
    topic = _ScanTopic(scans, Redactor(), lambda: None, wanted)  # type: ignore[arg-type]  # as much as it needs
    told_scans: dict[str, Any] = {}
    told: dict[str, dict[str, Any]] = {}
    running: set[str] = set()
    begun = False

    def read() -> bool:
        nonlocal begun
        text = topic.take()
        if text is None:
            return False
        event = orjson.loads(text)
        if event["kind"] == "snapshot":
            begun = True
            told_scans.update({scan["id"]: scan for scan in event["scans"]})
            running.update(told_scans, {event["scan_id"]})
            for one in event["results"]:
                told.setdefault(event["scan_id"], {})[one["host"]] = one
        elif event["kind"] == "scan":
            scan = event["scan"]
            told_scans[scan["id"]] = scan
            if ScanState(scan["state"]).over and wanted in (None, scan["id"]):
                # Nothing is to come any more, apart from what was before the snapshot.
                assert set(told.get(scan["id"], {})) >= after.get(scan["id"], set())
            else:
                running.add(scan["id"])
        else:
            # Whoever shows the newest scan knows already that this one is it.
            assert event["scan_id"] in running
            for one in event.get("results") or [event["result"]]:
                told.setdefault(event["scan_id"], {})[one["host"]] = one
        return True

    after: dict[str, set[str]] = {}
    for step, scan_id, number in steps:
        before = scans.scans.get(scan_id)
        if step == "take":
            read()
        elif before is not None and before.state.over:
            continue  # nothing happens to it any more
        elif step == "found" and before is not None:
            result = ScanResult(f"192.0.2.{number}", (number,), name=str(len(told)))
            scans.found.setdefault(scan_id, {})[result.host] = result
            if begun:
                after.setdefault(scan_id, set()).add(result.host)
            topic.found(ScanResultFound(scan_id, result))
        else:
            state = ScanState.FINISHED if step == "over" else ScanState.RUNNING
            view = ScanView(scan_id, (), "quick", (), state, float(number))
            scans.scans[scan_id] = view
            topic.changed(ScanChanged(view))
    while read():
        pass
    if not begun:
        return
    for scan_id in scans.scans if wanted is None else {wanted} & set(scans.scans):
        now = {one.host: result_view(one, Redactor()) for one in scans.results(scan_id)}
        for host in after.get(scan_id, ()):
            assert told[scan_id][host] == now[host]
    for scan_id, scan in scans.scans.items():
        assert told_scans[scan_id]["started"] == scan.started


async def test_a_burst_of_results_comes_in_few_messages(stage: Stage) -> None:
    socket = await stage.socket()
    await socket.subscribe("scan/subscribe")
    for number in range(1000):
        result = ScanResult(f"192.0.{number // 256}.{number % 256}", (80,))
        stage.hub.bus.publish(ScanResultFound("a-scan", result))
    events: list[dict[str, Any]] = []
    while len(found_in(events, "a-scan")) < 1000:
        events.append(await socket.event())
    assert len(events) <= 10


async def test_a_client_that_falls_too_far_behind_begins_anew(
    stage: Stage, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_module, "_MAX_WAITING", 100)
    socket, other = await stage.socket(), await stage.socket()
    await socket.subscribe("scan/subscribe")
    scan = (await other.call("scan/start", **asked(hosts)))["result"]["scan"]
    await socket.event_where(of_scan(scan["id"], "finished"))
    for number in range(150):
        stage.hub.bus.publish(ScanResultFound("other", ScanResult(f"192.0.2.{number}")))
    event = await socket.event_where(lambda event: event["kind"] == "snapshot")
    assert event["scan_id"] == scan["id"]
    assert sorted(result["host"] for result in event["results"]) == ["127.0.0.71", "127.0.0.72"]


def test_the_first_message_has_only_so_many_results_and_the_rest_follow() -> None:
    scans = _Scans()
    scans.scans["a"] = ScanView("a", (), "quick", (), ScanState.FINISHED, 0.0)
    scans.found["a"] = {f"192.0.{n // 256}.{n % 256}": ScanResult(f"{n}") for n in range(450)}
    topic = _ScanTopic(scans, Redactor(), lambda: None, "a")  # type: ignore[arg-type]  # as above
    events = []
    while text := topic.take():
        events.append(orjson.loads(text))
    assert [len(event["results"]) for event in events] == [200, 200, 50]
    assert len({one["host"] for event in events for one in event["results"]}) == 450


def test_a_scan_that_is_forgotten_while_it_is_followed_has_no_results() -> None:
    topic = _ScanTopic(_Scans(), Redactor(), lambda: None, "gone")  # type: ignore[arg-type]  # as above
    told = orjson.loads(topic.take() or b"")
    assert told == {"kind": "snapshot", "scans": [], "scan_id": "gone", "results": []}
