"""The configuration file, validated; all that is wrong in it is told at once."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ucv.config.drafts import EntryDraft, parse_entry, unloaded_draft
from ucv.config.paths import ConfigDirectory
from ucv.config.problem import KeyPath, Problem, dotted, problem
from ucv.config.root import ROOT
from ucv.config.schema import Fault, SchemaFaults, validate
from ucv.config.yaml import Document, ProtectedText, load
from ucv.errors import ConfigError
from ucv.plugins.integration import Integration
from ucv.streams.settings import StreamSettings

_log = logging.getLogger(__name__)


class ConfigInvalid(ConfigError):
    """The configuration has problems; ``problems`` lists all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"The configuration is not valid:\n{lines}")
        self.problems = problems
        self.details = {"errors": [str(problem) for problem in problems]}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the bridge listens, and the host names it answers to beside its own address."""

    host: str = "127.0.0.1"
    port: int = 8321
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """Whether devices are looked for, and how.

    ``methods`` names the protocols, ``interfaces`` addresses of this machine; none means all.
    ``interval`` is the time between two rounds of questions, in seconds; ``scan_public`` allows
    scans of addresses on the Internet.
    """

    enabled: bool = True
    methods: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    interval: float = 300.0
    scan_public: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """A valid configuration. ``cameras`` are validated once the integrations are known.

    ``plugins`` are folders to look for plugins in; ``database`` is the address of another database
    than the directory's own. What may hold a secret is not in the repr.
    """

    directory: ConfigDirectory
    plugins: tuple[Path, ...] = ()
    server: ServerSettings = ServerSettings()
    streams: StreamSettings = field(default_factory=StreamSettings)
    discovery: DiscoverySettings = DiscoverySettings()
    log_level: str = "info"
    database: str | None = field(default=None, repr=False)
    document: Document = field(default_factory=lambda: Document("ucv.yaml"), repr=False)

    @property
    def cameras(self) -> list[Any]:
        """The cameras as written."""
        found = (self.document.value or {}).get("cameras")
        return found if isinstance(found, list) else []


def read(directory: ConfigDirectory, environment: Mapping[str, str] | None = None) -> Configuration:
    """Read ``ucv.yaml``; without one, the configuration is empty. Keys like ``x-…`` are ignored.

    Raises `ConfigInvalid` with all problems, apart from those of the cameras, which
    `validate_cameras` finds.
    """
    configuration, problems = inspect(directory, environment)
    if problems:
        raise ConfigInvalid(problems)
    return configuration


def inspect(
    directory: ConfigDirectory, environment: Mapping[str, str] | None = None
) -> tuple[Configuration, list[Problem]]:
    """Do what `read` does, but return the problems beside what is valid."""
    document = load(directory.yaml, directory.path, environment)
    if document.value is None:
        document.value = {}
    if not isinstance(document.value, dict):
        mark = document.mark(())
        document.problems.append(problem(mark, (), "must hold lines like server: or cameras:"))
        document.value = {}
    # As in Compose files: a place for anchors.
    document.value = {k: v for k, v in document.value.items() if not k.startswith("x-")}
    problems = list(document.problems)
    try:
        valid = validate(document.value, ROOT)
    except SchemaFaults as invalid:
        problems += _problems(document, (), invalid.faults)
        valid = _without_faults(document.value, invalid.faults)
    plugins = tuple(
        _folder(directory, document, ("plugins", index)) / str(name)
        for index, name in enumerate(valid.get("plugins") or ())
    )
    for index, folder in enumerate(plugins):
        if not folder.is_dir():
            path = ("plugins", index)
            _log.warning("%s", problem(document.mark(path), path, "there is no such folder"))
    server = valid.get("server", {})
    configuration = Configuration(
        directory=directory,
        plugins=plugins,
        server=ServerSettings(
            **{**server, "allowed_hosts": tuple(server.get("allowed_hosts", ()))}
        ),
        streams=StreamSettings(**valid.get("streams", {})),
        discovery=_discovery(valid.get("discovery", {}), environment),
        log_level=str(valid.get("log_level", "info")),
        database=valid.get("database"),
        document=document,
    )
    return configuration, problems


def _discovery(
    given: Mapping[str, Any], environment: Mapping[str, str] | None
) -> DiscoverySettings:
    variables = os.environ if environment is None else environment
    usual = {"enabled": variables.get("UCV_DISCOVERY", "").strip().casefold() != "off"}
    lists = {name: tuple(given.get(name, ())) for name in ("methods", "interfaces")}
    return DiscoverySettings(**{**usual, **given, **lists})


def validate_cameras(
    configuration: Configuration,
    integrations: Mapping[str, Integration],
    *,
    complete: bool = True,
) -> list[EntryDraft]:
    """Validate the cameras against their integrations; raises `ConfigInvalid` with all problems.

    Unless ``complete``, plugins are missing (safe mode, quarantine): a camera whose integration
    nobody knows is then not a problem, but a draft that is not ``loaded``.
    """
    drafts, problems = inspect_cameras(configuration, integrations, complete=complete)
    if problems:
        raise ConfigInvalid(problems)
    return drafts


def inspect_cameras(
    configuration: Configuration,
    integrations: Mapping[str, Integration],
    *,
    complete: bool = True,
) -> tuple[list[EntryDraft], list[Problem]]:
    """Do what `validate_cameras` does, but return the problems beside what is valid."""
    document = configuration.document
    drafts: dict[str, EntryDraft] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    for index, camera in enumerate(configuration.cameras):
        path: KeyPath = ("cameras", index)
        mark = document.mark(path)
        if not isinstance(camera, dict):
            fault = Fault((), "expected the keys of a camera")
            problems += _problems(document, path, [fault])
            continue
        try:
            draft = _draft(camera, integrations, complete=complete)
        except SchemaFaults as invalid:
            problems += _problems(document, path, invalid.faults)
            continue
        if draft.id in drafts:
            message = f"the id {draft.id} is also that of the camera in line {lines[draft.id]}"
            problems.append(problem(mark, (*path, "id"), message))
            continue
        drafts[draft.id] = draft
        lines[draft.id] = mark.line
        _warn_of_plain_secrets(document, path, camera, draft)
    return list(drafts.values()), problems


def _draft(
    camera: Mapping[str, Any], integrations: Mapping[str, Integration], *, complete: bool
) -> EntryDraft:
    domain = camera.get("integration")
    if complete or not isinstance(domain, str) or domain in integrations:
        return parse_entry(camera, integrations)
    return unloaded_draft(camera)


def _warn_of_plain_secrets(
    document: Document, path: KeyPath, camera: Mapping[str, Any], draft: EntryDraft
) -> None:
    for name in draft.secrets:
        value = camera.get(name)
        if isinstance(value, str) and not isinstance(value, ProtectedText):
            where = problem(document.mark((*path, name)), (*path, name), "")
            _log.warning(
                "%swritten in plain. It is kept in the encrypted store; to take it out of the "
                "file, write a line %s_%s: … into secrets.yaml, and here %s: !secret %s_%s",
                where,
                *(draft.id, name, name, draft.id, name),
            )


def _problems(document: Document, prefix: KeyPath, faults: list[Fault]) -> list[Problem]:
    """Give faults their places; what could not even be read has its problem already."""
    unread = {found.key for found in document.problems}
    paths = [((*prefix, *fault.path), fault) for fault in faults]
    return [
        problem(document.mark(path), path, fault.message, fault.suggestion)
        for path, fault in paths
        if dotted(path) not in unread
    ]


def _without_faults(value: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    faulty = {fault.path[0] for fault in faults if fault.path}
    return validate({key: item for key, item in value.items() if key not in faulty}, ROOT)


def _folder(directory: ConfigDirectory, document: Document, path: KeyPath) -> Path:
    """Return the folder of the file in which a value stands."""
    return (directory.path / document.mark(path).file).parent
