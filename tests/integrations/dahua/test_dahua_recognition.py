"""A Dahua device is known by what it says on the network, and nothing else is taken for one."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import (
    Datagram,
    Fingerprint,
    HttpAnswer,
    RtspAnswer,
    Sighting,
    SsdpDevice,
    WsDiscoveryTarget,
)
from ucv.clock import SystemClock
from ucv.discovery import ws_messages
from ucv.discovery.descriptions import read as read_description
from ucv.discovery.scan.fingerprint import fingerprint
from ucv.entries.entry import EntryState
from ucv.testing import DahuaDevice, running_hub
from ucv.testing.discovery import announcement, ssdp, ws_discovery
from ucv.testing.discovery import dhip as responder
from ucv.testing.discovery.identity import identity_of
from ucv_dahua import dhip
from ucv_dahua.recognition import HANDLERS, of_device, of_fingerprint, of_target

HOST = "192.0.2.10"
INFO: dict[str, Any] = {
    "DeviceClass": "IPC",
    "DeviceType": "IPC-HDW5831R-ZE",
    "SerialNo": "4C0A7F1PAG4E0F2",
    "Vendor": "Dahua",
    "MachineName": "Gate",
    "Version": "2.800.0000016.0.R,build:2020-06-05",
    "HttpPort": 8080,
    "Port": 37777,
    "IPv4Address": {"IPAddress": "192.0.2.99", "DhcpEnable": True},
    "VideoInputChannels": 1,
}


def packet(told: Any, *, header: bytes | None = None) -> bytes:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    if header is None:
        header = b"\x20\0\0\0DHIP" + bytes(8) + struct.pack("<IIII", len(body), 0, len(body), 0)
    return header + body


def notice(**changes: Any) -> dict[str, Any]:
    return {
        "mac": "3c:ef:8c:0a:0b:0c",
        "method": "client.notifyDevInfo",
        "params": {"deviceInfo": {**INFO, **changes}},
    }


def dhip_of(data: bytes) -> Sighting | None:
    return dhip.parse(Datagram(HOST, 37810, data))


def told(sighting: Sighting | None) -> Sighting:
    assert sighting is not None
    return sighting


# --- DHIP -----------------------------------------------------------------------------------------


def test_the_question_has_its_length_in_the_header() -> None:
    question = dhip.probe()
    body = b'{"method":"DHDiscover.search","params":{"mac":"","uni":1}}'
    assert question[:16] == b"\x20\0\0\0DHIP" + bytes(8)
    assert question[16:32] == struct.pack("<IIII", len(body), 0, len(body), 0)
    assert question[32:] == body
    assert dhip.HANDLER.port == 37810
    assert list(map(str, dhip.HANDLER.groups)) == ["239.255.255.251", "255.255.255.255"]


def test_an_answer_says_what_a_device_is() -> None:
    assert dhip_of(packet(notice())) == Sighting(
        confidence=0.95,
        name="Gate",
        manufacturer="Dahua",
        model="IPC-HDW5831R-ZE",
        serial="4C0A7F1PAG4E0F2",
        mac="3c:ef:8c:0a:0b:0c",
        firmware="2.800.0000016.0.R, build 2020-06-05",
        unique_id="4C0A7F1PAG4E0F2",
        http_port=8080,
    )


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(packet(notice(), header=b""), id="no header"),
        pytest.param(packet(notice(), header=b"\xff\xfe??\r\n"), id="garbage before"),
        pytest.param(packet(notice(), header=b"{what {"), id="braces before"),
        pytest.param(
            packet(notice(), header=b"\x20\0\0\0DHIP" + bytes(8) + b"{\x03\0\0\0\0\0\0" * 2),
            id="a length that looks like a brace",
        ),
        pytest.param(packet(notice()) + b"\n\0\0\0}", id="garbage behind"),
        pytest.param(packet(notice()).replace(b'"Ser', b'"\0Ser\0'), id="nul bytes within"),
    ],
)
def test_an_answer_is_read_whatever_stands_around_it(data: bytes) -> None:
    assert told(dhip_of(data)).serial == "4C0A7F1PAG4E0F2"


@pytest.mark.parametrize(
    ("vendor", "manufacturer"),
    [
        ("Dahua", "Dahua"),
        ("General", "Dahua"),
        ("Private", "Dahua"),
        ("", "Dahua"),
        (None, "Dahua"),
        (7, "Dahua"),
        ("Amcrest", "Amcrest"),
        ("Lorex", "Lorex"),
    ],
)
def test_the_maker_is_named_where_no_seller_is(vendor: object, manufacturer: str) -> None:
    assert told(dhip_of(packet(notice(Vendor=vendor)))).manufacturer == manufacturer


@pytest.mark.parametrize("model", ["IP Camera", "31", "", None, ["IPC"]])
def test_a_model_that_says_nothing_is_left_out(model: object) -> None:
    assert told(dhip_of(packet(notice(DeviceType=model)))).model is None


def test_a_name_from_the_factory_is_none() -> None:
    assert told(dhip_of(packet(notice(MachineName=INFO["SerialNo"])))).name is None


def test_one_without_a_usable_serial_number_is_known_by_its_mac() -> None:
    assert told(dhip_of(packet(notice(SerialNo="0000000")))).unique_id == "3c:ef:8c:0a:0b:0c"


@pytest.mark.parametrize("port", [0, 65536, -1, True, "80", 80.5, None, {}, 10**400])
def test_a_port_that_is_none_is_not_taken(port: object) -> None:
    assert told(dhip_of(packet(notice(HttpPort=port)))).http_port is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(dhip.probe(), id="a question"),
        pytest.param(b"", id="nothing"),
        pytest.param(packet({}), id="an empty object"),
        pytest.param(packet([1, 2]), id="a list"),
        pytest.param(packet({**notice(), "method": "client.notifyBye"}), id="another notice"),
        pytest.param(packet({**notice(), "params": "deviceInfo"}), id="text for an object"),
        pytest.param(packet({**notice(), "params": {"deviceInfo": []}}), id="no information"),
        pytest.param(packet(notice())[:120], id="half an answer"),
        pytest.param(packet(notice(MachineName="x" * 65_000)), id="a giant"),
        pytest.param(packet(b"[" * 10_000), id="ten thousand levels"),
        pytest.param(packet(b'{"a":' * 3_000), id="nested objects"),
        pytest.param(packet(b"{" * 16_000), id="braces only"),
        pytest.param(packet(b'{"a":' + b"9" * 15_000 + b"}"), id="a giant number"),
    ],
)
def test_what_is_no_answer_is_nobody(data: bytes) -> None:
    assert dhip_of(data) is None


@given(st.binary(max_size=3000), st.booleans())
def test_any_bytes_are_no_answer(data: bytes, headed: bool) -> None:
    assert dhip_of(packet(data, header=None if headed else b"")) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(st.fixed_dictionaries(dict.fromkeys(INFO, JSON)), JSON)
def test_whatever_an_answer_holds_its_texts_are_texts(info: dict[str, Any], mac: object) -> None:
    sighting = told(dhip_of(packet({**notice(**info), "mac": mac})))
    for text in (sighting.name, sighting.model, sighting.serial, sighting.mac, sighting.firmware):
        assert text is None or isinstance(text, str)
    assert sighting.http_port is None or 0 < sighting.http_port < 65536


# --- other protocols ------------------------------------------------------------------------------


def target(name: str, **scopes: tuple[str, ...]) -> WsDiscoveryTarget:
    return WsDiscoveryTarget(
        HOST,
        "uuid:1",
        types=("NetworkVideoTransmitter",),
        onvif={"name": (name,), "hardware": ("IPC-HFW2431S",), **scopes},
        addresses=(f"http://{HOST}/onvif/device_service",),
    )


@pytest.mark.parametrize(
    ("name", "brand"),
    [
        ("Dahua", "Dahua"),
        ("DAHUA_IPC", "Dahua"),
        ("Amcrest IP8M", "Amcrest"),
        ("lorex", "Lorex"),
        ("Intelbras", "Intelbras"),
        ("Imou", "Imou"),
    ],
)
def test_ws_discovery_tells_it_by_its_name(name: str, brand: str) -> None:
    sighting = told(of_target(target(name, mac=("3c:ef:8c:0a:0b:0c",))))
    assert (sighting.manufacturer, sighting.model) == (brand, "IPC-HFW2431S")
    assert (sighting.mac, sighting.http_port) == ("3c:ef:8c:0a:0b:0c", 80)


@pytest.mark.parametrize("name", ["General", "HIKVISION DS-2CD", "Dahuang", "My Dahua", ""])
def test_ws_discovery_leaves_others(name: str) -> None:
    assert of_target(target(name)) is None


def test_ssdp_tells_it_by_its_manufacturer() -> None:
    description = {
        "manufacturer": "Dahua",
        "modelname": "IPC-HFW2431S",
        "serialnumber": "4C0A7F1PAG4E0F2",
        "presentationurl": "http://192.0.2.10:8080/",
    }
    sighting = told(of_device(SsdpDevice(HOST, description=description)))
    assert (sighting.model, sighting.http_port) == ("IPC-HFW2431S", 8080)
    assert sighting.unique_id == "4C0A7F1PAG4E0F2"
    other = {**description, "serialnumber": "1.0"}
    assert told(of_device(SsdpDevice(HOST, description=other))).unique_id is None
    assert of_device(SsdpDevice(HOST, description={"manufacturer": "HIKVISION"})) is None


@pytest.mark.parametrize(
    ("found", "serial"),
    [
        (RtspAnswer(554, 401, "/", realm="Login to 4C0A7F1PAG4E0F2"), "4C0A7F1PAG4E0F2"),
        (RtspAnswer(554, 401, "/", realm="Login to AMC014641NE6L35KE6"), "AMC014641NE6L35KE6"),
        (RtspAnswer(554, 401, "/", realm="Login to 5d41402abc4b2a76b9719d911017c592"), None),
        (RtspAnswer(554, 401, "/", realm="Login to 5D41402ABC4B2A76"), None),
        (RtspAnswer(554, 401, "/", realm="Login to 4C0A7F1PAG4E0F2, Dahua"), None),
        (RtspAnswer(554, 200, "/", server="Dahua Rtsp Server"), None),
        (HttpAnswer(80, 401, realm="Login to 4C0A7F1PAG4E0F2"), "4C0A7F1PAG4E0F2"),
        (HttpAnswer(80, 401, realm="Device_CGI"), None),
        (HttpAnswer(80, 200, title="WEB SERVICE"), None),
    ],
    ids=[
        "serial number",
        "Amcrest",
        "hash",
        "short hash",
        "comma",
        "RTSP server",
        "HTTP realm",
        "CGI realm",
        "title",
    ],
)
def test_a_scan_tells_it_by_what_answers(
    found: RtspAnswer | HttpAnswer, serial: str | None
) -> None:
    if isinstance(found, RtspAnswer):
        sighting = told(of_fingerprint(Fingerprint(HOST, rtsp=(found,))))
    else:
        sighting = told(of_fingerprint(Fingerprint(HOST, http=(found,))))
    assert (sighting.confidence, sighting.manufacturer) == (0.8, "Dahua")
    assert (sighting.serial, sighting.unique_id) == (serial, serial)


@pytest.mark.parametrize(
    ("mac", "brand"), [("3CEF8C010203", "Dahua"), ("9c-8e-cd-01-02-03", "Amcrest")]
)
def test_a_hardware_address_alone_is_a_weak_sign_and_an_open_port_none(
    mac: str, brand: str
) -> None:
    anybody = HttpAnswer(80, 200, server="nginx")
    sighting = told(of_fingerprint(Fingerprint(HOST, (80,), http=(anybody,), mac=mac)))
    assert sighting.confidence <= 0.3
    assert sighting.manufacturer == brand
    assert of_fingerprint(Fingerprint(HOST, (80, 554, 37777), mac=mac)) is None
    assert of_fingerprint(Fingerprint(HOST, (80, 37777), http=(anybody,))) is None


TEXT = st.text(max_size=60)
LINKS = st.one_of(
    TEXT, TEXT.map("http://{}".format), st.just("http://[::1"), st.just("http://a:9x")
)


@given(LINKS, TEXT, TEXT, st.none() | TEXT)
def test_nothing_that_devices_say_makes_a_handler_fail(
    link: str, one: str, other: str, mac: str | None
) -> None:
    of_target(WsDiscoveryTarget(HOST, one, onvif={"name": ("dahua", one)}, addresses=(link,)))
    description = {"manufacturer": "Dahua", "serialnumber": one, "presentationurl": link}
    of_device(SsdpDevice(HOST, other, description=description))
    of_fingerprint(
        Fingerprint(
            HOST,
            rtsp=(RtspAnswer(554, 401, "/", server=other, realm=f"Login to {one}"),),
            http=(HttpAnswer(80, 200, server=one, realm=other, title=one),),
            mac=mac,
        )
    )


# --- the virtual device ---------------------------------------------------------------------------

QUIRKS = sorted(name for name, text in announcement.QUIRKS.items() if "DHIP" in text)


@pytest.mark.parametrize("quirk", ["none", *QUIRKS])
async def test_dhip_tells_what_its_log_in_will_tell(quirk: str) -> None:
    async with DahuaDevice("Gate") as device, running_hub() as kit:
        (answer,) = responder.answer(identity_of(device), [quirk], dhip.probe())
        sighting = told(dhip_of(answer))
        mapping = {"id": "gate", "name": "Gate", "integration": "dahua", **device.config}
        await kit.hub.entries.create(mapping)
        await kit.reaches("gate", EntryState.LOADED)
        camera = kit.hub.cameras.get("gate")
        assert sighting.unique_id == camera.unique_id
        assert (sighting.manufacturer, sighting.model) == (camera.manufacturer, camera.model)
        assert (sighting.serial, sighting.mac) == (camera.serial, camera.mac)
        assert sighting.http_port == device.http_port


async def test_each_other_protocol_tells_the_same_device() -> None:
    async with DahuaDevice("Gate") as device:
        known = identity_of(device)
        message = ws_messages.read(ws_discovery.hello(known, ()), known.address)
        seen = told(of_target(message.targets[0]))
        assert (seen.model, seen.http_port) == (known.model, known.http_port)
        document = read_description(ssdp.description(known, ()))
        described = told(of_device(SsdpDevice(known.address, description=document)))
        assert (described.unique_id, described.http_port) == (known.serial, known.http_port)
        ports = (device.http_port, device.rtsp_port)
        found = await fingerprint(device.host, ports, clock=SystemClock())
        scanned = told(of_fingerprint(found))
        assert (scanned.http_port, scanned.rtsp_port) == ports
        assert (scanned.unique_id, scanned.confidence) == (known.serial, 0.8)


def test_each_way_of_finding_devices_is_registered_once() -> None:
    registered = [(type(handler).__name__, handler.domain) for handler in HANDLERS]
    assert sorted(registered) == [
        ("DatagramHandler", "dahua"),
        ("ScanHandler", "dahua"),
        ("SsdpHandler", "dahua"),
        ("WsDiscoveryHandler", "dahua"),
    ]
