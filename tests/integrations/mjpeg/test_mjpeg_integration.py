"""The MJPEG integration: its fields, what it finds, whose camera it is, and its still pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ucv.config.drafts import draft_from_mapping
from ucv.entries.entry import EntryState
from ucv.errors import ValidationError
from ucv.testing import MjpegDevice, VirtualDevice, check_integration_contract, running_hub
from ucv_mjpeg import Mjpeg
from ucv_mjpeg.paths import PLACES, candidates

INTEGRATIONS = {"mjpeg": Mjpeg()}
LOGIN = {"username": "admin", "password": "camera-secret"}


class Camera(MjpegDevice):
    """A camera as the contract asks for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(*LOGIN.values(), width=64, height=48, rate=20, **options)

    @property
    def refused(self) -> int:
        return self.counters.refused

    def set_password(self, new: str) -> None:
        self.password = new

    @property
    def http(self) -> VirtualDevice:
        return self


class Renamed(Mjpeg):
    """The integration beside the built-in one, which has the name already."""

    domain = "mjpeg_again"


def draft(**fields: Any) -> Any:
    return draft_from_mapping({"name": "Yard", "integration": "mjpeg", **fields}, INTEGRATIONS)


def faults(**fields: Any) -> Mapping[str, str]:
    with pytest.raises(ValidationError) as raised:
        draft(**fields)
    return {error["key"]: error["message"] for error in raised.value.details["errors"]}


URL = "http://192.0.2.1/video.mjpg"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "url"),
        ({"url": URL, "host": "192.0.2.1"}, "host"),
        ({"url": URL, "http_port": 80}, "http_port"),
        ({"url": URL, "tls": True}, "tls"),
        ({"url": "rtsp://192.0.2.1/live"}, "url"),
        ({"url": URL, "snapshot_url": "http://192.0.2.2/still.jpg"}, "snapshot_url"),
        ({"url": URL, "frame_rate": 0}, "frame_rate"),
        ({"url": URL, "idle_timeout": 1000}, "idle_timeout"),
    ],
    ids=["nothing", "host", "port", "tls", "scheme", "elsewhere", "rate", "silence"],
)
def test_where_the_camera_is_must_be_said_once(fields: dict[str, Any], key: str) -> None:
    assert key in faults(**fields)


def test_credentials_in_an_address_move_to_the_secrets() -> None:
    made = draft(url="http://viewer:s3cret@192.0.2.1/video.mjpg")
    assert made.data == {"url": URL, "username": "viewer"}
    assert made.secrets == {"password": "s3cret"}


def test_paths_with_the_password_are_only_tried_where_the_server_is_known() -> None:
    assert not [place for place in candidates("nginx", None) if place.carries_password]
    first = candidates("Netwave IP Camera", None)[0]
    assert first.vendor == "Foscam"
    assert first.carries_password
    assert {place.port for place in candidates("", 8080)} == {None, 8080}
    assert len({(place.path, place.port) for place in PLACES}) == len(PLACES)


@pytest.mark.parametrize(
    ("path", "vendor"),
    [
        ("/axis-cgi/mjpg/video.cgi", "Axis"),
        ("/cgi-bin/mjpg/video.cgi", "Dahua"),
        ("/Streaming/channels/102/httpPreview", "Hikvision"),
        ("/nphMotionJpeg", "Panasonic"),
        ("/videostream.cgi", "Foscam"),
    ],
)
async def test_of_a_host_alone_the_stream_is_found(path: str, vendor: str) -> None:
    async with Camera() as device, running_hub() as kit:
        device.route(path, device._video)
        host = {"host": device.host, "http_port": device.port}
        entry = await kit.add({"integration": "mjpeg", "id": "cam", **host, **LOGIN})
        assert entry.status.state is EntryState.LOADED, entry.status.reason
        camera = kit.hub.cameras.get("cam")
        assert camera.manufacturer == vendor
        assert camera.profiles[0].url.startswith(f"{device.url}{path}")
        assert device.counters.refused == 0
        assert (await kit.hub.control.snapshot("cam")).data in device.pictures


