"""Whether a device lets somebody in: the one log-in that discovery offers, and only when asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from ucv.config.fields import MAX_TEXT
from ucv.errors import ValidationError
from ucv.flows.entry_form import secret_fields
from ucv.hub import Hub
from ucv_bridge.addresses import check_addresses
from ucv_bridge.answers import redacted

_NAME = vol.All(str, vol.Length(min=1, max=MAX_TEXT))

#: Which device (one that was found, or an address with the integration that may know it), and the
#: integration's fields to try, such as ``username`` and ``password``.
SCHEMA: Mapping[Any, Any] = {
    vol.Optional("device_id"): _NAME,
    vol.Optional("host"): _NAME,
    vol.Optional("integration"): _NAME,
    vol.Required("values"): {str: object},
}

#: What makes an entry of a mapping, and is not for the values to say.
_IDENTITY = frozenset({"id", "integration"})


async def try_access(hub: Hub, given: Mapping[str, Any]) -> dict[str, Any]:
    """Log in once and return who the device says it is.

    ``given`` is valid by `SCHEMA`. Raises `AddressRefused`, and what
    `DiscoveryCoordinator.test_access` does.
    """
    device_id, host, integration = (given.get(key) for key in ("device_id", "host", "integration"))
    values = given["values"]
    if device_id is not None and host is not None:
        raise ValidationError("Name a device or a host, not both.")
    if _IDENTITY & set(values):
        raise ValidationError("Only fields of the integration can be tried.")
    check_addresses({**values, **({} if host is None else {"host": host})})
    domain = integration
    if device_id is not None and domain is None:
        domain = hub.discovery.get(device_id).integration
    _guard(hub, domain, values)
    info = await hub.discovery.test_access(
        device_id, integration=integration, host=host, values=values
    )
    told = {
        "manufacturer": info.manufacturer,
        "model": info.model,
        "serial": info.serial,
        "firmware": info.firmware,
    }
    return {"ok": True, "info": redacted(told, hub.redactor)}


def _guard(hub: Hub, domain: str | None, values: Mapping[str, Any]) -> None:
    """Make the secrets known to the redactor before anybody could put one into a text."""
    integration = hub.plugins.integrations.get(domain or "")
    for name in {"password"} if integration is None else secret_fields(integration):
        value = values.get(name)
        if isinstance(value, str):
            hub.redactor.add(value)
