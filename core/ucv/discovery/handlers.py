"""Handlers of plugins, made safe to call with whatever the network sends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ucv.clock import Clock
from ucv.discovery.rejections import Rejections
from ucv.plugins.discovery_handlers import (
    DatagramHandler,
    DiscoveryHandler,
    MdnsHandler,
    ScanHandler,
    SsdpHandler,
)
from ucv.plugins.identity import normal_mac, usable_serial
from ucv.plugins.sightings import Sighting

#: Longest text taken of a device, in characters, and how many details.
MAX_TEXT, MAX_DETAILS = 200, 16
#: Seconds between two faults of a handler that are noted as its plugin's: what arrives is not the
#: plugin's doing, and must not be a way to have it quarantined.
FAULT_INTERVAL = 60.0

#: Called with a domain, what was being done, and the error.
OnFault = Callable[[str, str, BaseException], object]


def source_of(handler: DiscoveryHandler) -> str:
    """Return what the protocol of a handler is called."""
    match handler:
        case DatagramHandler():
            return handler.source
        case MdnsHandler():
            return "mdns"
        case SsdpHandler():
            return "ssdp"
        case ScanHandler():
            return "scan"
        case _:
            return "ws-discovery"


class HandlerGuard:
    """Wraps handlers: what they raise is noted, and what they return is cut to size."""

    def __init__(self, clock: Clock, rejections: Rejections, on_fault: OnFault) -> None:
        self._clock = clock
        self._rejections = rejections
        self._on_fault = on_fault
        self._noted: dict[tuple[str, str], float] = {}

    def guarded(self, handler: DiscoveryHandler) -> DiscoveryHandler:
        """Return a handler that raises nothing, and returns a `Sighting` in order or None."""
        source, inner = source_of(handler), handler.parse

        def parse(told: Any) -> Sighting | None:
            try:
                sighting = inner(told)
                if sighting is None:
                    return None
                if not isinstance(sighting, Sighting):
                    raise TypeError(f"parse must return a Sighting or None, not {sighting!r:.60}")
                return in_order(sighting)
            except Exception as error:  # a plugin may raise anything
                self._rejections.note(source, told.host, f"the handler of {handler.domain} failed")
                self._fault(handler.domain, source, error)
                return None

        return replace(handler, parse=parse)

    def _fault(self, domain: str, source: str, error: BaseException) -> None:
        now = self._clock.monotonic()
        if now - self._noted.get((domain, source), -math.inf) >= FAULT_INTERVAL:
            self._noted[domain, source] = now
            self._on_fault(domain, f"{source} handler", error)


def in_order(sighting: Sighting) -> Sighting:
    """Return a sighting with texts and numbers as they may be: bounded, printable, plausible."""
    confidence = sighting.confidence
    if not isinstance(confidence, (int, float)) or not math.isfinite(confidence):
        confidence = 0.0
    return Sighting(
        confidence=min(max(float(confidence), 0.0), 0.99),
        name=text(sighting.name),
        manufacturer=text(sighting.manufacturer),
        model=text(sighting.model),
        serial=usable_serial(text(sighting.serial)),
        mac=normal_mac(text(sighting.mac)),
        firmware=text(sighting.firmware),
        endpoint=_endpoint(sighting.endpoint),
        unique_id=text(sighting.unique_id),
        http_port=_port(sighting.http_port),
        rtsp_port=_port(sighting.rtsp_port),
        details=_details(sighting.details),
    )


def text(value: object) -> str | None:
    """Return one line of printable text of at most 200 characters; None if nothing is left."""
    if not isinstance(value, str):
        return None
    line = " ".join("".join(c if c.isprintable() else " " for c in value[:1000]).split())
    return line[:MAX_TEXT] or None


def _endpoint(value: object) -> str | None:
    line = text(value)
    return None if line is None else line.casefold().removeprefix("urn:").removeprefix("uuid:")


def _port(value: object) -> int | None:
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536
    return value if usable and isinstance(value, int) else None


def _details(value: Mapping[str, str]) -> dict[str, str]:
    pairs = ((text(key), text(told)) for key, told in list(dict(value).items())[:MAX_DETAILS])
    return {key: told for key, told in pairs if key is not None and told is not None}
