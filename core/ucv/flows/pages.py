"""What a flow shows: one page at a time, the same for every client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class PageError:
    """Why the last attempt failed: a stable code and an English sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; ``key`` is like ``urls[0].role``; never holds a value."""

    key: str
    message: str
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class FormPage:
    """Fields to fill in, as `ucv.config.forms` serialises them; secrets have no value there."""

    step: str
    fields: Sequence[Mapping[str, Any]] = ()
    title: str = ""
    text: str = ""
    error: PageError | None = None
    errors: Sequence[FieldError] = ()
    kind: Literal["form"] = field(default="form", init=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "kind": self.kind,
            "step": self.step,
            "title": self.title,
            "text": self.text,
            "error": None if self.error is None else asdict(self.error),
            "errors": [asdict(error) for error in self.errors],
            "fields": [dict(served) for served in self.fields],
        }


@dataclass(frozen=True, slots=True)
class MenuPage:
    """A choice; ``options`` are labels by value, in the order to show them."""

    step: str
    options: Mapping[str, str]
    title: str = ""
    text: str = ""
    kind: Literal["menu"] = field(default="menu", init=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        options = [{"value": value, "label": label} for value, label in self.options.items()]
        return {
            "kind": self.kind,
            "step": self.step,
            "title": self.title,
            "text": self.text,
            "options": options,
        }


@dataclass(frozen=True, slots=True)
class ProgressPage:
    """Work is going on; ``percent`` is 0 to 100, None if that is not known."""

    text: str = ""
    percent: float | None = None
    kind: Literal["progress"] = field(default="progress", init=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"kind": self.kind, "text": self.text, "percent": self.percent}


@dataclass(frozen=True, slots=True)
class DonePage:
    """The flow ended well: the entry was made or changed."""

    entry_id: str
    text: str
    kind: Literal["done"] = field(default="done", init=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"kind": self.kind, "entry_id": self.entry_id, "text": self.text}


@dataclass(frozen=True, slots=True)
class AbortPage:
    """The flow ended without that.

    ``reason`` is for programs: ``already_configured``, ``updated``, ``wrong_device``,
    ``read_only``, ``not_supported``, ``expired``, ``cancelled``, ``withdrawn``, ``failed``, or an
    integration's own. ``entry_id`` is the entry it has to do with, if there is one.
    """

    reason: str
    message: str
    entry_id: str | None = None
    kind: Literal["abort"] = field(default="abort", init=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "message": self.message,
            "entry_id": self.entry_id,
        }


Page = FormPage | MenuPage | ProgressPage | DonePage | AbortPage

#: The pages a flow ends with.
ENDED = (DonePage, AbortPage)
