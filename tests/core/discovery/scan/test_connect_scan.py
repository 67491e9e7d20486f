"""The connect scan finds exactly the open ports, within bounds of sockets, rate and time."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable, Sequence

import pytest

from tests.core.discovery.scan.conftest import LightNetwork
from ucv.clock import Clock, SystemClock
from ucv.discovery.scan import connect
from ucv.discovery.scan.connect import MAX_PER_HOST, ConnectScan
from ucv.discovery.scan.limits import ConnectLimits, TokenBucket
from ucv.discovery.scan.polling import EpollPoll, Poll, PortablePoll
from ucv.discovery.scan.probes import Host, is_with_itself, open_socket
from ucv.discovery.scan.round_trip import LEAST, MOST, RoundTrip
from ucv.discovery.scan.targets import parse_targets
from ucv.testing import FakeClock, until


class Findings:
    """A connect scan, and what it found."""

    def __init__(
        self,
        addresses: str | Sequence[str],
        ports: Sequence[int],
        *,
        clock: Clock | None = None,
        limits: ConnectLimits | None = None,
        make_poll: Callable[[], Poll] = EpollPoll,
    ) -> None:
        self.open: list[tuple[str, int]] = []
        self.hosts: dict[str, tuple[int, ...]] = {}
        self.scan = ConnectScan(
            parse_targets(addresses) if isinstance(addresses, str) else addresses,
            ports,
            clock=clock or SystemClock(),
            on_open=lambda host, port: self.open.append((host, port)),
            on_host=self.hosts.__setitem__,
            limits=limits,
            make_poll=make_poll,
        )


def descriptors() -> int:
    """Count the open files of this process."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("make_poll", [EpollPoll, PortablePoll], ids=["epoll", "portable"])
async def test_open_ports_are_found_and_no_others(
    network: LightNetwork, make_poll: Callable[[], Poll]
) -> None:
    wanted = {(network.host(n), port) for n in (1, 7, 254) for port in network.ports[n % 3 :: 3]}
    for host, port in wanted:
        await network.listen(int(host.rpartition(".")[2]), port)
    found = Findings(network.range, network.ports, make_poll=make_poll)

    await found.scan.run()

    assert set(found.open) == wanted
    assert len(found.open) == len(wanted)
    assert found.hosts == {
        host: tuple(sorted(port for at, port in wanted if at == host)) for host, _ in wanted
    }
    counters = found.scan.counters
    assert (counters.addresses_done, counters.hosts) == (254, 254)
    assert (counters.probes_done, counters.open_ports) == (254 * 8, len(wanted))
    assert found.scan.sockets == 0


async def test_hosts_take_turns(network: LightNetwork) -> None:
    for number in (1, 2, 3):
        for port in network.ports[:3]:
            await network.listen(number, port)
    found = Findings([network.host(n) for n in (1, 2, 3)], network.ports[:3])

    await found.scan.run()

    assert {host for host, _ in found.open[:3]} == {network.host(n) for n in (1, 2, 3)}


async def test_a_host_gets_few_connections_at_a_time(network: LightNetwork) -> None:
    for port in network.ports:
        network.silence(1, port)
    clock = FakeClock()
    found = Findings([network.host(1)], network.ports, clock=clock)
    running = asyncio.create_task(found.scan.run())
    await clock.settle()

    assert found.scan.sockets == MAX_PER_HOST
    await clock.advance(MOST + 0.01)
    assert found.scan.counters.probes_done == MAX_PER_HOST
    assert found.scan.sockets == MAX_PER_HOST

    await clock.advance(MOST + 0.01)
    await running
    assert found.scan.counters.probes_done == 8
    assert found.scan.counters.most_sockets == MAX_PER_HOST
    assert (found.open, found.scan.counters.hosts) == ([], 0)


async def test_a_silent_port_of_a_host_that_answers_is_tried_once_more(
    network: LightNetwork,
) -> None:
    network.silence(1, network.ports[0])
    clock = FakeClock()
    found = Findings([network.host(1)], network.ports[:3], clock=clock)
    running = asyncio.create_task(found.scan.run())
    await until(lambda: found.scan.counters.probes_done == 2)

    await clock.advance(0.26)
    assert found.scan.counters.retries == 1
    assert not running.done()
    await clock.advance(2 * LEAST + 0.01)
    await running

    assert found.scan.counters.retries == 1
    assert found.scan.counters.probes_done == 3


