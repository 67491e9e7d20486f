"""A Hikvision device is known by what it says on the network, and nothing else is taken for one."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import (
    Datagram,
    Fingerprint,
    HttpAnswer,
    MdnsService,
    RtspAnswer,
    Sighting,
    SsdpDevice,
    WsDiscoveryTarget,
)
from ucv.clock import SystemClock
from ucv.discovery import ssdp_messages, ws_messages
from ucv.discovery.descriptions import read as read_description
from ucv.discovery.scan.fingerprint import fingerprint
from ucv.entries.entry import EntryState
from ucv.plugins.identity import usable_serial
from ucv.testing import HikvisionDevice, running_hub
from ucv.testing.discovery import announcement, ssdp, ws_discovery
from ucv.testing.discovery import sadp as responder
from ucv.testing.discovery.identity import identity_of
from ucv_hikvision import sadp
from ucv_hikvision.recognition import HANDLERS, of_device, of_fingerprint, of_service, of_target

HOST = "192.0.2.10"
ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<ProbeMatch><Uuid>13A888A9-F1B1-4020-AE9F-05607682D23B</Uuid><Types>inquiry</Types>
<DeviceType>138525</DeviceType><DeviceDescription>DS-2CD2143G0-I</DeviceDescription>
<DeviceSN>DS-2CD2143G0-I20190101AAWRC12345678</DeviceSN><CommandPort>8000</CommandPort>
<HttpPort>8080</HttpPort><MAC>44-19-b6-0a-0b-0c</MAC><IPv4Address>192.0.2.99</IPv4Address>
<SoftwareVersion>V5.7.15build 240201</SoftwareVersion><Activated>true</Activated></ProbeMatch>"""


def sadp_of(text: str | bytes) -> Sighting | None:
    data = text.encode() if isinstance(text, str) else text
    return sadp.parse(Datagram(HOST, 37020, data))


def told(sighting: Sighting | None) -> Sighting:
    assert sighting is not None
    return sighting


# --- SADP -----------------------------------------------------------------------------------------


def test_the_question_has_another_uuid_each_time() -> None:
    pattern = re.compile(
        rb'<\?xml version="1.0" encoding="utf-8"\?>'
        rb"<Probe><Uuid>([0-9A-F-]{36})</Uuid><Types>inquiry</Types></Probe>"
    )
    first, second = pattern.fullmatch(sadp.probe()), pattern.fullmatch(sadp.probe())
    assert first is not None
    assert second is not None
    assert UUID(first[1].decode()) != UUID(second[1].decode())
    assert (sadp.HANDLER.port, *map(str, sadp.HANDLER.groups)) == (37020, "239.255.255.250")
    assert sadp.HANDLER.listen


def test_an_answer_says_what_a_device_is() -> None:
    assert sadp_of(ANSWER) == Sighting(
        confidence=0.95,
        manufacturer="Hikvision",
        model="DS-2CD2143G0-I",
        serial="DS-2CD2143G0-I20190101AAWRC12345678",
        mac="44-19-b6-0a-0b-0c",
        firmware="V5.7.15 build 240201",
        unique_id="DS-2CD2143G0-I20190101AAWRC12345678",
        http_port=8080,
        details={"activated": "yes"},
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(str.upper, id="capitals"),
        pytest.param(str.lower, id="small letters"),
        pytest.param(lambda text: f"\ufeff{text}", id="byte order mark"),
        pytest.param(lambda text: f"{text}\0\0\r\n", id="nul bytes behind"),
        pytest.param(lambda text: text.replace("138525", "A & B <"[:5]), id="bare ampersand"),
        pytest.param(lambda text: text.replace("UTF-8", "EUC-KR"), id="another encoding"),
    ],
)
def test_an_answer_is_read_however_it_is_written(change: Any) -> None:
    sighting = told(sadp_of(change(ANSWER)))
    assert (sighting.serial or "").casefold() == "ds-2cd2143g0-i20190101aawrc12345678"
    assert sighting.http_port == 8080


