"""The head of the virtual Dahua device, moved over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from yarl import URL

from ucv.testing import FakeClock
from ucv.testing.dahua import DahuaDevice
from ucv.testing.ptz_model import FULL_SPEED, Position

OK = (200, "OK\r\n")
ERROR = (200, "Error\r\n")
BAD = (400, "Error\r\nBad Request!\r\n")

Move = Callable[..., Awaitable[tuple[int, str]]]


@asynccontextmanager
async def moving(**options: Any) -> AsyncIterator[tuple[DahuaDevice, Move, FakeClock]]:
    """Give a device, and a function that asks its ptz.cgi."""
    clock = FakeClock()
    digest = aiohttp.DigestAuthMiddleware("admin", "camera-secret")
    async with (
        DahuaDevice(clock=clock, **options) as device,
        aiohttp.ClientSession(middlewares=[digest]) as session,
    ):

        async def ask(
            action: str, code: str | None = None, *arguments: int, channel: int = 0
        ) -> tuple[int, str]:
            query = f"action={action}&channel={channel}"
            if code is not None:
                given = (*arguments, 0, 0, 0)
                query += f"&code={code}&arg1={given[0]}&arg2={given[1]}&arg3={given[2]}"
            url = URL(f"{device.http.url}/cgi-bin/ptz.cgi?{query}", encoded=True)
            async with session.get(url) as response:
                return response.status, await response.text()

        yield device, ask, clock


@pytest.mark.parametrize(
    ("code", "arguments", "velocity"),
    [
        ("Up", (0, 4), (0, 0.5, 0)),
        ("Down", (0, 8), (0, -1, 0)),
        ("Left", (0, 2), (-0.25, 0, 0)),
        ("Right", (0, 8), (1, 0, 0)),
        ("ZoomTele", (0, 8), (0, 0, 1)),
        ("ZoomWide", (0, 4), (0, 0, -0.5)),
        ("LeftUp", (2, 8), (-1, 0.25, 0)),
        ("RightUp", (8, 2), (0.25, 1, 0)),
        ("LeftDown", (4, 4), (-0.5, -0.5, 0)),
        ("RightDown", (8, 4), (0.5, -1, 0)),
        # The speed of the four directions is in the second argument, and nowhere else.
        ("Up", (5, 0), (0, 0, 0)),
    ],
)
async def test_it_moves_as_fast_as_it_is_told(
    code: str, arguments: tuple[int, int], velocity: tuple[float, float, float]
) -> None:
    async with moving() as (device, ask, _):
        assert await ask("start", code, *arguments) == OK
        assert device.ptz[1].velocity == velocity


async def test_only_the_code_that_started_it_stops_it() -> None:
    async with moving() as (device, ask, clock):
        await ask("start", "Right", 0, 8)
        await clock.advance(0.5)
        assert await ask("stop", "Left") == OK
        assert device.ptz[1].velocity == (1.0, 0.0, 0.0)
        assert device.movement.heads[1].unmatched_stops == 1
        await clock.advance(0.5)
        assert await ask("stop", "Right") == OK
        await clock.advance(10)
        assert device.ptz[1].position == Position(pan=FULL_SPEED)
        assert (device.ptz[1].moves, device.ptz[1].stops) == (1, 1)


async def test_another_start_takes_the_place_of_the_first() -> None:
    async with moving() as (device, ask, _):
        await ask("start", "Right", 0, 8)
        await ask("start", "ZoomTele", 0, 8)
        await ask("stop", "Right")
        assert device.ptz[1].velocity == (0.0, 0.0, 1.0)
        await ask("stop", "ZoomTele")
        assert not device.ptz[1].moving


async def test_its_status_tells_where_it_looks_and_what_moves() -> None:
    async with moving() as (_, ask, _clock):
        still = (
            "status.MoveStatus={}\r\nstatus.Postion[0]=180.0\r\nstatus.Postion[1]=0.0\r\n"
            "status.Postion[2]=1.0\r\nstatus.ZoomStatus={}\r\n"
        )
        assert (await ask("getStatus"))[1] == still.format("Idle", "Idle")
        await ask("start", "Left", 0, 1)
        assert (await ask("getStatus"))[1] == still.format("Moving", "Idle")
        await ask("start", "ZoomTele", 0, 1)
        assert (await ask("getStatus"))[1] == still.format("Idle", "Zooming")


async def test_it_goes_to_a_position_at_once() -> None:
    async with moving() as (device, ask, _):
        await ask("start", "Left", 0, 8)
        assert await ask("start", "PositionABS", 270, -45, 128) == OK
        assert device.ptz[1].position == Position(0.5, -0.5, 1.0)
        assert not device.ptz[1].moving
        assert await ask("start", "PositionABS", 361, 0, 1) == ERROR
        status = (await ask("getStatus"))[1]
        assert "Postion[0]=270.0\r\nstatus.Postion[1]=-45.0\r\nstatus.Postion[2]=128.0" in status


async def test_presets_are_set_listed_reached_and_cleared() -> None:
    async with moving() as (device, ask, _):
        assert await ask("getPresets") == (200, "")
        await ask("start", "PositionABS", 90, 0, 1)
        for number in (10, 2):
            assert await ask("start", "SetPreset", 0, number) == OK
        assert (await ask("getPresets"))[1] == (
            "presets[0].Index=2\r\npresets[0].Name=Preset2\r\n"
            "presets[1].Index=10\r\npresets[1].Name=Preset10\r\n"
        )
        await ask("start", "PositionABS", 0, 0, 1)
        assert await ask("start", "GotoPreset", 0, 2) == OK
        assert device.ptz[1].position.pan == -0.5
        assert await ask("start", "ClearPreset", 0, 2) == OK
        for code, number in (("GotoPreset", 2), ("ClearPreset", 2), ("SetPreset", 256)):
            assert await ask("start", code, 0, number) == ERROR


async def test_focus_iris_and_tours_are_remembered() -> None:
    async with moving() as (device, ask, _):
        head = device.movement.heads[1]
        for code in ("FocusNear", "FocusNear", "IrisLarge"):
            assert await ask("start", code) == OK
            assert await ask("stop", code) == OK
        assert head.lens == {"FocusNear": 2, "IrisLarge": 1}
        await ask("start", "StartTour", 3)
        tours = [head.tour]
        await ask("start", "StopTour")
        assert [*tours, head.tour] == [3, None]
        assert device.ptz[1].moves == 0


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (("start", "Sideways", 0, 1), BAD),
        (("stop", "GotoPreset"), BAD),
        (("start",), BAD),
        (("start", "Up", 0, 9), ERROR),
        (("start", "LeftUp", -1, 1), ERROR),
    ],
)
async def test_what_it_does_not_know_moves_nothing(
    question: tuple[Any, ...], answer: tuple[int, str]
) -> None:
    async with moving() as (device, ask, _):
        assert await ask(*question) == answer
        assert device.ptz[1].moves == device.ptz[1].stops == 0


@pytest.mark.parametrize(("quirks", "base"), [((), 0), (("ptz-one-based",), 1)])
async def test_its_channels_count_from_either(quirks: tuple[str, ...], base: int) -> None:
    async with moving(channels=2, quirks=quirks) as (device, ask, _):
        assert await ask("start", "Up", 0, 8, channel=base + 1) == OK
        assert [device.ptz[channel].moving for channel in (1, 2)] == [False, True]
        assert (await ask("start", "Up", 0, 8, channel=base + 2))[0] == 400
        assert (await ask("getStatus", channel=base - 1))[0] == 400


async def test_caps_are_spelled_as_the_vendor_spells_them() -> None:
    async with moving() as (_, ask, _clock):
        lines = (await ask("getCurrentProtocolCaps"))[1].split("\r\n")
    assert {"caps.Pan=true", "caps.Tile=true", "caps.Zoom=true"} < set(lines)


async def test_a_camera_that_cannot_move_says_so() -> None:
    async with moving(ptz=False) as (device, ask, _):
        lines = (await ask("getCurrentProtocolCaps"))[1].split("\r\n")
        assert {"caps.Pan=false", "caps.Tile=false", "caps.Zoom=false"} < set(lines)
        assert await ask("start", "Up", 0, 8) == BAD
        assert await ask("getPresets") == BAD
        assert device.ptz == {}
    async with moving(quirks=["no-ptz-cgi"]) as (_, ask, _clock):
        for action in ("getCurrentProtocolCaps", "start"):
            assert await ask(action) == (501, "Error\r\nNot Implemented!\r\n")