async def test_what_answers_teach_counts_for_connections_that_were_begun_before(
    network: LightNetwork,
) -> None:
    network.silence(1, network.ports[0])
    clock = FakeClock()
    hosts = [network.host(1), network.host(2)]
    found = Findings(hosts, network.ports[:1], clock=clock)
    running = asyncio.create_task(found.scan.run())
    await until(lambda: found.scan.counters.probes_done == 1)

    await clock.advance(0.26)  # a quarter of what it is without any answer
    await running

    assert found.scan.counters.hosts == 1


async def test_there_are_never_more_sockets_than_the_bound(network: LightNetwork) -> None:
    for number in range(1, 9):
        for port in network.ports[:2]:
            network.silence(number, port)
    found = Findings(network.range, network.ports[:2], limits=ConnectLimits(sockets=5))

    await found.scan.run()

    assert found.scan.counters.most_sockets == 5
    assert found.scan.counters.probes_done == 254 * 2


def test_a_scan_leaves_most_files_to_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def limit(files: int) -> Callable[[int], tuple[int, int]]:
        return lambda _which: (files, files)

    monkeypatch.setattr("resource.getrlimit", limit(400))
    assert ConnectLimits().usable_sockets() == 100
    monkeypatch.setattr("resource.getrlimit", limit(20))
    assert ConnectLimits().usable_sockets() == 16
    monkeypatch.setattr("resource.getrlimit", limit(1_000_000))
    assert ConnectLimits().usable_sockets() == 512


async def test_connections_are_begun_at_the_rate_that_is_allowed(network: LightNetwork) -> None:
    clock = FakeClock()
    found = Findings(network.range, network.ports[:1], clock=clock, limits=ConnectLimits(rate=100))
    running = asyncio.create_task(found.scan.run())
    await until(lambda: found.scan.counters.probes_done == 25)
    await clock.settle()
    assert found.scan.counters.probes_done == 25

    await clock.advance(1.0)
    await until(lambda: found.scan.sockets == 0)
    assert 115 <= found.scan.counters.probes_done <= 125
    while not running.done():
        await clock.advance(0.2)
        await asyncio.sleep(0)
    assert found.scan.counters.probes_done == 254


def test_permissions_that_are_not_used_come_back() -> None:
    clock = FakeClock()
    bucket = TokenBucket(100, clock)

    assert bucket.take(40) == 25
    assert bucket.take(1) == 0
    assert bucket.wait > 0
    bucket.give_back(5)
    assert bucket.take(40) == 5


def test_the_time_limit_follows_the_answers_within_bounds() -> None:
    estimate = RoundTrip()
    assert estimate.limit == MOST

    for _ in range(20):
        estimate.learn(0.001)
    assert estimate.limit == LEAST

    estimate.learn(0.3)
    assert LEAST < estimate.limit < MOST
    for _ in range(20):
        estimate.learn(5.0)
    assert estimate.limit == MOST


async def test_a_paused_scan_makes_no_connection_until_it_goes_on(network: LightNetwork) -> None:
    found = Findings(network.wide, network.ports)
    running = asyncio.create_task(found.scan.run())
    await until(lambda: found.scan.counters.probes_done > 100)

    found.scan.pause()
    await until(lambda: found.scan.sockets == 0)
    done = found.scan.counters.probes_done
    await asyncio.sleep(0.1)
    assert found.scan.counters.probes_done == done

    found.scan.resume()
    await until(lambda: found.scan.counters.probes_done > done)
    running.cancel()
    await asyncio.wait([running])


async def test_a_scan_that_is_paused_before_it_runs_waits(network: LightNetwork) -> None:
    found = Findings([network.host(1)], network.ports)
    found.scan.pause()
    found.scan.resume()
    found.scan.pause()
    running = asyncio.create_task(found.scan.run())
    await asyncio.sleep(0.05)
    assert found.scan.counters.probes_done == 0

    found.scan.resume()
    await running
    assert found.scan.counters.probes_done == 8


