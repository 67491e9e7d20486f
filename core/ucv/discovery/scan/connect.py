"""Finds out which ports are open, by connecting to many at a time.

One epoll of its own, which the event loop watches, and plain non-blocking sockets: streams would
take several times as long for each of the thousands of connections that most often fail. Work is
done in slices of `SLICE` seconds, so that whatever else is on the loop goes on.
"""

from __future__ import annotations

import asyncio
import errno
import heapq
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from ucv.clock import Clock, TimerHandle
from ucv.discovery.scan.limits import ConnectLimits, TokenBucket
from ucv.discovery.scan.polling import Poll, make_poll
from ucv.discovery.scan.probes import Host, Probe, is_with_itself, open_socket, reset_on_close
from ucv.discovery.scan.round_trip import RoundTrip

#: Longest time that the scan holds the event loop, in seconds.
SLICE: Final = 0.001
#: Results that are taken from the kernel at once, and connections made between two looks at the
#: clock.
_BATCH: Final = 64
_STEP: Final = 16
#: Probes in flight for one host: small devices accept few connections.
MAX_PER_HOST: Final = 4
#: Seconds after which something is tried again that failed for want of sockets or of ports.
_RELIEF: Final = 0.05
#: Tries in a row that fail for that reason, without any connection open, until the scan gives up.
_SHORTAGES: Final = 100
#: Least time limit for a host that has not answered yet, in seconds.
_FIRST: Final = 0.25

_PENDING: Final = frozenset({errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK, errno.EINTR})
#: There is no way to the host, so that there is none to its other ports.
_NO_WAY: Final = frozenset(
    {
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.ENETDOWN,
        errno.EACCES,
        errno.EPERM,
        errno.EINVAL,
        errno.EAFNOSUPPORT,
    }
)
#: This machine is short of something, which says nothing of the host.
_SHORTAGE: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)


@dataclass(slots=True)
class ConnectCounters:
    """How far a scan of ports is; ``hosts`` are addresses that answered, be it by refusing."""

    addresses_done: int = 0
    probes_done: int = 0
    hosts: int = 0
    open_ports: int = 0
    retries: int = 0
    most_sockets: int = 0


