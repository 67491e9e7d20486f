"""What hooks are handed: each collects registrations of one kind, and refuses what cannot work.

One set is made for each plugin, and kept only if all of the plugin's hooks ran through.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from ipaddress import IPv4Address
from typing import get_args

import voluptuous as vol
from packaging.requirements import InvalidRequirement, Requirement

from ucv.bus import Event
from ucv.config.common import COMMON_KEYS
from ucv.config.schema import keys_of, mapping_of
from ucv.errors import PluginError
from ucv.plugins.api import API_VERSION, satisfies
from ucv.plugins.capabilities import CAPABILITIES, CAPABILITY_OF
from ucv.plugins.descriptors import Command, EventSink, Wrapper
from ucv.plugins.discovery_handlers import (
    DatagramHandler,
    DiscoveryHandler,
    MdnsHandler,
    ScanHandler,
)
from ucv.plugins.integration import Integration
from ucv.streams.providers import StreamProvider

_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,31}")
_COMMAND = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_/]*")
_SOURCE = re.compile(r"[a-z][a-z0-9-]{0,31}")
#: What the core's own finders are called.
_CORE_SOURCES = frozenset(("mdns", "ws-discovery", "ssdp", "scan"))
_SERVICE_TYPE = re.compile(r"_[A-Za-z0-9-]{1,15}\._(tcp|udp)\.local\.")

#: The methods that every integration has.
_METHODS = (
    *("probe", "streams", "setup", "unload"),
    *("capabilities", "steps", "migrate", "diagnostics"),
)


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
    for method in (*_METHODS, *CAPABILITY_OF):
        function = getattr(integration, method, None)
        if function is None:
            continue
        if method == "events":
            if not inspect.isasyncgenfunction(function):
                raise PluginError(f"{who}.events must be an async generator: async def with yield.")
        elif not inspect.iscoroutinefunction(function):
            raise PluginError(f"{who}.{method} must be an async function.")
        _check_signature(integration, method)
    _check_schema(integration)
    _check_numbers(integration)
    _check_requirements(integration)


def _check_signature(integration: type[Integration], method: str) -> None:
    """Refuse a method that cannot take what it is called with."""
    owner = CAPABILITIES[CAPABILITY_OF[method]] if method in CAPABILITY_OF else Integration
    wanted = inspect.signature(getattr(owner, method)).parameters.values()
    positional = [p.name for p in wanted if p.kind is not p.KEYWORD_ONLY]
    keywords = [p.name for p in wanted if p.kind is p.KEYWORD_ONLY]
    given = inspect.getattr_static(integration, method)
    bound = isinstance(given, staticmethod | classmethod)
    try:
        signature = inspect.signature(getattr(integration, method))
        signature.bind(*positional[1 if bound else 0 :], **dict.fromkeys(keywords))
    except TypeError as error:
        names = ", ".join([*positional, *(["*", *keywords] if keywords else [])])
        raise PluginError(f"{integration.__name__}.{method} must take ({names}).") from error


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


def _check_numbers(integration: type[Integration]) -> None:
    who = integration.__name__
    version = integration.entry_version
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise PluginError(f"{who}.entry_version must be a whole number from 1.")
    known = keys_of(integration.schema)
    if unknown := sorted(set(integration.options) - set(known)):
        raise PluginError(f"{who}.options names {', '.join(unknown)}, which the schema lacks.")


def _check_requirements(integration: type[Integration]) -> None:
    """Compare what a plugin needs with what is installed; nothing is ever installed for it."""
    who = integration.__name__
    if isinstance(integration.requirements, str):
        raise PluginError(f'{who}.requirements must be a list such as ["acme-sdk>=2"].')
    for line in integration.requirements:
        try:
            requirement = Requirement(line)
        except (InvalidRequirement, TypeError) as error:
            raise PluginError(f'{who}.requirements: {line!r} is not like "acme-sdk>=2".') from error
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            installed = version_of(requirement.name)
        except PackageNotFoundError:
            raise PluginError(
                f"{who} needs {requirement}, which is not installed. Install it beside the hub: "
                f"pip install '{requirement}'"
            ) from None
        if not requirement.specifier.contains(installed, prereleases=True):
            raise PluginError(
                f"{who} needs {requirement}, but {requirement.name} {installed} is installed."
            )


class DiscoveryHandlers:
    """How devices are found; ``domains`` are the integrations of the same plugin."""

    def __init__(self, domains: Collection[str] = ()) -> None:
        self.added: list[DiscoveryHandler] = []
        self._domains = domains

    def add(self, handler: DiscoveryHandler) -> None:
        """Add a handler; raises `PluginError`."""
        if not isinstance(handler, get_args(DiscoveryHandler)):
            names = ", ".join(f"ucv.{kind.__name__}" for kind in get_args(DiscoveryHandler))
            raise PluginError(f"handlers.add takes one of {names}.")
        if handler.domain not in self._domains:
            raise PluginError(f"{handler.domain!r} is no integration of this plugin.")
        for name in ("parse", "probe"):
            function = getattr(handler, name, None)
            if inspect.iscoroutinefunction(function) or (
                hasattr(handler, name) and not callable(function)
            ):
                raise PluginError(f"{name} of a discovery handler must be a plain function.")
        if isinstance(handler, MdnsHandler) and not _SERVICE_TYPE.fullmatch(handler.service_type):
            raise PluginError('An mDNS service type is written like "_acme-cam._tcp.local.".')
        if isinstance(handler, DatagramHandler):
            _check_datagrams(handler)
        if isinstance(handler, ScanHandler) and not all(map(_is_port, handler.ports)):
            raise PluginError("The ports of a scan handler are numbers from 1 to 65535.")
        self.added.append(handler)


def _is_port(port: object) -> bool:
    return isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536


def _check_datagrams(handler: DatagramHandler) -> None:
    if not isinstance(handler.source, str) or not _SOURCE.fullmatch(handler.source):
        raise PluginError('The source of a datagram handler is a short word such as "sadp".')
    if handler.source in _CORE_SOURCES:
        raise PluginError(f"{handler.source!r} is one of the core's own ways of finding devices.")
    if not _is_port(handler.port):
        raise PluginError("The port of a datagram handler is a number from 1 to 65535.")
    groups = handler.groups
    if not isinstance(groups, tuple) or not groups or len(groups) > 4:
        raise PluginError("The groups of a datagram handler are one to four IPv4Address.")
    for group in groups:
        everyone = group == IPv4Address("255.255.255.255")
        if not isinstance(group, IPv4Address) or not (group.is_multicast or everyone):
            raise PluginError("A group is a multicast address, or 255.255.255.255.")


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


class Wrappers:
    """Functions around methods of all integrations."""

    def __init__(self) -> None:
        self.added: list[Wrapper] = []

    def add(self, wrapper: Wrapper) -> None:
        """Add a wrapper; raises `PluginError`."""
        if not isinstance(wrapper, Wrapper):
            raise PluginError("wrappers.add takes a ucv.Wrapper.")
        wrappable = {"probe", "streams", *CAPABILITY_OF} - {"events"}
        if wrapper.method not in wrappable:
            names = ", ".join(sorted(wrappable))
            raise PluginError(f"{wrapper.method!r} cannot be wrapped; these can: {names}.")
        if not inspect.iscoroutinefunction(wrapper.function):
            raise PluginError(f"The wrapper around {wrapper.method} must be an async function.")
        self.added.append(wrapper)


@dataclass(frozen=True, slots=True)
class Registrations:
    """All that one plugin registers."""

    integrations: Integrations = field(default_factory=Integrations)
    handlers: DiscoveryHandlers = field(default_factory=DiscoveryHandlers)
    providers: StreamProviders = field(default_factory=StreamProviders)
    commands: Commands = field(default_factory=Commands)
    sinks: EventSinks = field(default_factory=EventSinks)
    wrappers: Wrappers = field(default_factory=Wrappers)
