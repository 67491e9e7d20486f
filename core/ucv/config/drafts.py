"""From a camera's mapping, as people write it, to what an entry is made of, and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ucv.config.common import COMMON, COMMON_KEYS, slug
from ucv.config.fields import SecretText, UrlText
from ucv.config.problem import KeyPath, dotted, nearest
from ucv.config.schema import Fault, SchemaFaults, keys_of, validate
from ucv.entries.entry import ChannelChoice, EntryConfig
from ucv.errors import ValidationError
from ucv.plugins.integration import Integration


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """A validated entry, not yet stored. ``data`` has no secrets; ``secrets`` are apart, by field.

    ``loaded`` is False when the integration is not there at the moment, as in safe mode: then
    nothing of the entry could be validated, ``data`` and ``secrets`` are empty, and what is stored
    of it should be left alone.
    """

    id: str
    name: str
    integration: str
    data: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    preload: bool = False
    disabled: bool = False
    profiles: tuple[str, ...] = ()
    channels: tuple[ChannelChoice, ...] = ()
    loaded: bool = True


def draft_from_mapping(
    mapping: Mapping[str, Any],
    integrations: Mapping[str, Integration],
    *,
    stored_secrets: Collection[str] = (),
) -> EntryDraft:
    """Validate a camera's mapping, from YAML or an API alike.

    Secret fields named in ``stored_secrets`` may be missing: they have a value already. Raises
    `ValidationError` with all faults in ``details["errors"]``, each with ``key``, ``message`` and
    ``suggestion``.
    """
    try:
        return parse_entry(mapping, integrations, stored_secrets=stored_secrets)
    except SchemaFaults as invalid:
        errors = [
            {"key": dotted(fault.path), "message": fault.message, "suggestion": fault.suggestion}
            for fault in invalid.faults
        ]
        first = errors[0]
        raise ValidationError(
            f"The camera is not valid: {first['key']}: {first['message']}",
            details={"errors": errors},
        ) from None


def parse_entry(
    mapping: Mapping[str, Any],
    integrations: Mapping[str, Integration],
    *,
    stored_secrets: Collection[str] = (),
) -> EntryDraft:
    """Do what `draft_from_mapping` does; raises `SchemaFaults` with paths within the mapping."""
    faults: list[Fault] = []
    common = parse_common(mapping, faults)
    domain = common.get("integration")
    integration = integrations.get(domain) if domain is not None else None
    if integration is None:
        if domain is not None:
            suggestion = nearest(domain, integrations)
            faults.append(Fault(("integration",), "there is no such integration", suggestion))
        raise SchemaFaults(faults)

    own: dict[str, Any] = {str(k): v for k, v in mapping.items() if k not in COMMON_KEYS}
    kept = [name for name in stored_secrets if name not in own]
    own.update((name, SecretText("-")) for name in kept)
    try:
        validated = validate(own, integration.schema)
    except SchemaFaults as invalid:
        faults += [_among_common(fault) for fault in invalid.faults]
        raise SchemaFaults(faults) from None
    parts = _Parts()
    data = {
        key: plain
        for key, value in validated.items()
        if (plain := parts.take(value, (key,))) is not _NOTHING
    }
    for name in kept:
        parts.secrets.pop(name, None)
    faults += _merge_credentials(data, parts, integration, kept)
    if faults:
        raise SchemaFaults(faults)
    return EntryDraft(
        id=common.get("id") or slug(common["name"]),
        name=common["name"],
        integration=integration.domain,
        data=data,
        secrets=parts.secrets,
        preload=common["preload"],
        disabled=common["disabled"],
        **_choices(common),
    )


def parse_common(mapping: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Validate what all entries have; append the faults and return what is valid of it."""
    given = {key: mapping[key] for key in COMMON_KEYS if key in mapping}
    try:
        valid = validate(given, dict(COMMON))
    except SchemaFaults as invalid:
        faults += invalid.faults
        wrong = {fault.path[0] for fault in invalid.faults}
        valid = {key: value for key, value in given.items() if key not in wrong}
    return {key: str(value) if isinstance(value, str) else value for key, value in valid.items()}


def unloaded_draft(mapping: Mapping[str, Any]) -> EntryDraft:
    """Make the draft of an entry whose integration is missing; raises `SchemaFaults`."""
    faults: list[Fault] = []
    common = parse_common(mapping, faults)
    if faults:
        raise SchemaFaults(faults)
    common["id"] = common.get("id") or slug(common["name"])
    return EntryDraft(**{**common, **_choices(common)}, loaded=False)


def _choices(common: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "profiles": tuple(map(str, common.get("profiles", ()))),
        "channels": tuple(
            ChannelChoice(
                str(choice["channel"]),
                str(choice["name"]) if choice.get("name") else None,
                bool(choice.get("use", True)),
            )
            for choice in common.get("channels", ())
        ),
    }


def common_mapping(entry: EntryConfig | EntryDraft) -> dict[str, Any]:
    """Return what every entry may have besides id, name and integration, as people write it."""
    mapping: dict[str, Any] = {}
    if entry.profiles:
        mapping["profiles"] = list(entry.profiles)
    if entry.channels:
        mapping["channels"] = [choice.to_mapping() for choice in entry.channels]
    if entry.preload:
        mapping["preload"] = True
    if entry.disabled:
        mapping["disabled"] = True
    return mapping


def public_mapping(entry: EntryConfig) -> dict[str, Any]:
    """Return an entry as the mapping it could be made from again, without its secrets."""
    return {
        "id": entry.id,
        "name": entry.name,
        "integration": entry.integration,
        **entry.data,
        **common_mapping(entry),
    }


_NOTHING = object()


class _Parts:
    """Takes validated values apart: plain data here, secrets and credentials there."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.addresses: list[tuple[KeyPath, UrlText]] = []

    def take(self, value: Any, path: KeyPath) -> Any:
        """Return the plain value, or `_NOTHING` for a secret."""
        if isinstance(value, SecretText):
            self.secrets[dotted(path)] = str(value)
            return _NOTHING
        if isinstance(value, UrlText):
            if value.username is not None or value.password is not None:
                self.addresses.append((path, value))
            return str(value)
        if isinstance(value, str):
            return str(value)
        if isinstance(value, Mapping):
            taken = {str(key): self.take(item, (*path, str(key))) for key, item in value.items()}
            return {key: item for key, item in taken.items() if item is not _NOTHING}
        if isinstance(value, (list, tuple)):
            items = [self.take(item, (*path, index)) for index, item in enumerate(value)]
            return [item for item in items if item is not _NOTHING]
        return value


def _merge_credentials(
    data: dict[str, Any], parts: _Parts, integration: Integration, kept: Collection[str]
) -> list[Fault]:
    """Move credentials found in addresses to where fields of their own would have put them."""
    known = keys_of(integration.schema)
    faults = []
    for path, address in parts.addresses:
        if not {"username", "password"} <= set(known):
            faults.append(Fault(path, "this integration takes no credentials in an address"))
            continue
        username = data.get("username", address.username)
        password = parts.secrets.get("password", address.password)
        same_user = address.username in (None, username)
        if not same_user or address.password not in (None, password):
            faults.append(Fault(path, "the credentials in the address differ from the others"))
            continue
        if username is not None:
            data["username"] = username
        if password is not None:
            parts.secrets["password"] = password
    return faults


def _among_common(fault: Fault) -> Fault:
    # An unknown key may also be a misspelt one of those that all entries have.
    if fault.message == "unknown key" and fault.suggestion is None:
        return Fault(fault.path, fault.message, nearest(str(fault.path[-1]), COMMON_KEYS))
    return fault
