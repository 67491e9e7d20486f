"""The alert stream of the virtual Hikvision device, read as bytes by aiohttp."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import aiohttp
import orjson
import pytest

from ucv.testing import FakeClock, until
from ucv.testing.hikvision import HikvisionDevice

STREAM = "/ISAPI/Event/notification/alertStream"
PART = re.compile(rb"--(\w+)\r\n(.*?)\r\n\r\n", re.DOTALL)


class Parts:
    """What has come of a stream so far."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.content_type = response.headers["Content-Type"]
        self._content = response.content
        self._buffer = b""

    async def next(self) -> tuple[str, dict[str, str], bytes]:
        """Return the next part's boundary, headers and body."""
        async with asyncio.timeout(5):
            while (head := PART.match(self._buffer)) is None:
                self._buffer += await self._more()
            lines = head[2].decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            end = head.end() + int(headers["Content-Length"])
            while len(self._buffer) < end + 2:
                self._buffer += await self._more()
        body = self._buffer[head.end() : end]
        assert self._buffer[end : end + 2] == b"\r\n"
        self._buffer = self._buffer[end + 2 :]
        return head[1].decode(), headers, body

    async def _more(self) -> bytes:
        data = await self._content.readany()
        if not data:
            raise EOFError
        return data

    async def alert(self) -> Element:
        """Return the next part's document without namespaces."""
        _, headers, body = await self.next()
        assert headers["Content-Type"] == 'application/xml; charset="UTF-8"'
        root = fromstring(body)  # noqa: S314 - written by our own device
        for one in root.iter():
            one.tag = one.tag.rpartition("}")[2]
        assert root.tag == "EventNotificationAlert"
        return root

    async def said(self, *names: str) -> list[str | None]:
        """Return texts of the next alert."""
        alert = await self.alert()
        return [alert.findtext(name) for name in names]


@asynccontextmanager
async def listening(device: HikvisionDevice) -> AsyncIterator[Parts]:
    before = device.alerts.listeners
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{device.http.url}{STREAM}") as response,
    ):
        assert response.status == 200
        await until(lambda: device.alerts.listeners == before + 1)
        yield Parts(response)
    await until(lambda: device.alerts.listeners == before)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def device(clock: FakeClock) -> AsyncIterator[HikvisionDevice]:
    async with HikvisionDevice(channels=2, auth="none", clock=clock) as running:
        yield running


STATE = ("eventType", "eventState", "channelID", "activePostCount")

# --- what is told -------------------------------------------------------------------------------


async def test_an_event_begins_is_repeated_and_ends(
    device: HikvisionDevice, clock: FakeClock
) -> None:
    async with listening(device) as parts:
        assert parts.content_type == "multipart/mixed; boundary=boundary"
        device.start_event("VMD", 2)
        device.start_event("VMD", 2)
        first = await parts.alert()
        assert [first.findtext(name) for name in STATE] == ["VMD", "active", "2", "1"]
        assert first.findtext("dateTime") == "2023-11-14T22:13:20+00:00"
        assert first.findtext("macAddress") == device.unit.mac
        assert first.findtext("eventDescription") == "Motion alarm"
        await clock.advance(1)
        assert await parts.said(*STATE) == ["VMD", "active", "2", "2"]
        device.stop_event("VMD", 2)
        assert await parts.said(*STATE) == ["VMD", "inactive", "2", "0"]
        device.stop_event("VMD", 2)
        await clock.advance(9)
        assert await parts.said(*STATE) == ["videoloss", "inactive", "1", "0"]


async def test_an_event_that_goes_on_is_told_to_who_comes_later(
    device: HikvisionDevice, clock: FakeClock
) -> None:
    device.start_event("IO", 1, port=1)
    async with listening(device) as parts, listening(device) as others:
        await clock.advance(1)
        for one in (parts, others):
            assert await one.said("eventType", "inputIOPortID") == ["IO", "1"]


