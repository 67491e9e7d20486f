"""Devices that announce themselves are found, by a real announcement on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import IPVersion, NotRunningException, Zeroconf
from zeroconf._dns import DNSPointer
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf
from zeroconf.const import _CLASS_IN, _FLAGS_AA, _FLAGS_QR_RESPONSE, _TYPE_PTR

from ucv.discovery import mdns_sources
from ucv.discovery.intake import MAX_IN_ALL
from ucv.discovery.mdns import MdnsFinder, service_of
from ucv.discovery.mdns_sources import MdnsSources
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.plugins.discovery_handlers import MdnsHandler
from ucv.testing.clock import FakeClock, until

TYPE = "_acme-cam._tcp.local."
HANDLER = MdnsHandler("acme", TYPE)


class Heard:
    """A finder, and what it reports and refuses."""

    def __init__(self, interface: str = "127.0.0.1") -> None:
        self.reports: list[Report] = []
        self.clock = FakeClock()
        self.rejections = Rejections(self.clock)
        self.finder = MdnsFinder(
            interfaces=[interface],
            on_report=self.reports.append,
            rejections=self.rejections,
            clock=self.clock,
        )


def announcement(
    *, name: str = "Hall", address: str = "127.0.0.5", port: int = 8080, **properties: str
) -> AsyncServiceInfo:
    return AsyncServiceInfo(
        TYPE,
        f"{name}.{TYPE}",
        addresses=[socket.inet_aton(address)],
        port=port,
        properties=properties,
        server=f"{name.lower()}.local.",
    )


@pytest_asyncio.fixture
async def device() -> AsyncIterator[AsyncZeroconf]:
    zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    yield zeroconf
    await zeroconf.async_close()


@pytest_asyncio.fixture
async def heard() -> AsyncIterator[Heard]:
    one = Heard()
    await one.finder.listen([HANDLER])
    yield one
    await one.finder.stop()


async def test_a_device_that_appears_is_reported_with_its_address_and_serial(
    device: AsyncZeroconf, heard: Heard
) -> None:
    announced = await device.async_register_service(announcement(serial="A-100", model="One"))
    await until(lambda: heard.reports, 10)
    await announced
    report = heard.reports[0]
    assert (report.source, report.domain, report.host) == ("mdns", "acme", "127.0.0.5")
    assert report.key == f"Hall.{TYPE}"
    told = report.sighting
    assert (told.name, told.model, told.unique_id, told.http_port) == ("Hall", "One", "A-100", 8080)


async def test_a_device_that_was_there_before_is_reported_too(device: AsyncZeroconf) -> None:
    await (await device.async_register_service(announcement(name="Early")))
    heard = Heard()
    await heard.finder.listen([HANDLER])
    try:
        await until(lambda: heard.reports, 10)
        assert heard.reports[0].sighting.name == "Early"
    finally:
        await heard.finder.stop()


async def test_a_new_address_is_reported(device: AsyncZeroconf, heard: Heard) -> None:
    await (await device.async_register_service(announcement(serial="A-1")))
    await until(lambda: heard.reports, 10)
    moved = announcement(serial="A-1", address="127.0.0.6")
    await (await device.async_update_service(moved))
    await until(lambda: heard.reports[-1].host == "127.0.0.6", 10)


async def test_a_good_bye_is_reported(device: AsyncZeroconf, heard: Heard) -> None:
    info = announcement(serial="A-1")
    await (await device.async_register_service(info))
    await until(lambda: heard.reports, 10)
    await (await device.async_unregister_service(info))
    await until(lambda: heard.reports[-1].gone, 10)
    assert heard.reports[-1].key == f"Hall.{TYPE}"


async def test_an_announcement_for_the_address_of_another_is_not_believed(
    device: AsyncZeroconf, heard: Heard
) -> None:
    await (await device.async_register_service(announcement(address="192.0.2.7")))
    await until(lambda: heard.rejections.count("mdns"), 10)
    assert heard.reports == []


async def test_each_handler_of_a_type_says_for_itself_whether_it_is_its_device(
    device: AsyncZeroconf,
) -> None:
    heard = Heard()
    other = MdnsHandler("other", TYPE, parse=lambda _service: None)
    await heard.finder.listen([other, HANDLER])
    try:
        await (await device.async_register_service(announcement(serial="A-1")))
        await until(lambda: heard.reports, 10)
        assert {report.domain for report in heard.reports} == {"acme"}
    finally:
        await heard.finder.stop()


async def test_without_a_handler_there_is_no_socket() -> None:
    heard = Heard("192.0.2.1")
    await heard.finder.listen([])
    assert not heard.finder.listening
    assert heard.finder.problem is None
    await heard.finder.stop()


async def test_an_interface_that_is_not_there_is_no_reason_to_fail() -> None:
    heard = Heard("192.0.2.1")
    await heard.finder.listen([HANDLER])
    assert not heard.finder.listening
    assert heard.finder.problem is not None
    await heard.finder.stop()


@given(
    st.dictionaries(st.binary(max_size=60), st.none() | st.binary(max_size=200), max_size=60),
    st.lists(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16), max_size=5),
    st.text(max_size=80),
)
def test_whatever_is_announced_is_bounded_and_printable(
    properties: dict[bytes, bytes | None], addresses: list[bytes], label: str
) -> None:
    class Announced:
        name = f"{label}.{TYPE}"
        port = 80

        def __init__(self) -> None:
            self.properties = properties

        def parsed_addresses(self, _version: IPVersion) -> list[str]:
            return [
                socket.inet_ntop(socket.AF_INET if len(a) == 4 else socket.AF_INET6, a)
                for a in addresses
            ]

    one = service_of(TYPE, Announced(), lambda _host: True)  # type: ignore[arg-type]  # what it uses of it
    if one is not None:
        assert one.instance.isprintable()
        assert len(one.instance) <= 256
        assert len(one.properties) <= 32
        assert all(f"{key}{value}".isprintable() for key, value in one.properties.items())


async def test_a_finder_that_was_stopped_opens_no_socket_again(
    device: AsyncZeroconf, heard: Heard
) -> None:
    await device.async_register_service(announcement(serial="A-1"))
    await until(lambda: heard.reports, 10)
    await heard.finder.stop()
    heard.reports.clear()
    # A plugin was loaded in the very moment that the hub stopped.
    await heard.finder.listen([HANDLER])
    await heard.finder.ask()
    await asyncio.sleep(0.3)
    assert heard.reports == []
    assert not heard.finder.listening


async def test_a_network_that_comes_later_is_listened_to_at_the_next_round(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def not_running(_self: Zeroconf, **_limit: float) -> None:
        raise NotRunningException

    heard = Heard()
    with monkeypatch.context() as patched:
        patched.setattr(Zeroconf, "async_wait_for_start", not_running)
        await heard.finder.listen([HANDLER])
    assert "are not found" in caplog.text
    assert not heard.finder.listening
    await heard.finder.ask()
    assert (heard.finder.listening, heard.finder.problem) == (True, None)
    await heard.finder.stop()


def answer(number: int, *, records: int = 1) -> bytes:
    """Return a datagram that announces devices with names of their own."""
    message = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
    for index in range(records):
        name = f"Flood {number}-{index}.{TYPE}"
        message.add_answer_at_time(DNSPointer(TYPE, _TYPE_PTR, _CLASS_IN, 4500, name), 0)
    (packet,) = message.packets()
    return packet


async def test_a_flood_of_announcements_is_bounded_and_named(heard: Heard) -> None:
    protocol = gate_of(heard.finder)
    for number in range(10_000):
        protocol.datagram_received(answer(number), (f"127.0.{number % 256}.7", 5353))
    assert heard.rejections.count("mdns") >= 10_000 - MAX_IN_ALL
    reasons = {kind["reason"] for kind in heard.rejections.to_json()["counts"]}
    assert "too many answers at once" in reasons
    assert len(heard.finder._asking) <= 64
    assert heard.reports == []


@given(st.binary(max_size=400))
def test_no_datagram_disturbs_the_finder(data: bytes) -> None:
    seen: list[bytes] = []

    class Inner(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
            seen.append(data)

    sources = MdnsSources(Rejections(FakeClock()), FakeClock())
    gate = mdns_sources._Gate(Inner(), sources.takes)
    gate.datagram_received(data, ("127.0.0.7", 5353))
    assert seen == [data]
    assert sources.has("127.0.0.7")


def gate_of(finder: MdnsFinder) -> asyncio.DatagramProtocol:
    """Return what receives the datagrams of a finder."""
    assert finder._zeroconf is not None
    reader = finder._zeroconf.zeroconf.engine.readers[0]
    return cast("asyncio.DatagramProtocol", reader.transport.get_protocol())
