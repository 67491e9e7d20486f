"""The page on which a person names what was found, and chooses what of it to use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from ucv.config import forms
from ucv.config.common import MAX_NAME
from ucv.config.fields import Choices, Text, describe
from ucv.config.problem import dotted
from ucv.config.schema import SchemaFaults, keys_of, validate
from ucv.entries.entry import EntryConfig
from ucv.entries.survey import Survey
from ucv.flows.conversation import InvalidAnswer
from ucv.flows.entry_form import EntryForm
from ucv.flows.pages import FieldError
from ucv.flows.wording import labels_of, one_line, stream_text
from ucv.plugins.values import Channel

#: Before the id of a channel, the name of the field for its name.
_NAME_OF = "name_of_"


class DeviceChoices:
    """What may be chosen of a device: ``schema`` and ``values`` of a form, and what answers mean.

    With one stream there is nothing to choose, and with no channels nothing to name.
    """

    def __init__(self, found: Survey, entry: EntryConfig | None = None) -> None:
        self._channels = found.channels or ()
        self._profiles = _profile_labels(found)
        self._entry = entry
        self.schema: dict[vol.Marker, Any] = {}
        self.values: dict[str, Any] = {}
        if len(self._profiles) > 1:
            self._offer_profiles()
        if self._channels:
            self._offer_channels(found)

    def ask_name(self, proposed: str) -> None:
        """Ask for the entry's name as well, before everything else."""
        name = describe(vol.Required("name"), label="Name", help="What people call it.")
        self.schema = {name: Text(MAX_NAME), **self.schema}
        self.values = {"name": proposed, **self.values}

    def fields(self, values: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
        """Return the fields of the form, holding these values."""
        return tuple(forms.serialize(self.schema, values=values))

    def parse(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Validate an answer; raises `InvalidAnswer`. What it leaves out stays as it was."""
        given = {name: answer.get(name) for name in keys_of(self.schema) if name in answer}
        kept = {name: value for name, value in self.values.items() if name != "name"}
        merged = {n: v for n, v in {**kept, **given}.items() if v not in (None, "")}
        try:
            return validate(merged, self.schema)
        except SchemaFaults as invalid:
            wrong = tuple(FieldError(dotted(f.path), f.message) for f in invalid.faults)
            raise InvalidAnswer(wrong, self.fields(merged)) from None

    def of_answer(self, valid: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a valid answer adds to an entry's mapping; what is usual is left out."""
        added: dict[str, Any] = {}
        if "profiles" in valid and set(valid["profiles"]) != set(self._profiles):
            added["profiles"] = list(valid["profiles"])
        wanted = set(valid.get("channels", (channel.id for channel in self._channels)))
        choices = []
        for channel in self._channels:
            choice: dict[str, Any] = {"channel": channel.id}
            name = valid.get(_NAME_OF + channel.id)
            if name and name != channel.name:
                choice["name"] = str(name)
            if channel.id not in wanted:
                choice["use"] = False
            if len(choice) > 1:
                choices.append(choice)
        if choices:
            added["channels"] = choices
        return added

    def _offer_profiles(self) -> None:
        chosen = self._entry.profiles if self._entry is not None else ()
        key = describe(
            vol.Required("profiles"),
            label="Streams",
            help="Which of its streams to use. One that is not used costs nothing.",
        )
        self.schema[key] = Choices(self._profiles)
        self.values["profiles"] = [p for p in self._profiles if p in chosen] or [*self._profiles]

    def _offer_channels(self, found: Survey) -> None:
        key = describe(
            vol.Required("channels"),
            label="Cameras",
            help="Which of the recorder's cameras to show.",
        )
        self.schema[key] = Choices({c.id: _channel_label(c, found) for c in self._channels})
        entry = self._entry
        self.values["channels"] = [
            channel.id
            for channel in self._channels
            if entry is None or entry.channel(channel.id).use
        ]
        for channel in self._channels:
            name = _NAME_OF + channel.id
            marker = describe(
                vol.Optional(name),
                label=f"Name of {channel.id}",
                help="What people call this camera.",
                advanced=True,
            )
            self.schema[marker] = Text(MAX_NAME)
            own = entry.channel(channel.id).name if entry is not None else None
            self.values[name] = own or one_line(channel.name or "")


class BothForms:
    """One form of an integration's own fields and of what may be chosen of the device."""

    def __init__(self, own: EntryForm, choices: DeviceChoices) -> None:
        self._own = own
        self._choices = choices
        self._values: Mapping[str, Any] = choices.values

    def fields(self) -> tuple[Mapping[str, Any], ...]:
        """Return all fields, with the values as they were given last."""
        return (*self._own.fields(), *self._choices.fields(self._values))

    def take(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Validate an answer and return what is chosen of the device; raises `InvalidAnswer`."""
        names = keys_of(self._choices.schema)
        about_device = {name: value for name, value in answer.items() if name in names}
        errors: list[FieldError] = []
        error = None
        try:
            self._values = self._choices.parse(about_device)
        except InvalidAnswer as invalid:
            self._values = {**self._values, **about_device}
            errors += invalid.errors
        try:
            self._own.take({name: value for name, value in answer.items() if name not in names})
        except InvalidAnswer as invalid:
            errors += invalid.errors
            error = invalid.error
        if errors or error is not None:
            raise InvalidAnswer(tuple(errors), self.fields(), error)
        return self._values


def _profile_labels(found: Survey) -> dict[str, str]:
    labels: dict[str, str] = {}
    for streams in found.streams.values():
        labels = {**labels_of(streams), **labels}
    return labels


def _channel_label(channel: Channel, found: Survey) -> str:
    parts = [channel.id, one_line(channel.name or ""), one_line(channel.model or "")]
    if streams := found.streams.get(channel.id):
        parts.append(stream_text(streams[0]))
    if channel.online is False:
        parts.append("offline")
    return " · ".join(filter(None, parts))
