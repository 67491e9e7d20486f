"""What all finders have in common that ask by UDP."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address
from typing import Generic, TypeGuard, TypeVar

from ucv.clock import Clock
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport
from ucv.discovery.udp import UdpSockets
from ucv.plugins.discovery_handlers import DiscoveryHandler
from ucv.plugins.sightings import Datagram

Handler = TypeVar("Handler")


class UdpFinder(ABC, Generic[Handler]):
    """A `ucv.discovery.report.Finder` that sends questions by `UdpSockets`.

    ``interfaces`` is called for each round, for networks come and go.
    """

    def __init__(
        self,
        name: str,
        *,
        port: int,
        groups: Sequence[IPv4Address],
        listen: bool,
        interfaces: Callable[[], Sequence[Interface]],
        on_report: OnReport,
        rejections: Rejections,
        clock: Clock,
    ) -> None:
        self.name = name
        self._on_report = on_report
        self._rejections = rejections
        self._clock = clock
        self._handlers: tuple[Handler, ...] = ()
        self._lock = asyncio.Lock()
        self._stopped = False
        self._sockets = UdpSockets(
            name,
            port=port,
            groups=groups,
            listen=listen,
            interfaces=interfaces,
            on_datagram=self._take,
            rejections=rejections,
            clock=clock,
        )

    @property
    def listening(self) -> bool:
        """See `Finder.listening`."""
        return len(self._sockets) > 0

    @property
    def problem(self) -> str | None:
        """See `Finder.problem`; also why some of the sockets are missing."""
        return self._sockets.problem

    async def listen(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """See `Finder.listen`."""
        async with self._lock:
            if self._stopped:
                return
            self._handlers = tuple(handler for handler in handlers if self._is_for_us(handler))
            if self._handlers:
                await self._sockets.open()
            else:
                self._sockets.close()

    async def ask(self) -> None:
        """See `Finder.ask`."""
        async with self._lock:
            if self._stopped or not self._handlers:
                return
            await self._sockets.open()
            for question in self._questions():
                self._sockets.send(question)

    async def stop(self) -> None:
        """See `Finder.stop`."""
        self._stopped = True
        async with self._lock:
            self._handlers = ()
            self._sockets.close()

    @abstractmethod
    def _is_for_us(self, handler: DiscoveryHandler) -> TypeGuard[Handler]:
        """Say whether a handler is one for this finder."""

    @abstractmethod
    def _questions(self) -> Iterable[bytes]:
        """Return what is asked in one round."""

    @abstractmethod
    def _take(self, datagram: Datagram, asked: bool) -> None:
        """Make reports of a datagram; ``asked`` is whether it answers a question of ours."""
