"""Whether the account is locked, as a device tells without a login (``Security/userCheck``)."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ucv import AccountLocked, CameraViewerError, InvalidAuth
from ucv_hikvision.documents import elements, number_at, text, truth_at
from ucv_hikvision.response_status import not_activated

#: Longest lock that is believed, in seconds: devices lock for 30 min, or until they are told.
_MAX_LOCK = 7 * 86_400


@dataclass(frozen=True, slots=True)
class LoginState:
    """What a ``userCheck`` says; None for what it does not.

    ``unlock_in`` is in seconds, ``tries`` the number of further wrong passwords until the account
    is locked, for the address we come from.
    """

    accepted: bool
    activated: bool | None = None
    locked: bool = False
    unlock_in: int | None = None
    tries: int | None = None

    def error(self, now: float) -> CameraViewerError | None:
        """Return what keeps us from logging in, if anything does; ``now`` since the epoch."""
        if self.activated is False:
            return not_activated()
        if not self.locked:
            return None
        wait = "" if self.unlock_in is None else f" It opens again in {_span(self.unlock_in)}."
        until = None if self.unlock_in is None else now + self.unlock_in
        return AccountLocked(
            "The camera has locked the account, because wrong passwords were sent to it from "
            f"here.{wait}",
            until=until,
        )

    def refused(self) -> InvalidAuth:
        """Return the error of credentials that were refused just now."""
        if self.tries is None:
            return InvalidAuth()
        return InvalidAuth(
            "The camera refuses the user name or password; after "
            f"{self.tries} more wrong one{'' if self.tries == 1 else 's'} it locks the account.",
            details={"tries": self.tries},
        )


def login_state(root: Element) -> LoginState | None:
    """Return what a document says, if there is a ``userCheck`` in it."""
    found = elements(root, "userCheck")
    if not found:
        return None
    check = found[0]
    unlock = number_at(check, "unlockTime")
    tries = number_at(check, "retryLoginTime")
    return LoginState(
        accepted=number_at(check, "statusValue") == 200,
        activated=truth_at(check, "isActivated"),
        locked=text(check, "lockStatus").casefold() in ("lock", "locked"),
        unlock_in=unlock if unlock is not None and 0 < unlock <= _MAX_LOCK else None,
        tries=tries if tries is not None and 0 <= tries <= 100 else None,
    )


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60)} min"
