"""Waits for many sockets at once: with an epoll of its own on Linux, portably elsewhere."""

from __future__ import annotations

import asyncio
import select
import selectors
import sys
from collections.abc import Callable
from typing import Final, Protocol

#: Seconds between two looks where the event loop cannot watch for us.
_INTERVAL: Final = 0.005


class Poll(Protocol):
    """Tells which sockets have connected, or failed to."""

    def register(self, descriptor: int) -> None:
        """Watch a socket."""

    def forget(self, descriptor: int) -> None:
        """Watch it no more; it is about to be closed."""

    def ready(self, most: int) -> list[int]:
        """Return up to ``most`` sockets that are done, without waiting."""

    def watch(
        self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]
    ) -> Callable[[], object]:
        """Call back when a socket is done; return what ends that."""

    def close(self) -> None:
        """Let go of everything."""


class PortablePoll:
    """For every system: looks every few milliseconds."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timer: asyncio.TimerHandle | None = None

    def register(self, descriptor: int) -> None:
        """See `Poll.register`."""
        self._selector.register(descriptor, selectors.EVENT_WRITE)

    def forget(self, descriptor: int) -> None:
        """See `Poll.forget`."""
        self._selector.unregister(descriptor)

    def ready(self, most: int) -> list[int]:
        """See `Poll.ready`."""
        if not self._selector.get_map():
            return []  # Windows cannot wait for nothing
        return [key.fd for key, _ in self._selector.select(0)[:most]]

    def watch(
        self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]
    ) -> Callable[[], object]:
        """See `Poll.watch`."""

        def look() -> None:
            self._timer = loop.call_later(_INTERVAL, look)
            callback()

        self._timer = loop.call_later(_INTERVAL, look)
        return lambda: self._timer.cancel() if self._timer else None

    def close(self) -> None:
        """See `Poll.close`."""
        self._selector.close()


if sys.platform == "linux":

    class EpollPoll:
        """For Linux: one epoll, which is itself a file that the event loop can watch."""

        def __init__(self) -> None:
            self._epoll = select.epoll()

        def register(self, descriptor: int) -> None:
            """See `Poll.register`."""
            self._epoll.register(descriptor, select.EPOLLOUT)

        def forget(self, descriptor: int) -> None:
            """See `Poll.forget`; closing the socket does it, epoll(7), question 6."""

        def ready(self, most: int) -> list[int]:
            """See `Poll.ready`."""
            return [descriptor for descriptor, _ in self._epoll.poll(0, most)]

        def watch(
            self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]
        ) -> Callable[[], object]:
            """See `Poll.watch`."""
            descriptor = self._epoll.fileno()
            loop.add_reader(descriptor, callback)
            return lambda: loop.remove_reader(descriptor)

        def close(self) -> None:
            """See `Poll.close`."""
            self._epoll.close()


def make_poll() -> Poll:
    """Return the fastest one that there is."""
    return EpollPoll() if sys.platform == "linux" else PortablePoll()