async def test_a_pulse_is_told_once(device: HikvisionDevice, clock: FakeClock) -> None:
    async with listening(device) as parts:
        device.pulse("linedetection")
        assert await parts.said(*STATE) == ["linedetection", "active", "1", "1"]
        await clock.advance(10)
        assert await parts.said("eventType") == ["videoloss"]


async def test_there_are_signs_of_life_every_ten_seconds(
    device: HikvisionDevice, clock: FakeClock
) -> None:
    async with listening(device) as parts:
        await clock.advance(30)
        for _ in range(3):
            assert await parts.said(*STATE) == ["videoloss", "inactive", "1", "0"]
        device.quirks.add("heart-beat")
        await clock.advance(10)
        assert await parts.said(*STATE) == ["heartBeat", "inactive", "1", "0"]


async def test_a_muted_stream_stays_open_and_says_nothing(
    device: HikvisionDevice, clock: FakeClock
) -> None:
    async with listening(device) as parts:
        device.alerts.muted = True
        device.pulse()
        await clock.advance(20)
        device.alerts.muted = False
        device.pulse("PIR")
        assert await parts.said("eventType") == ["PIR"]


async def test_a_camera_that_goes_offline_is_a_video_loss(device: HikvisionDevice) -> None:
    async with listening(device) as parts:
        device.set_online(2, False)
        assert await parts.said(*STATE) == ["videoloss", "active", "2", "1"]
        device.set_online(2, True)
        assert await parts.said(*STATE) == ["videoloss", "inactive", "2", "0"]


async def test_a_camera_that_is_offline_has_no_motion(
    device: HikvisionDevice, clock: FakeClock
) -> None:
    device.set_online(2, False)
    device.stop_event("videoloss", 2)
    async with listening(device) as parts:
        device.start_event("VMD", 2)
        await clock.advance(1)
        device.pulse("IO", 2)
        assert await parts.said("eventType") == ["IO"]
        device.set_online(2, True)
        await clock.advance(1)
        assert await parts.said("eventType", "channelID") == ["VMD", "2"]


def test_an_event_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no event 'Motion'"):
        HikvisionDevice().start_event("Motion")


# --- quirks of the stream -----------------------------------------------------------------------


async def test_an_end_may_not_be_told(device: HikvisionDevice, clock: FakeClock) -> None:
    device.quirks.add("alert-never-inactive")
    async with listening(device) as parts:
        device.start_event()
        await clock.advance(2)
        device.stop_event()
        await clock.advance(8)
        said = [(await parts.said("eventType", "eventState")) for _ in range(4)]
        assert said == [["VMD", "active"]] * 3 + [["videoloss", "inactive"]]


async def test_the_header_may_say_form_data_and_another_boundary(device: HikvisionDevice) -> None:
    device.quirks |= {"alert-form-data", "alert-other-boundary"}
    async with listening(device) as parts:
        device.pulse()
        boundary, _, body = await parts.next()
        assert parts.content_type == "multipart/form-data; boundary=boundary"
        assert boundary == "MIME_boundary"
        assert b"<eventType>VMD</eventType>" in body


async def test_pictures_and_json_may_follow(device: HikvisionDevice) -> None:
    device.quirks |= {"alert-jpeg-parts", "alert-json-parts"}
    async with listening(device) as parts:
        device.pulse("facedetection", 2)
        assert await parts.said("eventType", "channelID") == ["facedetection", "2"]
        _, headers, body = await parts.next()
        assert headers["Content-Type"].startswith("application/json")
        found: dict[str, Any] = orjson.loads(body)
        assert (found["eventType"], found["channelID"]) == ("facedetection", 2)
        _, headers, body = await parts.next()
        assert headers["Content-Type"] == "image/jpeg"
        assert (body[:2], body[-2:]) == (b"\xff\xd8", b"\xff\xd9")


async def test_a_channel_may_be_named_otherwise(device: HikvisionDevice) -> None:
    device.quirks.add("dyn-channel-id")
    async with listening(device) as parts:
        device.pulse("VMD", 2)
        assert await parts.said("channelID", "dynChannelID") == [None, "2"]


