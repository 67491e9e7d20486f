"""All hooks a plugin can implement.

Every hook is called once for each plugin when the hub starts, each implementation by itself: one
that raises quarantines its own plugin and nothing else, and none of what that plugin registered by
then is kept. Hooks run on the event loop's thread and must not block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from ucv.plugins.registrations import (
        Commands,
        DiscoveryHandlers,
        EventSinks,
        Integrations,
        StreamProviders,
        Wrappers,
    )

hookspec = pluggy.HookspecMarker("ucv")
#: Marks a function of a plugin as the implementation of the hook of the same name.
hookimpl = pluggy.HookimplMarker("ucv")


@hookspec
def ucv_register_integrations(integrations: Integrations) -> None:
    """Add the integrations of this plugin: ``integrations.add(Acme)``, the class.

    Called by the plugin loader, before the configuration is validated. A domain that is taken, a
    class that lacks something and an unmet API range raise `PluginError`.
    """


@hookspec
def ucv_register_discovery(handlers: DiscoveryHandlers) -> None:
    """Say how devices are found: ``handlers.add(MdnsHandler("acme", "_acme-cam._tcp.local."))``.

    Called by the plugin loader, after the plugin's integrations. A domain that is not one of them
    raises `PluginError`.
    """


@hookspec
def ucv_register_stream_providers(providers: StreamProviders) -> None:
    """Add sources of pictures: ``providers.add(StreamProvider("acme", …))``.

    Called by the plugin loader, before any stream opens. Of the providers for a URL scheme, the one
    with the highest priority is tried first. A name that is taken raises `PluginError`.
    """


@hookspec
def ucv_register_commands(commands: Commands) -> None:
    """Add WebSocket commands: ``commands.add(Command("acme/light", handler, schema))``.

    Called by the plugin loader. A type that is not ``<word>/<word>`` or is taken raises
    `PluginError`.
    """


@hookspec
def ucv_register_event_sinks(sinks: EventSinks) -> None:
    """Add listeners for the hub's events: ``sinks.add(EventSink(CameraChanged, handler))``.

    Called by the plugin loader. What is not an event type raises `PluginError`.
    """


@hookspec
def ucv_register_wrappers(wrappers: Wrappers) -> None:
    """Put a function around a method of all integrations: ``wrappers.add(Wrapper("snapshot", …))``.

    Called by the plugin loader. It then runs for every camera, whichever plugin brought it. A
    method that cannot be wrapped raises `PluginError`.
    """
