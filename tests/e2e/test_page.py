"""The page in a real Chromium: first start, live video, cameras added, failures shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import chromium, collect_errors, playing, screenshot
from tests.e2e.conftest import HubProcess, StartHub
from ucv.testing.clip import Clip, ClipRequest, encode
from ucv.testing.rtsp_auth import Authenticator, AuthKind
from ucv.testing.rtsp_server import RtspServer

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PASSWORD = "p@ss/w:rd"
LIMIT = 30_000


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode(ClipRequest("PORCH", 640, 360, 25, duration=10))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def first_start(hub: HubProcess, browser: Browser, **options: Any) -> Page:
    """Open the printed link, make the administrator, and return the page."""
    link = (await hub.wait_for_line(r"(http://\S+/#/setup\?code=\S+)"))[1]
    context = await browser.new_context(locale="en-US", **options)
    page = await context.new_page()
    await page.goto(link)
    inputs = page.locator("input")
    await inputs.nth(0).fill("anna")
    await inputs.nth(1).fill("correct horse")
    await inputs.nth(2).fill("correct horse")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Log out")).to_be_visible(timeout=LIMIT)
    return page


async def until(condition: Callable[[], Awaitable[Any]], limit: float = 30.0) -> Any:
    """Poll until the condition is true, and return it."""
    async with asyncio.timeout(limit):
        while not (value := await condition()):  # noqa: ASYNC110 - the page tells no event
            await asyncio.sleep(0.1)
        return value


#: Reads the number burnt into the picture: 19 blocks, a fortieth of the width each, along the
#: bottom edge: white, black, 16 bits, parity. See `ucv.testing.scene`.
READ_COUNTER = """(camera) => {
  const video = document.querySelector(`video[data-camera="${camera}"]`);
  const width = video.videoWidth, height = video.videoHeight;
  if (!width) return null;
  const canvas = document.createElement("canvas");
  canvas.width = width; canvas.height = height;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const block = Math.floor(width / 40);
  const y = height - 1 - Math.floor(block / 2);
  const line = context.getImageData(0, y, width, 1).data;
  const bits = [...Array(19).keys()].map((i) => line[4 * (block * i + (block >> 1))] > 126);
  if (!bits[0] || bits[1] || bits.slice(2).filter(Boolean).length % 2) return null;
  return { counter: bits.slice(2, 18).reduce((sum, bit) => sum * 2 + bit, 0), at: Date.now() };
}"""


async def test_the_demo_plays_on_the_page(
    tmp_path: Path, start_hub: StartHub, browser: Browser
) -> None:
    hub = await start_hub(tmp_path / "demo", command="demo")
    page = await first_start(hub, browser, viewport={"width": 1440, "height": 900})
    errors = collect_errors(page)
    cameras = set(await hub.cameras())
    assert len(cameras) >= 5

    async def all_play() -> bool:
        videos = await playing(page)
        return set(videos) == cameras and all(v["frames"] > 20 for v in videos.values())

    await until(all_play, limit=60)
    before = await playing(page)
    await asyncio.sleep(3)
    after = await playing(page)
    growing = [c for c in cameras if after[c]["frames"] >= before[c]["frames"] + 20]
    # One of them may be away at the moment: it drops out now and then.
    assert len(growing) >= len(cameras) - 1, (before, after)
    await screenshot(page, "live-grid")
    assert errors == []


async def test_a_camera_is_added_plays_with_little_delay_and_is_removed(
    tmp_path: Path, start_hub: StartHub, browser: Browser, clip: Clip
) -> None:
    async with RtspServer() as server:
        server.add("/live", clip, Authenticator(AuthKind.DIGEST, "viewer", PASSWORD))
        hub = await start_hub(tmp_path / "config", "--log-level", "debug")
        page = await first_start(hub, browser)
        errors = collect_errors(page)
        await page.get_by_role("button", name="Add camera").first.click()
        await page.get_by_test_id("integration-rtsp").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Address").fill(server.url("/live"))
        await dialog.get_by_label("User name").fill("viewer")
        await dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        await dialog.get_by_role("button", name="Next").click()
        await dialog.get_by_label("Name").fill("Porch", timeout=LIMIT)
        await dialog.get_by_role("button", name="Add camera").click()
        await expect(page.get_by_test_id("state-porch")).to_have_text("Live", timeout=LIMIT)

        async def frames() -> bool:
            return bool((await playing(page)).get("porch", {}).get("frames", 0) > 75)

        await until(frames)
        ages = []
        for _ in range(20):
            read = await page.evaluate(READ_COUNTER, "porch")
            if read is not None:
                ages.append(clip.age_of(read["counter"], read["at"] / 1000))
            await asyncio.sleep(0.1)
        assert len(ages) >= 10
        # Measured from the moment the picture was taken to the moment it is on the page.
        assert sorted(ages)[len(ages) // 2] < 1.0, ages
        delay = await page.get_by_test_id("delay-porch").inner_text()
        assert any(character.isdigit() for character in delay)
        await screenshot(page, "porch-live")
        assert PASSWORD not in await page.content()
        assert PASSWORD not in hub.log

        # A reload of the page needs no new log-in, and plays again.
        await page.reload()
        await expect(page.get_by_test_id("state-porch")).to_have_text("Live", timeout=LIMIT)
        await until(frames)
        assert errors == []


async def test_an_unplugged_camera_says_why_and_comes_back(
    tmp_path: Path, start_hub: StartHub, browser: Browser, clip: Clip
) -> None:
    async with RtspServer() as server:
        server.add("/live", clip)
        hub = await start_hub(tmp_path / "config")
        mapping = {"name": "Porch", "integration": "rtsp", "url": server.url("/live")}
        async with hub.http.post("/api/cameras", json=mapping) as answer:
            assert answer.status == 201
        page = await first_start(hub, browser)
        state = page.get_by_test_id("state-porch")
        await expect(state).to_have_text("Live", timeout=LIMIT)
        await server.stop()
        await expect(state).not_to_have_text("Live", timeout=LIMIT)
        camera = await hub.until_camera("porch", lambda c: c["state"] in ("retrying", "offline"))
        assert camera["reason"]["code"].startswith("CONN_")
        await screenshot(page, "porch-unplugged")
        await server.start()
        await expect(state).to_have_text("Live", timeout=LIMIT)

        async def moves() -> bool:
            before = (await playing(page)).get("porch", {}).get("frames", 0)
            await asyncio.sleep(0.5)
            return bool((await playing(page)).get("porch", {}).get("frames", 0) > before + 5)

        await until(moves)


async def test_a_wrong_password_is_said_and_can_be_put_right_on_the_page(
    tmp_path: Path, start_hub: StartHub, browser: Browser, clip: Clip
) -> None:
    async with RtspServer() as server:
        server.add("/live", clip, Authenticator(AuthKind.DIGEST, "viewer", PASSWORD))
        hub = await start_hub(tmp_path / "config")
        mapping = {
            "name": "Porch",
            "integration": "rtsp",
            "url": server.url("/live"),
            "username": "viewer",
            "password": "wrong",
        }
        async with hub.http.post("/api/cameras", json=mapping) as answer:
            assert answer.status == 201
        page = await first_start(hub, browser)
        await hub.until_camera("porch", lambda camera: camera["state"] == "auth_failed")
        assert server.counters.refused <= 2
        tile = page.get_by_test_id("tile-porch")
        await expect(tile).to_contain_text("password", timeout=LIMIT, ignore_case=True)
        await screenshot(page, "porch-wrong-password")
        refused = server.counters.refused
        await asyncio.sleep(2)
        assert server.counters.refused == refused, "it was tried again by itself"
        await tile.get_by_role("button", name="Log in again").first.click()
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("state-porch")).to_have_text("Live", timeout=LIMIT)


async def test_logging_in_refuses_a_wrong_password_and_log_out_ends_the_session(
    tmp_path: Path, start_hub: StartHub, browser: Browser
) -> None:
    hub = await start_hub(tmp_path / "config")
    page = await first_start(hub, browser)
    await expect(page.get_by_text("No cameras yet")).to_be_visible(timeout=LIMIT)
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_label("Name", exact=True).fill("anna")
    await page.get_by_label("Password", exact=True).fill("wrong password")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").first).to_be_visible(timeout=LIMIT)
    await page.get_by_label("Password", exact=True).fill("correct horse")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("No cameras yet")).to_be_visible(timeout=LIMIT)
    # The link of the first start works once.
    link = (await hub.wait_for_line(r"(http://\S+/#/setup\?code=\S+)"))[1]
    code = link.partition("code=")[2]
    body = {"code": code, "name": "eve", "password": "another one"}
    async with hub.http.post("/api/auth/setup", json=body) as answer:
        assert answer.status == 403


async def test_the_page_fits_a_phone_and_speaks_spanish_in_the_dark(
    tmp_path: Path, start_hub: StartHub, browser: Browser, clip: Clip
) -> None:
    async with RtspServer() as server:
        server.add("/live", clip)
        hub = await start_hub(tmp_path / "config")
        for name in ("Porch", "Garden"):
            mapping = {"name": name, "integration": "rtsp", "url": server.url("/live")}
            async with hub.http.post("/api/cameras", json=mapping) as answer:
                assert answer.status == 201
        english = await first_start(hub, browser)
        cookies = await english.context.cookies()
        context = await browser.new_context(
            locale="es-ES",
            color_scheme="dark",
            viewport={"width": 360, "height": 740},
            has_touch=True,
            is_mobile=True,
        )
        await context.add_cookies(cookies)  # type: ignore[arg-type]  # what one gives, the other takes
        page = await context.new_page()
        await page.goto(hub.url)
        await expect(page.get_by_test_id("state-porch")).to_have_text("En directo", timeout=LIMIT)
        overflow = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        channels = [float(c) for c in background.strip("rgba()").split(",")[:3]]
        assert sum(channels) < 3 * 80, background
        await asyncio.sleep(1)
        await screenshot(page, "phone-dark-spanish")


def test_the_clock_of_the_clip_is_the_walls(clip: Clip) -> None:
    now = time.time()
    assert clip.age_of(clip.index_at(now), now) < 1 / clip.request.rate + 1e-6
