"""What hooks are handed: each collects registrations of one kind, and refuses what cannot work.

One set is made for each plugin, and kept only if all of the plugin's hooks ran through.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import voluptuous as vol

from ucv.bus import Event
from ucv.config.common import COMMON_KEYS
from ucv.config.schema import keys_of, mapping_of
from ucv.errors import PluginError
from ucv.plugins.api import API_VERSION, satisfies
from ucv.plugins.descriptors import Command, EventSink, MdnsHandler
from ucv.plugins.integration import Integration
from ucv.streams.providers import StreamProvider

_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,31}")
_COMMAND = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_/]*")
_SERVICE_TYPE = re.compile(r"_[A-Za-z0-9-]{1,15}\._(tcp|udp)\.local\.")


class Integrations:
    """Integrations; ``taken`` names who already has a domain."""

    def __init__(self, taken: Mapping[str, str] | None = None) -> None:
        self.added: dict[str, Integration] = {}
        self._taken = taken or {}

    def add(self, integration: type[Integration]) -> None:
        """Add an integration's class; raises `PluginError`."""
        if not (isinstance(integration, type) and issubclass(integration, Integration)):
            raise PluginError("integrations.add takes a subclass of ucv.Integration, the class.")
        _check_integration(integration)
        domain = integration.domain
        if (owner := self._taken.get(domain)) is not None or domain in self.added:
            raise PluginError(f"The domain {domain!r} belongs to {owner or 'this plugin'} already.")
        self.added[domain] = integration()


def _check_integration(integration: type[Integration]) -> None:
    who = integration.__name__
    domain = getattr(integration, "domain", None)
    if not isinstance(domain, str) or not _DOMAIN.fullmatch(domain):
        raise PluginError(f"{who}.domain must be a short word of lower-case letters and digits.")
    name = getattr(integration, "name", None)
    if not isinstance(name, str) or not name:
        raise PluginError(f"{who}.name is missing.")
    try:
        fits = satisfies(integration.api)
    except (TypeError, AttributeError, ValueError) as error:
        raise PluginError(f'{who}.api must be a range such as ">=1,<2".') from error
    if not fits:
        here = ".".join(map(str, API_VERSION))
        raise PluginError(
            f"{who} needs version {integration.api} of the plugin interface; this is {here}."
        )
    for method in ("probe", "streams"):
        if getattr(integration, method) is getattr(Integration, method):
            raise PluginError(f"{who} does not implement {method}.")
    for method in ("probe", "streams", "setup", "unload"):
        if not inspect.iscoroutinefunction(getattr(integration, method)):
            raise PluginError(f"{who}.{method} must be an async function.")
    _check_schema(integration)


def _check_schema(integration: type[Integration]) -> None:
    who = integration.__name__
    try:
        vol.Schema(integration.schema)
    except vol.SchemaError as error:
        raise PluginError(f"{who}.schema is not a voluptuous schema: {error}") from error
    if mapping_of(integration.schema) is None:
        raise PluginError(f"{who}.schema must be a mapping.")
    if reserved := sorted(COMMON_KEYS.intersection(keys_of(integration.schema))):
        raise PluginError(f"{who}.schema uses {', '.join(reserved)}, which every entry has anyway.")


class DiscoveryHandlers:
    """How devices are found; ``domains`` are the integrations of the same plugin."""

    def __init__(self, domains: Collection[str] = ()) -> None:
        self.added: list[MdnsHandler] = []
        self._domains = domains

    def add(self, handler: MdnsHandler) -> None:
        """Add a handler; raises `PluginError`."""
        if not isinstance(handler, MdnsHandler):
            raise PluginError("handlers.add takes a ucv.MdnsHandler.")
        if handler.domain not in self._domains:
            raise PluginError(f"{handler.domain!r} is no integration of this plugin.")
        if not _SERVICE_TYPE.fullmatch(handler.service_type):
            raise PluginError('An mDNS service type is written like "_acme-cam._tcp.local.".')
        self.added.append(handler)


class StreamProviders:
    """Sources of pictures; ``taken`` are the names of other plugins' and the built-in ones."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        self.added: list[StreamProvider] = []
        self._taken = set(taken)

    def add(self, provider: StreamProvider) -> None:
        """Add a provider; raises `PluginError`."""
        if not isinstance(provider, StreamProvider):
            raise PluginError("providers.add takes a ucv.StreamProvider.")
        if provider.name in self._taken:
            raise PluginError(f"There is a stream provider {provider.name!r} already.")
        self._taken.add(provider.name)
        self.added.append(provider)


class Commands:
    """WebSocket commands; ``taken`` are the types of other plugins."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        self.added: list[Command] = []
        self._taken = set(taken)

    def add(self, command: Command) -> None:
        """Add a command; raises `PluginError`."""
        if not isinstance(command, Command):
            raise PluginError("commands.add takes a ucv.Command.")
        if not _COMMAND.fullmatch(command.type):
            raise PluginError('The type of a command is written like "acme/light".')
        if command.type in self._taken:
            raise PluginError(f"There is a command {command.type!r} already.")
        if not inspect.iscoroutinefunction(command.handler):
            raise PluginError(f"The handler of {command.type!r} must be an async function.")
        self._taken.add(command.type)
        self.added.append(command)


class EventSinks:
    """Listeners for the hub's events."""

    def __init__(self) -> None:
        self.added: list[EventSink] = []

    def add(self, sink: EventSink) -> None:
        """Add a listener; raises `PluginError`."""
        if not isinstance(sink, EventSink):
            raise PluginError("sinks.add takes a ucv.EventSink.")
        if not (isinstance(sink.kind, type) and issubclass(sink.kind, Event)):
            raise PluginError("An event sink is for a subclass of ucv.bus.Event.")
        if not callable(sink.handler) or inspect.iscoroutinefunction(sink.handler):
            raise PluginError("The handler of an event sink must be a plain function.")
        self.added.append(sink)


@dataclass(frozen=True, slots=True)
class Registrations:
    """All that one plugin registers."""

    integrations: Integrations = field(default_factory=Integrations)
    handlers: DiscoveryHandlers = field(default_factory=DiscoveryHandlers)
    providers: StreamProviders = field(default_factory=StreamProviders)
    commands: Commands = field(default_factory=Commands)
    sinks: EventSinks = field(default_factory=EventSinks)
