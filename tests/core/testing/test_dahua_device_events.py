"""The event stream of the virtual Dahua device, read from the wire byte by byte."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from ucv.testing import FakeClock, until
from ucv.testing.dahua import DahuaDevice

ALL = "eventManager.cgi?action=attach&codes=[All]"
MOTION = "Code=VideoMotion;action=Start;index=0\r\n"


class Wire:
    """What has come from the device so far."""

    def __init__(self, reader: asyncio.StreamReader, head: str) -> None:
        self.reader = reader
        self.head = head

    async def read(self, size: int) -> str:
        async with asyncio.timeout(5):
            return (await self.reader.readexactly(size)).decode()

    async def expect(self, text: str) -> None:
        assert await self.read(len(text)) == text

    async def until(self, text: str) -> str:
        async with asyncio.timeout(5):
            return (await self.reader.readuntil(text.encode())).decode()


@asynccontextmanager
async def attached(device: DahuaDevice, target: str = ALL) -> AsyncIterator[Wire]:
    """Ask with Basic, which needs no other question before."""
    device.http.guard.scheme = "basic"
    before = set(device.events.listeners)
    reader, writer = await asyncio.open_connection(device.host, device.http_port)
    account = base64.b64encode(b"admin:camera-secret").decode()
    lines = (
        f"GET /cgi-bin/{target} HTTP/1.1",
        "Host: x",
        f"Authorization: Basic {account}",
        "",
        "",
    )
    writer.write("\r\n".join(lines).encode())
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if "multipart" in head:
            await until(lambda: device.events.listeners - before)
        yield Wire(reader, head)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def part(text: str, length: int | None = None) -> str:
    length = len(text) if length is None else length
    return f"--myboundary\r\nContent-Type: text/plain\r\nContent-Length:{length}\r\n\r\n{text}\r\n"


async def status_of(device: DahuaDevice, target: str) -> tuple[int, str]:
    async with attached(device, target) as wire:
        length = re.search(r"Content-Length: (\d+)", wire.head)
        body = await wire.read(int(length[1])) if length else ""
        return int(wire.head.split(" ")[1]), body


async def test_events_come_as_parts_whose_length_counts_their_newline() -> None:
    async with DahuaDevice() as device, attached(device) as wire:
        assert "Content-Type: multipart/x-mixed-replace; boundary=myboundary\r\n" in wire.head
        device.start_event("VideoMotion")
        await wire.expect(part(MOTION, 39))
        device.stop_event("VideoMotion")
        await wire.expect(part(MOTION.replace("Start", "Stop")))
        device.pulse("AlarmLocal")
        await wire.expect(part("Code=AlarmLocal;action=Pulse;index=0\r\n"))
        device.events.emit("VideoLoss", "State", 3)
        await wire.expect(part("Code=VideoLoss;action=State;index=3\r\n"))


async def test_data_is_json_over_several_lines() -> None:
    async with DahuaDevice() as device, attached(device) as wire:
        device.pulse("CrossRegionDetection")
        head = await wire.until("\r\n\r\n")
        length = re.search(r"Content-Length:(\d+)", head)
        assert length is not None
        text = await wire.read(int(length[1]))
    before, _, data = text.partition(";data=")
    assert before == "Code=CrossRegionDetection;action=Pulse;index=0"
    assert data.count("\r\n") > 5
    assert json.loads(data)["Object"]["ObjectType"] == "Vehicle"


async def test_data_may_have_in_it_what_separates_events() -> None:
    async with DahuaDevice(quirks=["event-tricky-data"]) as device, attached(device) as wire:
        device.start_event("CrossLineDetection", data={"Object": {"ObjectType": "Human"}})
        await wire.until(";data=")
        data = json.loads((await wire.until("}\r\n\r\n")).strip())
    assert data == {"Object": {"ObjectType": "Human"}, "Name": "a;b=c;index=9 --myboundary"}


async def test_only_the_codes_asked_for_come() -> None:
    target = ALL.replace("All", "VideoLoss,AlarmLocal")
    async with DahuaDevice() as device, attached(device, target) as wire:
        assert device.events.codes == ("VideoLoss", "AlarmLocal")
        device.start_event("VideoMotion")
        device.start_event("AlarmLocal")
        await wire.expect(part("Code=AlarmLocal;action=Start;index=0\r\n"))


async def test_it_beats_as_often_as_it_was_asked_to() -> None:
    clock = FakeClock()
    async with (
        DahuaDevice(clock=clock) as device,
        attached(device, f"{ALL}&heartbeat=5") as wire,
        attached(device) as silent,
    ):
        await until(lambda: len(device.events.listeners) == 2)
        await clock.advance(15)
        await wire.expect(part("Heartbeat") * 3)
        device.events.muted = True
        await clock.advance(5)
        device.events.muted = False
        device.start_event("VideoMotion")
        await wire.expect(part(MOTION))
        await silent.expect(part(MOTION))


async def test_it_may_send_no_heartbeat() -> None:
    clock = FakeClock()
    async with (
        DahuaDevice(clock=clock, quirks=["no-heartbeat"]) as device,
        attached(device, f"{ALL}&heartbeat=5") as wire,
    ):
        await clock.advance(15)
        device.start_event("VideoMotion")
        await wire.expect(part(MOTION))


@pytest.mark.parametrize(
    ("quirk", "written"),
    [
        ("event-boundary-space", part(MOTION).replace("--my", "-- my")),
        ("event-no-blank-line", part(MOTION).replace("39\r\n\r\n", "39\r\n")),
        ("event-no-length", part(MOTION).replace("Content-Length:39\r\n", "")),
        ("event-length-long", part(MOTION, 49)),
        ("event-length-short", part(MOTION, 29)),
        ("event-bare-lf", part(MOTION, 38).replace("\r\n", "\n")),
    ],
)
async def test_parts_may_be_written_otherwise(quirk: str, written: str) -> None:
    async with DahuaDevice(quirks=[quirk]) as device, attached(device) as wire:
        for _ in range(2):
            device.start_event("VideoMotion")
            await wire.expect(written)


async def test_the_head_of_an_answer_may_stray_into_the_stream() -> None:
    async with DahuaDevice(quirks=["event-stray-http"]) as device, attached(device) as wire:
        device.start_event("VideoMotion")
        await wire.expect(part(MOTION))
        device.start_event("VideoMotion")
        await wire.expect("HTTP/1.1 200 OK\r\n")
        assert "boundary=myboundary" in await wire.until("\r\n\r\n")
        await wire.expect(part(MOTION))


async def test_parts_may_come_in_pieces() -> None:
    async with DahuaDevice(quirks=["event-split-writes"]) as device, attached(device) as wire:
        device.start_event("VideoMotion")
        device.stop_event("VideoMotion")
        await wire.expect(part(MOTION) + part(MOTION.replace("Start", "Stop")))


@pytest.mark.parametrize("status", [400, 500])
async def test_long_lists_of_codes_may_be_refused(status: int) -> None:
    long = ALL.replace("All", "A,B,C,D")
    async with DahuaDevice(quirks=[f"long-code-list-{status}"]) as device:
        assert (await status_of(device, long))[0] == status
        assert (await status_of(device, ALL.replace("All", "A,B,C")))[0] == 200
        assert (await status_of(device, ALL))[0] == 200
    async with DahuaDevice() as device:
        assert (await status_of(device, long))[0] == 200


@pytest.mark.parametrize("status", [404, 501])
async def test_it_may_have_no_events(status: int) -> None:
    async with DahuaDevice(quirks=[f"events-{status}"]) as device:
        assert (await status_of(device, ALL))[0] == status
        poll = "eventManager.cgi?action=getEventIndexes&code=VideoMotion"
        assert (await status_of(device, poll))[0] == status


@pytest.mark.parametrize(
    "target",
    [
        "eventManager.cgi?action=attach",
        "eventManager.cgi?action=attach&codes=VideoMotion",
        "eventManager.cgi?action=attach&codes=[]",
        f"{ALL}&heartbeat=0",
        f"{ALL}&heartbeat=61",
        "eventManager.cgi?action=getEventIndexes",
    ],
)
async def test_questions_that_make_no_sense_are_refused(target: str) -> None:
    async with DahuaDevice() as device:
        assert await status_of(device, target) == (400, "Error\r\nBad Request!\r\n")
        assert device.events.attached == 0


async def test_what_goes_on_can_be_asked_for() -> None:
    poll = "eventManager.cgi?action=getEventIndexes&code=VideoMotion"
    async with DahuaDevice(channels=3) as device:
        assert await status_of(device, poll) == (200, "Error: No Events\r\n")
        device.start_event("VideoMotion", 3)
        device.start_event("VideoMotion", 1)
        device.start_event("VideoLoss", 2)
        assert await status_of(device, poll) == (200, "channels[0]=0\r\nchannels[1]=2\r\n")
        device.stop_event("VideoMotion", 1)
        assert await status_of(device, poll) == (200, "channels[0]=2\r\n")


async def test_motion_is_not_reported_where_detection_is_off() -> None:
    async with DahuaDevice(channels=2) as device, attached(device) as wire:
        device.store["MotionDetect[0].Enable"] = False
        device.start_event("VideoMotion", 1)
        device.start_event("VideoMotion", 2)
        await wire.expect(part(MOTION.replace("index=0", "index=1")))


async def test_listeners_are_forgotten_when_they_leave() -> None:
    async with DahuaDevice() as device:
        async with attached(device):
            assert (len(device.events.listeners), device.events.attached) == (1, 1)
        await until(lambda: not device.events.listeners)


@pytest.mark.parametrize("how", ["reboot", "disconnect"])
async def test_streams_end_with_the_device(how: str) -> None:
    async with DahuaDevice() as device, attached(device) as wire:
        ends: dict[str, Any] = {"reboot": device.reboot, "disconnect": device.events.disconnect}
        ends[how]()
        async with asyncio.timeout(5):
            assert await wire.reader.read() == b""
        await until(lambda: not device.events.listeners)


async def test_a_listener_that_reads_too_late_is_dropped() -> None:
    async with DahuaDevice() as device, attached(device) as wire:
        text = part("Code=AlarmLocal;action=Pulse;index=0\r\n")
        for _ in range(1500):
            device.pulse("AlarmLocal")
        async with asyncio.timeout(5):
            told = (await wire.reader.read()).decode()
        assert 0 < told.count(text) < 1000
        assert told.replace(text, "") == ""
        await until(lambda: not device.events.listeners)
