"""The hub as its users run it: the command ``ucv`` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

UCV = [sys.executable, "-c", "from ucv.cli import main; main()"]
START_LIMIT = 40.0


async def ucv(
    *arguments: str, check: bool = True, program: list[str] | None = None
) -> tuple[int, str, str]:
    """Run a command of ``ucv`` to its end; returns status, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *(program or UCV),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(START_LIMIT):
        out, err = await process.communicate()
    status = process.returncode or 0
    assert not check or status == 0, err.decode()
    return status, out.decode(), err.decode()


@dataclass
class HubProcess:
    """A running hub with an administrator's token."""

    process: asyncio.subprocess.Process
    config: Path
    url: str = ""
    token: str = ""
    lines: list[str] = field(default_factory=list)
    _reader: asyncio.Task[None] | None = None
    _session: aiohttp.ClientSession | None = None

    @property
    def log(self) -> str:
        """Everything it has written so far."""
        return "\n".join(self.lines)

    @property
    def http(self) -> aiohttp.ClientSession:
        """A client with the token."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                self.url,
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=aiohttp.ClientTimeout(total=30),
            )
        return self._session

    async def get(self, path: str) -> Any:
        """GET a JSON document."""
        async with self.http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def cameras(self) -> dict[str, Any]:
        """Return the cameras by id."""
        return {camera["id"]: camera for camera in (await self.get("/api/cameras"))["cameras"]}

    async def until_camera(
        self, camera_id: str, condition: Callable[[Any], object], limit: float = 30.0
    ) -> Any:
        """Poll until a camera is as wanted; fails with what it was last."""
        camera: Any = None
        try:
            async with asyncio.timeout(limit):
                while True:
                    camera = (await self.cameras()).get(camera_id)
                    if camera is not None and condition(camera):
                        return camera
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"{camera_id} never became as wanted: {camera}\n{self.log[-3000:]}")

    async def wait_for_line(self, pattern: str, limit: float = START_LIMIT) -> re.Match[str]:
        """Wait until it writes a line that matches."""
        try:
            async with asyncio.timeout(limit):
                while True:
                    for line in self.lines:
                        if match := re.search(pattern, line):
                            return match
                    assert self.process.returncode is None, f"it ended:\n{self.log}"
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"no line like {pattern!r} in:\n{self.log}")

    async def close_client(self) -> None:
        """Close the HTTP client."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def stop(self, number: signal.Signals = signal.SIGTERM, limit: float = 5.0) -> int:
        """End it by that signal; fails when it takes longer than the limit."""
        await self.close_client()
        if self.process.returncode is None:
            self.process.send_signal(number)
        try:
            async with asyncio.timeout(limit):
                status = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            pytest.fail(f"it did not stop within {limit} s:\n{self.log[-3000:]}")
        finally:
            if self._reader is not None:
                await self._reader
        return status

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))


StartHub = Callable[..., Awaitable[HubProcess]]


@pytest.fixture
async def start_hub(tmp_path: Path) -> AsyncIterator[StartHub]:
    """Start hubs: ``await start_hub(config, "--log-level", "debug")``; they end with the test."""
    running: list[HubProcess] = []

    async def start(
        config: Path,
        *arguments: str,
        command: str = "run",
        environment: dict[str, str] | None = None,
        program: list[str] | None = None,
    ) -> HubProcess:
        name = f"test{len(running)}"
        _, token, _ = await ucv("token", "create", name, "--config", str(config), program=program)
        process = await asyncio.create_subprocess_exec(
            *(program or UCV),
            command,
            "--config",
            str(config),
            "--port",
            "0",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        hub = HubProcess(process, config, token=token.strip())
        running.append(hub)
        hub._reader = asyncio.create_task(hub._read())
        hub.url = (await hub.wait_for_line(r"UCV is running: (http://\S+?)/?$"))[1]
        return hub

    yield start
    for hub in running:
        await hub.stop(signal.SIGKILL)
