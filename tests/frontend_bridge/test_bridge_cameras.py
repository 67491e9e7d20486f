"""Cameras over REST: what is shown, added, changed, removed, and how faults are told."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import av
import pytest

from tests.frontend_bridge.conftest import Stage
from ucv.media.access_unit import VideoFormat
from ucv.testing.clock import until
from ucv_bridge.addresses import check_addresses
from ucv_bridge.errors import AddressRefused

SECRET = "Tr0ub4dor&3 p@ss/w:rd"

FRONT = {"id": "front", "name": "Front door", "integration": "fake", "url": "fake://front"}


async def call(
    client: aiohttp.ClientSession, method: str, path: str, body: Any = None
) -> tuple[int, Any]:
    async with client.request(method, path, json=body) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def settled(stage: Stage, camera_id: str) -> Any:
    """Return a camera once its entry has been set up."""
    states = ("not_loaded", "setup_in_progress")
    await until(lambda: stage.hub.entries.status(camera_id).state not in states)
    _, view = await call(stage.client(stage.viewer), "GET", f"/api/cameras/{camera_id}")
    return view


async def test_health_is_for_everyone(stage: Stage) -> None:
    status, body = await call(stage.client(), "GET", "/api/health")
    assert (status, body) == (200, {"status": "ok", "version": stage.hub.version})


async def test_a_camera_is_added_shown_changed_and_removed(stage: Stage) -> None:
    admin = stage.client(stage.admin)
    status, added = await call(
        admin, "POST", "/api/cameras", {**FRONT, "username": "viewer", "password": SECRET}
    )
    assert (status, added["id"], added["entry"]["id"]) == (201, "front", "front")
    view = await settled(stage, "front")
    main, sub = view.pop("profiles")
    assert view == {
        "id": "front",
        "name": "Front door",
        "integration": "fake",
        "read_only": False,
        "origin": "user",
        "preload": False,
        "disabled": False,
        "unique_id": "serial-front",
        "manufacturer": "Fake",
        "model": "One",
        "serial": None,
        "mac": None,
        "firmware": None,
        "channel": None,
        "online": None,
        "clock_offset": None,
        "config": {**FRONT, "username": "viewer"},
        "entry": {
            "id": "front",
            "name": "Front door",
            "state": "loaded",
            "reason": None,
            "next_try": None,
        },
        "state": "idle",
        "reason": None,
        "capabilities": ["snapshot"],
    }
    since = main["stream"].pop("since")
    assert since == pytest.approx(stage.clock.time(), abs=10)
    assert main == {
        "name": "main",
        "role": "main",
        "codec": None,
        "codec_string": None,
        "width": 0,
        "height": 0,
        "bit_rate": None,
        "audio": None,
        "frame_rate": 0.0,
        "stream": {"state": "idle", "reason": None, "next_try": None, "viewers": 0},
    }
    assert (sub["role"], sub["width"], sub["height"]) == ("sub", 320, 180)

    changed = {**FRONT, "name": "Back door", "preload": True}
    status, view = await call(admin, "PUT", "/api/cameras/front", changed)
    assert (status, view["name"], view["preload"]) == (200, "Back door", True)
    # The password that was not named is kept.
    assert await stage.hub.secrets.get("front", "password") == SECRET

    assert (await call(admin, "DELETE", "/api/cameras/front"))[0] == 204
    assert await call(admin, "GET", "/api/cameras") == (200, {"cameras": []})
    status, body = await call(admin, "GET", "/api/cameras/front")
    assert (status, body["code"]) == (404, "NOT_FOUND")
    assert await stage.hub.secrets.get("front", "password") is None


async def test_what_a_live_stream_told_is_shown(stage: Stage) -> None:
    await stage.add(preload=True)
    await until(lambda: stage.camera().connections)
    stage.camera().gop()
    _, view = await call(stage.client(stage.viewer), "GET", "/api/cameras/front")
    main = view["profiles"][0]
    assert view["state"] == main["stream"]["state"] == "live"
    assert main["codec"] == "h264"
    assert main["codec_string"] == "avc1.42c01e"
    assert (main["width"], main["height"]) == (640, 480)


async def test_what_cannot_be_set_up_is_a_camera_all_the_same(stage: Stage) -> None:
    await stage.add("away", url="fake://away")
    await stage.add("refuse", url="fake://refuse", username="viewer", password=SECRET)
    status, body = await call(stage.client(stage.viewer), "GET", "/api/cameras")
    assert status == 200
    away, refuse = body["cameras"]
    assert away["entry"]["state"] == "setup_retry"
    assert away["entry"]["reason"] == {"code": "CONN_REFUSED", "message": "Nobody is there."}
    assert away["entry"]["next_try"] > 0
    assert away["state"] is None
    assert away["profiles"] == []
    assert refuse["entry"]["state"] == "auth_failed"
    # The plugin put the password into its message.
    assert refuse["reason"] == {
        "code": "AUTH_FAILED",
        "message": "**redacted** is no password of ours",
    }


async def test_no_answer_has_a_secret(stage: Stage) -> None:
    await stage.add("refuse", url="fake://refuse", username="viewer", password=SECRET)
    admin = stage.client(stage.admin)
    texts = []
    for method, path, body in (
        ("GET", "/api/cameras", None),
        ("GET", "/api/cameras/refuse", None),
        ("PUT", "/api/cameras/refuse", {**FRONT, "password": SECRET}),
        ("POST", "/api/cameras", {**FRONT, "surprise": SECRET}),
        ("POST", "/api/cameras", {**FRONT, "url": f"fake://viewer:{SECRET}@front"}),
        ("POST", "/api/cameras", {**FRONT, "integration": SECRET}),
        ("POST", "/api/cameras", {**FRONT, "id": SECRET}),
        ("GET", f"/api/cameras/{SECRET.replace('/', '%2F')}", None),
        ("GET", "/api/cameras/refuse/snapshot.jpg", None),
        ("GET", "/api/system/info", None),
    ):
        async with admin.request(method, path, json=body) as answer:
            texts.append(await answer.text())
    assert SECRET not in "".join(texts)


async def test_what_the_yaml_defines_is_changed_only_there(stage: Stage) -> None:
    stage.hub.directory.yaml.write_text(
        "cameras:\n  - {id: front, name: Front, integration: fake, url: 'fake://front'}\n"
    )
    await stage.restart()
    admin = stage.client(stage.admin)
    view = await settled(stage, "front")
    assert (view["origin"], view["read_only"]) == ("yaml", True)
    for method in ("PUT", "DELETE"):
        status, body = await call(admin, method, "/api/cameras/front", FRONT)
        assert (status, body["code"]) == (409, "READ_ONLY")
    assert (await call(admin, "POST", "/api/cameras/front/reload", {}))[0] == 200


async def test_faults_are_told_by_field_with_the_nearest_key(stage: Stage) -> None:
    body = {"name": "x", "integration": "fake", "url": "fake://front", "pasword": "y"}
    status, answer = await call(stage.client(stage.admin), "POST", "/api/cameras", body)
    assert (status, answer["code"]) == (400, "VALIDATION_ERROR")
    (fault,) = answer["details"]["errors"]
    assert (fault["key"], fault["suggestion"]) == ("pasword", "password")


async def test_an_id_in_use_is_refused(stage: Stage) -> None:
    await stage.add()
    status, body = await call(stage.client(stage.admin), "POST", "/api/cameras", FRONT)
    assert (status, body["code"]) == (409, "ALREADY_CONFIGURED")


@pytest.mark.parametrize(
    ("accept", "language", "sentence"),
    [
        ("", "en", "There is no such camera."),
        ("es-MX,es;q=0.9,en;q=0.5", "es", "No existe."),
        ("de, en;q=0.1", "en", "There is no such camera."),
    ],
)
async def test_errors_come_in_the_clients_language_with_the_same_code(
    stage: Stage, accept: str, language: str, sentence: str
) -> None:
    client = stage.client(stage.viewer, **{"Accept-Language": accept})
    async with client.get("/api/cameras/nothing") as answer:
        assert answer.headers["Content-Language"] == language
        assert await answer.json() == {
            "error": sentence,
            "code": "NOT_FOUND",
            "details": {"camera": "nothing"},
        }


async def test_faults_of_fields_come_in_spanish_too(stage: Stage) -> None:
    client = stage.client(stage.admin, **{"Accept-Language": "es"})
    _, answer = await call(client, "POST", "/api/cameras", {"name": "x", "integration": "fake"})
    (fault,) = answer["details"]["errors"]
    assert (fault["key"], fault["message"]) == ("url", "es obligatorio")


async def test_a_defect_is_answered_without_telling_how_it_came_about(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(stage.hub.entries, "list", broken)
    status, body = await call(stage.client(stage.viewer), "GET", "/api/cameras")
    assert (status, body["code"], body["details"]) == (500, "INTERNAL_ERROR", {})
    assert SECRET not in str(body)
    assert "GET /api/cameras failed" in caplog.text


# --- where cameras may be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "0xa9fea9fe",
        "2852039166",
        "0251.254.169.254",
        "metadata.google.internal.",
        "0.0.0.0",
        "[::]",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_no_camera_is_where_only_mischief_is(host: str) -> None:
    for mapping in (
        {"url": f"rtsp://{host}/x"},
        {"url": f"rtsp://a:b@{host}:554/x"},
        {"host": host.strip("[]")},
        {"streams": [{"role": "main", "url": f"rtsp://{host}"}]},
    ):
        with pytest.raises(AddressRefused) as refused:
            check_addresses(mapping)
        assert refused.value.details["errors"][0]["key"] in ("url", "host", "streams[0].url")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "192.0.2.10", "169.254.7.7", "camera.local", "[2001:db8::7]", "front"]
)
def test_cameras_may_be_anywhere_else(host: str) -> None:
    check_addresses({"name": "0.0.0.0 is a name", "url": f"rtsp://{host}:554/live", "host": host})


async def test_rest_and_websocket_check_the_address(stage: Stage) -> None:
    body = {**FRONT, "url": "fake://169.254.169.254/latest"}
    admin = stage.client(stage.admin)
    status, answer = await call(admin, "POST", "/api/cameras", body)
    assert (status, answer["code"]) == (400, "ADDRESS_REFUSED")
    await stage.add()
    assert (await call(admin, "PUT", "/api/cameras/front", body))[1]["code"] == "ADDRESS_REFUSED"
    socket = await stage.socket()
    assert (await socket.call("entries/create", entry=body))["code"] == "ADDRESS_REFUSED"


# --- snapshots ------------------------------------------------------------------------------------


def keyframe() -> tuple[VideoFormat, bytes]:
    """Encode one picture."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25, options={"tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame(64, 48, "yuv420p")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    units = buffer.getvalue().replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    by_type = {unit[0] & 0x1F: unit for unit in units if unit}
    sps, pps, idr = by_type[7], by_type[8], by_type[5]
    codec_string = f"avc1.{sps[1:4].hex()}"
    return VideoFormat("h264", codec_string, 64, 48, (sps,), (pps,)), idr


