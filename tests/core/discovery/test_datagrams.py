"""Vendors' own questions by UDP: asked on each interface, and answers taken with care."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest
import pytest_asyncio

from ucv.discovery import intake
from ucv.discovery.datagrams import DatagramFinder, kind_of
from ucv.discovery.intake import Intake, unusable
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.discovery.udp import ANSWER_LIMIT, UdpSockets
from ucv.plugins.discovery_handlers import DatagramHandler
from ucv.plugins.sightings import Datagram, Sighting
from ucv.testing.clock import FakeClock, until

GROUP = IPv4Address("239.255.255.250")
BROADCAST = IPv4Address("255.255.255.255")
LOOPBACK = Interface("lo", IPv4Address("127.0.0.1"), IPv4Network("127.0.0.0/8"))
QUESTION = b"who is there?"


def group_socket(port: int, group: IPv4Address = GROUP) -> socket.socket:
    """Return a socket that hears what is sent to a group on loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((str(group), port))
    membership = struct.pack("4s4s", group.packed, socket.inet_aton("127.0.0.1"))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    sock.setblocking(False)
    return sock


def speaking_socket(host: str) -> socket.socket:
    """Return a socket that sends from an address of loopback, also to groups there."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    sock.bind((host, 0))
    return sock


class Answerers:
    """Devices at addresses of loopback, which all hear the group and answer what they are told."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, tuple[str, int]]] = []
        self.answers: list[tuple[str, bytes]] = []
        self.to_group = False
        # Nobody else takes the port for a group of their own meanwhile.
        self._holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._holder.bind(("127.0.0.1", 0))
        self.port: int = self._holder.getsockname()[1]
        self._socket = group_socket(self.port)
        asyncio.get_running_loop().add_reader(self._socket, self._serve)

    def _serve(self) -> None:
        data, source = self._socket.recvfrom(65536)
        if source[0] != "127.0.0.1":  # what a device said to the group
            return
        self.heard.append((data, source))
        for host, answer in self.answers:
            say(host, answer, (str(GROUP), self.port) if self.to_group else source)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._holder.close()


def say(host: str, data: bytes, target: tuple[str, int], times: int = 1) -> None:
    """Send from an address of loopback."""
    with speaking_socket(host) as sock:
        for _ in range(times):
            sock.sendto(data, target)


def parse(datagram: Datagram) -> Sighting | None:
    """Take "cam <serial>" for a device."""
    if not datagram.data.startswith(b"cam "):
        return None
    return Sighting(0.9, serial=datagram.data[4:].decode())


class Heard:
    """A finder on loopback, and what it reports and refuses."""

    def __init__(
        self,
        port: int,
        *,
        listen: bool = False,
        groups: tuple[IPv4Address, ...] = (GROUP,),
        probe: Callable[[], bytes] = lambda: QUESTION,
    ) -> None:
        self.reports: list[Report] = []
        self.clock = FakeClock()
        self.rejections = Rejections(self.clock)
        self.interfaces = [LOOPBACK]
        self.handler = DatagramHandler("acme", "acme-udp", port, groups, probe, parse, listen)
        self.finder = DatagramFinder(
            kind_of(self.handler),
            interfaces=lambda: self.interfaces,
            on_report=self.reports.append,
            rejections=self.rejections,
            clock=self.clock,
        )

    def state(self) -> tuple[bool, str | None]:
        """Return whether there are sockets, and the problem."""
        return self.finder.listening, self.finder.problem

    @property
    def reasons(self) -> set[str]:
        return {one["reason"] for one in self.rejections.to_json()["counts"]}


@pytest_asyncio.fixture
async def devices() -> AsyncIterator[Answerers]:
    answerers = Answerers()
    yield answerers
    answerers.close()


@pytest_asyncio.fixture
async def heard(devices: Answerers) -> AsyncIterator[Heard]:
    one = Heard(devices.port)
    await one.finder.listen([one.handler])
    yield one
    await one.finder.stop()


