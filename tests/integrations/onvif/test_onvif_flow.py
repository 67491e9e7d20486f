"""The whole way from adding a device to using it, with streams behind a device of a few answers."""

from __future__ import annotations

import asyncio
import io
import time
from typing import Any

import av
import pytest

from ucv import PtzVector
from ucv.cameras.camera_event import CameraReported
from ucv.entries.entry import EntryState
from ucv.testing import check_integration_contract, until
from ucv.testing.hub import HubKit
from ucv.testing.plugin import StartHub
from ucv_onvif import Onvif


async def add(kit: HubKit, camera: Any, **values: Any) -> None:
    await kit.add({"integration": "onvif", "id": "yard", **camera.config, **values})
    await kit.reaches("yard", EntryState.LOADED)


def size_of(data: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(data), "r") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


async def test_it_keeps_the_whole_contract(bench: Any) -> None:
    class UnderAnotherName(Onvif):
        """The integration itself is built in, and its name is taken."""

        domain = "onvif_contract"

    UnderAnotherName.__module__ = Onvif.__module__
    report = await check_integration_contract(UnderAnotherName, bench.camera())
    assert not report.failed, str(report)
    assert report.grade == "gold", str(report)


async def test_a_page_shows_what_was_found_and_adds_it(ucv_hub: StartHub, bench: Any) -> None:
    async with bench.camera() as camera:
        kit = await ucv_hub()
        flow = await kit.hub.flows.start("onvif")
        flow = await kit.hub.flows.submit(flow.id, camera.config, wait=20)
        while (page := flow.page.to_json())["kind"] == "form" and page["step"] != "confirm":
            flow = await kit.hub.flows.submit(flow.id, {}, wait=20)
        for text in ("Acme", "Dome 5", "AC0099887", "2.1"):
            assert text in repr(page)
        flow = await kit.hub.flows.submit(flow.id, {"name": "Yard"}, wait=20)
        page = flow.page.to_json()
        assert page["kind"] == "done"
        await kit.reaches(page["entry_id"], EntryState.LOADED)
        shown = kit.hub.cameras.get(page["entry_id"])
        assert (shown.name, shown.manufacturer, shown.unique_id) == ("Yard", "Acme", "AC0099887")
        assert [profile.codec for profile in shown.profiles] == ["h265", "h265"]
        assert camera.refused == 0


async def test_a_camera_from_yaml_has_a_live_picture_and_a_still_one(
    ucv_hub: StartHub, bench: Any
) -> None:
    async with bench.camera() as camera:
        kit = await ucv_hub()
        await add(kit, camera)
        for profile, size in (("main", (640, 360)), ("sub", (320, 180))):
            live = await kit.hub.control.snapshot("yard", profile)
            assert await asyncio.to_thread(size_of, live.data) == size
        picture = await kit.hub.control.ask("yard", "snapshot")
        assert picture.content_type == "image/jpeg"
        await kit.hub.control.ask("yard", "reboot")
        assert camera.script.count("SystemReboot") == 1
        assert kit.hub.cameras.get("yard").clock_offset == pytest.approx(0, abs=2)


async def test_a_wrong_password_is_refused_twice_at_most_over_everything(
    ucv_hub: StartHub, bench: Any
) -> None:
    async with bench.camera() as camera:
        kit = await ucv_hub()
        await kit.add(
            {"integration": "onvif", "id": "yard", **camera.config, "password": "not-this-one"}
        )
        await kit.reaches("yard", EntryState.AUTH_FAILED)
        await asyncio.sleep(0.3)
        assert 1 <= camera.refused <= 2
        assert "not-this-one" not in kit.log_text
        flow = await kit.hub.flows.start("onvif", "reauth", entry_id="yard")
        login = {"username": camera.username, "password": camera.password}
        flow = await kit.hub.flows.submit(flow.id, login, wait=20)
        assert flow.page.to_json()["kind"] == "done"
        await kit.reaches("yard", EntryState.LOADED)


async def test_a_camera_that_moves_is_stopped_before_it_is_let_go_of(
    ucv_hub: StartHub, bench: Any
) -> None:
    async with bench.camera() as camera:
        camera.script.answers["Media2GetProfiles"] = bench.profiles2("s1", ptz=True)
        kit = await ucv_hub()
        await add(kit, camera)
        await kit.hub.control.ask("yard", "ptz_move", PtzVector(pan=1.0))
        await kit.hub.entries.delete("yard")
        assert camera.script.count("Stop") == 1


async def test_motion_reaches_programs_within_a_second_and_once(
    ucv_hub: StartHub, bench: Any
) -> None:
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def pulled(_body: Any) -> str:
        state = await queue.get()
        return (
            "<r><NotificationMessage><Topic>tns1:VideoSource/MotionAlarm</Topic><Message>"
            "<Message PropertyOperation='Changed'><Data>"
            f"<SimpleItem Name='State' Value='{state}'/></Data></Message></Message>"
            "</NotificationMessage></r>"
        )

    async with bench.camera() as camera:
        camera.script.answers["PullMessages"] = pulled
        kit = await ucv_hub()
        seen: list[tuple[float, Any]] = []
        kit.hub.bus.subscribe(
            CameraReported, lambda told: seen.append((time.monotonic(), told.event.active))
        )
        await add(kit, camera)
        await until(lambda: camera.script.count("PullMessages") == 1)
        began = time.monotonic()
        for state in ("true", "true", "false"):
            queue.put_nowait(state)
        await until(lambda: len(seen) == 2)
        assert [active for _when, active in seen] == [True, False]
        assert seen[0][0] - began < 1


async def test_diagnostics_say_which_policies_hold_and_no_secret(
    ucv_hub: StartHub, bench: Any
) -> None:
    async with bench.camera(ways=("digest",)) as camera:
        kit = await ucv_hub()
        await add(kit, camera)
        integration, handle = kit.hub.entries.loaded("yard")
        told = await integration.diagnostics(handle)
        assert told["policies"]["auth"] == "digest"
        assert told["policies"]["media"] == "media2"
        assert camera.password not in repr(told)
        assert camera.password not in kit.log_text
        assert kit.hub.entries.get("yard").config.facts == {"found_login": "digest"}
