"""What a device of a few answers is found to be: where its channels begin, and what moves them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import pytest

from ucv import NotSupported, Preset, ProtocolError, PtzVector
from ucv.plugins.device import Device
from ucv.testing import Answer, VirtualDevice, jpeg
from ucv.testing.http_device import Request
from ucv_dahua.cgi import Cgi
from ucv_dahua.mover import Mover
from ucv_dahua.unit import Unit

Connect = Callable[..., Device]

CAMERA = {
    "magicBox.cgi getSystemInfo": "deviceType=IPC-HDBW4231\r\nserialNumber=4A1B2C3\r\n",
    "magicBox.cgi getDeviceClass": "class=IPC\r\n",
    "devVideoInput.cgi getCollect": "result=1\r\n",
}
CAPS = "caps.Pan=true\r\ncaps.Tile=true\r\ncaps.PresetMax=2\r\n"


class Desk:
    """Answers what is in ``told``, by script, action and name; everything else is refused.

    ``pictures`` are the numbers of channels that have one; ``orders`` what was sent to ``ptz.cgi``.
    """

    def __init__(self, device: VirtualDevice, told: dict[str, str]) -> None:
        self.told = dict(told)
        self.pictures: Collection[str] = ("1",)
        self.orders: list[dict[str, str]] = []
        self.refuse_orders = False
        scripts = {key.partition(" ")[0] for key in told} | {"configManager.cgi", "ptz.cgi"}
        for script in (*scripts, "LogicDeviceManager.cgi"):
            device.route(f"/cgi-bin/{script}", self._answer)
        device.route("/cgi-bin/snapshot.cgi", self._picture)

    def _answer(self, request: Request) -> Answer:
        script, query = request.path.removeprefix("/cgi-bin/"), request.query
        action = query.get("action", "")
        if action in ("start", "stop", "setConfig"):
            if self.refuse_orders:
                return Answer(500, (), b"Error\r\nInternal Error")
            self.orders.append(dict(query))
            return Answer(200, (), b"OK\r\n")
        extra = query.get("name") or query.get("channel") or ""
        body = self.told.get(f"{script} {action} {extra}".strip())
        if body is None:
            return Answer(400, (), b"Error\r\nBad Request!")
        return Answer(200, (), body.encode())

    def _picture(self, request: Request) -> Answer:
        if request.query.get("channel", "1") in self.pictures:
            return Answer(200, {"Content-Type": "image/jpeg"}, jpeg("Dahua", 64, 48))
        return Answer(400, (), b"Error\r\nBad Request!")


@pytest.fixture
async def device() -> AsyncIterator[VirtualDevice]:
    async with VirtualDevice("admin", "camera-secret", algorithms=("MD5",)) as one:
        yield one


@pytest.fixture
def desk(device: VirtualDevice) -> Desk:
    return Desk(device, CAMERA)


def urls(streams: list[Any]) -> list[str]:
    return [stream.url.rpartition("/")[2] for stream in streams]


# --- channels -------------------------------------------------------------------------------------


async def test_a_camera_with_several_lenses_is_a_recorder_of_them(
    desk: Desk, device: VirtualDevice, connect: Connect
) -> None:
    desk.told["devVideoInput.cgi getCollect"] = "result=2\r\n"
    titles = "table.ChannelTitle[0].Name=Wide\r\ntable.ChannelTitle[1].Name=Tele\r\n"
    desk.told["configManager.cgi getConfig ChannelTitle"] = titles
    unit = Unit(connect(device))
    await unit.identify()
    channels = await unit.channels()
    assert channels is not None
    assert [(channel.id, channel.name) for channel in channels] == [("1", "Wide"), ("2", "Tele")]


async def test_a_camera_is_no_recorder(desk: Desk, device: VirtualDevice, connect: Connect) -> None:
    unit = Unit(connect(device))
    await unit.identify()
    assert await unit.channels() is None


async def test_a_recorder_of_one_channel_is_one(
    desk: Desk, device: VirtualDevice, connect: Connect
) -> None:
    desk.told["magicBox.cgi getDeviceClass"] = "class=XVR\r\n"
    unit = Unit(connect(device))
    await unit.identify()
    channels = await unit.channels()
    assert channels is not None
    assert [channel.id for channel in channels] == ["1"]


@pytest.mark.parametrize(
    ("pictures", "base"),
    [
        (("1",), ("auto", 1)),
        (("0", "1"), ("auto", 1)),
        (("0",), ("auto", 0)),
        ((), ("auto", 1)),
        (("1",), ("0", 0)),
        (("0",), ("1", 1)),
    ],
    ids=["one", "both", "zero", "none", "told_zero", "told_one"],
)
async def test_channels_begin_where_there_are_pictures(
    desk: Desk,
    device: VirtualDevice,
    connect: Connect,
    pictures: Collection[str],
    base: tuple[str, int],
) -> None:
    desk.pictures = pictures
    given, first = base
    handle = connect(device, first_channel=given)
    unit = Unit(handle)
    await unit.identify()
    assert urls(await unit.streams_of(handle))[0] == f"realmonitor?channel={first}&subtype=0"


async def test_a_camera_that_wants_a_channel_is_told_one(
    desk: Desk, device: VirtualDevice, connect: Connect
) -> None:
    handle = connect(device)
    unit = Unit(handle)
    await unit.identify()
    await unit.streams_of(handle)
    # Without a channel, it answers only what it is asked for by number.
    original = desk._picture

    def picky(request: Request) -> Answer:
        return original(request) if "channel" in request.query else Answer(400, (), b"Error")

    device.route("/cgi-bin/snapshot.cgi", picky)
    assert await unit.picture(handle)
    before = device.counters.total
    assert await unit.picture(handle)
    assert device.counters.total == before + 1


# --- movement -------------------------------------------------------------------------------------


def mover(device: Device) -> Mover:
    return Mover(Cgi(device), first=None, top_speed=8)


@pytest.mark.parametrize(
    ("answers", "asked"),
    [(("0", "1"), "0"), (("1",), "1"), (("0",), "0")],
    ids=["both", "one", "zero"],
)
async def test_movement_begins_where_the_device_answers(
    desk: Desk, device: VirtualDevice, connect: Connect, answers: tuple[str, ...], asked: str
) -> None:
    for number in answers:
        desk.told[f"ptz.cgi getCurrentProtocolCaps {number}"] = CAPS
    one = mover(connect(device))
    assert await one.capabilities(0) == {"ptz", "ptz_presets"}
    await one.move(0, PtzVector(pan=1.0))
    assert desk.orders[-1]["channel"] == asked


async def test_a_stop_that_failed_is_tried_again(
    desk: Desk, device: VirtualDevice, connect: Connect
) -> None:
    desk.told["ptz.cgi getCurrentProtocolCaps 0"] = CAPS
    one = mover(connect(device))
    await one.capabilities(0)
    await one.move(0, PtzVector(pan=1.0, zoom=1.0))
    desk.refuse_orders = True
    with pytest.raises(ProtocolError):
        await one.stop(0)
    desk.refuse_orders = False
    desk.orders.clear()
    await one.stop(0)
    assert [(order["action"], order["code"]) for order in desk.orders] == [
        ("stop", "Right"),
        ("stop", "ZoomTele"),
    ]


async def test_a_start_that_failed_is_stopped_all_the_same(
    desk: Desk, device: VirtualDevice, connect: Connect
) -> None:
    one = mover(connect(device))
    desk.refuse_orders = True
    with pytest.raises(ProtocolError):
        await one.move(0, PtzVector(tilt=1.0))
    desk.refuse_orders = False
    await one.stop_all()
    assert [(order["action"], order["code"]) for order in desk.orders] == [("stop", "Up")]


async def test_a_preset_has_the_name_that_the_device_gives_it(
    desk: Desk, device: VirtualDevice, connect: Connect
) -> None:
    desk.told["ptz.cgi getCurrentProtocolCaps 0"] = CAPS
    desk.told["ptz.cgi getPresets 0"] = "presets[0].Index=1\r\npresets[0].Name=Gate\r\n"
    one = mover(connect(device))
    await one.capabilities(0)
    made = await one.create_preset(0, "Letter\nbox")
    assert made == Preset("2", "Preset 2")
    set_preset, set_name = desk.orders
    assert (set_preset["code"], set_preset["arg2"]) == ("SetPreset", "2")
    assert set_name["PtzPreset[0][1].Name"] == "Letter box"


async def test_a_device_without_room_says_so(
    desk: Desk, device: VirtualDevice, connect: Connect
) -> None:
    desk.told["ptz.cgi getCurrentProtocolCaps 0"] = CAPS
    desk.told["ptz.cgi getPresets 0"] = "presets[0].Index=1\r\npresets[1].Index=2\r\n"
    one = mover(connect(device))
    await one.capabilities(0)
    with pytest.raises(NotSupported, match="no place"):
        await one.create_preset(0, "Third")
    assert desk.orders == []
