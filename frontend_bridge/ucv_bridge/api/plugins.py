"""Commands about plugins and integrations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import voluptuous as vol

from ucv.plugins.quarantine import Source
from ucv_bridge.answers import redacted
from ucv_bridge.api.command import NAME, Call, Command
from ucv_bridge.auth.principal import Role


async def _integrations(call: Call) -> Any:
    plugins = call.context.hub.plugins
    views = []
    for plugin in plugins.loaded:
        for domain in plugin.domains:
            integration = plugins.integrations[domain]
            views.append(
                {
                    "domain": domain,
                    "name": integration.name,
                    "version": integration.version,
                    "plugin": plugin.name,
                    "source": plugin.source,
                    "options": bool(integration.options),
                }
            )
    return {"integrations": sorted(views, key=lambda view: str(view["name"]).casefold())}


async def _plugins(call: Call) -> Any:
    hub = call.context.hub
    loaded = [
        {
            "name": plugin.name,
            "source": plugin.source,
            "path": plugin.path,
            "domains": plugin.domains,
            "reloadable": plugin.source is Source.FOLDER,
            "faults": [asdict(fault) for fault in hub.faults.of(plugin.name)],
        }
        for plugin in hub.plugins.loaded
    ]
    quarantined = [asdict(fault) for fault in hub.plugins.quarantined]
    # The words are the plugins' own.
    return redacted({"plugins": loaded, "quarantined": quarantined}, hub.redactor)


async def _reload(call: Call) -> Any:
    name = call.arguments["name"]
    await call.context.hub.plugin_runtime.reload(name)
    await call.caller.audit("plugin.reload", name)
    return await _plugins(call)


_BY_NAME = {vol.Required("name"): NAME}

COMMANDS = (
    Command("integrations/list", _integrations),
    Command("plugins/list", _plugins, role=Role.ADMIN),
    # Releasing one from quarantine is trying it again.
    Command("plugins/release", _reload, _BY_NAME, Role.ADMIN),
    Command("plugins/reload", _reload, _BY_NAME, Role.ADMIN),
)
