"""Moving cameras, their light and reports, plugins and flows, over the WebSocket interface."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.frontend_bridge.conftest import Socket, Stage
from ucv.entries.control import MOVE_LIMIT
from ucv.testing.clock import FakeClock, until
from ucv_bridge.auth.principal import Principal

#: A vendor whose cameras move, and say so to the test.
PLUGIN = """
import asyncio

import voluptuous as vol

from ucv import (
    DayNight, DeviceInfo, Doorbell, Integration, InvalidAuth, Motion, Preset, Snapshot, fields,
    hookimpl,
)

DONE = []
REPORTS = asyncio.Queue()
PRESETS = {"1": Preset("1", "Gate")}


class Mover(Integration):
    domain = "mover"
    name = "Mover"
    options = ("speed",)
    schema = {
        **fields.HOST,
        **fields.CREDENTIALS,
        fields.describe("speed", label="Speed", help="Of turning."): fields.Integer(1, 8),
    }

    async def probe(self, device):
        if device.credentials and device.credentials.password == "wrong-password":
            raise InvalidAuth
        return DeviceInfo(unique_id=device.host, manufacturer="Mover", model="M1")

    async def streams(self, device):
        return []

    async def capabilities(self, device):
        everything = (
            "snapshot", "ptz", "ptz_home", "ptz_presets", "events", "day_night", "light", "reboot"
        )
        return everything if device.host != "127.0.0.9" else ("ptz_home",)

    async def snapshot(self, device):
        return Snapshot(b"a picture", "image/png" if device.host != "127.0.0.8" else "text/html")

    async def ptz_move(self, device, velocity):
        DONE.append(("move", velocity.pan, velocity.tilt, velocity.zoom))

    async def ptz_stop(self, device):
        DONE.append(("stop",))

    async def ptz_home(self, device):
        if device.host == "127.0.0.7":
            raise InvalidAuth
        DONE.append(("home",))

    async def ptz_presets(self, device):
        return list(PRESETS.values())

    async def ptz_goto_preset(self, device, preset_id):
        DONE.append(("go", preset_id))

    async def ptz_create_preset(self, device, name):
        PRESETS["2"] = Preset("2", name)
        return PRESETS["2"]

    async def ptz_delete_preset(self, device, preset_id):
        del PRESETS[preset_id]

    async def day_night(self, device):
        return DayNight.AUTO

    async def set_day_night(self, device, mode):
        DONE.append(("day_night", mode))

    async def light(self, device):
        return False

    async def set_light(self, device, *, on):
        DONE.append(("light", on))

    async def reboot(self, device):
        DONE.append(("reboot",))

    async def events(self, device):
        while True:
            yield await REPORTS.get()


@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Mover)
"""


@pytest_asyncio.fixture
async def moving(tmp_path: Path) -> AsyncIterator[Stage]:
    """A served hub with one camera that moves, and a clock to turn by hand."""
    stage = Stage(tmp_path / "config", FakeClock(epoch=1_795_000_000.0))
    (stage.path / "custom_integrations" / "mover.py").write_text(PLUGIN)
    await stage.start()
    await add(stage, "front")
    yield stage
    await stage.stop()


async def add(stage: Stage, camera_id: str, host: str = "127.0.0.1", **more: Any) -> None:
    await stage.hub.entries.create(
        {"id": camera_id, "name": camera_id, "integration": "mover", "host": host, **more}
    )
    await until(lambda: stage.hub.entries.status(camera_id).state in ("loaded", "auth_failed"))


def plugin(stage: Stage) -> dict[str, Any]:
    """Return what is in the plugin's module."""
    integration = stage.hub.plugins.integrations["mover"]
    found: dict[str, Any] = type(integration).probe.__globals__
    return found


async def test_a_camera_moves_and_stops(moving: Stage) -> None:
    socket = await moving.socket()
    assert (await socket.call("ptz/move", camera_id="front", pan=0.5, tilt=-1))["success"]
    assert (await socket.call("ptz/stop", camera_id="front"))["success"]
    assert plugin(moving)["DONE"] == [("move", 0.5, -1.0, None), ("stop",)]


