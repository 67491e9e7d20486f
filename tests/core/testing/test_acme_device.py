"""The virtual Acme camera: one account for HTTP and RTSP, and its announcement."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from urllib.parse import quote

import aiohttp
import av
import pytest
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from ucv.testing import FakeClock, until
from ucv.testing.acme import SERVICE_TYPE, AcmeDevice


@pytest.fixture
async def camera() -> AsyncIterator[AcmeDevice]:
    async with AcmeDevice() as running:
        yield running


async def get(camera: AcmeDevice, path: str, password: str | None = None) -> tuple[int, bytes]:
    digest = aiohttp.DigestAuthMiddleware(camera.username, password or camera.password)
    async with (
        aiohttp.ClientSession(middlewares=[digest]) as session,
        session.get(f"{camera.http.url}{path}") as response,
    ):
        return response.status, await response.read()


async def size_of(camera: AcmeDevice, path: str, password: str | None = None) -> tuple[int, int]:
    """Return the size of the first picture that libav decodes."""
    login = f"{quote(camera.username)}:{quote(password or camera.password, safe='')}"
    url = camera.rtsp.url(path).replace("rtsp://", f"rtsp://{login}@")

    def read() -> tuple[int, int]:
        options = {"rtsp_transport": "tcp", "analyzeduration": "0", "fpsprobesize": "0"}
        with av.open(url, mode="r", options=options, timeout=5) as container:
            frame = next(container.decode(video=0))
            return frame.width, frame.height

    return await asyncio.to_thread(read)


async def test_its_api_tells_who_it_is(camera: AcmeDevice) -> None:
    assert await get(camera, "/api/info") == (200, b'{"serial":"ACME-0001","model":"A1"}')
    camera.serial = "ACME-0002"
    assert b"ACME-0002" in (await get(camera, "/api/info"))[1]


async def test_its_snapshot_is_a_picture(camera: AcmeDevice) -> None:
    _, picture = await get(camera, "/snap.jpg")
    with av.open(io.BytesIO(picture), mode="r", format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (640, 360)


async def test_its_streams_are_decoded_by_libav(camera: AcmeDevice) -> None:
    assert await size_of(camera, "/live/main") == (640, 360)
    assert await size_of(camera, "/live/sub") == (320, 180)
    assert camera.rtsp.counters.refused == 0


async def test_one_password_holds_for_everything(camera: AcmeDevice) -> None:
    camera.set_password("n€w p@ss")
    assert (await get(camera, "/api/info", "acme-secret"))[0] == 401
    with pytest.raises(av.error.HTTPUnauthorizedError):
        await size_of(camera, "/live/main", "acme-secret")
    assert (await get(camera, "/api/info"))[0] == 200
    assert await size_of(camera, "/live/main") == (640, 360)


async def test_a_stopped_camera_comes_back_at_its_ports(camera: AcmeDevice) -> None:
    ports = camera.http_port, camera.rtsp_port
    await camera.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(camera, "/api/info")
    await camera.start()
    assert (camera.http_port, camera.rtsp_port) == ports
    assert (await get(camera, "/api/info"))[0] == 200
    assert await size_of(camera, "/live/sub") == (320, 180)


async def test_a_taken_port_leaves_nothing_behind(camera: AcmeDevice) -> None:
    other = AcmeDevice(rtsp_port=camera.rtsp_port)
    with pytest.raises(OSError, match="in use"):
        await other.start()
    again = AcmeDevice(http_port=other.http_port)
    async with again:
        assert (await get(again, "/api/info"))[0] == 200


async def test_failures_over_http_lock_its_streams_too() -> None:
    clock = FakeClock()
    async with AcmeDevice(lock_after=1, lock_seconds=60, clock=clock) as camera:
        assert (await get(camera, "/api/info", "wrong"))[0] == 403
        with pytest.raises(av.error.HTTPForbiddenError):
            await size_of(camera, "/live/main")
        assert camera.rtsp.counters.locked == 1
        await clock.advance(60)
        assert (await get(camera, "/api/info"))[0] == 200
        assert await size_of(camera, "/live/main") == (640, 360)


# --- mDNS ---------------------------------------------------------------------------------------


class Browser:
    """Notes which services come and go, as zeroconf's own browser sees them."""

    def __init__(self, zeroconf: AsyncZeroconf) -> None:
        self.changes: list[tuple[ServiceStateChange, str]] = []
        self._browser = AsyncServiceBrowser(
            zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._changed]
        )

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        self.changes.append((state_change, name))

    async def stop(self) -> None:
        await self._browser.async_cancel()


async def test_it_is_found_at_its_port_until_it_is_withdrawn() -> None:
    async with (
        AsyncZeroconf(interfaces=["127.0.0.1"]) as hub,
        AsyncZeroconf(interfaces=["127.0.0.1"]) as network,
    ):
        browser = Browser(hub)
        async with AcmeDevice(host="127.0.0.2", serial="ACME-0007") as camera:
            await camera.announce_acme(network)
            await until(lambda: browser.changes)
            change, name = browser.changes[0]
            assert (change, name) == (
                ServiceStateChange.Added,
                f"A1 ACME-0007.{SERVICE_TYPE}",
            )
            info = AsyncServiceInfo(SERVICE_TYPE, name)
            assert await info.async_request(hub.zeroconf, 3000)
            assert info.parsed_addresses() == ["127.0.0.2"]
            assert info.port == camera.http_port
            assert info.decoded_properties == {"serial": "ACME-0007", "model": "A1"}
        await until(lambda: (ServiceStateChange.Removed, name) in browser.changes)
        await browser.stop()
