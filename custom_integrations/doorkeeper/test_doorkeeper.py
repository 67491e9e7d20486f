"""Doorkeeper stations, tried with one made of software."""

import asyncio
import json
from pathlib import Path

import pytest

from doorkeeper import Doorkeeper
from doorkeeper.api import MAX_LINE, EventReader
from ucv import Doorbell, Motion, NotSupported, OtherEvent, ProtocolError, PtzVector, events
from ucv.testing import Answer, FakeClock, VirtualCamera, assert_integration_contract, jpeg, until


class DoorStation(VirtualCamera):
    """A station as its maker describes it; `press` and `move` are what happens at the door.

    ``token`` is that of the hub it was paired with, ``code`` what its display shows. ``moves`` and
    ``lit`` are what it was told, ``features`` what it has.
    """

    def __init__(self, *, token="token-of-this-hub", features=("motor", "light"), **options):
        super().__init__("Doorkeeper", paths=("/door/high", "/door/low"), **options)
        self.token = token
        self.features = list(features)
        self.code = ""
        self.moves = []
        self.lit = False
        self.positions = {1: "Gate"}
        self._codes = iter(["482913", "105577", "930146", "774420"])
        self._told = []
        self._news = asyncio.Condition()
        route = self.http.route
        route("/api/station", lambda _: self._station())
        route("/picture.jpg", lambda _: jpeg("Doorkeeper"))
        route("/api/pairing", lambda request: {"paired": self._knows(request)})
        route("/api/pairing", self._show_code, method="POST")
        route("/api/pairing", self._pair, method="PUT")
        route("/api/events", self._events)
        route("/api/move", lambda request: self._moved(request.json()), method="POST")
        route("/api/stop", lambda _: self._moved("stop"), method="POST")
        route("/api/home", lambda _: self._moved("home"), method="POST")
        route("/api/positions", lambda _: [self._position(number) for number in self.positions])
        route("/api/positions", self._remember, method="POST")
        route("/api/light", lambda _: {"on": self.lit})
        route("/api/light", self._switch, method="PUT")
        self._offer(1)

    async def press(self):
        await self._tell(type="ring", at=1_700_000_000)

    async def notice(self, active):
        await self._tell(type="motion", active=active, zone="path")

    async def _tell(self, **told):
        async with self._news:
            self._told.append({"number": len(self._told) + 1, **told})
            self._news.notify_all()

    def _station(self):
        return {
            "serial": "DK-7001",
            "model": "Door Two",
            "firmware": "4.1",
            "features": self.features,
        }

    def _knows(self, request):
        return bool(self.token) and request.headers.get("x-doorkeeper-token") == self.token

    def _show_code(self, _request):
        self.code = next(self._codes)
        return Answer(202)

    def _pair(self, request):
        if request.json()["code"] != self.code:
            return Answer(403)
        self.token = f"token-for-{self.code}"
        return {"token": self.token}

    def _events(self, request):
        if not self._knows(request):
            return Answer(403)
        after = int(request.query.get("after", len(self._told)))
        return Answer(200, {"Content-Type": "application/x-ndjson"}, self._lines(after))

    async def _lines(self, after):
        yield b'{"type": "alive"}\n'
        while True:
            while len(self._told) > after:
                yield json.dumps(self._told[after]).encode() + b"\n"
                after += 1
            async with self._news:
                await self._news.wait()

    def _moved(self, how):
        self.moves.append(how)
        return Answer(204)

    def _position(self, number):
        return {"id": number, "name": self.positions[number]}

    def _offer(self, number):
        go, forget = f"/api/positions/{number}/go", f"/api/positions/{number}"
        self.http.route(go, lambda _: self._moved(f"to {self.positions[number]}"), method="POST")
        self.http.route(forget, lambda _: self._forget(number), method="DELETE")

    def _remember(self, request):
        number = max(self.positions) + 1
        self.positions[number] = request.json()["name"]
        self._offer(number)
        return self._position(number)

    def _forget(self, number):
        del self.positions[number]
        return Answer(204)

    def _switch(self, request):
        self.lit = request.json()["on"]
        return Answer(204)


async def door(kit, station, **more):
    """Add a station to a hub."""
    entry = {"integration": "doorkeeper", "id": "door", **station.config, **more}
    return await kit.add(entry)


def reported(kit):
    """Return the list that events of cameras go to from now on."""
    seen = []
    kit.hub.bus.subscribe(events.CameraReported, lambda told: seen.append(told.event))
    return seen


async def test_it_keeps_the_contract():
    await assert_integration_contract(Doorkeeper, DoorStation())


async def test_its_folder_is_a_plugin(ucv_hub):
    async with DoorStation() as station:
        kit = await ucv_hub(Path(__file__).parent)
        entry = await door(kit, station)
        assert entry.status.state == "loaded"
        assert kit.hub.cameras.get("door").model == "Door Two"
        assert "doorkeeper" in {handler.domain for handler in kit.hub.plugins.discovery}


