"""What holds for every test: only loopback is reachable, and nothing may be left running."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
import uvloop
from hypothesis import HealthCheck, settings

# The same examples on every machine and run: a failure must reproduce.
settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# A hub of a test sends nothing to the network that this machine is in, nor do the processes that
# tests start: who tests discovery turns it on, for loopback.
os.environ["UCV_DISCOVERY"] = "off"


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the loop that the hub runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse a connection to anything but this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            if not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest_asyncio.fixture(autouse=True)
async def no_lingering_tasks() -> AsyncIterator[None]:
    """Fail a test that leaves a task running."""
    before = asyncio.all_tasks()
    yield
    # Transports tell their tasks of the end in the next turns of the loop.
    for _ in range(5):
        await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    left.discard(asyncio.current_task())
    assert not left, f"tasks left running: {left}"


@pytest.fixture(autouse=True)
def no_lingering_threads() -> Iterator[None]:
    """Fail a test that leaves a thread running; executors of closed loops end by themselves."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 3
    while left := {
        thread
        for thread in set(threading.enumerate()) - before
        if thread.is_alive()
        and not thread.name.startswith(("asyncio_", "uvloop_", "ThreadPoolExecutor"))
    }:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left running: {left}")
        for thread in left:
            thread.join(0.05)
