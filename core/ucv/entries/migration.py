"""Brings what is stored of an entry to the version of its integration."""

from __future__ import annotations

import copy
from dataclasses import replace

from ucv.config.fields import SecretText
from ucv.config.schema import SchemaFaults, keys_of, validate
from ucv.entries.entry import EntryConfig
from ucv.errors import CameraViewerError, MigrationFailed
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration


async def migrated(
    config: EntryConfig, integration: Integration, calls: Calls, device: Device
) -> EntryConfig:
    """Return the entry as the integration's version has it; the same one if it is up to date.

    Nothing is stored here. Raises `MigrationFailed` when the integration cannot do it, when what
    it returns does not follow its schema, and when a newer version stored the entry.
    """
    if config.version == integration.entry_version:
        return config
    if config.version > integration.entry_version:
        raise MigrationFailed(
            f"A newer version of {integration.name} stored this entry; install that one again.",
            details={"stored": config.version, "known": integration.entry_version},
        )
    data = copy.deepcopy(dict(config.data))
    try:
        new = await calls.call(integration, "migrate", device, config.version, data)
        _check(new, config, integration)
    except MigrationFailed:
        raise
    except CameraViewerError as error:
        raise MigrationFailed(f"The entry could not be brought up to date: {error}") from error
    return replace(config, data=new, version=integration.entry_version)


def _check(data: dict[str, object], config: EntryConfig, integration: Integration) -> None:
    filled = {name: SecretText("-") for name in config.secrets if name not in data}
    known = set(keys_of(integration.schema))
    secrets = {name: value for name, value in filled.items() if name in known}
    try:
        validate({**data, **secrets}, integration.schema)
    except SchemaFaults as invalid:
        fault = invalid.faults[0]
        where = ".".join(map(str, fault.path)) or "the data"
        raise MigrationFailed(
            f"{integration.name} brought the entry to something its schema refuses: "
            f"{where}: {fault.message}"
        ) from None
