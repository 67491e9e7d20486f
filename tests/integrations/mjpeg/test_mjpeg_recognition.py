"""A stream of pictures at a web server's first page makes it a camera, and nothing less does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import Fingerprint, HttpAnswer
from ucv.clock import SystemClock
from ucv.discovery.scan.fingerprint import fingerprint
from ucv.entries.entry import EntryState
from ucv.testing import MjpegDevice, VirtualDevice, running_hub
from ucv_mjpeg.recognition import HANDLERS, of_fingerprint

HOST = "192.0.2.10"


class OpenCamera(MjpegDevice):
    """Streams at its first page, to anyone, as ``motion`` does."""

    def __init__(self) -> None:
        super().__init__(None, None, width=64, height=48, rate=20)
        self.route("/", self._video)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/x-mixed-replace; boundary=frame",
        "Multipart/X-Mixed-Replace;boundary=--frame",
        " multipart/x-mixed-replace",
    ],
)
def test_a_stream_of_pictures_is_a_camera(content_type: str) -> None:
    others = (HttpAnswer(80, 200, content_type="text/html"),)
    stream = HttpAnswer(8081, 200, server="Motion/4.3", content_type=content_type)
    sighting = of_fingerprint(Fingerprint(HOST, (80, 8081), http=(*others, stream)))
    assert sighting is not None
    assert (sighting.http_port, sighting.confidence) == (8081, 0.4)
    assert sighting.details == {"server": "Motion/4.3"}
    assert sighting.manufacturer is None


@pytest.mark.parametrize("content_type", ["", "text/html", "multipart/mixed", "image/jpeg"])
def test_another_web_server_is_none(content_type: str) -> None:
    answer = HttpAnswer(8081, 200, title="multipart/x-mixed-replace", content_type=content_type)
    assert of_fingerprint(Fingerprint(HOST, (8081,), http=(answer,))) is None
    assert of_fingerprint(Fingerprint(HOST, (8080, 8081, 81))) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_that_a_server_says_makes_the_handler_fail(server: str, content_type: str) -> None:
    answer = HttpAnswer(80, 200, server=server, content_type=content_type)
    assert of_fingerprint(Fingerprint(HOST, http=(answer,))) is None


async def test_what_a_scan_finds_plays_with_its_address_alone() -> None:
    async with OpenCamera() as device, running_hub() as kit:
        device.route("/video", "elsewhere")
        found = await fingerprint(device.host, (device.port,), clock=SystemClock())
        sighting = of_fingerprint(found)
        assert sighting is not None
        mapping = {"host": device.host, "http_port": sighting.http_port}
        entry = await kit.add({"integration": "mjpeg", "id": "cam", **mapping})
        assert entry.status.state is EntryState.LOADED, entry.status.reason


async def test_a_web_page_that_asks_for_a_login_is_not_found() -> None:
    async with VirtualDevice() as device:
        found = await fingerprint(device.host, (device.port,), clock=SystemClock())
        assert found.http
        assert of_fingerprint(found) is None


def test_it_is_registered_for_scans_alone() -> None:
    assert [(type(one).__name__, one.domain) for one in HANDLERS] == [("ScanHandler", "mjpeg")]
