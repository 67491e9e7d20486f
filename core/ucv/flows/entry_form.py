"""Forms over the fields of an integration's schema, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import voluptuous as vol

from ucv.config import forms
from ucv.config.drafts import EntryDraft, draft_from_mapping
from ucv.config.fields import Secret, SecretText, UrlText
from ucv.config.problem import dotted
from ucv.config.schema import keys_of, mapping_of
from ucv.errors import ValidationError
from ucv.flows.conversation import InvalidAnswer
from ucv.flows.pages import FieldError, FormPage, PageError
from ucv.plugins.integration import Integration
from ucv.secrets import Redactor


class EntryForm:
    """A form over some of the fields of an integration.

    ``names`` are its fields, ``known`` what the entry has besides or already, secrets given in this
    flow included, ``stored`` the secret fields that have a value in the store. Values of secrets
    stay in here: the fields that are served only say that there is one.

    After `take`, ``draft`` is what the answer makes of the entry, and ``mapping`` the same as an
    entry manager takes it, with the secrets: only for the entry manager.
    """

    draft: EntryDraft

    def __init__(
        self,
        integration: Integration,
        names: Collection[str],
        *,
        known: Mapping[str, Any],
        stored: Collection[str] = (),
        redactor: Redactor,
    ) -> None:
        self._integration = integration
        self._redactor = redactor
        self._names = [name for name in keys_of(integration.schema) if name in names]
        self._stored = frozenset(stored)
        secret = secret_fields(integration)
        self._secret = secret.intersection(self._names)
        self.mapping: dict[str, Any] = {
            "name": integration.name,
            "integration": integration.domain,
            **known,
        }
        self._values = {
            name: value
            for name, value in known.items()
            if name in self._names and name not in secret
        }

    def fields(self) -> tuple[Mapping[str, Any], ...]:
        """Return the fields, with the values as they were given last."""
        given = {name for name in self._secret if name in self.mapping}
        served = forms.serialize(
            self._integration.schema,
            values=self._values,
            stored_secrets=self._stored | given,
            only=self._names,
        )
        return tuple(served)

    def page(
        self, step: str, *, title: str = "", text: str = "", error: PageError | None = None
    ) -> FormPage:
        """Return the form's page."""
        return FormPage(step, self.fields(), title, text, error)

    def take(self, answer: Mapping[str, Any]) -> EntryDraft:
        """Validate an answer; raises `InvalidAnswer`. A secret left empty stays as it was."""
        unknown = sorted(dotted((str(name),)) for name in answer if name not in self._names)
        given = {name: answer[name] for name in self._names if answer.get(name) not in (None, "")}
        # Credentials within an address are given anew; they must not meet those of before.
        if not any(isinstance(value, str) and _has_credentials(value) for value in given.values()):
            for name in self._secret.intersection(self.mapping):
                given.setdefault(name, self.mapping[name])
        rest = {name: value for name, value in self.mapping.items() if name not in self._names}
        mapping = {**rest, **given}
        self._guard(mapping)
        try:
            if unknown:
                errors = [{"key": name, "message": "unknown key"} for name in unknown]
                raise ValidationError(details={"errors": errors})
            self.draft = self.validated(mapping)
        except ValidationError as invalid:
            self._keep_what_may_be_shown(given, rest)
            raise self._invalid(invalid) from None
        self._values = {
            name: value for name, value in self.draft.data.items() if name in self._names
        }
        # What an address held is in a field of its own from now on.
        secrets = {
            name: value for name, value in self.draft.secrets.items() if name in self._secret
        }
        self.mapping = {**mapping, **secrets}
        self._guard(self.mapping)
        return self.draft

    def add(self, more: Mapping[str, Any]) -> EntryDraft:
        """Add fields that the person did not give; raises `ValidationError`."""
        mapping = {**self.mapping, **more}
        self._guard(mapping)
        self.draft = self.validated(mapping)
        self.mapping = mapping
        self._values = {
            name: value for name, value in self.draft.data.items() if name in self._names
        }
        return self.draft

    def validated(self, mapping: Mapping[str, Any]) -> EntryDraft:
        """Return what the mapping makes of the entry; raises `ValidationError`."""
        integrations = {self._integration.domain: self._integration}
        return draft_from_mapping(mapping, integrations, stored_secrets=self._stored)

    def _invalid(self, invalid: ValidationError) -> InvalidAnswer:
        errors = tuple(
            FieldError(str(error["key"]), str(error["message"]), error.get("suggestion"))
            for error in invalid.details.get("errors", ())
        )
        elsewhere = [e for e in errors if _top(e.key) not in self._names]
        error = None
        if elsewhere or not errors:
            sentence = invalid.message
            if elsewhere:
                sentence = f"{elsewhere[0].key}: {elsewhere[0].message}"
            error = PageError(invalid.code, sentence)
        return InvalidAnswer(errors, self.fields(), error)

    def _keep_what_may_be_shown(self, given: Mapping[str, Any], rest: Mapping[str, Any]) -> None:
        """Remember an answer that is not valid, so that only what is wrong needs to be corrected.

        What may hold a secret is not shown again: credentials in an address go where they belong,
        and what is not understood at all and could hold some is left out.
        """
        values, kept = showable(self._integration.schema, given)
        self._values = {name: value for name, value in values.items() if name in self._names}
        kept = {name: value for name, value in kept.items() if name in self._secret}
        self.mapping = {**rest, **self._values, **kept}

    def _guard(self, mapping: Mapping[str, Any]) -> None:
        """Make the secrets known to the redactor before anybody could put one into a text."""
        for name in secret_fields(self._integration):
            value = mapping.get(name)
            if isinstance(value, str):
                self._redactor.add(value)


