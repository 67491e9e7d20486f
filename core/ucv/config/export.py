"""The running configuration as YAML, without secrets, and back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import voluptuous as vol

from ucv.config.drafts import EntryDraft, common_mapping, parse_entry, public_mapping
from ucv.config.fields import Secret
from ucv.config.problem import KeyPath, Problem, problem
from ucv.config.schema import SchemaFaults, mapping_of
from ucv.config.yaml import Document
from ucv.config.yaml_writer import SecretName, dump
from ucv.entries.entry import EntryConfig
from ucv.plugins.integration import Integration

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]+")


def export_yaml(entries: Iterable[EntryConfig]) -> str:
    """Return entries as a ``ucv.yaml``; each secret becomes ``!secret <id>_<field>``.

    Where those are to be written stands in a comment. Can be read again by `plan_import`.
    """
    names: list[str] = []
    cameras = [_camera(entry, names) for entry in entries]
    return _heading(names) + dump({"cameras": cameras})


def _camera(entry: EntryConfig, names: list[str]) -> dict[str, Any]:
    camera: dict[str, Any] = _copy(public_mapping(entry))
    # Found again at another address, although YAML defines it: that one is in use.
    camera.update((key, entry.facts[key]) for key in entry.data if key in entry.facts)
    for field in sorted(entry.secrets, key=_steps):
        name = wanted = secret_name(entry.id, field)
        # The field b_c of a, and the field c of a_b.
        numbers = count(2)
        while name in names:
            name = f"{wanted}_{next(numbers)}"
        names.append(name)
        _put(camera, _steps(field), SecretName(name))
    return camera


def secret_name(entry_id: str, field: str) -> str:
    """Return the name under which a field's secret is looked for in ``secrets.yaml``."""
    return _NOT_IN_NAMES.sub("_", f"{entry_id}_{field}").strip("_")


def _steps(field: str) -> tuple[str | int, ...]:
    """Take apart what `ucv.config.problem.dotted` put together: ``accounts[0].password``."""
    return tuple(word or int(index) for word, index in _STEP.findall(field))


def _put(into: Any, steps: tuple[str | int, ...], value: Any) -> None:
    """Set a value deep within; where all was secret, nothing is left on the way to it."""
    step, *rest = steps
    if not rest and isinstance(step, int):
        into.insert(step, value)
    elif not rest:
        into[step] = value
    else:
        _put(_inner(into, step, [] if isinstance(rest[0], int) else {}), tuple(rest), value)


def _inner(into: Any, step: str | int, empty: Any) -> Any:
    if isinstance(step, str):
        return into.setdefault(step, empty)
    if step >= len(into):
        into.append(empty)
    return into[min(step, len(into) - 1)]


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, (list, tuple)) else value


def _heading(names: Collection[str]) -> str:
    if not names:
        return ""
    lines = [f"#   {name}: …" for name in names]
    return "# Passwords are not in here. To use this as ucv.yaml, write into secrets.yaml:\n" + (
        "\n".join(lines) + "\n"
    )


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What importing a file would do: add these, skip those that are there, and what is wrong.

    ``lacking`` are the ids of entries to add whose secrets the file does not have.
    """

    add: tuple[EntryDraft, ...]
    skipped: tuple[str, ...]
    lacking: tuple[str, ...]
    problems: tuple[Problem, ...]


def plan_import(
    document: Document, integrations: Mapping[str, Integration], known: Collection[str]
) -> ImportPlan:
    """Take the cameras out of what `export_yaml` or a person wrote; changes nothing.

    ``known`` are the ids that are in use. Secrets that are nowhere to be found are no problem: the
    entry is added without, and asks to be logged in to.
    """
    value = document.value if isinstance(document.value, dict) else {}
    cameras = value.get("cameras")
    problems = [found for found in document.problems if not _is_about_a_secret(found)]
    if not isinstance(cameras, list):
        if not problems:
            problems.append(problem(document.mark(()), ("cameras",), "there are no cameras"))
        cameras = []
    add: dict[str, EntryDraft] = {}
    skipped, lacking = [], []
    for index, camera in enumerate(cameras):
        path: KeyPath = ("cameras", index)
        if not isinstance(camera, dict):
            problems.append(problem(document.mark(path), path, "expected the keys of a camera"))
            continue
        secret = _secret_fields(integrations.get(str(camera.get("integration"))))
        absent = [key for key, item in camera.items() if item is None and key in secret]
        given = {key: item for key, item in camera.items() if item is not None}
        try:
            draft = parse_entry(given, integrations, stored_secrets=absent)
        except SchemaFaults as invalid:
            for fault in invalid.faults:
                where = (*path, *fault.path)
                problems.append(
                    problem(document.mark(where), where, fault.message, fault.suggestion)
                )
            continue
        if draft.id in known or draft.id in add:
            skipped.append(draft.id)
            continue
        if absent:
            lacking.append(draft.id)
        add[draft.id] = draft
    return ImportPlan(tuple(add.values()), tuple(skipped), tuple(lacking), tuple(problems))


def _secret_fields(integration: Integration | None) -> set[str]:
    mapping = mapping_of(integration.schema) if integration is not None else None
    return {
        str(key.schema if isinstance(key, vol.Marker) else key)
        for key, validator in (mapping or {}).items()
        if isinstance(validator, Secret)
    }


def _is_about_a_secret(found: Problem) -> bool:
    return "secrets.yaml" in found.message


def as_mapping(draft: EntryDraft) -> dict[str, Any]:
    """Return a draft as the mapping it was made from, its secrets included."""
    mapping: dict[str, Any] = {
        "id": draft.id,
        "name": draft.name,
        "integration": draft.integration,
        **_copy(draft.data),
    }
    for field in sorted(draft.secrets, key=_steps):
        _put(mapping, _steps(field), draft.secrets[field])
    return {**mapping, **common_mapping(draft)}