@pytest.mark.parametrize("vector", [{}, {"pan": 1.5}, {"pan": "left"}, {"zoom": float("1e9")}])
async def test_a_movement_that_is_none_is_refused(moving: Stage, vector: dict[str, Any]) -> None:
    socket = await moving.socket()
    answer = await socket.call("ptz/move", camera_id="front", **vector)
    assert answer["code"] == "VALIDATION_ERROR"
    assert plugin(moving)["DONE"] == []


async def test_a_camera_is_stopped_when_nobody_renews_its_movement(moving: Stage) -> None:
    socket = await moving.socket()
    await socket.call("ptz/move", camera_id="front", pan=1)
    assert isinstance(moving.clock, FakeClock)
    await moving.clock.advance(MOVE_LIMIT - 1)
    assert ("stop",) not in plugin(moving)["DONE"]
    await moving.clock.advance(2)
    await until(lambda: plugin(moving)["DONE"][-1] == ("stop",))


async def test_a_camera_is_stopped_when_its_mover_loses_the_connection(moving: Stage) -> None:
    socket = await moving.socket()
    await socket.call("ptz/move", camera_id="front", pan=1)
    await socket.ws.close()
    await until(lambda: plugin(moving)["DONE"][-1] == ("stop",))


async def test_who_stopped_before_leaving_stops_nothing_twice(moving: Stage) -> None:
    socket, other = await moving.socket(), await moving.socket()
    await socket.call("ptz/move", camera_id="front", pan=1)
    await socket.call("ptz/stop", camera_id="front")
    await socket.ws.close()
    await other.call("ptz/home", camera_id="front")
    assert plugin(moving)["DONE"].count(("stop",)) == 1


async def test_presets_are_listed_made_gone_to_and_removed(moving: Stage) -> None:
    socket = await moving.socket()
    listed = await socket.call("ptz/presets", camera_id="front")
    assert listed["result"] == {"presets": [{"id": "1", "name": "Gate"}]}
    made = await socket.call("ptz/presets/create", camera_id="front", name="Door")
    assert made["result"] == {"preset": {"id": "2", "name": "Door"}}
    await socket.call("ptz/presets/go", camera_id="front", preset_id="2")
    await socket.call("ptz/presets/delete", camera_id="front", preset_id="2")
    assert ("go", "2") in plugin(moving)["DONE"]
    assert len((await socket.call("ptz/presets", camera_id="front"))["result"]["presets"]) == 1


async def test_light_and_day_and_night_are_read_and_set(moving: Stage) -> None:
    socket = await moving.socket()
    answer = await socket.call("imaging/get", camera_id="front")
    assert answer["result"] == {"day_night": "auto", "light": False}
    await socket.call("imaging/set", camera_id="front", day_night="night", light=True)
    assert plugin(moving)["DONE"] == [("day_night", "night"), ("light", True)]