async def test_of_a_foscam_the_address_with_the_password_is_found_and_kept_without_it() -> None:
    async with Camera(server_header="Netwave IP Camera") as device, running_hub() as kit:

        def video(request: Any) -> Any:
            ok = request.query == {"user": LOGIN["username"], "pwd": LOGIN["password"]}
            return device._video(request) if ok else {"result": "illegal user"}

        device.route("/videostream.cgi", video, auth=False)
        host = {"host": device.host, "http_port": device.port}
        entry = await kit.add({"integration": "mjpeg", "id": "cam", **host, **LOGIN})
        assert entry.status.state is EntryState.LOADED, entry.status.reason
        assert LOGIN["password"] not in repr(kit.hub.entries.get("cam"))
        assert LOGIN["password"] not in kit.log_text
        assert (await kit.hub.control.snapshot("cam")).data in device.pictures


async def test_a_wrong_password_ends_the_search_after_two_refusals_at_most() -> None:
    async with Camera() as device, running_hub() as kit:
        wrong = {**LOGIN, "password": "wrong"}
        host = {"host": device.host, "http_port": device.port}
        entry = await kit.add({"integration": "mjpeg", "id": "cam", **host, **wrong})
        assert entry.status.state is EntryState.AUTH_FAILED
        assert 1 <= device.counters.refused <= 2


async def test_a_camera_with_nothing_at_the_known_places_is_told_so() -> None:
    async with VirtualDevice() as device, running_hub() as kit:
        host = {"host": device.host, "http_port": device.port}
        entry = await kit.add({"integration": "mjpeg", "id": "cam", **host})
        assert entry.status.reason is not None
        assert "give the address itself" in entry.status.reason.message


async def test_the_camera_is_host_port_and_path() -> None:
    async with Camera() as device, running_hub() as kit:
        url = f"{device.url}/video?fps=5"
        await kit.add({"integration": "mjpeg", "id": "cam", "url": url, **LOGIN})
        wanted = f"{device.host}:{device.port}/video?fps=5"
        assert kit.hub.cameras.get("cam").unique_id == wanted


async def test_a_camera_whose_realm_tells_its_mac_is_known_at_another_address() -> None:
    async with Camera(realm="AXIS_ACCC8E00A1B2") as device, running_hub() as kit:
        url = f"{device.url}/video?camera=1"
        await kit.add({"integration": "mjpeg", "id": "cam", "url": url, **LOGIN})
        camera = kit.hub.cameras.get("cam")
        assert camera.mac == "ac:cc:8e:00:a1:b2"
        assert camera.unique_id == "ac:cc:8e:00:a1:b2/video?camera=1"
        assert camera.manufacturer == "Axis"
        assert device.counters.refused == 0


async def test_still_pictures_come_from_their_own_address() -> None:
    async with Camera() as device, running_hub() as kit:
        large = device.pictures[0] + b"larger"
        device.route("/still.jpg", large)
        urls = {"url": f"{device.url}/video", "snapshot_url": f"{device.url}/still.jpg"}
        await kit.add({"integration": "mjpeg", "id": "cam", **urls, **LOGIN})
        assert (await kit.hub.control.snapshot("cam")).data == large
        assert (await kit.hub.control.snapshot("cam", "main")).data in device.pictures


async def test_an_encrypted_camera_is_trusted_by_its_fingerprint() -> None:
    async with Camera(tls=True) as device, running_hub() as kit:
        url = f"https://{device.host}:{device.port}/video"
        entry = await kit.add({"integration": "mjpeg", "id": "cam", "url": url, **LOGIN})
        assert entry.status.reason is not None
        assert entry.status.reason.code == "TLS_UNTRUSTED"
        trusted = {"url": url, "fingerprint": device.fingerprint}
        await kit.add({"integration": "mjpeg", "id": "again", **trusted, **LOGIN})
        assert (await kit.hub.control.snapshot("again")).data in device.pictures


async def test_it_keeps_the_contract_but_for_the_identity_that_such_cameras_do_not_have() -> None:
    device = Camera()
    await device.start()
    url = f"{device.url}/video"
    await device.stop()
    report = await check_integration_contract(Renamed, device, {"url": url, **LOGIN})
    assert [result.rule.id for result in report.failed] == ["unique"], str(report)
