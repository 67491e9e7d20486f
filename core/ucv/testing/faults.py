"""What can go wrong with a virtual device that speaks HTTP, and what it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Self


@dataclass(slots=True)
class HttpFaults:
    """What is wrong with a device or with one route. Every switch may be turned at any time.

    - ``delay``: seconds before each answer.
    - ``silent``: requests are read and never answered.
    - ``drop``: the connection is closed without an answer.
    - ``drop_after``: so many requests of a connection are answered, the next one drops it, as
      when a device tires of a kept-alive connection just as it is used again.
    - ``garbage``: these bytes come instead of an answer.
    - ``status``: every request is answered with this status.
    - ``redirect``: every request is answered 302 with this address.
    - ``headers``: these are added to every answer, such as ``Retry-After``.
    - ``lockout``: requests with credentials are answered with this status (401 or 403) as if the
      account were locked.
    - ``half``: the answer's body is cut in the middle.
    - ``slow``: seconds between single bytes of an answer.
    - ``oversized``: the answer's body never ends.
    - ``endless_headers``: the answer's headers never end.
    - ``chunked``: bodies are sent in chunks of this size (bytes), without their length.
    - ``keep_alive``: off: the connection is closed after each answer.

    Only a device's own, not a route's:

    - ``refuse``: nothing listens on the port, and open connections are cut.
    - ``clock_skew``: seconds by which the device's clock is ahead.
    """

    delay: float = 0.0
    silent: bool = False
    drop: bool = False
    drop_after: int | None = None
    garbage: bytes = b""
    status: int | None = None
    redirect: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    lockout: int | None = None
    half: bool = False
    slow: float = 0.0
    oversized: bool = False
    endless_headers: bool = False
    chunked: int | None = None
    keep_alive: bool = True
    clock_skew: float = 0.0
    _refuse: bool = field(default=False, init=False, repr=False)
    _on_refuse: Callable[[bool], None] | None = field(default=None, repr=False)

    @property
    def refuse(self) -> bool:
        """Whether connections are refused."""
        return self._refuse

    @refuse.setter
    def refuse(self, value: bool) -> None:
        if self._on_refuse is None:
            raise TypeError("Only a whole device can refuse connections.")
        self._refuse = value
        self._on_refuse(value)

    def over(self, other: HttpFaults) -> Self:
        """Return these faults, and the other ones where nothing is set here."""
        merged = type(self)()
        for one in fields(self):
            if not one.name.startswith("_"):
                value = getattr(self, one.name)
                unset = value == getattr(_NONE, one.name)
                setattr(merged, one.name, getattr(other, one.name) if unset else value)
        return merged

    def clear(self) -> None:
        """Turn every switch off."""
        for one in fields(self):
            if not one.name.startswith("_"):
                setattr(self, one.name, getattr(type(self)(), one.name))
        if self._on_refuse is not None and self._refuse:
            self.refuse = False


_NONE = HttpFaults()


@dataclass(slots=True)
class HttpCounters:
    """What a device has been asked.

    ``requests`` are by path, ``statuses`` the answers by status. ``challenged`` counts requests
    without credentials that needed some, ``refused`` those with wrong ones (``reasons`` says what
    was wrong with them), ``stale`` those with good ones and a nonce that no longer counts,
    ``locked`` those refused because the account was locked. ``logins`` counts those that carried
    credentials of whatever kind, right or wrong. ``connections`` counts all there have been,
    ``open`` those there are.
    """

    requests: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    challenged: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)
    stale: int = 0
    locked: int = 0
    logins: int = 0
    connections: int = 0
    open: int = 0

    @property
    def total(self) -> int:
        """How many requests there have been, whatever their path."""
        return sum(self.requests.values())

    def count(self, path: str) -> None:
        """Count one request."""
        self.requests[path] = self.requests.get(path, 0) + 1

    def answered(self, status: int) -> None:
        """Count one answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
