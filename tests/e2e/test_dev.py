"""``ucv dev``: a plugin is loaded anew when it is saved, and nobody else's camera notices."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import orjson
import pytest
from aiohttp import WSMsgType

from tests.e2e.conftest import HubProcess, StartHub, ucv
from ucv.testing import AcmeDevice
from ucv.testing.clip import ClipRequest, encode
from ucv.testing.rtsp_server import RtspServer
from ucv.testing.scene import read_counter

pytestmark = pytest.mark.slow

PLUGIN = Path(__file__).parents[2] / "custom_integrations" / "acme.py"
#: What the plugin says of its cameras, and what it says in later versions.
MAKER = 'manufacturer="Acme"'

#: Another vendor, whose pictures come by a provider of its own.
NEIGHBOUR = """
from dataclasses import replace

import voluptuous as vol

from ucv import DeviceInfo, Integration, Stream, StreamProvider, fields, hookimpl
from ucv.streams.rtsp_source import RtspSource


class Neighbour(Integration):
    domain = "neighbour"
    name = "Neighbour"
    schema = {vol.Required("url"): fields.Url("neighbour")}

    async def probe(self, device):
        return DeviceInfo(unique_id="neighbour")

    async def streams(self, device):
        return [Stream("main", device.config["url"])]


def open_source(request, clock):
    return RtspSource(replace(request, url=request.url.replace("neighbour:", "rtsp:")), clock)


@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Neighbour)


@hookimpl
def ucv_register_stream_providers(providers):
    providers.add(StreamProvider("neighbour", frozenset({"neighbour"}), open_source))
"""


class Recording:
    """What a viewer of one camera is sent."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def counters(self) -> list[int | None]:
        """Decode all of it; return the number burnt into each picture."""
        with av.open(io.BytesIO(b"".join(self.parts)), "r") as container:
            container.streams.video[0].thread_count = 1
            return [read_counter(frame) for frame in container.decode(video=0)]


@asynccontextmanager
async def recording(hub: HubProcess, src: str) -> AsyncIterator[Recording]:
    """Watch a camera as the page does, and keep everything."""
    film = Recording()
    async with hub.http.ws_connect("/api/ws", params={"src": src}) as player:
        await player.send_json({"type": "mse", "value": "avc1.640029,avc1.64002A,avc1.640033"})

        async def read() -> None:
            async for message in player:
                if message.type is WSMsgType.BINARY:
                    film.parts.append(message.data)
                else:
                    assert b"error" not in message.data.encode(), message.data

        reader = asyncio.create_task(read())
        try:
            yield film
        finally:
            await player.close()
            await reader


async def save(plugin: Path, text: str, *, replace: bool = False) -> None:
    """Write a file as editors do: over the old one, or as a new one in its place."""
    if not replace:
        plugin.write_text(text)
        return
    scratch = plugin.with_name(f".{plugin.name}.swp")
    scratch.write_text(text)
    os.replace(scratch, plugin)


def config_with(config: Path, *cameras: dict[str, Any]) -> Path:
    config.mkdir()
    document = {"discovery": {"enabled": False}, "cameras": cameras}
    (config / "ucv.yaml").write_bytes(orjson.dumps(document))
    return config


