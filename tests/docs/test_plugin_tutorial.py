"""The tutorial works: its files are written and its commands typed, in an empty folder."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.docs.tutorial_steps import Step, merged, shows, steps_of
from ucv.testing import until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "tutorial.md"
#: Ports on the page; somebody else may have them here.
PORTS = ("8081", "8554", "8321")
#: Seconds for one command.
LIMIT = 120.0


class Terminal:
    """A command that goes on, and what it has said."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.output = ""
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.output += line.decode()

    async def stop(self) -> int:
        """Press Ctrl+C and return the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            await self._reader
            return await self.process.wait()


class Author:
    """Somebody who does what the page says, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.terminals: list[Terminal] = []
        self._ports = {port: str(_free_port()) for port in PORTS}

    async def do(self, step: Step) -> None:
        """Do one step and compare what is seen with what the page says."""
        text = self._here(step.text)
        match step.kind:
            case "write":
                (self.folder / step.target).write_text(text)
            case "merge":
                file = self.folder / step.target
                file.write_text(merged(file.read_text(), text))
            case "run":
                for command, expected in _commands(text):
                    await self._run(command, expected)
            case "background":
                ((command, expected),) = _commands(text)
                self.terminals.append(Terminal(await self._start(command)))
                await self._seen(expected)
            case "seen":
                await self._seen(text)
            case "stop":
                assert await self.terminals.pop().stop() == 0

    async def leave(self) -> None:
        """Stop what still runs."""
        for terminal in self.terminals:
            await terminal.stop()

    def _here(self, text: str) -> str:
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    async def _run(self, command: str, expected: str) -> None:
        process = await self._start(command)
        try:
            async with asyncio.timeout(LIMIT):
                output = (await process.communicate())[0].decode()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, f"$ {command}\n{output}"
        assert shows(output, expected), f"$ {command}\n{output}\n--- expected\n{expected}"

    async def _seen(self, expected: str) -> None:
        terminal = self.terminals[-1]
        try:
            await until(lambda: shows(terminal.output, expected), 30)
        except TimeoutError:
            pytest.fail(f"{terminal.output}\n--- expected\n{expected}")

    async def _start(self, command: str) -> Process:
        program, *arguments = shlex.split(command)
        words = {
            "ucv": [str(Path(sys.executable).parent / "ucv")],
            "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
            "python": [sys.executable],
        }[program]
        return await asyncio.create_subprocess_exec(
            *words,
            *arguments,
            cwd=self.folder,
            stdout=PIPE,
            stderr=STDOUT,
            # As wide as a person's terminal; no colours, which stand within words.
            env={**os.environ, "COLUMNS": "160", "NO_COLOR": "1"},
        )


def _commands(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ (.+)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest_asyncio.fixture
async def author(tmp_path: Path) -> AsyncIterator[Author]:
    someone = Author(tmp_path)
    yield someone
    await someone.leave()


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_tutorial_leads_from_an_empty_folder_to_a_gold_plugin(author: Author) -> None:
    for step in steps_of(PAGE.read_text()):
        try:
            await author.do(step)
        except (AssertionError, ValueError, SyntaxError) as error:
            raise AssertionError(f"{PAGE.name}, line {step.line}: {error}") from error
    plugin = author.folder / "custom_integrations" / "lantern" / "__init__.py"
    assert 'name = "Lantern dome cameras"' in plugin.read_text()


def test_every_block_of_the_tutorial_is_for_something() -> None:
    found = list(steps_of(PAGE.read_text()))
    # As many fences as steps, but for what is only stopped.
    fences = PAGE.read_text().count("\n```") // 2
    assert len([step for step in found if step.kind != "stop"]) == fences
    kinds = {step.kind for step in found}
    assert kinds == {"write", "merge", "run", "background", "seen", "stop"}


@pytest.mark.parametrize(
    ("output", "expected", "fits"),
    [
        ("2 passed in 3.1s", "2 passed in …", True),
        ("3 passed in 3.1s", "2 passed in …", False),
        ("a\nb\nc", "a\nc", True),
        ("c\na", "a\nc", False),
        ("anything", "", True),
    ],
)
def test_what_is_seen_must_be_what_the_page_says(output: str, expected: str, fits: bool) -> None:
    assert shows(output, expected) is fits


SOURCE = """\
import a
from b import c


class K:
    x = 1

    def m(self):
        return 1


@hook
def h(): ...
"""


@pytest.mark.parametrize(
    ("change", "in_it", "not_in_it"),
    [
        ("class K:\n    ...\n\n    x = 2\n", "    x = 2\n\n    def m", "x = 1"),
        ("class K:\n    ...\n\n    def n(self): pass\n", "return 1\n\n    def n", "\n..."),
        ("from b import (\n    d,\n)\n", "import a\nfrom b import (\n    d,\n)\n", "import c"),
        ("@other\ndef h(): pass\n", "@other\ndef h(): pass\n", "@hook"),
        ("def test_new(): pass\n", "def h(): ...\n\ndef test_new(): pass\n", "zzz"),
        ("Y = 1\n", "import c\n\nY = 1\n\n\n\nclass K", "zzz"),
    ],
)
def test_a_change_goes_where_a_person_would_put_it(change: str, in_it: str, not_in_it: str) -> None:
    after = merged(SOURCE, change)
    assert in_it in after
    assert not_in_it not in after