async def test_a_cancelled_scan_leaves_no_socket(network: LightNetwork) -> None:
    for number in range(1, 60):
        network.silence(number, network.ports[0])
    before = descriptors()
    found = Findings(network.range, network.ports[:1])
    running = asyncio.create_task(found.scan.run())
    await until(lambda: found.scan.sockets >= 50)

    running.cancel()
    await asyncio.wait([running])

    assert found.scan.sockets == 0
    assert descriptors() == before


async def test_others_on_the_loop_go_on_meanwhile(network: LightNetwork) -> None:
    longest = 0.0
    found = Findings(network.wide, network.ports, limits=ConnectLimits(rate=1e9))
    running = asyncio.create_task(found.scan.run())

    before = time.thread_time()  # of this thread: other programs on the machine do not count
    while found.scan.counters.probes_done < 20_000:
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, before = max(longest, now - before), now

    running.cancel()
    await asyncio.wait([running])
    assert longest < 0.05, "ten times what it should be"


async def test_no_way_to_a_host_is_no_way_to_its_other_ports() -> None:
    # Linux refuses to connect to the broadcast address at once, and sends nothing.
    found = Findings(["255.255.255.255"], range(1, 1001))

    await found.scan.run()

    assert found.scan.counters.probes_done == 1000
    assert found.scan.counters.most_sockets == 0
    assert found.scan.counters.hosts == 0


async def test_a_shortage_of_sockets_passes(
    network: LightNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await network.listen(1, network.ports[0])
    left = 3

    def short(host: Host) -> socket.socket:
        nonlocal left
        if left:
            left -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return open_socket(host)

    monkeypatch.setattr(connect, "open_socket", short)
    found = Findings([network.host(1)], network.ports)

    await found.scan.run()

    assert found.open == [(network.host(1), network.ports[0])]
    assert found.scan.counters.probes_done == 8


async def test_a_shortage_that_lasts_ends_the_scan(
    network: LightNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_host: Host) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(connect, "open_socket", never)
    clock = FakeClock()
    running = asyncio.create_task(
        Findings([network.host(1)], network.ports, clock=clock).scan.run()
    )
    await clock.advance(10)

    with pytest.raises(OSError, match="Too many open files"):
        await running


async def test_what_a_listener_raises_reaches_who_runs_the_scan(network: LightNetwork) -> None:
    await network.listen(1, network.ports[0])

    def broken(_host: str, _port: int) -> None:
        raise LookupError("of the listener")

    scan = ConnectScan(
        [network.host(1)],
        network.ports,
        clock=SystemClock(),
        on_open=broken,
        on_host=lambda _host, _ports: None,
    )

    with pytest.raises(LookupError):
        await scan.run()
    assert scan.sockets == 0


async def test_nothing_to_scan_is_done_at_once() -> None:
    found = Findings([], [80])

    await asyncio.wait_for(found.scan.run(), 1)

    assert found.scan.counters.probes_done == 0


async def test_ports_of_ipv6_hosts_are_found() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        port = server.getsockname()[1]
        found = Findings("::1", [port])
        await found.scan.run()
        with_scope = Findings(["::1%lo"], [port])
        await with_scope.scan.run()

    assert found.open == [("::1", port)]
    assert with_scope.open == [("::1%lo", port)]


async def test_an_interface_that_does_not_exist_is_no_way() -> None:
    found = Findings(["fe80::1%nosuch0"], [80, 81])

    await found.scan.run()

    assert found.scan.counters.probes_done == 2
    assert found.open == []


def test_a_connection_of_a_port_to_itself_is_no_open_port() -> None:
    with socket.socket() as alone, socket.create_server(("127.0.0.1", 0)) as server:
        alone.bind(("127.0.0.1", 0))
        alone.connect(alone.getsockname())
        assert is_with_itself(alone)
        with socket.create_connection(server.getsockname()) as client:
            assert not is_with_itself(client)
    with socket.socket() as unconnected:
        assert not is_with_itself(unconnected)
