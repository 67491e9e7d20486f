"""Brings what is stored of an entry to the version of its integration."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ucv.config.drafts import EntryDraft, parse_entry
from ucv.config.schema import SchemaFaults, keys_of
from ucv.entries.entry import EntryConfig
from ucv.errors import CameraViewerError, MigrationFailed
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration


async def migrated(
    config: EntryConfig, integration: Integration, calls: Calls, device: Device
) -> tuple[EntryConfig, Mapping[str, str]]:
    """Return the entry as the integration's version has it; the same one if it is up to date.

    Beside it are the values of what was plain and is a secret now. Nothing is stored here. Raises
    `MigrationFailed` when the integration cannot do it, when what it returns does not follow its
    schema, and when a newer version stored the entry.
    """
    if config.version == integration.entry_version:
        return config, {}
    if config.version > integration.entry_version:
        raise MigrationFailed(
            f"A newer version of {integration.name} stored this entry; install that one again.",
            details={"stored": config.version, "known": integration.entry_version},
        )
    data = copy.deepcopy(dict(config.data))
    try:
        new = await calls.call(integration, "migrate", device, config.version, data)
    except MigrationFailed:
        raise
    except CameraViewerError as error:
        raise MigrationFailed(f"The entry could not be brought up to date: {error}") from error
    draft = _validated(new, config, integration)
    secrets = config.secrets | draft.secrets.keys()
    new_config = replace(
        config, data=dict(draft.data), secrets=secrets, version=integration.entry_version
    )
    return new_config, draft.secrets


def _validated(data: dict[str, Any], config: EntryConfig, integration: Integration) -> EntryDraft:
    common = {"id": config.id, "name": config.name, "integration": integration.domain}
    kept = config.secrets.intersection(keys_of(integration.schema))
    try:
        return parse_entry(
            {**data, **common}, {integration.domain: integration}, stored_secrets=kept
        )
    except SchemaFaults as invalid:
        fault = invalid.faults[0]
        where = ".".join(map(str, fault.path)) or "the data"
        raise MigrationFailed(
            f"{integration.name} brought the entry to something its schema refuses: "
            f"{where}: {fault.message}"
        ) from None