# --- pairing --------------------------------------------------------------------------------------


async def flow_of(kit, station):
    """Begin to add a station, as far as its own steps."""
    flow = await kit.hub.flows.start("doorkeeper")
    return await kit.hub.flows.submit(flow.id, station.config, wait=20)


async def test_a_person_types_the_code_that_the_station_shows(ucv_hub):
    async with DoorStation(token=None) as station:
        kit = await ucv_hub(Doorkeeper)
        flow = await flow_of(kit, station)
        assert (flow.page.step, list(flow.page.options)) == ("bell", ["pair", "later"])
        flow = await kit.hub.flows.submit(flow.id, choice="pair")
        assert flow.page.step == "pair"

        flow = await kit.hub.flows.submit(flow.id, {"code": "12"})
        assert [error.message for error in flow.page.errors] == ["expected six digits"]
        flow = await kit.hub.flows.submit(flow.id, {"code": "000000"})
        assert "another code" in flow.page.error.message
        flow = await kit.hub.flows.submit(flow.id, {"code": station.code})

        assert flow.page.step == "options"
        flow = await kit.hub.flows.submit(flow.id, {"motion": False, "speed": 20})
        flow = await kit.hub.flows.submit(flow.id, {"name": "Front door"}, wait=20)
        entry = await kit.rest(flow.page.entry_id)
        assert entry.status.state == "loaded"
        assert entry.config.secrets == {"password", "token"}
        assert (entry.config.data["motion"], entry.config.data["speed"]) == (False, 20)
        assert "events" in kit.hub.cameras.get(entry.config.id).capabilities
        # The person may be told of the code, nobody of what it was exchanged for.
        assert station.token not in repr(entry)


async def test_three_wrong_codes_end_the_flow(ucv_hub):
    async with DoorStation(token=None) as station:
        kit = await ucv_hub(Doorkeeper)
        flow = await flow_of(kit, station)
        flow = await kit.hub.flows.submit(flow.id, choice="pair")
        for _ in range(3):
            flow = await kit.hub.flows.submit(flow.id, {"code": "000000"})
        assert (flow.page.kind, flow.page.reason) == ("abort", "not_paired")
        assert kit.hub.entries.list() == []


async def test_without_pairing_it_is_a_camera_and_no_bell(ucv_hub):
    async with DoorStation(token=None) as station:
        kit = await ucv_hub(Doorkeeper)
        flow = await flow_of(kit, station)
        flow = await kit.hub.flows.submit(flow.id, choice="later")
        flow = await kit.hub.flows.submit(flow.id, {})
        flow = await kit.hub.flows.submit(flow.id, {"name": "Front door"}, wait=20)
        entry = await kit.rest(flow.page.entry_id)
        capabilities = kit.hub.cameras.get(entry.config.id).capabilities
        assert set(capabilities) == {"light", "ptz", "ptz_home", "ptz_presets", "snapshot"}


async def test_a_station_that_forgot_the_hub_is_paired_again(ucv_hub):
    async with DoorStation() as station:
        kit = await ucv_hub(Doorkeeper)
        await door(kit, station, token="token-before-the-reset")
        await kit.reaches("door", "auth_failed")
        # The hub has begun the flow by itself; this one returns it.
        assert [flow.source for flow in kit.hub.flows.list()] == ["reauth"]
        flow = await kit.hub.flows.start("doorkeeper", "reauth", entry_id="door")
        assert "pair it again" in flow.page.text
        flow = await kit.hub.flows.submit(flow.id, {"username": station.username}, wait=20)
        assert flow.page.step == "pair"
        flow = await kit.hub.flows.submit(flow.id, {"code": station.code}, wait=20)
        assert flow.page.kind == "done"
        await kit.reaches("door", "loaded")
        await until(lambda: station.http.counters.requests.get("/api/events", 0) >= 2)


# --- events ---------------------------------------------------------------------------------------


async def test_it_tells_who_rings_and_what_moves(ucv_hub):
    async with DoorStation() as station:
        kit = await ucv_hub(Doorkeeper)
        seen = reported(kit)
        await door(kit, station, token=station.token)
        await until(lambda: station.http.counters.requests.get("/api/events"))
        await station.press()
        await station.notice(True)
        await station.notice(False)
        await until(lambda: len(seen) == 3)
        assert seen == [
            Doorbell(at=1_700_000_000.0),
            Motion(active=True, source="path"),
            Motion(active=False, source="path"),
        ]


async def test_whoever_wants_the_bell_alone_is_not_told_of_motion(ucv_hub):
    async with DoorStation() as station:
        kit = await ucv_hub(Doorkeeper)
        seen = reported(kit)
        await door(kit, station, token=station.token, motion=False)
        await until(lambda: station.http.counters.requests.get("/api/events"))
        await station.notice(True)
        await station.press()
        await until(lambda: seen)
        assert seen == [Doorbell(at=1_700_000_000.0)]


