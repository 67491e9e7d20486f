"""A device reached with a configuration that is not stored (yet)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from ucv.config.drafts import EntryDraft
from ucv.entries.devices import Devices
from ucv.entries.entry import EntryConfig
from ucv.errors import CameraViewerError, ConnectTimeout, PluginError
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration
from ucv.plugins.values import DeviceInfo

_log = logging.getLogger(__name__)

#: Seconds that reaching a device and asking who it is may take.
PROBE_LIMIT = 30.0


@asynccontextmanager
async def on_trial(
    draft: EntryDraft,
    stored: EntryConfig | None,
    integration: Integration,
    calls: Calls,
    devices: Devices,
) -> AsyncIterator[tuple[Device, DeviceInfo]]:
    """Set a device up, ask who it is, and let go of it in the end.

    ``stored`` is the entry whose secrets are used where the draft has none. Raises what the
    integration does, and `ConnectTimeout`.
    """
    config = EntryConfig(
        id=draft.id,
        integration=draft.integration,
        name=draft.name,
        data=dict(draft.data),
        secrets=frozenset(draft.secrets) | (stored.secrets if stored else frozenset()),
        version=integration.entry_version,
    )

    async def remember(facts: dict[str, Any]) -> None:
        """Nothing to store: the device itself has them, and whoever makes an entry of it."""

    await devices.forgive(config, draft.secrets)
    device = await devices.make(
        config,
        remember,
        draft.secrets,
        # Nobody's fault: the probe, or the person, will learn of it.
        on_refused=lambda _error: device.refuse(),
    )
    try:
        try:
            async with devices.gate(config, hurried=True), asyncio.timeout(PROBE_LIMIT):
                await calls.call(integration, "setup", device, limit=None)
                info: DeviceInfo = await calls.call(integration, "probe", device, limit=None)
        except TimeoutError:
            raise ConnectTimeout("The device did not answer in time.") from None
        yield device, info
    finally:
        # What fails here is noted, and must not take the place of what the device has said.
        with suppress(CameraViewerError):
            await calls.call(integration, "unload", device)
        try:
            await device.close()
        except PluginError as error:
            _log.error("Ending a trial of %s failed: %s", config.id, error.message)
