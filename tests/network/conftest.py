"""Tests on networks of their own, where Linux lets them make one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.async_api import Browser

from tests.e2e.browser import chromium
from tests.e2e.conftest import UCV, HubProcess, StartHub, start_hub
from tests.network.lab import ENVIRONMENT, Host, NetworkLab, unusable

__all__ = ["start_hub"]

_unusable = cache(unusable)


@pytest.fixture(autouse=True)
def network_namespaces() -> None:
    """Skip where there can be none."""
    if reason := _unusable():
        pytest.skip(reason)


@pytest.fixture
async def lab() -> AsyncIterator[NetworkLab]:
    """Return a switch without hosts."""
    async with NetworkLab() as lab:
        yield lab


StartOn = Callable[..., Awaitable[HubProcess]]
StartBrowser = Callable[[Host], Awaitable[Browser]]


@pytest.fixture
async def hub_on(
    start_hub: StartHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StartOn]:
    """Start hubs on hosts: ``await hub_on(host, cameras=[…])``; keywords are keys of ucv.yaml.

    What the test asks the hub goes through a relay: see `Host.forward`.
    """
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:

        async def start(host: Host, **keys: Any) -> HubProcess:
            config = tmp_path / host.name
            config.mkdir()
            # JSON is YAML.
            document = {"discovery": {"enabled": True}, **keys}
            (config / "ucv.yaml").write_bytes(orjson.dumps(document))
            hub = await start_hub(config, program=host.command(UCV))
            port = int(hub.url.rpartition(":")[2])
            hub.url = f"http://127.0.0.1:{await stack.enter_async_context(host.forward(port))}"
            stack.push_async_callback(hub.close_client)
            return hub

        yield start


@pytest.fixture
async def browser_on(tmp_path: Path) -> AsyncIterator[StartBrowser]:
    """Start browsers on hosts: ``await browser_on(host)``."""
    async with AsyncExitStack() as stack:

        async def start(host: Host) -> Browser:
            program = host.browser(tmp_path)
            return await stack.enter_async_context(chromium(program))

        yield start
