"""Vendors' devices on the page, by clicks alone: added, seen live, moved, and what they report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import chromium, collect_errors, screenshot
from tests.e2e.conftest import StartHub
from tests.e2e.test_page import LIMIT, first_start, until
from ucv.testing.dahua import DahuaDevice
from ucv.testing.hikvision import HikvisionDevice
from ucv.testing.onvif import OnvifDevice

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def fill(dialog: Any, device: Any) -> None:
    await dialog.get_by_label("Host").fill(device.host)
    await dialog.get_by_label("User name").fill(device.username)
    await dialog.get_by_label("Password", exact=True).fill(device.password)
    await dialog.get_by_text("More settings").click()
    await dialog.get_by_label("HTTP port").fill(str(device.http_port))


async def finish(dialog: Any, name: str) -> None:
    """Go through the pages up to the name, and give it."""
    await dialog.get_by_role("button", name="Next").click()
    label = dialog.get_by_label("Name", exact=True)
    following = dialog.get_by_role("button", name="Next")
    await expect(label.or_(following).first).to_be_visible(timeout=LIMIT)
    if not await label.is_visible():
        await following.click()
    await label.fill(name, timeout=LIMIT)


DEVICES: dict[str, Any] = {
    "dahua": (DahuaDevice, "VideoMotion"),
    "hikvision": (HikvisionDevice, "VMD"),
    "onvif": (OnvifDevice, "motion"),
}


@pytest.mark.parametrize("brand", DEVICES)
async def test_a_vendor_s_camera_is_added_moved_and_reports(
    brand: str, tmp_path: Path, start_hub: StartHub, browser: Browser
) -> None:
    kind, motion = DEVICES[brand]
    device = kind()
    async with device:
        hub = await start_hub(tmp_path / "config", "--log-level", "debug")
        page = await first_start(hub, browser)
        errors = collect_errors(page)
        await page.get_by_role("button", name="Add camera").first.click()
        await page.get_by_test_id(f"integration-{brand}").click()
        dialog = page.get_by_role("dialog")
        await fill(dialog, device)
        await finish(dialog, "Yard")
        await expect(dialog.get_by_text("streams: main (H.264, 640")).to_be_visible()
        await screenshot(page, f"{brand}-found")
        await dialog.get_by_role("button", name="Add camera").click()
        await expect(page.get_by_test_id("state-yard")).to_have_text("Live", timeout=LIMIT)

        await until(lambda: _listening(device))
        device.start_event(motion)
        await expect(page.get_by_test_id("events-yard")).to_contain_text("Motion", timeout=2000)
        await screenshot(page, f"{brand}-motion")

        await page.get_by_test_id("tile-yard").get_by_role("button", name="Details").click()
        right = dialog.get_by_role("button", name="Right", exact=True)
        before = device.ptz[1].position.pan
        await right.hover()
        await page.mouse.down()
        await until(lambda: _is(device.ptz[1].moving))
        await page.mouse.up()
        await until(lambda: _is(not device.ptz[1].moving))
        assert device.ptz[1].position.pan > before
        await dialog.get_by_label("Name of this position").fill("Gate")
        await dialog.get_by_role("button", name="Store position").click()
        await until(lambda: _is(device.ptz[1].presets))
        await expect(dialog.get_by_role("button", name="Go to", exact=False).first).to_be_visible()
        await screenshot(page, f"{brand}-details")
        assert errors == []
        assert device.password not in hub.log
        assert device.refused == 0


async def test_a_recorder_with_eight_cameras_is_added_and_followed(
    tmp_path: Path, start_hub: StartHub, browser: Browser
) -> None:
    async with DahuaDevice("Cellar", channels=8) as device:
        hub = await start_hub(tmp_path / "config")
        page = await first_start(hub, browser)
        errors = collect_errors(page)
        await page.get_by_role("button", name="Add camera").first.click()
        await page.get_by_test_id("integration-dahua").click()
        dialog = page.get_by_role("dialog")
        await fill(dialog, device)
        await finish(dialog, "Cellar")
        await expect(dialog.get_by_text("a recorder with 8 cameras")).to_be_visible()
        cameras = dialog.get_by_test_id("choices-channels")
        await expect(cameras.get_by_role("checkbox")).to_have_count(8)
        await cameras.get_by_role("checkbox").nth(7).uncheck()
        await screenshot(page, "recorder-found")
        await dialog.get_by_role("button", name="Add camera").click()
        tiles = page.locator("[data-testid^='tile-cellar.']")
        await expect(tiles).to_have_count(7, timeout=LIMIT)
        await expect(page.locator("[data-testid^='tile-'][data-state=live]")).to_have_count(
            7, timeout=LIMIT
        )
        await screenshot(page, "recorder-live")

        # One of them gets another name, another is hidden, and the others go on.
        await tiles.first.get_by_role("button", name="details").click()
        await dialog.get_by_test_id("rename").click()
        await dialog.get_by_label("Name", exact=True).fill("Front door")
        await dialog.get_by_test_id("rename-save").click()
        await expect(page.get_by_text("Front door").first).to_be_visible()
        await dialog.get_by_test_id("remove").click()
        await dialog.get_by_test_id("remove-confirm").click()
        await expect(tiles).to_have_count(6)
        assert errors == []


async def _listening(device: Any) -> bool:
    if isinstance(device, OnvifDevice):
        return "PullMessages" in device.operations
    desk = device.events if isinstance(device, DahuaDevice) else device.alerts
    return bool(desk.listeners)


async def _is(value: Any) -> bool:
    return bool(value)
