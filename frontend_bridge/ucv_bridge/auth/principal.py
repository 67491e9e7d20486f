"""Who makes a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What an account or token may do."""

    ADMIN = "admin"
    """Everything."""
    VIEWER = "viewer"
    """Look, and change nothing."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or program that has proven who it is.

    ``credential`` tells by which session or token, and ends with it; it is no secret, but belongs
    in no answer.
    """

    name: str
    role: Role
    credential: str = field(repr=False)

    @property
    def is_admin(self) -> bool:
        """May change things."""
        return self.role is Role.ADMIN

    def may_view(self, camera_id: str) -> bool:
        """May see that camera's state and pictures: every role may see all of them."""
        return True

    def public(self) -> dict[str, str]:
        """Return what clients are told of it."""
        return {"name": self.name, "role": self.role}