async def test_a_saved_plugin_is_loaded_anew_and_no_other_camera_loses_a_picture(
    tmp_path: Path, start_hub: StartHub
) -> None:
    plugin = tmp_path / "work" / "acme.py"
    plugin.parent.mkdir()
    shutil.copy(PLUGIN, plugin)
    source = plugin.read_text()
    assert MAKER in source
    clip = encode(ClipRequest("PORCH", 320, 180, 25, duration=10, keyframe_interval=0.4))
    async with RtspServer() as other, AcmeDevice() as device:
        other.add("/live", clip)
        config = config_with(
            tmp_path / "config",
            {"id": "porch", "name": "Porch", "integration": "rtsp", "url": other.url("/live")},
            {
                "id": "garden",
                "name": "Garden",
                "integration": "neighbour",
                "url": other.url("/live").replace("rtsp:", "neighbour:"),
            },
            {"id": "acme", "name": "Acme", "integration": "acme", **device.config},
        )
        (config / "custom_integrations").mkdir()
        (config / "custom_integrations" / "neighbour.py").write_text(NEIGHBOUR)
        hub = await start_hub(config, str(plugin), command="dev")

        async def made_by(maker: str) -> None:
            await hub.until_camera("acme", lambda camera: camera["manufacturer"] == maker, 15)

        await made_by("Acme")
        async with recording(hub, "porch") as porch, recording(hub, "garden") as garden:
            await asyncio.sleep(1)
            # A new version.
            await save(plugin, source.replace(MAKER, 'manufacturer="Second"'))
            await made_by("Second")
            # A fault in it: the one that runs goes on, and the place is named.
            lines = source.splitlines()
            broken = lines.index("    async def streams(self, device):")
            lines[broken] = "    async def streams(self, device:"
            await save(plugin, "\n".join(lines))
            told = await hub.wait_for_line(r"SyntaxError.*acme\.py, line \d+", 15)
            assert f"line {broken + 1}" in told[0]
            camera = (await hub.cameras())["acme"]
            assert (camera["manufacturer"], camera["entry"]["state"]) == ("Second", "loaded")
            async with hub.http.get("/api/cameras/acme/snapshot.jpg") as answer:
                assert answer.status == 200
            # The next good one is loaded, also when the editor puts a new file in its place.
            text = source.replace(MAKER, 'manufacturer="Third"')
            await save(plugin, text, replace=True)
            await made_by("Third")
            # One that can be loaded and raises later is the device's failure, until it is mended.
            await save(plugin, source.replace('info["serial"]', 'info["no such key"]'))
            camera = await hub.until_camera("acme", lambda c: c["entry"]["state"] == "setup_error")
            assert "KeyError" in camera["reason"]["message"]
            await save(plugin, source)
            await hub.until_camera("acme", lambda camera: camera["entry"]["state"] == "loaded")
            await asyncio.sleep(1)

        for film in (porch, garden):
            counters = film.counters()
            assert len(counters) > 50
            assert counters[0] is not None
            pictures = len(clip.pictures)
            assert counters == [(counters[0] + n) % pictures for n in range(len(counters))]
        assert other.counters.connections == 2
        assert "Traceback" not in hub.log
        assert await hub.stop() == 0


async def test_a_folder_of_several_files_is_loaded_anew_as_a_whole(
    tmp_path: Path, start_hub: StartHub
) -> None:
    folder = tmp_path / "work" / "maker"
    folder.mkdir(parents=True)
    source = PLUGIN.read_text().replace(MAKER, "manufacturer=MAKER")
    source = source.replace("\n\n\nclass Acme", "\n\nfrom .words import MAKER\n\n\nclass Acme")
    words = folder / "words.py"
    words.write_text('MAKER = "Acme"\n')
    (folder / "__init__.py").write_text(source)
    async with AcmeDevice() as device:
        config = config_with(
            tmp_path / "config",
            {"id": "acme", "name": "Acme", "integration": "acme", **device.config},
        )
        hub = await start_hub(config, str(folder), command="dev")
        await hub.until_camera("acme", lambda camera: camera["manufacturer"] == "Acme", 15)
        await save(words, 'MAKER = "Second"\n')
        await hub.until_camera("acme", lambda camera: camera["manufacturer"] == "Second", 15)
        await save(words, "MAKER = \n")
        told = await hub.wait_for_line(r"SyntaxError.*words\.py, line \d+", 15)
        assert "line 1" in told[0]
        assert (await hub.cameras())["acme"]["manufacturer"] == "Second"
        # What is not the plugin's code loads nothing anew.
        lines = len(hub.lines)
        await save(folder / "test_maker.py", "import nothing_there\n")
        await save(folder / "README.md", "Nothing to run.\n")
        await asyncio.sleep(1)
        assert hub.lines[lines:] == []
        await save(words, 'MAKER = "Third"\n')
        await hub.until_camera("acme", lambda camera: camera["manufacturer"] == "Third", 15)


async def test_a_faulty_plugin_is_named_at_the_start_and_loaded_once_it_is_mended(
    tmp_path: Path, start_hub: StartHub
) -> None:
    plugin = tmp_path / "acme.py"
    plugin.write_text("def broken(:\n")
    hub = await start_hub(config_with(tmp_path / "config"), str(plugin), command="dev")
    await hub.wait_for_line(r"acme\.py:1.*SyntaxError", 15)
    shutil.copy(PLUGIN, plugin)
    await hub.wait_for_line(r"acme\.py loaded anew", 15)


async def test_a_path_where_nothing_is_is_refused(tmp_path: Path) -> None:
    status, _, error = await ucv("dev", str(tmp_path / "nothing.py"), check=False)
    assert status == 1
    assert "nothing.py" in error
    assert "Traceback" not in error