@pytest_asyncio.fixture
async def listener(devices: Answerers) -> AsyncIterator[Heard]:
    """A finder that hears the group as well."""
    one = Heard(devices.port, listen=True)
    await one.finder.listen([one.handler])
    yield one
    await one.finder.stop()


async def test_a_device_that_answers_is_reported_at_the_address_it_answered_from(
    devices: Answerers, heard: Heard
) -> None:
    devices.answers = [("127.0.0.5", b"cam A-100"), ("127.0.0.6", b"cam A-200")]
    await heard.finder.ask()
    await until(lambda: len(heard.reports) == 2)
    assert {(one.host, one.key) for one in heard.reports} == {
        ("127.0.0.5", "A-100"),
        ("127.0.0.6", "A-200"),
    }
    assert {(one.source, one.domain, one.gone) for one in heard.reports} == {
        ("acme-udp", "acme", False)
    }
    assert devices.heard[0][0] == QUESTION


async def test_an_answer_to_the_group_is_heard_where_the_handler_listens(
    devices: Answerers, listener: Heard
) -> None:
    devices.to_group = True
    devices.answers = [("127.0.0.5", b"cam A-100")]
    await listener.finder.ask()
    await until(lambda: listener.reports)
    assert listener.reports[0].host == "127.0.0.5"


async def test_a_device_that_announces_itself_is_reported_without_a_question(
    devices: Answerers, listener: Heard
) -> None:
    say("127.0.0.7", b"cam A-300", (str(GROUP), devices.port))
    await until(lambda: listener.reports)
    assert devices.heard == []


async def test_what_no_handler_understands_is_named(devices: Answerers, heard: Heard) -> None:
    devices.answers = [("127.0.0.5", bytes(65_507)), ("127.0.0.5", b"cam A-100")]
    await heard.finder.ask()
    await until(lambda: heard.reports)
    assert heard.reasons == {"not understood"}


async def test_its_own_question_is_not_taken_for_an_answer(devices: Answerers) -> None:
    heard = Heard(devices.port, listen=True, probe=lambda: b"cam echo")
    await heard.finder.listen([heard.handler])
    try:
        devices.answers = [("127.0.0.5", b"cam A-100")]
        devices.to_group = True
        await heard.finder.ask()
        # The echo was sent before the answer, and to the same group.
        await until(lambda: heard.reports)
        assert [one.key for one in heard.reports] == ["A-100"]
        assert heard.rejections.count("acme-udp") == 0
    finally:
        await heard.finder.stop()


async def test_handlers_of_one_kind_share_the_question_and_each_sees_the_answer(
    devices: Answerers, heard: Heard
) -> None:
    other = DatagramHandler(
        "other", "acme-udp", devices.port, (GROUP,), lambda: b"another question", parse
    )
    foreign = DatagramHandler("foreign", "else", devices.port, (GROUP,), lambda: b"", parse)
    await heard.finder.listen([heard.handler, other, foreign])
    devices.answers = [("127.0.0.5", b"cam A-100")]
    await heard.finder.ask()
    await until(lambda: len(heard.reports) == 2)
    assert [one.domain for one in heard.reports] == ["acme", "other"]
    assert [data for data, _ in devices.heard] == [QUESTION]


async def test_without_a_handler_there_is_no_socket(heard: Heard) -> None:
    assert heard.state() == (True, None)
    await heard.finder.listen([])
    assert heard.state() == (False, None)


async def test_a_network_that_comes_later_is_asked_and_one_that_goes_is_not(
    devices: Answerers, heard: Heard
) -> None:
    heard.interfaces.clear()
    await heard.finder.ask()
    assert heard.state() == (False, "There is no network.")
    second = Interface("lo", IPv4Address("127.0.0.2"), IPv4Network("127.0.0.0/8"))
    heard.interfaces.append(LOOPBACK)
    await heard.finder.ask()
    await until(lambda: len(devices.heard) == 1)
    assert heard.state() == (True, None)
    heard.interfaces[:] = [second]
    with group_socket(devices.port) as device:
        await heard.finder.ask()
        device.settimeout(5)
        # What it sent has arrived already: it goes the way of loopback.
        _, source = device.recvfrom(65536)
        assert source[0] == "127.0.0.2"


