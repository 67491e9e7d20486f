"""A camera of JPEG pictures on the page, in a real Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import chromium, collect_errors, playing, screenshot
from tests.e2e.conftest import StartHub
from tests.e2e.test_page import LIMIT, READ_COUNTER, first_start, until
from ucv.testing import MjpegDevice

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LOGIN = {"username": "viewer", "password": "p@ss/w:rd"}


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def test_a_camera_of_jpeg_pictures_is_added_and_plays_with_little_delay(
    tmp_path: Path, start_hub: StartHub, browser: Browser
) -> None:
    async with MjpegDevice(
        *LOGIN.values(), name="YARD", width=640, height=360, rate=15, seconds=4
    ) as device:
        hub = await start_hub(tmp_path / "config", "--log-level", "debug")
        page = await first_start(hub, browser)
        errors = collect_errors(page)
        await page.get_by_role("button", name="Add camera").first.click()
        await page.get_by_test_id("integration-mjpeg").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Address", exact=True).fill(f"{device.url}/video")
        await dialog.get_by_label("User name").fill(LOGIN["username"])
        await dialog.get_by_label("Password", exact=True).fill(LOGIN["password"])
        await dialog.get_by_role("button", name="Next").click()
        await expect(dialog.get_by_text("Options")).to_be_visible(timeout=LIMIT)
        await dialog.get_by_role("button", name="Next").click()
        await dialog.get_by_label("Name").first.fill("Yard", timeout=LIMIT)
        await dialog.get_by_role("button", name="Add camera").click()
        await expect(page.get_by_test_id("state-yard")).to_have_text("Live", timeout=LIMIT)

        async def frames() -> bool:
            return bool((await playing(page)).get("yard", {}).get("frames", 0) > 60)

        await until(frames)
        ages = []
        for _ in range(20):
            read = await page.evaluate(READ_COUNTER, "yard")
            if read is not None:
                shown = device.index_at(read["at"] / 1000) - read["counter"]
                ages.append(shown % len(device.pictures) / device.rate)
            await asyncio.sleep(0.1)
        assert len(ages) >= 10
        assert sorted(ages)[len(ages) // 2] < 1.0, ages
        await screenshot(page, "mjpeg-live")
        assert device.viewers == 1
        assert device.counters.refused == 0
        assert LOGIN["password"] not in hub.log
        assert errors == []


async def test_a_browser_that_plays_no_video_shows_the_camera_s_own_pictures(
    tmp_path: Path, start_hub: StartHub, browser: Browser
) -> None:
    async with MjpegDevice(name="YARD", width=640, height=360, rate=15) as device:
        hub = await start_hub(tmp_path / "config")
        mapping = {"name": "Yard", "integration": "mjpeg", "url": f"{device.url}/video"}
        async with hub.http.post("/api/cameras", json=mapping) as answer:
            assert answer.status == 201
        await hub.until_camera("yard", lambda camera: camera["entry"]["state"] == "loaded")
        page = await first_start(hub, browser)
        await page.add_init_script("delete window.MediaSource; delete window.ManagedMediaSource;")
        await page.reload()

        async def picture() -> bool:
            width = await page.evaluate("document.querySelector('img.video')?.naturalWidth ?? 0")
            return bool(width == 640)

        await until(picture)
        await screenshot(page, "mjpeg-stills")
        url = await page.evaluate("document.querySelector('img.video').src")
        async with hub.http.get(url) as answer:
            assert await answer.read() in device.pictures
