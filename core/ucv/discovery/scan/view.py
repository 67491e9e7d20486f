"""Scans and what they found as others see them, and the events that tell of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar

from ucv.bus import Event
from ucv.discovery.view import Problem
from ucv.plugins.sightings import HttpAnswer, RtspAnswer

#: How open ports are found, and what is asked there.
METHODS = ("connect", "rtsp", "http", "onvif")


class ScanState(StrEnum):
    """Where a scan stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether nothing will be found any more."""
        return self in (ScanState.CANCELLED, ScanState.FINISHED, ScanState.FAILED)


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is.

    A probe is one address with one port. ``hosts`` are addresses where something answered, be it by
    refusing; ``fingerprinted`` those that were asked what they are. ``elapsed`` and ``remaining``
    are seconds without pauses, ``remaining`` None while it cannot be told; ``rate`` is probes per
    second, ``sockets`` how many are open now.
    """

    addresses: int = 0
    addresses_done: int = 0
    probes: int = 0
    probes_done: int = 0
    hosts: int = 0
    open_ports: int = 0
    fingerprinted: int = 0
    elapsed: float = 0.0
    remaining: float | None = None
    rate: float = 0.0
    sockets: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as clients get them."""
        return {
            **asdict(self),
            "elapsed": round(self.elapsed, 3),
            "remaining": None if self.remaining is None else round(self.remaining, 1),
            "rate": round(self.rate, 1),
        }


@dataclass(frozen=True, slots=True)
class ScanView:
    """A scan at one moment.

    ``ranges`` are in normal form, ``profile`` is "quick", "normal", "deep" or "custom". Times are
    seconds since the epoch. Where a start was answered with a scan that had just been made,
    ``cached`` is True, ``age`` the seconds since it finished; ``hits`` is how often that was done.
    """

    id: str
    ranges: tuple[str, ...]
    profile: str
    ports: tuple[int, ...]
    state: ScanState
    started: float
    methods: tuple[str, ...] = METHODS
    error: Problem | None = None
    finished: float | None = None
    progress: ScanProgress = ScanProgress()
    cached: bool = False
    age: float = 0.0
    hits: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as clients get them."""
        return {
            "id": self.id,
            "ranges": list(self.ranges),
            "profile": self.profile,
            "ports": list(self.ports),
            "methods": list(self.methods),
            "state": self.state.value,
            "error": None if self.error is None else self.error.to_json(),
            "started": self.started,
            "finished": self.finished,
            "progress": self.progress.to_json(),
            "cached": self.cached,
            "age": round(self.age, 1),
            "hits": self.hits,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> ScanView:
        """Return what `to_json` was made of; raises `KeyError`, `TypeError` or `ValueError`."""
        error = stored["error"]
        return cls(
            id=str(stored["id"]),
            ranges=tuple(stored["ranges"]),
            profile=str(stored["profile"]),
            ports=tuple(stored["ports"]),
            state=ScanState(stored["state"]),
            started=float(stored["started"]),
            methods=tuple(stored["methods"]),
            error=None if error is None else Problem(error["code"], error["message"]),
            finished=stored["finished"],
            progress=ScanProgress(**stored["progress"]),
            cached=bool(stored["cached"]),
            age=float(stored["age"]),
            hits=int(stored["hits"]),
        )


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan found at one address.

    ``integration`` is the domain that knows the device best, None where none does; ``confidence``
    is its own, from 0 to 1. ``evidence`` are sentences. ``onvif`` are ports where an ONVIF device
    service answered.
    """

    host: str
    ports: tuple[int, ...] = ()
    mac: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    name: str | None = None
    integration: str | None = None
    confidence: float = 0.0
    evidence: tuple[str, ...] = ()
    rtsp: tuple[RtspAnswer, ...] = ()
    http: tuple[HttpAnswer, ...] = ()
    onvif: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as clients get them."""
        return {
            "host": self.host,
            "mac": self.mac,
            "ports": list(self.ports),
            "manufacturer": self.manufacturer,
            "model": self.model,
            "name": self.name,
            "integration": self.integration,
            "confidence": self.confidence,
            "evidence": list(self.evidence),
            "rtsp": [
                {
                    "port": answer.port,
                    "status": answer.status,
                    "server": answer.server,
                    "realm": answer.realm,
                    "path": answer.path,
                    "open": answer.status == 200 and bool(answer.path),
                }
                for answer in self.rtsp
            ],
            "http": [
                {
                    "port": answer.port,
                    "tls": answer.tls,
                    "status": answer.status,
                    "server": answer.server,
                    "realm": answer.realm,
                    "title": answer.title,
                }
                for answer in self.http
            ],
            "onvif": list(self.onvif),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> ScanResult:
        """Return what `to_json` was made of; raises `KeyError`, `TypeError` or `ValueError`."""
        rtsp = [dict(answer) for answer in stored["rtsp"]]
        for answer in rtsp:
            del answer["open"]
        return cls(
            host=str(stored["host"]),
            ports=tuple(stored["ports"]),
            mac=stored["mac"],
            manufacturer=stored["manufacturer"],
            model=stored["model"],
            name=stored["name"],
            integration=stored["integration"],
            confidence=float(stored["confidence"]),
            evidence=tuple(stored["evidence"]),
            rtsp=tuple(RtspAnswer(**answer) for answer in rtsp),
            http=tuple(HttpAnswer(**answer) for answer in stored["http"]),
            onvif=tuple(stored["onvif"]),
        )


@dataclass(frozen=True, slots=True)
class HostChange:
    """The ports of a host that opened and closed between two scans; ``was`` is the earlier one."""

    host: str
    opened: tuple[int, ...]
    closed: tuple[int, ...]
    was: ScanResult


@dataclass(frozen=True, slots=True)
class ScanComparison:
    """What differs from an earlier scan; ``before`` is its id, None where there is none."""

    before: str | None = None
    new: tuple[str, ...] = ()
    gone: tuple[ScanResult, ...] = ()
    changed: tuple[HostChange, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as clients get them."""
        return {
            "before": self.before,
            "new": list(self.new),
            "gone": [result.to_json() for result in self.gone],
            "changed": [
                {
                    "host": change.host,
                    "opened": list(change.opened),
                    "closed": list(change.closed),
                    "was": change.was.to_json(),
                }
                for change in self.changed
            ],
        }


@dataclass(frozen=True, slots=True)
class ScanChanged(Event):
    """A scan began, went on or ended; at most five times a second for each scan."""

    # Who was away asks for the scans there are.
    kept: ClassVar[bool] = False

    view: ScanView


@dataclass(frozen=True, slots=True)
class ScanResultFound(Event):
    """A scan found something; a host may come again when more is known of it."""

    kept: ClassVar[bool] = False

    scan_id: str
    result: ScanResult
