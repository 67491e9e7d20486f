"""What finders hand over: one sighting, with who saw it where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ucv.plugins.discovery_handlers import DiscoveryHandler
from ucv.plugins.sightings import Sighting


@dataclass(frozen=True, slots=True)
class Report:
    """A device was seen, or said good-bye.

    ``source`` is the protocol (``mdns``, ``ws-discovery``, ``ssdp``, ``scan``, or a
    `DatagramHandler`'s); ``domain`` the integration of the handler; ``host`` the address that the
    answer came from; ``key`` what the protocol knows the device by, the same after its address has
    changed, or None.
    """

    source: str
    domain: str
    host: str
    key: str | None
    sighting: Sighting
    gone: bool = False


#: Called on the event loop with each report.
OnReport = Callable[[Report], object]


class Finder(Protocol):
    """One way of finding devices; owns its sockets."""

    #: What it is called in evidence and diagnostics.
    name: str

    async def listen(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """Work for those of these handlers that are for this finder, from now on.

        There is no socket while there is none. A network that cannot be used is logged, kept as
        `problem`, and no reason not to start.
        """

    async def ask(self) -> None:
        """Ask all devices once; answers arrive as reports for some seconds after."""

    async def stop(self) -> None:
        """Close all sockets, and open none any more."""

    @property
    def listening(self) -> bool:
        """Whether there are sockets."""

    @property
    def problem(self) -> str | None:
        """Why there are none although there are handlers."""
