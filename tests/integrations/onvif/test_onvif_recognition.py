"""ONVIF devices are known by what they say on the network, and named by the brand they tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import (
    Fingerprint,
    HttpAnswer,
    MdnsService,
    OnvifAnswer,
    RtspAnswer,
    SsdpDevice,
    WsDiscoveryTarget,
)
from ucv.clock import SystemClock
from ucv.discovery import ws_messages
from ucv.discovery.scan.fingerprint import fingerprint
from ucv.entries.entry import EntryState
from ucv.testing import OnvifDevice, running_hub
from ucv.testing.discovery import announcement, ws_discovery
from ucv.testing.discovery.identity import identity_of
from ucv_onvif.brands import brand_of_name
from ucv_onvif.recognition import HANDLERS, of_axis, of_device, of_fingerprint, of_target

HOST = "192.0.2.10"
SERVICE = f"http://{HOST}/onvif/device_service"


def target(
    *addresses: str, types: tuple[str, ...] = (), **scopes: tuple[str, ...]
) -> WsDiscoveryTarget:
    return WsDiscoveryTarget(HOST, "uuid:1", types=types, onvif=scopes, addresses=addresses)


# --- WS-Discovery ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hardware", "brand"),
    [
        ("AXIS M3045-V", "M3045-V", "Axis"),
        ("HIKVISION DS-2CD2143G0-I", "DS-2CD2143G0-I", "Hikvision"),
        ("Tapo_C200", "C200", "TP-Link"),
        ("IPC-BO", "Reolink", "Reolink"),
        ("UNIVIEW", "IPC3614", "Uniview"),
        ("Acme-X 5", "X 5", "Acme"),
        ("X 5", "X 5", None),
        ("Front door", "X 5", None),
        ("Axiscam", "X 5", None),
    ],
)
def test_the_brand_is_what_names_begin_with(name: str, hardware: str, brand: str | None) -> None:
    sighting = of_target(target(SERVICE, name=(name,), hardware=(hardware,)))
    assert sighting is not None
    assert sighting.manufacturer == brand
    assert (sighting.name, sighting.model) == (name, hardware)
    assert (sighting.confidence, sighting.unique_id) == (0.5, None)


def test_a_scope_of_its_own_may_name_the_brand() -> None:
    sighting = of_target(target(name=("Front door",), manufacturer=("VIVOTEK",)))
    assert sighting is not None
    assert sighting.manufacturer == "Vivotek"


def test_location_and_hardware_address_are_told() -> None:
    sighting = of_target(target(location=("Yard", "country/x"), mac=("02:00:5e:10:00:01",)))
    assert sighting is not None
    assert sighting.details == {"location": "Yard, country/x"}
    assert sighting.mac == "02:00:5e:10:00:01"


def test_a_device_that_tells_no_more_than_its_type_is_found() -> None:
    sighting = of_target(target(types=("NetworkVideoTransmitter",)))
    assert sighting is not None
    assert sighting.manufacturer is None
    assert sighting.endpoint == "uuid:1"


@pytest.mark.parametrize("types", [("Device", "PrintDeviceType"), ("Computer",), ()])
def test_printers_and_computers_are_left(types: tuple[str, ...]) -> None:
    assert of_target(target(SERVICE, types=types)) is None


@pytest.mark.parametrize(
    ("addresses", "port"),
    [
        ((SERVICE,), 80),
        ((f"https://{HOST}/x", f"http://{HOST}:8899/x"), 8899),
        ((f"http://{HOST}:99999/x", f"http://{HOST}:81/x"), 81),
        (("http://[::1", "ftp://x", "", "http://a:b:c/"), None),
        ((), None),
    ],
    ids=["usual", "beside HTTPS", "beside a wrong one", "none that is right", "none"],
)
def test_the_port_is_that_of_the_first_usable_address(
    addresses: tuple[str, ...], port: int | None
) -> None:
    sighting = of_target(target(*addresses, types=("NetworkVideoTransmitter",)))
    assert sighting is not None
    assert sighting.http_port == port


# --- other protocols ------------------------------------------------------------------------------


def test_axis_is_known_by_what_it_announces() -> None:
    name = "AXIS M2026-LE Mk II - B8A44F0A98A1"
    told = {"macaddress": "B8A44F0A98A1"}
    for service in (
        MdnsService(HOST, 80, "_axis-video._tcp.local.", name, told),
        MdnsService(HOST, 80, "_axis-video._tcp.local.", f"{name} (2)"),
    ):
        sighting = of_axis(service)
        assert sighting is not None
        assert (sighting.manufacturer, sighting.model) == ("Axis", "M2026-LE Mk II")
        assert (sighting.mac, sighting.http_port) == ("B8A44F0A98A1", 80)
    renamed = of_axis(MdnsService(HOST, 80, "_axis-video._tcp.local.", "Gate", told))
    assert renamed is not None
    assert (renamed.mac, renamed.model) == ("B8A44F0A98A1", None)


def test_ssdp_tells_brands_that_make_nothing_but_cameras() -> None:
    described = {
        "manufacturer": "AXIS",
        "modelname": "AXIS M3045-V",
        "serialnumber": "ACCC8E00A1B2",
        "presentationurl": f"http://{HOST}:80/",
    }
    sighting = of_device(SsdpDevice(HOST, description=described))
    assert sighting is not None
    assert (sighting.manufacturer, sighting.mac) == ("Axis", "ac:cc:8e:00:a1:b2")
    assert (sighting.confidence, sighting.http_port) == (0.4, 80)


@pytest.mark.parametrize("manufacturer", ["Sony Corporation", "Samsung", "Acme", ""])
def test_ssdp_of_others_is_left(manufacturer: str) -> None:
    assert of_device(SsdpDevice(HOST, description={"manufacturer": manufacturer})) is None


@pytest.mark.parametrize(
    ("rtsp", "http", "brand"),
    [
        (RtspAnswer(554, 401, "/", realm="TP-Link IP-Camera"), None, "TP-Link"),
        (RtspAnswer(554, 401, "/", server="H264DVR 1.0"), None, "Xiongmai"),
        (None, HttpAnswer(80, 200, title="IPCam Client"), "Foscam"),
        (None, HttpAnswer(80, 200, server="Vivotek Network Camera"), "Vivotek"),
        (None, HttpAnswer(80, 401, realm="Device_CGI"), "Dahua"),
        (RtspAnswer(554, 401, "/", realm="ONVIF"), HttpAnswer(80, 200, server="nginx"), None),
        (None, None, None),
    ],
    ids=["RTSP realm", "RTSP server", "title", "HTTP server", "HTTP realm", "anybody", "silence"],
)
def test_a_scan_names_what_speaks_onvif_by_its_other_answers(
    rtsp: RtspAnswer | None, http: HttpAnswer | None, brand: str | None
) -> None:
    found = Fingerprint(
        HOST,
        (8000,),
        rtsp=(rtsp,) if rtsp else (),
        http=(http,) if http else (),
        onvif=(OnvifAnswer(8000),),
    )
    sighting = of_fingerprint(found)
    assert sighting is not None
    assert (sighting.manufacturer, sighting.confidence) == (brand, 0.5)
    assert sighting.http_port == 8000
    assert sighting.rtsp_port == (554 if rtsp else None)


def test_the_realm_of_an_axis_tells_its_hardware_address() -> None:
    for realm in ("AXIS_ACCC8E00A1B2", "AXIS_WS_ACCC8E00A1B2"):
        rtsp = RtspAnswer(554, 401, "/", realm=realm)
        sighting = of_fingerprint(Fingerprint(HOST, rtsp=(rtsp,), onvif=(OnvifAnswer(80),)))
        assert sighting is not None
        assert (sighting.manufacturer, sighting.mac) == ("Axis", "ACCC8E00A1B2")


def test_without_an_answer_of_onvif_a_scan_finds_nothing() -> None:
    web = HttpAnswer(80, 401, realm="AXIS_ACCC8E00A1B2")
    assert of_fingerprint(Fingerprint(HOST, (80, 2020, 8899), http=(web,))) is None


@pytest.mark.parametrize("name", ["", "x", "Saxis", "axisabc", "TAPOS"])
def test_a_brand_is_a_whole_word_at_the_beginning(name: str) -> None:
    assert brand_of_name(name) is None


TEXT = st.text(max_size=60)
LINKS = st.one_of(
    TEXT, TEXT.map("http://{}".format), st.just("http://[::1"), st.just("http://a:9x")
)


@given(
    st.dictionaries(st.sampled_from(["name", "hardware", "mac", "location"]), st.tuples(TEXT)),
    LINKS,
    TEXT,
    TEXT,
)
def test_nothing_that_devices_say_makes_a_handler_fail(
    scopes: dict[str, tuple[str]], link: str, one: str, other: str
) -> None:
    assert of_target(target(link, types=("NetworkVideoTransmitter",), **scopes)) is not None
    of_axis(MdnsService(HOST, None, one, f"AXIS {one} - {other}", {"macaddress": one}))
    described = {"manufacturer": "axis", "serialnumber": one, "presentationurl": link}
    assert of_device(SsdpDevice(HOST, one, description=described)) is not None
    found = Fingerprint(
        HOST,
        rtsp=(RtspAnswer(554, 401, "/", server=other, realm=f"AXIS_{one}"),),
        http=(HttpAnswer(80, 200, server=one, realm=other, title=one),),
        onvif=(OnvifAnswer(80, one),),
    )
    assert of_fingerprint(found) is not None


# --- the virtual device ---------------------------------------------------------------------------

QUIRKS = sorted(name for name, text in announcement.QUIRKS.items() if text.startswith("WS-Disc"))


@pytest.mark.parametrize("quirk", ["none", *QUIRKS])
async def test_the_virtual_device_is_told_whatever_it_gets_wrong(quirk: str) -> None:
    async with OnvifDevice(model="Virtual 2") as device:
        known = identity_of(device)
        question = ws_messages.probe("urn:uuid:0a0b0c0d-0000-4000-8000-000000000001", "")
        (answer,) = ws_discovery.answer(known, [quirk], question)
        sighting = of_target(ws_messages.read(answer, known.address).targets[0])
        assert sighting is not None
        assert (sighting.name, sighting.model) == (known.name, known.model)
        assert sighting.http_port == known.http_port
        assert sighting.mac == (known.mac if quirk == "mac-scope" else None)


async def test_nothing_says_what_the_log_in_will_tell_but_the_hardware_address() -> None:
    async with OnvifDevice() as device, running_hub() as kit:
        known = identity_of(device)
        message = ws_messages.read(ws_discovery.hello(known, ["mac-scope"]), known.address)
        sighting = of_target(message.targets[0])
        mapping = {"id": "yard", "name": "Yard", "integration": "onvif", **device.config}
        await kit.hub.entries.create(mapping)
        await kit.reaches("yard", EntryState.LOADED)
        camera = kit.hub.cameras.get("yard")
        assert sighting is not None
        assert (sighting.unique_id, sighting.mac) == (None, camera.mac)
        assert camera.unique_id == known.serial


async def test_a_scan_finds_the_virtual_device_without_logging_in() -> None:
    async with OnvifDevice() as device:
        ports = (device.http_port, device.rtsp_port)
        sighting = of_fingerprint(await fingerprint(device.host, ports, clock=SystemClock()))
        assert sighting is not None
        assert (sighting.http_port, sighting.rtsp_port) == ports
        assert not [one for one in device.http.requests if "authorization" in one.headers]
        assert device.operations == ["GetSystemDateAndTime"]


def test_each_way_of_finding_devices_is_registered_once() -> None:
    registered = [(type(handler).__name__, handler.domain) for handler in HANDLERS]
    assert sorted(registered) == [
        *[("MdnsHandler", "onvif")] * 2,
        ("ScanHandler", "onvif"),
        ("SsdpHandler", "onvif"),
        ("WsDiscoveryHandler", "onvif"),
    ]