async def test_a_ring_while_the_connection_was_broken_is_not_lost(ucv_hub):
    clock = FakeClock()
    async with DoorStation() as station:
        kit = await ucv_hub(Doorkeeper, clock=clock)
        seen = reported(kit)
        await door(kit, station, token=station.token)
        asked = station.http.counters.requests
        await until(lambda: asked.get("/api/events"))
        await station.notice(True)
        await until(lambda: len(seen) == 1)

        station.http.faults.refuse = True
        await until(lambda: station.http.counters.open == 0)
        await station.press()
        station.http.faults.refuse = False
        for _ in range(100):
            if len(seen) > 1:
                break
            await clock.advance(0.5)
            await asyncio.sleep(0.02)
        assert isinstance(seen[1], Doorbell)
        assert station.http.requests[-1].query == {"after": "1"}


LINES = (
    b'{"type": "alive"}\r\n\n{"number": 7, "type": "ring"}\n'
    b'{"number": 8, "type": "motion", "active": true, "zone": "path", "at": "noon"}\n'
    b'{"number": 9, "type": "door_open"}\n{"number": 10, "ty'
)


def test_events_are_the_same_wherever_the_stream_is_cut():
    for cut in range(len(LINES) + 1):
        reader = EventReader()
        assert reader.feed(LINES[:cut]) + reader.feed(LINES[cut:]) == [
            (7, Doorbell()),
            (8, Motion(active=True, source="path")),
            (9, OtherEvent(name="door_open")),
        ]


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[]",
        b"7",
        b'{"type": 7, "number": 1}',
        b'{"type": "ring"}',
        b'{"type": "ring", "number": true}',
        b'{"type": "motion", "number": 1, "active": "yes"}',
        b"[" * 10_000,
    ],
)
def test_what_is_no_event_is_the_stations_fault_and_not_ours(line):
    with pytest.raises(ProtocolError):
        EventReader().feed(line + b"\n")


def test_a_line_that_never_ends_is_not_kept():
    reader = EventReader()
    assert reader.feed(b" " * MAX_LINE) == []
    with pytest.raises(ProtocolError):
        reader.feed(b" ")


# --- movement and light ---------------------------------------------------------------------------


async def test_it_moves_as_fast_as_the_options_say(ucv_hub):
    async with DoorStation() as station:
        kit = await ucv_hub(Doorkeeper)
        await door(kit, station, speed=50)
        ask = kit.hub.control.ask
        await ask("door", "ptz_move", PtzVector(pan=-1.0, zoom=0.5))
        await ask("door", "ptz_stop")
        await ask("door", "ptz_home")
        assert station.moves == [{"pan": -0.5, "tilt": 0.0, "zoom": 0.25}, "stop", "home"]

        flow = await kit.hub.flows.start("doorkeeper", "options", entry_id="door")
        await kit.hub.flows.submit(flow.id, {"speed": 100}, wait=20)
        await kit.reaches("door", "loaded")
        await ask("door", "ptz_move", PtzVector(tilt=1.0))
        assert station.moves[-1] == {"pan": 0.0, "tilt": 1.0, "zoom": 0.0}


async def test_a_station_that_moves_is_stopped_before_it_is_let_go_of(ucv_hub):
    async with DoorStation() as station:
        kit = await ucv_hub(Doorkeeper)
        await door(kit, station)
        await kit.hub.control.ask("door", "ptz_move", PtzVector(pan=1.0))
        await kit.hub.entries.delete("door")
        assert station.moves[-1] == "stop"


async def test_it_remembers_positions(ucv_hub):
    async with DoorStation() as station:
        kit = await ucv_hub(Doorkeeper)
        await door(kit, station)
        ask = kit.hub.control.ask
        made = await ask("door", "ptz_create_preset", "Letter box")
        assert [preset.name for preset in await ask("door", "ptz_presets")] == [
            "Gate",
            "Letter box",
        ]
        await ask("door", "ptz_goto_preset", made.id)
        assert station.moves == ["to Letter box"]
        await ask("door", "ptz_delete_preset", made.id)
        assert station.positions == {1: "Gate"}
        before = station.http.counters.total
        with pytest.raises(ProtocolError):
            await ask("door", "ptz_goto_preset", "../light")
        assert station.http.counters.total == before


async def test_its_light_is_switched(ucv_hub):
    async with DoorStation() as station:
        kit = await ucv_hub(Doorkeeper)
        await door(kit, station)
        await kit.hub.control.ask("door", "set_light", on=True)
        assert station.lit
        assert await kit.hub.control.ask("door", "light") is True


async def test_a_station_without_motor_and_light_does_not_offer_them(ucv_hub):
    async with DoorStation(features=()) as station:
        kit = await ucv_hub(Doorkeeper)
        await door(kit, station)
        assert kit.hub.cameras.get("door").capabilities == ("snapshot",)
        with pytest.raises(NotSupported):
            await kit.hub.control.ask("door", "ptz_move", PtzVector(pan=1.0))
