"""Who asks: a person's session or a program's token."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an account or token may do."""

    ADMIN = "admin"
    """Everything."""
    VIEWER = "viewer"
    """See cameras, change nothing."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. ``actor`` is how the audit log names them: ``user:anna`` or ``token:dashboard``."""

    name: str
    role: Role
    actor: str

    @property
    def is_admin(self) -> bool:
        """Whether they may change things."""
        return self.role is Role.ADMIN
