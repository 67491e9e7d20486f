"""What can be set in the virtual Hikvision device, and how strictly it reads what it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from xml.etree.ElementTree import Element, fromstring

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.testing import until
from ucv.testing.hikvision import HikvisionDevice
from ucv.testing.hikvision.documents import BadDocument, element, read, replaced, written

FILTER = "/ISAPI/Image/channels/1/ircutFilter"
LIGHT = "/ISAPI/Image/channels/1/supplementLight"
STREAM = "/ISAPI/Streaming/channels/102"
Ask = Callable[..., Awaitable[tuple[int, bytes]]]


@pytest.fixture
async def device() -> AsyncIterator[HikvisionDevice]:
    async with HikvisionDevice(auth="none") as running:
        yield running


@pytest.fixture
async def ask(device: HikvisionDevice) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession() as session:

        async def answer(
            path: str,
            method: str = "GET",
            body: bytes | None = None,
            kind: str = "application/xml",
        ) -> tuple[int, bytes]:
            async with session.request(
                method, f"{device.http.url}{path}", data=body, headers={"Content-Type": kind}
            ) as response:
                return response.status, await response.read()

        yield answer


def text(body: bytes, name: str) -> str | None:
    root = fromstring(body)  # noqa: S314 - written by our own device
    return next((one.text for one in root.iter() if one.tag.rpartition("}")[2] == name), None)


def code(answer: tuple[int, bytes]) -> tuple[int, str | None, str | None]:
    status, body = answer
    return status, text(body, "statusCode"), text(body, "subStatusCode")


OK = (200, "1", "ok")

# --- whole documents ----------------------------------------------------------------------------


async def test_a_changed_document_is_taken_whole_and_given_back(ask: Ask) -> None:
    status, document = await ask(STREAM)
    assert status == 200
    changed = document.replace(b">180<", b">240<").replace(b">1500<", b">1000<")
    assert code(await ask(STREAM, "PUT", changed)) == OK
    assert (await ask(STREAM))[1] == changed
    assert b">240<" in (await ask("/ISAPI/Streaming/channels"))[1]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<IrcutFilter><IrcutFilterType>day</IrcutFilterType></IrcutFilter>", 6),
        (b"<Other/>", 6),
        (b"<IrcutFilter><IrcutFilterType>day</IrcutFilter>", 5),
        (b"", 5),
        (b'<!DOCTYPE a [<!ENTITY b "day">]><IrcutFilter>&b;</IrcutFilter>', 5),
    ],
    ids=["part", "other", "broken", "empty", "doctype"],
)
async def test_what_is_not_the_whole_document_is_refused(
    ask: Ask, body: bytes, expected: int
) -> None:
    before = (await ask(FILTER))[1]
    sub = "badXmlContent" if expected == 6 else "badXmlFormat"
    assert code(await ask(FILTER, "PUT", body)) == (400, str(expected), sub)
    assert (await ask(FILTER))[1] == before


async def test_values_that_cannot_be_are_refused(ask: Ask) -> None:
    document = (await ask(STREAM))[1]
    for before, after in ((b"H.264", b"H.266"), (b">102<", b">101<"), (b">180<", b">tall<")):
        assert code(await ask(STREAM, "PUT", document.replace(before, after)))[1] == "6"
    assert code(await ask(STREAM, "PUT", document, kind="text/plain"))[1] == "5"
    assert (await ask(STREAM))[1] == document


async def test_what_is_written_may_wait_for_a_reboot(device: HikvisionDevice, ask: Ask) -> None:
    device.quirks.add("reboot-required")
    document = (await ask(STREAM))[1]
    answer = await ask(STREAM, "PUT", document.replace(b"H.264", b"MJPEG"))
    assert code(answer) == (200, "7", "rebootRequired")
    assert (await ask(STREAM))[1] == document
    device.reboot_seconds = 0.05
    assert code(await ask("/ISAPI/System/reboot", "PUT")) == OK
    await until(lambda: device.rebooted == 1)
    assert device.http.faults.refuse
    await until(lambda: not device.http.faults.refuse)
    assert b"MJPEG" in (await ask(STREAM))[1]


async def test_a_busy_device_takes_the_second_attempt(device: HikvisionDevice, ask: Ask) -> None:
    device.quirks.add("busy-at-first")
    document = (await ask(FILTER))[1].replace(b"auto", b"night")
    assert code(await ask(FILTER, "PUT", document)) == (503, "2", "deviceBusy")
    assert code(await ask(FILTER, "PUT", document)) == OK
    assert text((await ask(FILTER))[1], "IrcutFilterType") == "night"


async def test_an_account_without_rights_may_only_look(device: HikvisionDevice, ask: Ask) -> None:
    device.quirks.add("low-privilege")
    document = (await ask(FILTER))[1]
    assert code(await ask(FILTER, "PUT", document)) == (403, "4", "lowPrivilege")


# --- day, night, light, outputs -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("quirk", "spelling"),
    [("", "ircutFilter"), ("ircut-capital", "IrcutFilter"), ("ircut-lower", "ircutfilter")],
    ids=["usual", "capital", "lower"],
)
async def test_day_and_night_are_spelled_in_one_way(
    device: HikvisionDevice, ask: Ask, quirk: str, spelling: str
) -> None:
    device.quirks |= {quirk} - {""}
    found = {
        one: (await ask(f"/ISAPI/Image/channels/1/{one}"))[0]
        for one in ("ircutFilter", "IrcutFilter", "ircutfilter")
    }
    assert found == {one: 200 if one == spelling else 404 for one in found}
    choices = (await ask(f"/ISAPI/Image/channels/1/{spelling}/capabilities"))[1]
    assert b'opt="auto,day,night,schedule"' in choices


async def test_the_lamp_has_the_modes_of_its_model(device: HikvisionDevice, ask: Ask) -> None:
    document = (await ask(LIGHT))[1]
    assert text(document, "supplementLightMode") == "irLight"
    white = document.replace(b"irLight<", b"colorVuWhiteLight<")
    assert code(await ask(LIGHT, "PUT", white))[1] == "6"
    device.quirks.add("white-light")
    assert code(await ask(LIGHT, "PUT", white)) == OK
    assert text((await ask(LIGHT))[1], "supplementLightMode") == "colorVuWhiteLight"
    assert b"eventIntelligence" in (await ask(f"{LIGHT}/capabilities"))[1]
    device.quirks.remove("white-light")
    device.quirks.add("no-supplement-light")
    assert code(await ask(LIGHT)) == (403, "4", "notSupport")


async def test_an_output_is_switched(device: HikvisionDevice, ask: Ask) -> None:
    trigger = "/ISAPI/System/IO/outputs/1/trigger"
    high = b"<IOPortData><outputState>high</outputState></IOPortData>"
    assert code(await ask(trigger, "PUT", high)) == OK
    assert device.unit.outputs == [True]
    assert text((await ask("/ISAPI/System/IO/outputs/1/status"))[1], "ioState") == "active"
    assert code(await ask(trigger, "PUT", high.replace(b"high", b"low"))) == OK
    assert device.unit.outputs == [False]
    assert code(await ask(trigger, "PUT", high.replace(b"high", b"up")))[1] == "6"
    assert (await ask("/ISAPI/System/IO/outputs/2/trigger", "PUT", high))[0] == 404


async def test_inputs_and_outputs_are_listed(device: HikvisionDevice, ask: Ask) -> None:
    device.unit.inputs = 2
    assert (await ask("/ISAPI/System/IO/inputs"))[1].count(b"<IOInputPort>") == 2
    assert (await ask("/ISAPI/System/IO/outputs"))[1].count(b"<IOOutputPort>") == 1


async def test_a_video_input_is_given_another_name(device: HikvisionDevice, ask: Ask) -> None:
    path = "/ISAPI/System/Video/inputs/channels/1"
    document = (await ask(path))[1]
    assert text(document, "name") == "Camera 01"
    assert code(await ask(path, "PUT", document.replace(b"Camera 01", b"Gate"))) == OK
    assert device.unit.channels[1].name == "Gate"
    assert text((await ask(path))[1], "name") == "Gate"


async def test_its_state_is_told(ask: Ask) -> None:
    told = (await ask("/ISAPI/System/status"))[1]
    assert int(text(told, "deviceUpTime") or "") >= 0


async def test_a_channel_that_is_missing_has_no_settings(ask: Ask) -> None:
    assert (await ask("/ISAPI/Image/channels/2/ircutFilter"))[0] == 404
    assert (await ask("/ISAPI/Image/channels/x/supplementLight"))[0] == 404


async def test_one_path_may_fail_on_its_own(device: HikvisionDevice, ask: Ask) -> None:
    device.http.faults_at("/System/deviceInfo").status = 503
    assert (await ask("/ISAPI/System/deviceInfo"))[0] == 503
    assert (await ask("/ISAPI/System/time"))[0] == 200


# --- documents ----------------------------------------------------------------------------------


def test_documents_are_written_and_read_again() -> None:
    made = element("A", {"b": [1, 2.5], "c": {"d": True, "e": None, "f": "<&>"}})
    body = written(made, "urn:x")
    assert body.startswith(
        b'<?xml version="1.0" encoding="UTF-8"?>\n<A version="2.0" xmlns="urn:x">'
    )
    assert b"\n<b>1</b>\n<b>2.5</b>\n<c>\n<d>true</d>\n" in body
    again = read(body, "A")
    assert [one.text for one in again.findall("b")] == ["1", "2.5"]
    assert again.findtext("c/d") == "true"
    assert again.findtext("c/f") == "<&>"


def test_replacing_keeps_what_the_device_knows_and_its_order() -> None:
    stored = element("A", {"b": 1, "c": {"name": "12", "on": True}})
    given_one = element("A", {"c": {"on": False, "name": "Yard", "extra": 1}, "b": 2})
    made = replaced(stored, given_one)
    assert [one.tag for one in made] == ["b", "c"]
    assert [one.tag for one in made[1]] == ["name", "on"]
    assert (made.findtext("b"), made.findtext("c/name")) == ("2", "Yard")
    with pytest.raises(BadDocument):
        replaced(stored, element("A", {"b": 1, "c": {"name": "x", "on": "maybe"}}))


@given(st.binary(max_size=300) | st.text("<>/aA&;!\"' =", max_size=100).map(str.encode))
def test_anything_sent_is_a_document_or_refused(body: bytes) -> None:
    found: Element | int
    try:
        found = read(body, "A")
    except BadDocument as error:
        found = error.code
    assert found in (5, 6) or (isinstance(found, Element) and found.tag == "A")
