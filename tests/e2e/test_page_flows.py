"""A vendor's plugin on the page, by clicks alone: its form, logging in again, discovery, faults."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from zeroconf.asyncio import AsyncZeroconf

from tests.e2e.browser import chromium, collect_errors, screenshot
from tests.e2e.conftest import HubProcess, StartHub
from tests.e2e.test_page import LIMIT, first_start
from ucv.testing import AcmeDevice

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ACME = Path(__file__).parents[2] / "custom_integrations" / "acme.py"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def start_with_acme(tmp_path: Path, start_hub: StartHub) -> HubProcess:
    folder = tmp_path / "config" / "custom_integrations"
    folder.mkdir(parents=True)
    shutil.copy(ACME, folder)
    (tmp_path / "config" / "ucv.yaml").write_text(
        "discovery: {enabled: true, methods: [mdns], interfaces: [127.0.0.1]}\n"
    )
    return await start_hub(tmp_path / "config", "--log-level", "debug")


async def fill(dialog: Any, camera: AcmeDevice, password: str) -> None:
    await dialog.get_by_label("Host").fill(camera.host)
    await dialog.get_by_label("User name").fill(camera.username)
    await dialog.get_by_label("Password", exact=True).fill(password)
    await dialog.get_by_text("More settings").click()
    await dialog.get_by_label("HTTP port").fill(str(camera.http_port))
    await dialog.get_by_label("RTSP port").fill(str(camera.rtsp_port))


async def live(page: Page, camera_id: str) -> None:
    await expect(page.get_by_test_id(f"state-{camera_id}")).to_have_text("Live", timeout=LIMIT)


async def test_a_vendor_s_camera_is_added_logged_in_again_and_told_of(
    tmp_path: Path, start_hub: StartHub, browser: Browser
) -> None:
    async with AcmeDevice(serial="PAGE-1") as camera:
        hub = await start_with_acme(tmp_path, start_hub)
        page = await first_start(hub, browser)
        errors = collect_errors(page)
        await page.get_by_role("button", name="Add camera").first.click()
        await page.get_by_test_id("integration-acme").click()
        dialog = page.get_by_role("dialog")
        await fill(dialog, camera, "wrong-password")
        await dialog.get_by_role("button", name="Next").click()
        await expect(dialog.get_by_text("refuses the user name")).to_be_visible(timeout=LIMIT)
        await screenshot(page, "acme-wrong-password")
        await dialog.get_by_label("Password", exact=True).fill(camera.password)
        await dialog.get_by_role("button", name="Next").click()
        await expect(dialog.get_by_label("Name")).to_have_value("Acme A1", timeout=LIMIT)
        await dialog.get_by_label("Name").fill("Yard")
        await dialog.get_by_role("button", name="Add camera").click()
        await live(page, "yard")
        await screenshot(page, "acme-live")

        # The password is changed on the device: everything stops, and the page asks.
        refused = camera.refused
        camera.set_password("another-password")
        await camera.stop()
        await camera.start()
        tile = page.get_by_test_id("tile-yard")
        await tile.get_by_role("button", name="Log in again").click(timeout=LIMIT)
        assert camera.refused - refused <= 2
        await dialog.get_by_label("Password", exact=True).fill("another-password")
        await page.keyboard.press("Enter")
        await live(page, "yard")

        # What a person attaches to a report.
        await tile.get_by_role("button", name="Details").click()
        async with page.expect_download() as download:
            await page.get_by_text("Diagnostics").click()
        file = await (await download.value).path()
        told = json.loads(Path(file).read_text())
        assert told["cameras"][0]["model"] == "A1"
        assert told["cameras"][0]["streams"][0]["negotiated"]["codec"] == "h264"
        for secret in ("another-password", "acme-secret", "wrong-password"):
            assert secret not in Path(file).read_text()
            assert secret not in hub.log
            assert secret not in await page.content()
        assert errors == []


async def test_a_camera_that_announces_itself_is_one_form_from_live(
    tmp_path: Path, start_hub: StartHub, browser: Browser
) -> None:
    async with AcmeDevice(serial="PAGE-2", rtsp_port=0) as camera:
        hub = await start_with_acme(tmp_path, start_hub)
        page = await first_start(hub, browser)
        network = AsyncZeroconf(interfaces=["127.0.0.1"])
        try:
            await camera.announce_acme(network)
            await page.get_by_role("button", name="Inbox").click()
            card = page.locator("[data-testid^='device-']").filter(has_text="PAGE-2")
            await expect(card).to_be_visible(timeout=LIMIT)
            await screenshot(page, "acme-discovered")
            await card.get_by_role("button", name="Add:").click()
            dialog = page.get_by_role("dialog").last
            await expect(dialog.get_by_label("Host")).to_have_value(camera.host, timeout=LIMIT)
            await dialog.get_by_label("User name").fill(camera.username)
            await dialog.get_by_label("Password", exact=True).fill(camera.password)
            await dialog.get_by_text("More settings").click()
            await expect(dialog.get_by_label("HTTP port")).to_have_value(str(camera.http_port))
            await dialog.get_by_label("RTSP port").fill(str(camera.rtsp_port))
            await dialog.get_by_role("button", name="Next").click()
            await dialog.get_by_label("Name").fill("Found", timeout=LIMIT)
            await dialog.get_by_role("button", name="Add camera").click()
            await live(page, "found")
        finally:
            await camera.withdraw()
            await network.async_close()


async def test_a_broken_plugin_is_named_with_file_and_line_and_released_once_mended(
    tmp_path: Path, start_hub: StartHub, browser: Browser
) -> None:
    folder = tmp_path / "config" / "custom_integrations"
    folder.mkdir(parents=True)
    (folder / "broken.py").write_text('"""Broken."""\n\n\ndef broken(:\n')
    hub = await start_hub(tmp_path / "config")
    page = await first_start(hub, browser)
    await page.get_by_role("button", name="Plugins").first.click()
    await expect(page.get_by_text("broken.py:4")).to_be_visible(timeout=LIMIT)
    await screenshot(page, "plugin-in-quarantine")
    shutil.copy(ACME, folder / "broken.py")
    await page.get_by_role("button", name="Release").click()
    await expect(page.get_by_text("broken.py:4")).not_to_be_visible(timeout=LIMIT)
    await expect(page.get_by_text("Integrations: acme")).to_be_visible(timeout=LIMIT)