def test_one_without_a_password_is_said_to_be_so() -> None:
    sighting = told(sadp_of(ANSWER.replace("<Activated>true", "<Activated>false")))
    assert sighting.details == {"activated": "no"}


def test_one_without_a_usable_serial_number_is_known_by_its_mac() -> None:
    text = re.sub(r"<DeviceSN>.*?</DeviceSN>", "<DeviceSN>00000000</DeviceSN>", ANSWER)
    assert told(sadp_of(text)).unique_id == "44:19:b6:0a:0b:0c"


@pytest.mark.parametrize("port", ["0", "65536", "-80", "eighty", "", "8" * 5000, "\u0668\u0660"])
def test_a_port_that_is_none_is_not_taken(port: str) -> None:
    assert told(sadp_of(ANSWER.replace(">8080<", f">{port}<"))).http_port is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(sadp.probe(), id="a question"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"<ProbeMatch/>", id="an answer that says nothing"),
        pytest.param(b"<ProbeMatch><Uuid>1</Uuid><Types>inquiry</Types></ProbeMatch>", id="nobody"),
        pytest.param(ANSWER.encode()[:200], id="half an answer"),
        pytest.param(ANSWER.encode() + b" " * 65_000, id="a giant"),
        pytest.param(b"<ProbeMatch>" * 10_000, id="ten thousand levels"),
        pytest.param(
            b'<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
            b"<ProbeMatch><DeviceSN>&b;</DeviceSN></ProbeMatch>",
            id="entities of its own",
        ),
        pytest.param(
            b'<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
            b"<ProbeMatch><DeviceSN>&a;</DeviceSN></ProbeMatch>",
            id="an external entity",
        ),
    ],
)
def test_what_is_no_answer_is_nobody(data: bytes) -> None:
    assert sadp_of(data) is None


@given(st.binary(max_size=3000))
def test_any_bytes_are_an_answer_or_none(data: bytes) -> None:
    assert sadp_of(data) is None


@given(
    st.lists(
        st.tuples(st.integers(0, len(ANSWER) - 1), st.binary(max_size=6), st.integers(0, 12)),
        max_size=8,
    )
)
def test_a_damaged_answer_is_read_or_left(damage: list[tuple[int, bytes, int]]) -> None:
    data = ANSWER.encode()
    for place, inserted, gone in damage:
        data = data[:place] + inserted + data[place + gone :]
    sighting = sadp_of(data)
    assert sighting is None or sighting.serial or sighting.mac or sighting.model


# --- other protocols ------------------------------------------------------------------------------


def target(**scopes: tuple[str, ...]) -> WsDiscoveryTarget:
    return WsDiscoveryTarget(
        HOST,
        "uuid:1",
        types=("NetworkVideoTransmitter",),
        onvif=scopes,
        addresses=(f"https://{HOST}/", f"http://{HOST}:8080/onvif/device_service"),
    )


def test_ws_discovery_tells_it_by_its_name() -> None:
    sighting = told(
        of_target(target(name=("HIKVISION DS-2CD2143G0-I",), hardware=("DS-2CD2143G0-I",)))
    )
    assert (sighting.manufacturer, sighting.model) == ("Hikvision", "DS-2CD2143G0-I")
    assert (sighting.confidence, sighting.http_port) == (0.85, 8080)
    assert sighting.unique_id is None


def test_ws_discovery_tells_one_that_was_renamed_by_its_model() -> None:
    sighting = told(of_target(target(name=("Garage",), hardware=("DS-2CD2143G0-I",))))
    assert sighting.confidence == 0.7


@pytest.mark.parametrize(
    ("name", "hardware"),
    [("Dahua", "IPC-HDW5831R"), ("Hikvisionary", "X-1"), ("Front DS-2CD2143", "Dome"), ("", "DS-")],
)
def test_ws_discovery_leaves_others(name: str, hardware: str) -> None:
    assert of_target(target(name=(name,), hardware=(hardware,))) is None


