"""What an ONVIF server that is not ours answered: a dialogue that was recorded.

The server is the crate onvif-server 0.1.1 (crates.io) with its example ``virtual_ptz``, which needs
a newer Rust than Debian has. ``testdata`` holds the bodies of its answers, by operation. Where it
differs from the standard is said at each test.
"""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from ucv import NotSupported, PtzVector
from ucv.testing.http_message import Answer
from ucv.wire import parse_xml, xml_text

RECORDED = Path(__file__).parent / "testdata" / "onvif-server-0.1.1"


@pytest.fixture
async def peer(bench: Any) -> Any:
    script = await bench.script()
    script._denied = lambda _request, _root: None
    for path in RECORDED.glob("*.xml"):
        body = path.read_bytes()
        status = 500 if b":Fault>" in body else 200
        script.answers[path.stem] = Answer(status, {"Content-Type": "application/soap+xml"}, body)
    for name in ("media", "ptz", "imaging", "events"):
        script.http.route(f"/onvif/{name}_service", script.answer, method="POST", auth=False)
    return script


async def test_a_camera_without_serial_or_interfaces_is_set_up(bench: Any, peer: Any) -> None:
    handle = await bench.handle(peer, probe=False)
    info = await bench.onvif.probe(handle)
    assert (info.manufacturer, info.model, info.firmware) == ("Virtual", "VirtualPTZ", "1.0")
    # Its serial number is too short to be one; GetNetworkInterfaces is refused with 500.
    assert info.unique_id is None


async def test_addresses_that_name_no_host_lead_to_the_device(bench: Any, peer: Any) -> None:
    handle = await bench.handle(peer)
    (main,) = await bench.onvif.streams(handle)
    assert main.url == "rtsp://127.0.0.1:8554/stream"
    assert (main.codec, main.width, main.height, main.frame_rate) == ("h264", 1920, 1080, 30.0)


async def test_its_ptz_service_has_a_namespace_that_does_not_exist(bench: Any, peer: Any) -> None:
    assert b"ver10/ptz/wsdl" in (RECORDED / "GetServices.xml").read_bytes()
    handle = await bench.handle(peer)
    found = await bench.onvif.capabilities(handle)
    assert {"ptz", "ptz_relative", "ptz_presets", "snapshot"} <= found
    await bench.onvif.ptz_move(handle, PtzVector(0.5, 0.0, 0.0))
    await bench.onvif.ptz_stop(handle)
    assert (await bench.onvif.ptz_create_preset(handle, "Gate")).id == "preset_2"


async def test_what_it_has_not_is_told_by_a_subcode_in_the_detail(bench: Any, peer: Any) -> None:
    handle = await bench.handle(peer)
    assert "day_night" not in await bench.onvif.capabilities(handle)
    with pytest.raises(NotSupported) as caught:
        await bench.onvif.ptz_home(handle)
    assert "ter:ActionNotSupported".casefold().rpartition(":")[2] in caught.value.details["codes"]


async def test_events_go_on_without_a_synchronisation_point(bench: Any, peer: Any) -> None:
    handle = await bench.handle(peer)
    pulls = 0

    def pulled(_body: Any) -> Any:
        nonlocal pulls
        pulls += 1
        if pulls == 1:
            return Answer(200, {}, (RECORDED / "PullMessages.xml").read_bytes())
        return (
            "<r><NotificationMessage><Topic>tns1:VideoSource/MotionAlarm</Topic><Message><Message>"
            "<Data><SimpleItem Name='State' Value='true'/></Data></Message></Message>"
            "</NotificationMessage></r>"
        )

    peer.answers["PullMessages"] = pulled
    async with aclosing(bench.onvif.events(handle)) as told:
        assert (await anext(told)).active is True
    # Its subscriptions are all under one path: the parameter alone tells them apart.
    created = parse_xml((RECORDED / "CreatePullPointSubscription.xml").read_bytes())
    known = xml_text(
        created,
        "Body/CreatePullPointSubscriptionResponse/SubscriptionReference/ReferenceParameters/"
        "SubscriptionId",
    )
    sent = [request.body for request in peer.http.requests if b"PullMessages" in request.body]
    assert known
    assert all(known.encode() in body for body in sent)