async def test_nothing_is_told_of_a_camera_that_one_may_not_see(
    moving: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(moving, "fixed", "127.0.0.9")
    monkeypatch.setattr(Principal, "may_view", lambda _self, camera_id: camera_id == "front")
    socket = await moving.socket(moving.viewer)
    assert (await socket.call("imaging/get", camera_id="front"))["success"]
    for hidden in ("fixed", "none"):
        answer = await socket.call("imaging/get", camera_id=hidden)
        assert answer["code"] == "FORBIDDEN", hidden


async def test_a_camera_is_rebooted_and_that_is_noted(moving: Stage) -> None:
    socket = await moving.socket()
    assert (await socket.call("cameras/reboot", camera_id="front"))["success"]
    assert plugin(moving)["DONE"] == [("reboot",)]


async def test_what_a_camera_cannot_do_is_refused_even_if_its_vendor_can(moving: Stage) -> None:
    await add(moving, "fixed", "127.0.0.9")
    socket = await moving.socket()
    answer = await socket.call("ptz/move", camera_id="fixed", pan=1)
    assert answer["code"] == "NOT_SUPPORTED"
    assert moving.hub.cameras.get("fixed").capabilities == ("ptz_home",)
    light = await socket.call("imaging/get", camera_id="fixed")
    assert light["result"] == {"day_night": None, "light": None}


async def test_refused_credentials_stop_everything_until_a_person_acts(moving: Stage) -> None:
    await add(moving, "strict", "127.0.0.7")
    socket = await moving.socket()
    assert (await socket.call("ptz/home", camera_id="strict"))["code"] == "AUTH_FAILED"
    assert moving.hub.entries.status("strict").state == "auth_failed"


async def test_viewers_see_presets_and_move_nothing(moving: Stage) -> None:
    socket = await moving.socket(moving.viewer)
    assert (await socket.call("ptz/presets", camera_id="front"))["success"]
    for kind in ("ptz/move", "ptz/home", "cameras/reboot", "flows/list", "plugins/list"):
        answer = await socket.call(kind, camera_id="front")
        assert answer["code"] == "FORBIDDEN", kind
    assert plugin(moving)["DONE"] == []


async def test_what_cameras_report_reaches_clients_in_order(moving: Stage) -> None:
    socket = await moving.socket(moving.viewer)
    answer = await socket.call("cameras/events/subscribe")
    assert answer["success"]
    assert await socket.event() == {"kind": "snapshot", "active": []}
    module = plugin(moving)
    for event in (module["Motion"](active=True, source="zone 1"), module["Doorbell"]()):
        module["REPORTS"].put_nowait(event)
    first, second = await socket.event(), await socket.event()
    assert first["camera_id"] == "front"
    assert first["event"]["kind"] == "motion"
    assert first["event"]["active"] is True
    assert first["event"]["source"] == "zone 1"
    assert second["event"]["kind"] == "doorbell"
    assert second["received"] == moving.clock.time()
    late = await moving.socket(moving.viewer)
    await late.call("cameras/events/subscribe", camera_id="front")
    snapshot = await late.event()
    assert [(one["camera_id"], one["event"]["kind"]) for one in snapshot["active"]] == [
        ("front", "motion")
    ]


async def test_a_picture_of_the_camera_s_own_is_served_with_its_type(moving: Stage) -> None:
    client = moving.client(moving.viewer)
    async with client.get("/api/cameras/front/snapshot.jpg") as answer:
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert await answer.read() == b"a picture"


async def test_what_is_no_picture_is_never_served(moving: Stage) -> None:
    await add(moving, "liar", "127.0.0.8")
    client = moving.client(moving.viewer)
    async with client.get("/api/cameras/liar/snapshot.jpg") as answer:
        assert (answer.status, (await answer.json())["code"]) == (502, "PROTOCOL_ERROR")


# --- flows ----------------------------------------------------------------------------------------


def field(flow: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(f for f in flow["page"]["fields"] if f["name"] == name)
    return found


async def begin(socket: Socket, **arguments: Any) -> dict[str, Any]:
    answer = await socket.call("flows/start", **arguments)
    assert answer["success"], answer
    flow: dict[str, Any] = answer["result"]["flow"]
    return flow


async def test_a_camera_is_added_by_a_flow_and_everybody_sees_it(moving: Stage) -> None:
    socket, watcher = await moving.socket(), await moving.socket()
    _, snapshot = await watcher.subscribe("flows/subscribe")
    assert snapshot == {"kind": "snapshot", "flows": []}
    flow = await begin(socket, integration="mover")
    assert flow["page"]["kind"] == "form"
    assert field(flow, "host")["required"]
    seen = await watcher.event()
    assert (seen["kind"], seen["flow"]["id"]) == ("flow", flow["id"])
    values: dict[str, Any] = {"host": "127.0.0.2", "username": "u", "password": "wrong-password"}
    answer = await socket.call("flows/submit", flow_id=flow["id"], values=values)
    page = answer["result"]["flow"]["page"]
    assert page["error"]["code"] == "AUTH_FAILED"
    assert "wrong-password" not in str(answer)
    for given in ({**values, "password": "right"}, {"speed": 3}, {"name": "Hall"}):
        answer = await socket.call("flows/submit", flow_id=flow["id"], values=given)
    page = answer["result"]["flow"]["page"]
    assert page["kind"] == "done", page
    entry = moving.hub.entries.get(page["entry_id"]).config
    assert (entry.name, entry.unique_id, entry.data["speed"]) == ("Hall", "127.0.0.2", 3)
    await watcher.event_where(lambda event: event["flow"]["page"]["kind"] == "done")
    assert (await socket.call("flows/list"))["result"] == {"flows": []}


async def test_a_flow_can_be_cancelled_and_then_is_gone(moving: Stage) -> None:
    socket = await moving.socket()
    flow = await begin(socket, integration="mover")
    assert (await socket.call("flows/cancel", flow_id=flow["id"]))["success"]
    answer = await socket.call("flows/submit", flow_id=flow["id"], values={})
    assert answer["code"] == "NOT_FOUND"


async def test_a_flow_does_not_reach_where_no_camera_can_be(moving: Stage) -> None:
    socket = await moving.socket()
    flow = await begin(socket, integration="mover")
    values = {"host": "169.254.169.254"}
    answer = await socket.call("flows/submit", flow_id=flow["id"], values=values)
    assert answer["code"] == "ADDRESS_REFUSED"


async def test_options_are_changed_by_a_flow_of_their_own(moving: Stage) -> None:
    socket = await moving.socket()
    flow = await begin(socket, integration="mover", source="options", entry_id="front")
    assert [f["name"] for f in flow["page"]["fields"]] == ["speed"]
    answer = await socket.call("flows/submit", flow_id=flow["id"], values={"speed": 5})
    assert answer["result"]["flow"]["page"]["kind"] == "done"
    assert moving.hub.entries.get("front").config.data["speed"] == 5


# --- plugins --------------------------------------------------------------------------------------


async def test_integrations_are_listed_with_what_the_page_needs(moving: Stage) -> None:
    socket = await moving.socket(moving.viewer)
    listed = (await socket.call("integrations/list"))["result"]["integrations"]
    mover = next(one for one in listed if one["domain"] == "mover")
    assert mover["name"] == "Mover"
    assert mover["options"] is True
    assert mover["source"] == "folder"


async def test_a_plugin_is_reloaded_with_a_fault_told_and_the_old_one_kept(moving: Stage) -> None:
    socket = await moving.socket()
    file = moving.path / "custom_integrations" / "mover.py"
    file.write_text(PLUGIN.replace('name = "Mover"', 'name = "Mover 2"'))
    assert (await socket.call("plugins/reload", name="mover"))["success"]
    assert moving.hub.plugins.integrations["mover"].name == "Mover 2"
    await until(lambda: moving.hub.entries.status("front").state == "loaded")

    file.write_text("def broken(:\n")
    answer = await socket.call("plugins/reload", name="mover")
    assert answer["code"] == "PLUGIN_ERROR"
    assert "SyntaxError" in answer["error"]
    assert answer["details"]["line"] == 1
    assert moving.hub.entries.status("front").state == "loaded"
    listed = (await socket.call("plugins/list"))["result"]
    assert "mover" in [one["name"] for one in listed["plugins"]]
    assert [one["name"] for one in listed["quarantined"]] == ["mover"]

    file.write_text(PLUGIN)
    answer = await socket.call("plugins/release", name="mover")
    assert answer["result"]["quarantined"] == []


async def test_a_built_in_plugin_cannot_be_reloaded(moving: Stage) -> None:
    socket = await moving.socket()
    assert (await socket.call("plugins/reload", name="rtsp"))["code"] == "NOT_SUPPORTED"
    assert (await socket.call("plugins/reload", name="nobody"))["code"] == "NOT_FOUND"