async def test_an_address_that_is_not_there_is_named_as_the_problem(
    devices: Answerers, heard: Heard
) -> None:
    heard.interfaces.append(
        Interface("eth9", IPv4Address("192.0.2.1"), IPv4Network("192.0.2.0/24"))
    )
    await heard.finder.ask()
    assert heard.finder.problem is not None
    assert "192.0.2.1" in heard.finder.problem
    # The others work all the same.
    await until(lambda: devices.heard)


async def test_what_cannot_be_sent_is_the_problem_until_the_next_round(heard: Heard) -> None:
    sockets = UdpSockets(
        "acme-udp",
        port=heard.handler.port,
        groups=(GROUP,),
        listen=True,
        interfaces=lambda: [LOOPBACK],
        on_datagram=lambda _datagram, _asked: None,
        rejections=heard.rejections,
        clock=heard.clock,
    )
    await sockets.open()
    try:
        sockets.send(bytes(70_000))
        await until(lambda: sockets.problem)
        assert "too long" in (sockets.problem or "")
        await sockets.open()
        assert (len(sockets), sockets.problem) == (2, None)
    finally:
        sockets.close()


async def test_a_port_that_another_program_holds_leaves_the_asking_alone(
    devices: Answerers,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("", 0))
        heard = Heard(holder.getsockname()[1], listen=True)
        await heard.finder.listen([heard.handler])
        try:
            assert heard.finder.listening
            assert "Address already in use" in (heard.finder.problem or "")
        finally:
            await heard.finder.stop()


async def test_a_question_that_fails_or_is_too_long_is_the_plugins_fault_alone(
    devices: Answerers,
) -> None:
    def failing() -> bytes:
        return bytes(-1)

    for probe, reason in (
        (failing, "the question of acme failed"),
        (lambda: bytes(1401), "the question of acme is too long"),
    ):
        heard = Heard(devices.port, probe=probe)
        await heard.finder.listen([heard.handler])
        await heard.finder.ask()
        await heard.finder.stop()
        assert heard.reasons == {reason}
    assert devices.heard == []


async def test_a_stopped_finder_neither_asks_nor_opens_a_socket(
    devices: Answerers, heard: Heard
) -> None:
    await heard.finder.stop()
    await heard.finder.listen([heard.handler])
    await heard.finder.ask()
    assert not heard.finder.listening


async def test_an_answer_long_after_the_question_is_refused(
    devices: Answerers, heard: Heard
) -> None:
    await heard.finder.ask()
    await until(lambda: devices.heard)
    _, asker = devices.heard[0]
    await heard.clock.advance(ANSWER_LIMIT - 1)
    say("127.0.0.5", b"cam late", asker)
    await until(lambda: heard.reports)
    await heard.clock.advance(2)
    say("127.0.0.5", b"cam later", asker)
    await until(lambda: heard.rejections.count("acme-udp"))
    assert heard.reasons == {"answered without being asked"}
    assert len(heard.reports) == 1