class ConnectScan:
    """Connects to each port of each address; `run` once.

    ``on_open`` is called with an address and a port as soon as the port is known to be open,
    ``on_host`` with an address and its open ports when all its ports were tried and some are open.
    Both are called on the event loop and must return quickly. Memory depends on the number of
    sockets and of ports, not on that of addresses.

    Hosts take turns, so that none gets all its connections at once. A port that does not answer in
    time is tried once more if its host answered on another; how long that is, answers teach.
    """

    def __init__(
        self,
        addresses: Iterable[str],
        ports: Sequence[int],
        *,
        clock: Clock,
        on_open: Callable[[str, int], object],
        on_host: Callable[[str, tuple[int, ...]], object],
        limits: ConnectLimits | None = None,
        make_poll: Callable[[], Poll] = make_poll,
    ) -> None:
        self.counters = ConnectCounters()
        self._addresses: Iterator[str] = iter(addresses)
        self._ports = tuple(ports)
        self._clock = clock
        self._on_open = on_open
        self._on_host = on_host
        limits = limits or ConnectLimits()
        self._most = limits.usable_sockets()
        self._bucket = TokenBucket(limits.rate, clock)
        self._make_poll = make_poll
        self._round_trip = RoundTrip()
        self._hosts = 0
        self._ready: deque[Host] = deque()
        self._probes: dict[int, Probe] = {}
        self._deadlines: list[tuple[float, int, Probe]] = []
        self._order = count()
        self._exhausted = False
        self._paused = False
        self._relief_at = 0.0
        self._short = 0
        self._poll: Poll | None = None
        self._finished: asyncio.Future[None] | None = None
        self._timer: TimerHandle | None = None
        self._soon: asyncio.Handle | None = None

    @property
    def sockets(self) -> int:
        """How many sockets are open now."""
        return len(self._probes)

    async def run(self) -> None:
        """Look at all ports of all addresses; when cancelled, all sockets are closed at once."""
        loop = asyncio.get_running_loop()
        self._finished = loop.create_future()
        self._poll = self._make_poll()
        unwatch = self._poll.watch(loop, self._on_ready)
        try:
            self._turn()
            await self._finished
        finally:
            unwatch()
            self._close()

    def pause(self) -> None:
        """Make no connection any more; those being made come to their end."""
        self._paused = True

    def resume(self) -> None:
        """Go on after `pause`."""
        self._paused = False
        if self._poll is not None and self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._turn)

    # --- one slice of work --------------------------------------------------------------------

    def _on_ready(self) -> None:
        """Take a slice, unless there is one to come in this turn of the loop anyway."""
        if self._soon is None:
            self._turn()

    def _turn(self) -> None:
        """Take results, give up what took too long, make connections; then see when to go on."""
        if self._finished is None or self._finished.done() or self._poll is None:
            return
        self._unschedule()
        try:
            end = self._clock.monotonic() + SLICE
            more = self._collect(self._poll, end)
            if not more:
                # Only now: what answered in time but was not looked at in time did answer.
                self._expire()
                more = self._launch(self._poll, end)
        except Exception as error:  # of a callback or the kernel; it belongs to who runs the scan
            self._finished.set_exception(error)
            return
        if self._exhausted and not self._hosts and not self._probes:
            self._finished.set_result(None)
        elif more:
            self._soon = asyncio.get_running_loop().call_soon(self._turn)
        elif (wait := self._wait()) is not None:
            self._timer = self._clock.call_later(wait, self._turn)

    def _wait(self) -> float | None:
        """Return the seconds until something is to be done that no socket tells of."""
        now = self._clock.monotonic()
        while self._deadlines and self._deadlines[0][2].over:
            heapq.heappop(self._deadlines)
        waits = [self._deadlines[0][0] - now] if self._deadlines else []
        if not self._paused and len(self._probes) < self._most and self._has_work():
            waits.append(max(self._bucket.wait, self._relief_at - now))
        return max(0.001, min(waits)) if waits else None

    def _collect(self, poll: Poll, end: float) -> bool:
        """Take what the kernel knows; return whether there may be more."""
        while True:
            ready = poll.ready(_BATCH)
            now = self._clock.monotonic()
            for descriptor in ready:
                probe = self._probes.get(descriptor)
                if probe is not None:
                    self._answered(
                        probe, probe.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), now
                    )
            if len(ready) < _BATCH:
                return False
            if self._clock.monotonic() >= end:
                return True

    def _expire(self) -> None:
        """Give up what did not answer in time."""
        now = self._clock.monotonic()
        deadlines = self._deadlines
        while deadlines and (deadlines[0][2].over or deadlines[0][0] <= now):
            probe = heapq.heappop(deadlines)[2]
            if probe.over:
                continue
            host = probe.host
            if (deadline := probe.started + self._limit(probe)) > now:
                heapq.heappush(deadlines, (deadline, next(self._order), probe))
                continue
            self._end(probe)
            if host.answered and not probe.second:
                host.again.append(probe.port)
                self.counters.retries += 1
            else:
                self.counters.probes_done += 1
            self._next(host)

    def _launch(self, poll: Poll, end: float) -> bool:
        """Make connections as far as they may be made; return whether only time was short."""
        if self._paused or self._clock.monotonic() < self._relief_at:
            return False
        while len(self._probes) < self._most and self._has_work():
            now = self._clock.monotonic()
            if now >= end:
                return True
            granted = self._bucket.take(_STEP)
            for used in range(granted):
                if len(self._probes) >= self._most or not self._has_work():
                    self._bucket.give_back(granted - used)
                    return False
                if not self._connect(poll, now):
                    return False
            if granted < _STEP:
                return False
        return False

    # --- hosts and their turns ----------------------------------------------------------------

    def _has_work(self) -> bool:
        """Whether there is a host to connect to; takes further addresses up to the bound."""
        while not self._exhausted and self._hosts < self._most:
            address = next(self._addresses, None)
            if address is None:
                self._exhausted = True
                break
            self._hosts += 1
            host = Host(address)
            host.queued = True
            self._ready.append(host)
        return bool(self._ready)

    def _next(self, host: Host) -> None:
        """Queue the host again, or be done with it."""
        if host.dead:
            self._skip(host)
        if host.again or host.next < len(self._ports):
            if host.active < MAX_PER_HOST and not host.queued:
                host.queued = True
                self._ready.append(host)
        elif not host.active and not host.queued:
            self._hosts -= 1
            self.counters.addresses_done += 1
            if host.opened:
                self._on_host(host.address, tuple(sorted(host.opened)))

    def _skip(self, host: Host) -> None:
        """Leave out what was not tried yet."""
        left = len(self._ports) - host.next + len(host.again)
        host.next = len(self._ports)
        host.again.clear()
        self.counters.probes_done += left

    # --- single connections -------------------------------------------------------------------

    def _connect(self, poll: Poll, now: float) -> bool:
        """Begin the next connection; return False when this machine cannot make any now."""
        host = self._ready.popleft()
        host.queued = False
        second = bool(host.again) and host.next >= len(self._ports)
        if second:
            port = host.again.pop()
        else:
            port = self._ports[host.next]
            host.next += 1
        try:
            sock = open_socket(host)
        except OSError as error:
            return self._failed(host, port, error.errno or 0, second=second)
        problem = sock.connect_ex((host.host, port, *host.suffix))
        if problem and problem not in _PENDING:
            sock.close()
            if problem == errno.ECONNREFUSED:
                self._heard(host, 0.0)
                self.counters.probes_done += 1
                self._next(host)
                return True
            return self._failed(host, port, problem, second=second)
        self._short = 0
        probe = Probe(host, port, sock, now, second=second)
        descriptor = sock.fileno()
        self._probes[descriptor] = probe
        self.counters.most_sockets = max(self.counters.most_sockets, len(self._probes))
        host.active += 1
        poll.register(descriptor)
        # Looked at early: what is learnt until then counts for those that were begun before, too.
        heapq.heappush(
            self._deadlines, (now + min(_FIRST, self._limit(probe)), next(self._order), probe)
        )
        self._next(host)
        return True

    def _answered(self, probe: Probe, error: int, now: float) -> None:
        """Note what became of a connection."""
        host = probe.host
        is_open = error == errno.ECONNRESET or (not error and not is_with_itself(probe.sock))
        if is_open and not error:
            reset_on_close(probe.sock)
        self._end(probe)
        if is_open or error in (0, errno.ECONNREFUSED):
            self._heard(host, now - probe.started)
        elif error in _NO_WAY and not host.answered:
            host.dead = True
        self.counters.probes_done += 1
        if is_open:
            host.opened.append(probe.port)
            self.counters.open_ports += 1
            self._on_open(host.address, probe.port)
        self._next(host)

    def _heard(self, host: Host, seconds: float) -> None:
        """Learn from an answer of the host, which took so long."""
        if host.round_trip is None:
            host.round_trip = RoundTrip()
            self.counters.hosts += 1
        host.round_trip.learn(seconds)
        self._round_trip.learn(seconds)

    def _limit(self, probe: Probe) -> float:
        """Return the seconds to wait for an answer."""
        own = probe.host.round_trip
        if own is not None:
            return own.limit * (2 if probe.second else 1)
        # Its hardware address may have to be asked for first.
        return max(_FIRST, self._round_trip.limit)

    def _failed(self, host: Host, port: int, problem: int, *, second: bool) -> bool:
        """Note that a connection could not even be begun; return whether others may be."""
        no_address = problem == errno.EADDRNOTAVAIL and host.family == socket.AF_INET6
        if problem not in _SHORTAGE or no_address:
            host.dead = not host.answered and (no_address or problem in _NO_WAY)
            self.counters.probes_done += 1
            self._next(host)
            return True
        self._short += 1
        if self._short > _SHORTAGES and not self._probes:
            raise OSError(problem, os.strerror(problem))
        if second:
            host.again.append(port)
        else:
            host.next -= 1
        host.queued = True
        self._ready.appendleft(host)
        self._relief_at = self._clock.monotonic() + _RELIEF
        return False

    def _end(self, probe: Probe) -> None:
        """Close a connection."""
        probe.over = True
        descriptor = probe.sock.fileno()
        del self._probes[descriptor]
        if self._poll is not None:
            self._poll.forget(descriptor)
        probe.sock.close()
        probe.host.active -= 1

    def _unschedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._soon is not None:
            self._soon.cancel()
        self._timer = self._soon = None

    def _close(self) -> None:
        """Close all sockets."""
        self._unschedule()
        for probe in list(self._probes.values()):
            self._end(probe)
        self._deadlines.clear()
        self._ready.clear()
        if self._poll is not None:
            self._poll.close()
            self._poll = None
