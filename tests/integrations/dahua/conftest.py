"""A device handle as the core makes it, for a device of a few routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ucv import Channel, Credentials
from ucv.clock import Clock, SystemClock
from ucv.entries.devices import http_client
from ucv.http import HttpPool
from ucv.lockout import Lockouts
from ucv.plugins.device import Device
from ucv.testing import VirtualDevice

#: Makes the handle for a device: ``connect(device, password="wrong", heartbeat=1)``.
Connect = Callable[..., Device]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    pools: list[HttpPool] = []
    lockouts = Lockouts()

    def make(
        device: VirtualDevice,
        *,
        clock: Clock | None = None,
        password: str | None = None,
        channel: Channel | None = None,
        **config: Any,
    ) -> Device:
        clock = clock or SystemClock()
        pool = HttpPool(clock)
        pools.append(pool)
        credentials = Credentials(device.username, password or device.password)

        async def remember(_facts: dict[str, Any]) -> None:
            """Nothing is kept."""

        handle = Device(
            entry_id="camera",
            name="Camera",
            config={"host": device.host, "http_port": device.port, **config},
            credentials=credentials,
            clock=clock,
            remember=remember,
            http=lambda made: http_client(pool, made),
            lockout=lockouts.of(device.host, credentials),
        )
        return handle if channel is None else handle.view(channel)

    yield make
    for pool in pools:
        await pool.close()
