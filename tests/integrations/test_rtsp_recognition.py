"""What answers by RTSP can be shown: by whose it is, and where its pictures likely are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import Fingerprint, HttpAnswer, RtspAnswer
from ucv.clock import SystemClock
from ucv.discovery.scan.fingerprint import fingerprint
from ucv.testing import RtspServer
from ucv_rtsp.paths import VENDORS
from ucv_rtsp.recognition import HANDLERS, of_fingerprint

HOST = "192.0.2.10"


def rtsp(status: int = 401, *, realm: str = "", server: str = "", path: str = "/") -> RtspAnswer:
    return RtspAnswer(554, status, path, server=server, realm=realm)


@pytest.mark.parametrize(
    ("answer", "brand", "path"),
    [
        (rtsp(realm="Login to 4C0A7F1PAG4E0F2"), "Dahua", "/cam/realmonitor?channel=1&subtype=0"),
        (rtsp(realm="IP Camera(C2183)"), "Hikvision", "/Streaming/Channels/101"),
        (rtsp(realm="AXIS_ACCC8E00A1B2"), "Axis", "/axis-media/media.amp"),
        (rtsp(realm="iPolis"), "Hanwha", "/profile1/media.smp"),
        (rtsp(realm="TP-Link IP-Camera"), "TP-Link", "/stream1"),
        (rtsp(realm="DCS-942L"), "D-Link", "/live1.sdp"),
        (rtsp(server="HiIpcam/V100R003 VodServer"), "Foscam", "/videoMain"),
        (rtsp(realm="Hipcam RealServer"), "Hipcam", "/11"),
        (rtsp(realm="LIVE555 Streaming Media", server="GStreamer RTSP server"), None, None),
        (rtsp(), None, None),
    ],
    ids=[
        "Dahua",
        "Hikvision",
        "Axis",
        "Hanwha",
        "TP-Link",
        "D-Link",
        "Foscam",
        "Hipcam",
        "servers of anybody",
        "silence",
    ],
)
def test_realm_and_server_tell_whose_it_is(
    answer: RtspAnswer, brand: str | None, path: str | None
) -> None:
    sighting = of_fingerprint(Fingerprint(HOST, (554,), rtsp=(answer,)))
    assert sighting is not None
    assert (sighting.manufacturer, sighting.confidence) == (brand, 0.3)
    assert (sighting.rtsp_port, sighting.details.get("path")) == (554, path)
    assert sighting.details["rtsp"] == "log-in"


@pytest.mark.parametrize(
    ("page", "brand"),
    [
        (HttpAnswer(80, 200, title="NETSurveillance WEB"), "Xiongmai"),
        (HttpAnswer(80, 200, server="Vivotek Network Camera"), "Vivotek"),
        (HttpAnswer(80, 401, realm="AXIS_ACCC8E00A1B2"), "Axis"),
        (HttpAnswer(80, 302, location="/doc/page/login.asp"), "Hikvision"),
        (HttpAnswer(80, 200, server="Boa/0.94", title="Welcome"), None),
    ],
    ids=["title", "server", "realm", "login page", "nothing"],
)
def test_a_web_page_tells_it_else(page: HttpAnswer, brand: str | None) -> None:
    sighting = of_fingerprint(Fingerprint(HOST, (80, 554), rtsp=(rtsp(),), http=(page,)))
    assert sighting is not None
    assert (sighting.manufacturer, sighting.http_port) == (brand, 80)


@pytest.mark.parametrize(
    ("mac", "brand", "path"),
    [
        ("EC:71:DB:00:00:01", "Reolink", "/h264Preview_01_main"),
        ("9c8ecd000001", "Amcrest", "/cam/realmonitor?channel=1&subtype=0"),
        ("0c-a6-4c-00-00-01", "EZVIZ", "/Streaming/Channels/101"),
        ("2C:AA:8E:00:00:01", "Wyze", None),
        ("02:00:00:00:00:01", None, None),
        ("nonsense", None, None),
    ],
)
def test_a_hardware_address_names_what_has_answered(
    mac: str, brand: str | None, path: str | None
) -> None:
    sighting = of_fingerprint(Fingerprint(HOST, (554,), rtsp=(rtsp(),), mac=mac))
    assert sighting is not None
    assert sighting.confidence <= 0.3
    assert (sighting.manufacturer, sighting.details.get("path")) == (brand, path)
    assert of_fingerprint(Fingerprint(HOST, (554,), mac=mac)) is None


def test_a_realm_counts_more_than_a_hardware_address() -> None:
    found = Fingerprint(HOST, rtsp=(rtsp(realm="Login to 1"),), mac="EC:71:DB:00:00:01")
    sighting = of_fingerprint(found)
    assert sighting is not None
    assert sighting.manufacturer == "Dahua"


def test_a_path_with_an_account_in_it_is_not_offered() -> None:
    sighting = of_fingerprint(Fingerprint(HOST, rtsp=(rtsp(server="H264DVR 1.0"),)))
    assert sighting is not None
    assert sighting.manufacturer == "Xiongmai"
    assert "path" not in sighting.details
    assert any(vendor.known_only for vendor in VENDORS)


def test_an_open_stream_is_said_to_be_open_under_its_path() -> None:
    sighting = of_fingerprint(Fingerprint(HOST, rtsp=(rtsp(200, path="/live"),)))
    assert sighting is not None
    assert sighting.details == {"rtsp": "open", "path": "/live"}


def test_of_several_ports_it_is_the_one_with_something_to_show() -> None:
    answers = (RtspAnswer(7447, 501, "/"), RtspAnswer(8554, 401, "/"))
    sighting = of_fingerprint(Fingerprint(HOST, rtsp=answers))
    assert sighting is not None
    assert sighting.rtsp_port == 8554


TEXT = st.text(max_size=60)


@given(st.integers(), TEXT, TEXT, TEXT, st.none() | TEXT)
def test_nothing_that_a_server_says_makes_the_handler_fail(
    status: int, realm: str, server: str, path: str, mac: str | None
) -> None:
    answer = rtsp(status, realm=realm, server=server, path=path)
    page = HttpAnswer(80, status, server=server, realm=realm, title=path, location=path)
    sighting = of_fingerprint(Fingerprint(HOST, rtsp=(answer,), http=(page,), mac=mac))
    assert sighting is not None
    assert all(isinstance(text, str) for text in sighting.details.values())


async def test_a_scan_finds_a_plain_server() -> None:
    async with RtspServer(server_header="Dahua Rtsp Server") as server:
        found = await fingerprint(server.host, (server.port,), clock=SystemClock())
        sighting = of_fingerprint(found)
        assert sighting is not None
        assert (sighting.rtsp_port, sighting.manufacturer) == (server.port, "Dahua")


def test_it_is_registered_for_scans_alone() -> None:
    assert [(type(one).__name__, one.domain) for one in HANDLERS] == [("ScanHandler", "rtsp")]