def test_bonjour_tells_model_and_serial_number() -> None:
    name = "HIKVISION DS-2CD2032-I - 123456789"
    for instance in (name, f"{name} (2)"):
        sighting = told(of_service(MdnsService(HOST, 80, "_psia._tcp.local.", instance)))
        assert (sighting.model, sighting.serial) == ("DS-2CD2032-I", "123456789")
        assert (sighting.http_port, sighting.unique_id) == (80, None)


@pytest.mark.parametrize("instance", ["Office printer", "HIKVISION", "Axis - 1", ""])
def test_bonjour_of_others_is_left(instance: str) -> None:
    assert of_service(MdnsService(HOST, 80, "_http._tcp.local.", instance)) is None


def test_ssdp_tells_it_by_its_manufacturer() -> None:
    description = {
        "manufacturer": "HIKVISION",
        "modelname": "IP CAMERA",
        "modelnumber": "DS-2CD2032-I",
        "serialnumber": "DS-2CD2032-I20140101CCCH123456789",
        "presentationurl": "http://192.0.2.10:81",
    }
    sighting = told(of_device(SsdpDevice(HOST, description=description)))
    assert (sighting.model, sighting.http_port) == ("DS-2CD2032-I", 81)
    assert sighting.unique_id == sighting.serial
    short = {**description, "serialnumber": "123456789"}
    assert told(of_device(SsdpDevice(HOST, description=short))).unique_id is None


@pytest.mark.parametrize("manufacturer", ["Dahua", "", "Not Hikvision"])
def test_ssdp_of_others_is_left(manufacturer: str) -> None:
    assert of_device(SsdpDevice(HOST, description={"manufacturer": manufacturer})) is None


@pytest.mark.parametrize(
    ("found", "model"),
    [
        (Fingerprint(HOST, rtsp=(RtspAnswer(554, 401, "/", realm="IP Camera(C2183)"),)), None),
        (Fingerprint(HOST, rtsp=(RtspAnswer(554, 401, "/", realm="DS-5bd3f2"),)), None),
        (
            Fingerprint(HOST, http=(HttpAnswer(80, 401, realm="DS-2CD2032-I"),)),
            "DS-2CD2032-I",
        ),
        (Fingerprint(HOST, http=(HttpAnswer(80, 200, server="App-webs/"),)), None),
        (Fingerprint(HOST, http=(HttpAnswer(80, 200, server="DNVRS-Webs"),)), None),
        (
            Fingerprint(HOST, http=(HttpAnswer(80, 302, location="/doc/page/login.asp?_1"),)),
            None,
        ),
    ],
    ids=["RTSP realm", "number as realm", "model as realm", "camera", "recorder", "login page"],
)
def test_a_scan_tells_it_by_what_answers(found: Fingerprint, model: str | None) -> None:
    sighting = told(of_fingerprint(found))
    assert (sighting.confidence, sighting.manufacturer) == (0.8, "Hikvision")
    assert sighting.model == model


def test_a_hardware_address_alone_is_a_weak_sign_and_an_open_port_none() -> None:
    mac = "44:19:B6:01:02:03"
    anybody = HttpAnswer(80, 200, server="nginx")
    sighting = told(of_fingerprint(Fingerprint(HOST, (80,), http=(anybody,), mac=mac)))
    assert sighting.confidence <= 0.3
    assert of_fingerprint(Fingerprint(HOST, (80, 554, 8000), mac=mac)) is None
    assert of_fingerprint(Fingerprint(HOST, (80, 8000), http=(anybody,))) is None


def test_the_ports_of_a_scan_are_those_that_answered() -> None:
    found = Fingerprint(
        HOST,
        rtsp=(RtspAnswer(8554, 404, "/"), RtspAnswer(554, 401, "/", realm="IP Camera(1)")),
        http=(HttpAnswer(443, 200, tls=True, server="App-webs/"), HttpAnswer(81, 200)),
    )
    sighting = told(of_fingerprint(found))
    assert (sighting.http_port, sighting.rtsp_port) == (81, 554)


