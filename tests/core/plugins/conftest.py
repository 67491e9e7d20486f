"""Hubs with broken plugins beside a good one."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from ucv.entries.entry import EntryState
from ucv.hub import Hub
from ucv.testing.clock import until
from ucv.testing.streams import FakeCamera, RecordingSink

#: What must be said of each plugin, a regular expression, and its code, by name. The line that must
#: be named, if any, ends in ``# here``.
Broken: TypeAlias = Mapping[str, tuple[str, str]]
HubWith: TypeAlias = Callable[[Broken], AbstractAsyncContextManager[Hub]]
GoodCamera: TypeAlias = Callable[[Hub], AbstractAsyncContextManager[None]]

GOOD = """\
from ucv import *
from ucv.clock import SystemClock
from ucv.testing.streams import FakeCamera

camera = FakeCamera(SystemClock())

class Good(Integration):
    domain = "good"
    name = "Good"

    async def probe(self, device):
        return DeviceInfo(unique_id="good", manufacturer="Good", model="One")

    async def streams(self, device):
        return [Stream("main", "good://camera/")]

    async def snapshot(self, device):
        return Snapshot(b"a picture")

@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Good)

@hookimpl
def ucv_register_stream_providers(providers):
    providers.add(StreamProvider("good", frozenset({"good"}), camera.open))
"""
# What a plugin lacks of a complete one.
BEGINNING = """\
import asyncio, sys, time
from ucv import *
"""
CLASS = "class Broken(Integration): pass"
END = """
async def probe(self, device): return DeviceInfo(unique_id=self.domain)
async def streams(self, device): return []
missing = {{"domain": {name!r}, "name": "Broken", "probe": probe, "streams": streams}}
for key, value in missing.items():
    if key not in vars(Broken): setattr(Broken, key, value)
"""
REGISTRATION = """
@hookimpl
def ucv_register_integrations(integrations): integrations.add(Broken)
"""


def complete(name: str, code: str) -> str:
    """Make a plugin of code that is only the wrong part of one; what imports nothing needs it."""
    code = code.strip() + "\n"
    if code.startswith(("import ", "from ", "def ")):
        return code
    parts = [BEGINNING, code if "class Broken" in code else f"{CLASS}\n{code}"]
    parts.append(END.format(name=name))
    if "def ucv_register_integrations" not in code:
        parts.append(REGISTRATION)
    return "".join(parts)


@pytest.fixture
def hub_with(tmp_path: Path) -> HubWith:
    """Run a hub with these plugins and the good one, and an entry of each."""

    @asynccontextmanager
    async def run(plugins: Broken) -> AsyncIterator[Hub]:
        custom = tmp_path / "custom_integrations"
        custom.mkdir(exist_ok=True)
        (custom / "good.py").write_text(GOOD)
        lines = ["cameras:", "  - {id: good, name: Good, integration: good}"]
        for name, (_reason, code) in plugins.items():
            (custom / f"{name}.py").write_text(complete(name, code))
            lines.append(f"  - {{id: {name}, name: {name}, integration: {name}, preload: true}}")
        (tmp_path / "ucv.yaml").write_text("\n".join(lines))
        hub = Hub(tmp_path)
        await hub.start()
        try:
            yield hub
        finally:
            await hub.stop()

    return run


@pytest.fixture
def good_camera() -> GoodCamera:
    """Watch the good plugin's camera meanwhile: not one of its pictures may be lost."""

    @asynccontextmanager
    async def watch(hub: Hub) -> AsyncIterator[None]:
        await until(lambda: hub.entries.status("good").state is EntryState.LOADED, 20)
        module = sys.modules[type(hub.plugins.integrations["good"]).__module__]
        camera: FakeCamera = vars(module)["camera"]
        sink = RecordingSink()
        hub.streams.get("good").attach(sink)
        await until(lambda: camera.connections == 1)
        camera.gop(5)
        await until(lambda: len(sink.fragments) == 5)
        yield
        camera.gop(20)
        await until(lambda: len(sink.fragments) == 25)
        assert len(camera.attempts) == 1
        assert (await hub.control.snapshot("good")).data == b"a picture"
        assert hub.faults.of("good") == []

    return watch


@pytest.fixture
def unnamed() -> Callable[[Hub, Broken], dict[str, list[str]]]:
    """Return, for each plugin whose fault is not named with its place, what is said instead."""

    def find(hub: Hub, plugins: Broken) -> dict[str, list[str]]:
        missing = {}
        for name, (reason, code) in plugins.items():
            file = hub.directory.custom_integrations / f"{name}.py"
            lines = enumerate(complete(name, code).splitlines(), 1)
            line = next((number for number, text in lines if text.endswith("# here")), 0)
            said = [(f.reason, f.file, f.line) for f in hub.faults.of(name)]
            said += [(q.reason, q.file, q.line) for q in hub.plugins.quarantined if q.name == name]
            if not any(
                re.search(reason, told) and (not line or (where, at) == (str(file), line))
                for told, where, at in said
            ):
                told = [f"{Path(where).name}:{at} {told}" for told, where, at in said]
                missing[name] = [f"wanted :{line} {reason}", *told]
        return missing

    return find
