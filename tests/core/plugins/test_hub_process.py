"""What a plugin may do to the process that the hub runs in: nothing that keeps it from ending."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

SERVE = """\
import sys
from pathlib import Path
from ucv.cli.serve import ServeOptions, serve
from ucv.plugins import leaks, watchdog

# Not what it is about: how long the hub is patient.
watchdog._LASTING = 0.5
leaks.CANCEL_LIMIT = leaks._CLOSE_LIMIT = 0.3
serve(ServeOptions(config=Path(sys.argv[1]), port=0))
"""
HEAD = """\
import asyncio, os, time
from ucv import *

class Acme(Integration):
    domain = "acme"
    name = "Acme"
    async def probe(self, device): return DeviceInfo()
    async def streams(self, device): return []
"""
REGISTER = """
@hookimpl
def ucv_register_integrations(integrations): integrations.add(Acme)
"""


class Process:
    """A hub in a process of its own, with one entry of the plugin ``acme``."""

    def __init__(self, folder: Path, body: str) -> None:
        custom = folder / "custom_integrations"
        custom.mkdir()
        code = HEAD + textwrap.indent(textwrap.dedent(body), "    ") + REGISTER
        (custom / "acme.py").write_text(code)
        (folder / "ucv.yaml").write_text("cameras:\n  - {id: a, name: A, integration: acme}\n")
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(folder)], stderr=subprocess.PIPE, text=True
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        """What it has written so far."""
        return "".join(self._lines)

    def says(self, wanted: str, timeout: float = 30) -> None:
        """Wait until it has written that."""
        deadline = time.monotonic() + timeout
        while wanted not in self.text:
            assert time.monotonic() < deadline, self.text
            assert self._process.poll() is None, self.text
            time.sleep(0.02)

    def end(self) -> tuple[int, float]:
        """Ask it to stop; returns its exit code, and how many seconds it took."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(20)
        return code, time.monotonic() - began

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _read(self) -> None:
        assert self._process.stderr is not None
        self._lines.extend(iter(self._process.stderr.readline, ""))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def run(folder: Path, body: str, wanted: str) -> tuple[int, float, str]:
    process = Process(folder, body)
    try:
        process.says("UCV is running")
        process.says(wanted)
        code, seconds = process.end()
    finally:
        process.close()
    return code, seconds, process.text


def test_a_hub_with_a_good_plugin_ends_at_once(folder: Path) -> None:
    code, seconds, _ = run(folder, "", "UCV is running")
    assert code == 0
    assert seconds < 4


def test_a_task_that_nothing_can_end_does_not_keep_the_hub_from_ending(folder: Path) -> None:
    body = """
        async def setup(self, device): device.runtime = asyncio.create_task(self.watch())
        async def watch(self):
            print("watching", flush=True, file=__import__("sys").stderr)
            while True:
                try:
                    await asyncio.sleep(3600)
                except BaseException:
                    pass
    """
    code, seconds, text = run(folder, body, "watching")
    assert code == 1
    assert seconds < 10
    assert "The plugin acme left a task running" in text


@pytest.mark.parametrize(
    ("begin", "told"),
    [
        ("threading.Thread(target=event.wait, name='acme').start()", "A thread does not end: acme"),
        ("asyncio.create_task(asyncio.to_thread(event.wait))", "A call in a thread of the event"),
    ],
)
def test_a_thread_without_end_does_not_keep_the_hub_from_ending(
    folder: Path, begin: str, told: str
) -> None:
    body = f"""
        async def setup(self, device):
            import sys, threading
            event = threading.Event()
            device.runtime = {begin}
            print("set up", flush=True, file=sys.stderr)
    """
    code, seconds, text = run(folder, body, "set up")
    assert code == 1
    assert seconds < 10
    assert told in text


@pytest.mark.parametrize("begin", ["asyncio.create_task(self.exit())", "loop.call_soon(exit, 3)"])
def test_a_plugin_that_exits_does_not_take_the_hub_with_it(folder: Path, begin: str) -> None:
    body = f"""
        async def exit(self): exit(3)
        async def setup(self, device):
            loop = asyncio.get_running_loop()
            device.runtime = {begin}
            loop.call_later(0.3, lambda: os.write(2, b"lives on\\n"))
    """
    code, _, text = run(folder, body, "lives on")
    assert code == 0
    assert "sys.exit() in a task or a callback is ignored" in text


def test_a_plugin_that_holds_up_the_hub_without_end_is_named_while_it_does(folder: Path) -> None:
    process = Process(folder, "async def setup(self, device):\n    while True: pass")
    try:
        process.says("The plugin acme at acme.py:10 (setup) holds up the hub for")
    finally:
        process.close()