@pytest.mark.parametrize(
    ("quirk", "name"),
    [("detection-target", "detectionTarget"), ("target-type", "targetType")],
    ids=["detection target", "target type"],
)
async def test_lines_and_fields_may_say_what_it_was(
    device: HikvisionDevice, quirk: str, name: str
) -> None:
    async with listening(device) as parts:
        device.pulse("linedetection", target="vehicle")
        assert await parts.said(name) == [None]
        device.quirks.add(quirk)
        device.pulse("linedetection", target="vehicle")
        device.pulse("fielddetection", target="human")
        device.pulse("VMD")
        assert [(await parts.said(name))[0] for _ in range(3)] == ["vehicle", "human", None]


async def test_names_in_alerts_may_have_a_bare_ampersand(device: HikvisionDevice) -> None:
    device.quirks.add("raw-ampersand")
    device.unit.channels[1].name = "Yard & Gate"
    async with listening(device) as parts:
        device.pulse()
        assert b"<channelName>Yard & Gate</channelName>" in (await parts.next())[2]


async def refused(device: HikvisionDevice) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{device.http.url}{STREAM}") as response,
    ):
        return response.status, await response.read()


async def test_more_listeners_than_it_has_places_for_are_refused(device: HikvisionDevice) -> None:
    device.alerts.max_listeners = 2
    async with listening(device), listening(device):
        status, body = await refused(device)
        assert status == 503
        assert b"<subStatusCode>deployExceedMax</subStatusCode>" in body
    device.quirks.add("one-listener")
    async with listening(device):
        assert (await refused(device))[0] == 503


async def test_a_pulled_plug_ends_the_stream_and_its_place_is_free(
    device: HikvisionDevice,
) -> None:
    with pytest.raises((aiohttp.ClientError, EOFError)):
        async with listening(device) as parts:
            await device.stop()
            await parts.next()
    await device.start()
    assert device.alerts.listeners == 0
    async with listening(device) as parts:
        device.pulse()
        assert await parts.said("eventType") == ["VMD"]


# --- triggers -----------------------------------------------------------------------------------


async def triggers(device: HikvisionDevice) -> Element:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{device.http.url}/ISAPI/Event/triggers") as response,
    ):
        root = fromstring(await response.read())  # noqa: S314 - written by our own device
    for one in root.iter():
        one.tag = one.tag.rpartition("}")[2]
    return root


async def test_triggers_name_their_channels_and_how_they_notify(device: HikvisionDevice) -> None:
    root = await triggers(device)
    assert root.tag == "EventTriggerList"
    found = {one.findtext("id"): one for one in root}
    assert {"VMD-1", "VMD-2", "IO-1", "diskfull"} <= found.keys()
    assert found["VMD-2"].findtext("dynVideoInputChannelID") == "2"
    assert found["IO-1"].findtext("inputIOPortID") == "1"
    methods = [one.text for one in found["VMD-1"].iter("notificationMethod")]
    assert methods == ["record", "center"]


async def test_triggers_may_be_wrapped(device: HikvisionDevice) -> None:
    device.quirks.add("triggers-wrapped")
    root = await triggers(device)
    assert (root.tag, [one.tag for one in root]) == ("EventNotification", ["EventTriggerList"])


async def test_events_that_do_not_notify_the_center_do_not_come(
    device: HikvisionDevice, clock: FakeClock
) -> None:
    device.alerts.unreported.add("VMD")
    async with listening(device) as parts:
        device.start_event("VMD")
        device.pulse("PIR")
        assert await parts.said("eventType") == ["PIR"]
        device.quirks.add("center-missing")
        device.pulse("PIR")
        await clock.advance(10)
        assert await parts.said("eventType") == ["videoloss"]
    methods = {one.text for one in (await triggers(device)).iter("notificationMethod")}
    assert methods == {"record"}
