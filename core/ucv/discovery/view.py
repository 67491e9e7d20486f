"""Devices on the network as others see them, and the events that tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from ucv.bus import Event


class DeviceState(StrEnum):
    """What a found device is to the hub."""

    NEW = "new"
    CONFIGURED = "configured"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for a device being what it is said to be.

    ``source`` is the protocol, ``integration`` the domain whose handler recognised it, ``text`` a
    sentence; times are seconds since the epoch.
    """

    source: str
    integration: str
    host: str
    text: str
    confidence: float
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class AddressSpan:
    """A device was at an address between two moments, in seconds since the epoch."""

    host: str
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """An integration that a device may be added with; ``confidence`` from 0 to 1."""

    integration: str
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Problem:
    """What failed, as in the error envelope."""

    code: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device that was found, at one moment.

    ``present`` is whether it answered lately. ``integration`` is that of the best candidate, None
    where only the device's existence is known. ``snapshot`` is whether a picture can be asked for
    without a log-in.
    """

    id: str
    host: str
    name: str | None
    manufacturer: str | None
    model: str | None
    serial: str | None
    mac: str | None
    firmware: str | None
    http_port: int | None
    rtsp_port: int | None
    integration: str | None
    integration_name: str | None
    confidence: float
    candidates: tuple[Candidate, ...]
    state: DeviceState
    present: bool
    entry_id: str | None
    flow_id: str | None
    adopting: bool
    problem: Problem | None
    first_seen: float
    last_seen: float
    evidence: tuple[Evidence, ...]
    addresses: tuple[AddressSpan, ...]
    snapshot: bool = False
    details: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as clients get them."""
        whole = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **whole,
            "candidates": [asdict(candidate) for candidate in self.candidates],
            "problem": None if self.problem is None else self.problem.to_json(),
            "evidence": [asdict(one) for one in self.evidence],
            "addresses": [asdict(span) for span in self.addresses],
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class MethodStatus:
    """How one way of finding devices does; ``problem`` says why it does not listen."""

    name: str
    listening: bool
    problem: str | None
    reports: int
    rejected: int


@dataclass(frozen=True, slots=True)
class InterfaceStatus:
    """An address of this machine that devices are looked for from."""

    name: str
    address: str
    network: str


@dataclass(frozen=True, slots=True)
class DiscoveryStatus:
    """What discovery is doing. ``last_round`` and ``next_round`` are seconds since the epoch."""

    enabled: bool
    asking: bool
    last_round: float | None
    next_round: float | None
    interfaces: tuple[InterfaceStatus, ...]
    methods: tuple[MethodStatus, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as clients get them."""
        whole = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **whole,
            "interfaces": [asdict(one) for one in self.interfaces],
            "methods": [asdict(one) for one in self.methods],
        }


@dataclass(frozen=True, slots=True)
class Adoption:
    """How adding one of several devices went: an entry, or a flow that needs a person, or why not.

    With ``flow_id`` and without ``problem`` somebody has to answer the flow's question.
    """

    device_id: str
    entry_id: str | None = None
    flow_id: str | None = None
    problem: Problem | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as clients get them."""
        return {
            "device_id": self.device_id,
            "entry_id": self.entry_id,
            "flow_id": self.flow_id,
            "error": None if self.problem is None else self.problem.to_json(),
        }


@dataclass(frozen=True, slots=True)
class DiscoveryChanged(Event):
    """A device was found, or what is known of it changed."""

    # Who was away asks for the devices there are.
    kept: ClassVar[bool] = False

    view: DeviceView


@dataclass(frozen=True, slots=True)
class DiscoveryForgotten(Event):
    """A device is no longer kept: too many were found, or it turned out to be another one."""

    kept: ClassVar[bool] = False

    device_id: str


@dataclass(frozen=True, slots=True)
class DiscoveryStatusChanged(Event):
    """A round began or ended, or a way of finding devices began or ceased to work."""

    kept: ClassVar[bool] = False

    status: DiscoveryStatus
