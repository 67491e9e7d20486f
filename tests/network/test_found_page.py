"""The inbox in a Chromium on a network of its own: from plugging cameras in to their pictures."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.browser import collect_errors, playing, screenshot
from tests.e2e.test_page import LIMIT, first_start, until
from tests.e2e.test_page_brands import finish
from tests.network.conftest import StartBrowser, StartOn
from tests.network.device import PASSWORD, USER, LabDevice
from tests.network.lab import NetworkLab
from tests.network.test_found_devices import FOUND_LIMIT, PROTOCOLS, plug_in

pytestmark = [pytest.mark.slow, pytest.mark.browser]

#: What each kind is called on the page, and each protocol.
TITLES = {
    "hikvision": "Hikvision DS-2DE2A404IW-DE3",
    "dahua": "Dahua IPC-HDW5831R-ZE",
    "onvif": "ONVIF 2",
}
SHOWN = {
    "sadp": "SADP",
    "dhip": "DHIP",
    "ws-discovery": "WS-Discovery",
    "ssdp": "SSDP",
    "mdns": "mDNS",
}


def card_of(page: Page, device: LabDevice) -> Locator:
    cards = page.get_by_test_id("found-devices")
    return cards.locator(f"[data-host='{device.host.address}']")


async def plug_all_in(lab: NetworkLab) -> list[LabDevice]:
    plugged = (plug_in(lab, kind, 20 + number) for number, kind in enumerate(PROTOCOLS))
    return list(await asyncio.gather(*plugged))


async def moving(page: Page, camera_id: str) -> bool:
    shown: dict[str, Any] = (await playing(page)).get(camera_id, {})
    return bool(shown.get("frames", 0) > 10)


async def test_cameras_that_are_plugged_in_are_added_by_clicks_one_by_one(
    lab: NetworkLab, hub_on: StartOn, browser_on: StartBrowser
) -> None:
    devices = await plug_all_in(lab)
    box = await lab.host("hub", "192.0.2.2")
    hub = await hub_on(box)
    page = await first_start(hub, await browser_on(box))
    errors = collect_errors(page)
    await page.get_by_test_id("inbox").click()
    inbox = page.get_by_test_id("inbox-dialog")
    await expect(inbox).to_be_visible()

    began = time.monotonic()
    await asyncio.gather(*(device.announce() for device in devices))
    for device in devices:
        await expect(card_of(page, device)).to_be_visible(timeout=LIMIT)
        await expect(card_of(page, device)).to_contain_text(TITLES[device.kind])
    assert time.monotonic() - began < FOUND_LIMIT
    await expect(inbox.locator("[data-host]")).to_have_count(len(devices))
    for device in devices:
        card = card_of(page, device)
        await card.locator("summary").click()
        for protocol in PROTOCOLS[device.kind]:
            await expect(card.get_by_text(SHOWN[protocol], exact=True).first).to_be_visible()
    await screenshot(page, "found-evidence")
    for device in devices:
        await card_of(page, device).locator("summary").click()
    await screenshot(page, "found-devices")
    assert [await device.logins() for device in devices] == [0, 0, 0]

    for device in devices:
        if not await inbox.is_visible():
            await page.get_by_test_id("inbox").click()
        await card_of(page, device).get_by_role("button", name="Add:").click()
        dialog = page.get_by_role("dialog").last
        await expect(dialog.get_by_label("Host")).to_have_value(device.host.address)
        await dialog.get_by_label("User name").fill(USER)
        await dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        await finish(dialog, device.kind.capitalize())
        await screenshot(page, f"found-{device.kind}-confirm")
        await dialog.get_by_role("button", name="Add camera").click()
        await expect(page.get_by_test_id(f"state-{device.kind}")).to_have_text(
            "Live", timeout=LIMIT
        )
    for device in devices:
        await until(partial(moving, page, device.kind))
    await screenshot(page, "found-live")
    assert errors == []
    assert PASSWORD not in hub.log
    await page.context.close()


async def test_several_cameras_are_added_at_once_with_one_password(
    lab: NetworkLab, hub_on: StartOn, browser_on: StartBrowser
) -> None:
    devices = await plug_all_in(lab)
    await asyncio.gather(*(device.announce() for device in devices))
    box = await lab.host("hub", "192.0.2.2")
    hub = await hub_on(box)
    page = await first_start(hub, await browser_on(box))
    errors = collect_errors(page)
    await page.get_by_test_id("inbox").click()
    for device in devices:
        await card_of(page, device).get_by_role("checkbox").check(timeout=LIMIT)
    await page.get_by_test_id("adopt-several").click()
    form = page.get_by_test_id("shared-credentials")
    await form.locator("[name=username]").fill(USER)
    await form.locator("[name=password]").fill(PASSWORD)
    await screenshot(page, "found-several")
    await page.get_by_test_id("adopt-many").click()
    live = page.locator("[data-testid^='tile-'][data-state=live]")
    await expect(live).to_have_count(len(devices), timeout=LIMIT)
    await screenshot(page, "found-several-added")
    cameras = await hub.cameras()
    assert {camera["config"]["host"] for camera in cameras.values()} == {
        device.host.address for device in devices
    }
    assert errors == []
    assert PASSWORD not in hub.log


async def test_a_device_that_is_not_wanted_is_ignored_until_it_is_offered_again(
    lab: NetworkLab, hub_on: StartOn, browser_on: StartBrowser
) -> None:
    device = await plug_in(lab, "onvif", 20)
    box = await lab.host("hub", "192.0.2.2")
    page = await first_start(await hub_on(box), await browser_on(box))
    await page.get_by_test_id("inbox").click()
    await device.announce()
    card = card_of(page, device)
    await card.get_by_role("button", name="Ignore:").click(timeout=LIMIT)
    await expect(card).to_have_count(0)
    # It goes on answering, which changes nothing.
    await page.get_by_test_id("discovery-refresh").click()
    await expect(page.get_by_test_id("discovery-refresh")).to_be_enabled(timeout=LIMIT)
    await expect(card).to_have_count(0)
    await page.get_by_test_id("ignored-devices").click()
    ignored = page.locator(f"[data-host='{device.host.address}'][data-state=ignored]")
    await screenshot(page, "found-ignored")
    await ignored.get_by_role("button", name="Offer").click()
    await expect(card).to_be_visible()