TEXT = st.text(max_size=60)
LINKS = st.one_of(
    TEXT, TEXT.map("http://{}".format), st.just("http://[::1"), st.just("http://a:9x")
)


@given(st.dictionaries(TEXT, st.tuples(TEXT)), LINKS, TEXT, TEXT, st.none() | TEXT)
def test_nothing_that_devices_say_makes_a_handler_fail(
    scopes: dict[str, tuple[str]], link: str, one: str, other: str, mac: str | None
) -> None:
    of_target(target(**{"name": (f"hikvision {one}",), "hardware": (other,), **scopes}))
    of_target(WsDiscoveryTarget(HOST, one, onvif={"name": ("hikvision",)}, addresses=(link,)))
    of_device(
        SsdpDevice(
            HOST,
            one,
            other,
            description={
                "manufacturer": "Hikvision",
                "serialnumber": one,
                "presentationurl": link,
            },
        )
    )
    of_service(MdnsService(HOST, None, "_psia._tcp.local.", f"HIKVISION {one} - {other}"))
    of_fingerprint(
        Fingerprint(
            HOST,
            rtsp=(RtspAnswer(554, 401, "/", server=other, realm=f"DS-{one}"),),
            http=(HttpAnswer(80, 200, server=one, realm=other, title=one, location=other),),
            mac=mac,
        )
    )


# --- the virtual device ---------------------------------------------------------------------------

QUIRKS = sorted(
    name
    for name, text in announcement.QUIRKS.items()
    if text.startswith("SADP") and name not in ("to-group", "not-activated")
)


@pytest.mark.parametrize("quirk", ["", *QUIRKS])
async def test_sadp_tells_what_its_log_in_will_tell(quirk: str) -> None:
    async with HikvisionDevice("Gate") as device, running_hub() as kit:
        (answer,) = responder.answer(identity_of(device), [quirk], sadp.probe())
        sighting = told(sadp_of(answer))
        mapping = {"id": "gate", "name": "Gate", "integration": "hikvision", **device.config}
        await kit.hub.entries.create(mapping)
        await kit.reaches("gate", EntryState.LOADED)
        camera = kit.hub.cameras.get("gate")
        assert sighting.http_port == device.http_port
        if quirk == "upper-case":
            assert (sighting.unique_id or "") == (camera.unique_id or "").upper()
            return
        assert sighting.unique_id == camera.unique_id == usable_serial(sighting.serial)
        if quirk != "raw-ampersand":
            assert sighting.model == camera.model
        assert (sighting.manufacturer, sighting.serial) == (camera.manufacturer, camera.serial)


async def test_each_other_protocol_tells_the_same_device() -> None:
    async with HikvisionDevice("Gate") as device:
        known = identity_of(device)
        message = ws_messages.read(ws_discovery.hello(known, ()), known.address)
        seen = told(of_target(message.targets[0]))
        assert (seen.model, seen.http_port) == (known.model, known.http_port)
        (reply,) = ssdp.answer(known, (), ssdp_messages.QUESTION)
        assert ssdp_messages.read(reply) is not None
        document = read_description(ssdp.description(known, ()))
        described = told(of_device(SsdpDevice(known.address, description=document)))
        assert (described.serial, described.unique_id) == (known.serial, known.serial)
        assert described.http_port == known.http_port
        found = await fingerprint(
            device.host, (device.http_port, device.rtsp_port), clock=SystemClock()
        )
        scanned = told(of_fingerprint(found))
        assert (scanned.http_port, scanned.rtsp_port) == (device.http_port, device.rtsp_port)
        assert (scanned.manufacturer, scanned.confidence) == ("Hikvision", 0.8)


def test_each_way_of_finding_devices_is_registered_once() -> None:
    registered = [(type(handler).__name__, handler.domain) for handler in HANDLERS]
    assert sorted(registered) == [
        ("DatagramHandler", "hikvision"),
        *[("MdnsHandler", "hikvision")] * 3,
        ("ScanHandler", "hikvision"),
        ("SsdpHandler", "hikvision"),
        ("WsDiscoveryHandler", "hikvision"),
    ]