def showable(schema: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what may be shown again of an answer that may not be valid, and its secrets."""
    validators = _validators(schema)
    values: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for name, value in given.items():
        if _is_secret(validators.get(name)):
            if isinstance(value, str):
                secrets[name] = value
            continue
        try:
            valid = vol.Schema(validators[name])(value)
        except (vol.Invalid, KeyError):
            if not isinstance(value, (Mapping, list, tuple)) and "@" not in str(value):
                values[name] = value
            continue
        values[name] = _plain(valid)
        if isinstance(valid, UrlText):
            if valid.username is not None:
                values.setdefault("username", valid.username)
            if valid.password is not None:
                secrets.setdefault("password", valid.password)
    return values, secrets


def secret_fields(integration: Integration) -> frozenset[str]:
    """Return the names of the fields whose values are secrets."""
    return frozenset(
        name for name, validator in _validators(integration.schema).items() if _is_secret(validator)
    )


def connection_fields(integration: Integration) -> list[str]:
    """Return the fields that reaching a device needs: all but the options.

    An option that has no value unless it is given is among them: without it nothing is valid.
    """
    markers = {
        marker.schema: marker
        for marker in mapping_of(integration.schema) or {}
        if isinstance(marker, vol.Marker)
    }

    def needed(name: str) -> bool:
        marker = markers.get(name)
        return isinstance(marker, vol.Required) and isinstance(marker.default, vol.Undefined)

    names = keys_of(integration.schema)
    return [name for name in names if name not in integration.options or needed(name)]


def option_fields(integration: Integration) -> list[str]:
    """Return the fields that can be changed without asking the device anew."""
    return [name for name in keys_of(integration.schema) if name in integration.options]


def _validators(schema: Any) -> dict[str, Any]:
    return {
        str(marker.schema if isinstance(marker, vol.Marker) else marker): validator
        for marker, validator in (mapping_of(schema) or {}).items()
    }


def _is_secret(validator: Any) -> bool:
    if isinstance(validator, (vol.All, vol.Any)):
        return any(map(_is_secret, validator.validators))
    return isinstance(validator, Secret)


def _plain(value: Any) -> Any:
    """Return a valid value without the secrets within."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if not isinstance(item, SecretText)}
        return {str(key): _plain(item) for key, item in kept.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value if not isinstance(item, SecretText)]
    return value


def _has_credentials(value: str) -> bool:
    return "@" in value.partition("://")[2]


def _top(key: str) -> str:
    return key.partition(".")[0].partition("[")[0]