async def test_a_snapshot_is_a_jpeg_of_what_the_camera_shows(stage: Stage) -> None:
    await stage.add(preload=True)
    await until(lambda: stage.camera().connections)
    video_format, picture = keyframe()
    camera = stage.camera()
    camera.format = video_format
    camera.change_format()
    camera.picture(keyframe=True, nal=picture)
    async with stage.client(stage.viewer).get("/api/cameras/front/snapshot.jpg") as answer:
        assert answer.status == 200
        assert answer.content_type == "image/jpeg"
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await answer.read()).startswith(b"\xff\xd8")


async def test_there_is_no_snapshot_of_what_is_not_there(stage: Stage) -> None:
    await stage.add()
    await stage.add("away", url="fake://away")
    client = stage.client(stage.viewer)
    for path, status, code in (
        ("nothing/snapshot.jpg", 404, "NOT_FOUND"),
        ("front/snapshot.jpg?profile=third", 404, "NOT_FOUND"),
        ("away/snapshot.jpg", 503, "STREAM_NOT_LIVE"),
    ):
        assert (await call(client, "GET", f"/api/cameras/{path}"))[0] == status
        assert (await call(client, "GET", f"/api/cameras/{path}"))[1]["code"] == code


# --- the system -----------------------------------------------------------------------------------


async def test_the_system_tells_what_it_is_and_administrators_what_is_broken(stage: Stage) -> None:
    broken = stage.hub.directory.custom_integrations / "broken.py"
    broken.write_text("import nothing_of_the_kind\n")
    await stage.restart()
    await stage.add()
    status, info = await call(stage.client(stage.admin), "GET", "/api/system/info")
    assert status == 200
    assert info["version"] == stage.hub.version
    assert info["memory"]["process_bytes"] > 10_000_000
    assert info["uptime"] >= 0
    assert info["streams"] == {"total": 2, "by_state": {"idle": 2}}
    assert "fake" in [d for plugin in info["plugins"]["loaded"] for d in plugin["domains"]]
    (quarantined,) = info["plugins"]["quarantined"]
    assert (quarantined["name"], quarantined["stage"]) == ("broken", "import")
    _, info = await call(stage.client(stage.viewer), "GET", "/api/system/info")
    assert info["plugins"]["quarantined"] == []
    assert info["plugins"]["quarantined_count"] == 1
