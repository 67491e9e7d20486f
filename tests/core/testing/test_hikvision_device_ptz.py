"""How the virtual Hikvision camera is moved, asked by aiohttp."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from xml.etree.ElementTree import Element, fromstring

import aiohttp
import pytest

from ucv.testing import FakeClock, until
from ucv.testing.hikvision import HikvisionDevice
from ucv.testing.ptz_model import PtzModel

PTZ = "/ISAPI/PTZCtrl/channels/1"
Ask = Callable[..., Awaitable[tuple[int, Element]]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def device(clock: FakeClock) -> AsyncIterator[HikvisionDevice]:
    async with HikvisionDevice(auth="none", clock=clock) as running:
        yield running


@pytest.fixture
async def ask(device: HikvisionDevice) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession() as session:

        async def answer(path: str, method: str = "GET", body: str = "") -> tuple[int, Element]:
            headers = {"Content-Type": "application/xml"} if body else {}
            async with session.request(
                method, f"{device.http.url}{path}", data=body or None, headers=headers
            ) as response:
                root = fromstring(await response.read())  # noqa: S314 - written by our own device
            for one in root.iter():
                one.tag = one.tag.rpartition("}")[2]
            return response.status, root

        yield answer


def moving(model: PtzModel) -> bool:
    """A function, for mypy believes that an attribute stays what it was found to be."""
    return model.moving


def move(pan: int = 0, tilt: int = 0, zoom: int = 0, more: str = "") -> str:
    axes = f"<pan>{pan}</pan><tilt>{tilt}</tilt><zoom>{zoom}</zoom>"
    return f"<PTZData>{axes}{more}</PTZData>"


def absolute(elevation: int, azimuth: int, zoom: int) -> str:
    return (
        f"<PTZData><AbsoluteHigh><elevation>{elevation}</elevation><azimuth>{azimuth}</azimuth>"
        f"<absoluteZoom>{zoom}</absoluteZoom></AbsoluteHigh></PTZData>"
    )


def preset(number: int, name: str) -> str:
    return (
        f"<PTZPreset><enabled>true</enabled><id>{number}</id>"
        f"<presetName>{name}</presetName></PTZPreset>"
    )


async def put(ask: Ask, path: str, body: str = "") -> str | None:
    """Return the statusCode that a PUT is answered with."""
    return (await ask(f"{PTZ}{path}", "PUT", body))[1].findtext("statusCode")


async def enabled(ask: Ask) -> dict[str | None, str | None]:
    """Return the names of the presets that are there, by id."""
    root = (await ask(f"{PTZ}/presets"))[1]
    return {
        one.findtext("id"): one.findtext("presetName")
        for one in root
        if one.findtext("enabled") == "true"
    }


# --- moving -------------------------------------------------------------------------------------


async def test_it_moves_until_zeros_stop_it(
    device: HikvisionDevice, ask: Ask, clock: FakeClock
) -> None:
    model = device.ptz[1]
    start = model.position
    assert await put(ask, "/continuous", move(60, -20)) == "1"
    assert moving(model)
    await clock.advance(0.2)
    position = model.position
    assert position.pan > start.pan
    assert position.tilt < start.tilt
    assert position.zoom == start.zoom
    assert await put(ask, "/continuous", move()) == "1"
    assert not moving(model)
    stopped = model.position
    await clock.advance(5)
    assert model.position == stopped


async def test_axes_that_are_not_named_do_not_move(device: HikvisionDevice, ask: Ask) -> None:
    assert await put(ask, "/continuous", "<PTZData><zoom>50</zoom></PTZData>") == "1"
    assert moving(device.ptz[1])
    assert await put(ask, "/continuous", "<PTZData/>") == "1"
    assert not moving(device.ptz[1])


@pytest.mark.parametrize(
    ("body", "code"),
    [(move(101), "6"), (move(0, -101), "6"), (move().replace("0", "fast", 1), "6"), ("<a", "5")],
    ids=["too fast", "too fast down", "no number", "no xml"],
)
async def test_speeds_that_cannot_be_are_refused(
    device: HikvisionDevice, ask: Ask, body: str, code: str
) -> None:
    assert await put(ask, "/continuous", body) == code
    assert device.ptz[1].moves == 0


async def test_a_momentary_movement_ends_by_itself(
    device: HikvisionDevice, ask: Ask, clock: FakeClock
) -> None:
    model = device.ptz[1]
    half = "<Momentary><duration>500</duration></Momentary>"
    assert await put(ask, "/momentary", move(50)) == "6"
    assert await put(ask, "/momentary", move(50, more=half)) == "1"
    await clock.advance(0.4)
    assert moving(model)
    await clock.advance(0.2)
    assert not moving(model)
    assert await put(ask, "/momentary", move(-50, more=half)) == "1"
    assert await put(ask, "/continuous", move(-10)) == "1"
    await clock.advance(0.6)
    assert moving(model)  # what came later is not ended by what came before


async def test_it_goes_where_it_is_told_and_says_where_it_is(ask: Ask, clock: FakeClock) -> None:
    assert await put(ask, "/absolute", absolute(450, 2700, 130)) == "1"
    await clock.advance(60)
    status = (await ask(f"{PTZ}/status"))[1]
    assert status.tag == "PTZStatus"
    assert status.findtext("AbsoluteHigh/elevation") == "450"
    assert status.findtext("AbsoluteHigh/azimuth") == "2700"
    assert status.findtext("AbsoluteHigh/absoluteZoom") == "130"
    assert await put(ask, "/absolute", absolute(450, 3601, 130)) == "6"
    assert await put(ask, "/absolute", absolute(901, 0, 130)) == "6"
    assert await put(ask, "/absolute", "<PTZData/>") == "6"


# --- presets and home ---------------------------------------------------------------------------


async def test_presets_are_set_visited_and_deleted(
    device: HikvisionDevice, ask: Ask, clock: FakeClock
) -> None:
    model = device.ptz[1]
    assert await enabled(ask) == {}
    assert await put(ask, "/absolute", absolute(100, 900, 10)) == "1"
    await clock.advance(60)
    there = model.position
    assert await put(ask, "/presets/3", preset(3, "Gate")) == "1"
    assert await enabled(ask) == {"3": "Gate"}
    assert await put(ask, "/absolute", absolute(800, 100, 200)) == "1"
    await clock.advance(60)
    assert model.position != there
    assert await put(ask, "/presets/3/goto") == "1"
    await clock.advance(60)
    assert model.position == there
    status, said = await ask(f"{PTZ}/presets/3", "DELETE")
    assert (status, said.findtext("statusCode")) == (200, "1")
    assert await enabled(ask) == {}
    assert await put(ask, "/presets/3/goto") == "4"
    assert (await ask(f"{PTZ}/presets/3", "DELETE"))[1].findtext("statusCode") == "4"


async def test_presets_that_are_not_set_are_listed_all_the_same(ask: Ask) -> None:
    root = (await ask(f"{PTZ}/presets"))[1]
    assert [one.findtext("id") for one in root] == [str(number) for number in range(1, 9)]
    assert {one.findtext("enabled") for one in root} == {"false"}


async def test_one_preset_is_told(ask: Ask) -> None:
    assert await put(ask, "/presets/3", preset(3, "Gate")) == "1"
    for number, name, there in (("3", "Gate", "true"), ("4", "Preset 4", "false")):
        root = (await ask(f"{PTZ}/presets/{number}"))[1]
        told = [root.findtext(one) for one in ("id", "presetName", "enabled")]
        assert told == [number, name, there]


async def test_a_preset_needs_its_own_number_and_a_name(ask: Ask) -> None:
    assert await put(ask, "/presets/3", preset(4, "Gate")) == "6"
    assert await put(ask, "/presets/3", "<PTZPreset><id>3</id></PTZPreset>") == "6"
    assert await put(ask, "/presets/33", preset(33, "Gate")) == "4"
    assert await put(ask, "/presets/0", preset(0, "Gate")) == "4"
    assert await enabled(ask) == {}


async def test_built_in_presets_are_listed_and_one_reboots(
    device: HikvisionDevice, ask: Ask, clock: FakeClock
) -> None:
    device.quirks.add("built-in-presets")
    found = await enabled(ask)
    assert found["94"] == "Remote reboot"
    assert all(int(number or 0) >= 33 for number in found)
    assert await put(ask, "/presets/39/goto") == "1"
    assert device.rebooted == 0
    assert await put(ask, "/presets/94/goto") == "1"
    await until(lambda: device.rebooted == 1)
    with pytest.raises(aiohttp.ClientError):
        await ask(f"{PTZ}/status")
    assert device.rtsp.faults.away
    await clock.advance(device.reboot_seconds)
    assert (await ask(f"{PTZ}/status"))[0] == 200
    assert not device.rtsp.faults.away


async def test_home_is_where_it_was_set(
    device: HikvisionDevice, ask: Ask, clock: FakeClock
) -> None:
    model = device.ptz[1]
    assert await put(ask, "/absolute", absolute(700, 300, 20)) == "1"
    await clock.advance(60)
    home = model.position
    assert await put(ask, "/homeposition") == "1"
    assert await put(ask, "/absolute", absolute(0, 3000, 100)) == "1"
    await clock.advance(60)
    assert await put(ask, "/homeposition/goto") == "1"
    await clock.advance(60)
    assert model.position == home


# --- what it can --------------------------------------------------------------------------------


async def test_capabilities_are_spelled_in_either_way(device: HikvisionDevice, ask: Ask) -> None:
    root = (await ask(f"{PTZ}/capabilities"))[1]
    assert root.tag == "PTZChanelCap"
    assert root.findtext("AbsolutePanTiltPositionSpace/XRange/Max") == "3600"
    assert root.findtext("ContinuousZoomSpace/ZRange/Min") == "-100"
    device.quirks.add("ptz-channel-cap")
    assert (await ask(f"{PTZ}/capabilities"))[1].tag == "PTZChannelCap"


async def test_only_some_channels_of_a_recorder_can_be_moved(clock: FakeClock) -> None:
    async with (
        HikvisionDevice(channels=3, ptz=[2], auth="none", clock=clock) as recorder,
        aiohttp.ClientSession() as session,
    ):
        base = f"{recorder.http.url}/ISAPI/PTZCtrl/channels"
        found = {}
        for number in (1, 2, 3, 4):
            async with session.get(f"{base}/{number}/capabilities") as response:
                found[number] = response.status
        assert found == {1: 403, 2: 200, 3: 403, 4: 404}
        recorder.set_online(2, False)
        async with session.get(f"{base}/2/status") as response:
            assert response.status == 500
        assert list(recorder.ptz) == [2]


async def test_a_fixed_camera_cannot_be_moved() -> None:
    async with (
        HikvisionDevice(ptz=False, auth="none") as fixed,
        aiohttp.ClientSession() as session,
    ):
        for path in ("", "/1/capabilities", "/1/presets"):
            async with session.get(f"{fixed.http.url}/ISAPI/PTZCtrl/channels{path}") as response:
                assert response.status == 403