class Hurrying(FakeClock):
    """A clock on which each look at it takes a millisecond."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = 0

    def monotonic(self) -> float:
        self._looks += 1
        return super().monotonic() + self._looks / 1000


async def test_a_flood_leaves_the_hub_its_turns(devices: Answerers) -> None:
    taken: list[Datagram] = []
    sockets = UdpSockets(
        "acme-udp",
        port=devices.port,
        groups=(GROUP,),
        listen=True,
        interfaces=lambda: [LOOPBACK],
        on_datagram=lambda datagram, _asked: taken.append(datagram),
        rejections=Rejections(FakeClock()),
        clock=Hurrying(),
    )
    await sockets.open()
    try:
        say("127.0.0.66", b"x", (str(GROUP), devices.port), 60)
        steps = [0]
        while len(taken) < 60:
            before = len(taken)
            await asyncio.sleep(0)
            steps.append(len(taken) - before)
        # All of them have arrived when the first is looked at.
        assert max(steps) <= 5
    finally:
        sockets.close()


async def test_a_flood_of_ten_thousand_answers_is_cut_off_and_named(
    devices: Answerers, heard: Heard
) -> None:
    await heard.finder.ask()
    await until(lambda: devices.heard)
    _, asker = devices.heard[0]
    for _ in range(100):
        say("127.0.0.66", b"cam flood", asker, 100)
        await asyncio.sleep(0)
    await until(lambda: heard.rejections.count("acme-udp") > 5000)
    assert len(heard.reports) == intake.MAX_FROM_ONE
    assert heard.reasons == {"too many answers from one address"}
    # Another device is heard all the same, and the same one again after a while.
    say("127.0.0.5", b"cam A-100", asker)
    await until(lambda: heard.reports[-1].key == "A-100")
    await heard.clock.advance(intake.WINDOW)
    say("127.0.0.66", b"cam again", asker)
    await until(lambda: heard.reports[-1].key == "again")


def counted(hosts: Iterator[str], size: int) -> tuple[int, Rejections]:
    rejections = Rejections(FakeClock())
    taking = Intake("x", rejections=rejections, clock=FakeClock())
    return sum(taking.takes(host, size, [LOOPBACK]) for host in hosts), rejections


def test_a_flood_from_as_many_addresses_is_cut_off_too() -> None:
    hosts = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(1, 10_001))
    taken, rejections = counted(hosts, 100)
    assert taken == intake.MAX_IN_ALL
    assert rejections.to_json()["counts"][0]["reason"] == "too many answers at once"


def test_giant_answers_are_bounded_by_their_bytes() -> None:
    taken, _ = counted(("10.0.0.5" for _ in range(100)), 65_507)
    assert taken == intake.MAX_BYTES_FROM_ONE // 65_507
    taken, _ = counted((f"10.0.0.{n}" for n in range(1, 251)), 65_507)
    assert taken == intake.MAX_BYTES_IN_ALL // 65_507


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        pytest.param("239.255.255.250", "no address of a device", id="multicast"),
        pytest.param("0.0.0.0", "no address of a device", id="unspecified"),
        pytest.param("255.255.255.255", "no address of a device", id="broadcast"),
        pytest.param("240.0.0.1", "no address of a device", id="reserved"),
        pytest.param("192.0.2.255", "a whole network", id="broadcast of the network"),
        pytest.param("192.0.2.0", "a whole network", id="network"),
        pytest.param("192.0.2.2", "this machine", id="own"),
        pytest.param("8.8.8.8", "public", id="public"),
        pytest.param("fe80::1", "no IPv4 address", id="other family"),
        pytest.param("camera", "no IPv4 address", id="name"),
    ],
)
def test_sources_where_no_device_of_ours_can_be_are_refused(host: str, reason: str) -> None:
    own = Interface(
        "eth0",
        IPv4Address("192.0.2.2"),
        IPv4Network("192.0.2.0/24"),
        IPv4Address("192.0.2.255"),
    )
    assert reason in (unusable(host, [LOOPBACK, own]) or "")
    assert unusable("192.0.2.7", [own]) is None
    assert unusable("192.168.1.64", [own]) is None, "a new device has its factory's address"
    assert unusable("127.0.0.1", [LOOPBACK]) is None


def test_a_public_address_of_a_network_of_ours_is_usable() -> None:
    own = Interface("eth0", IPv4Address("8.8.4.4"), IPv4Network("8.8.0.0/16"))
    assert unusable("8.8.8.8", [own]) is None


def test_both_ends_of_a_line_between_two_are_usable() -> None:
    own = Interface("ppp0", IPv4Address("10.0.0.1"), IPv4Network("10.0.0.0/31"))
    assert unusable("10.0.0.0", [own]) is None
