"""Devices that announce themselves are found, by a real announcement on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import IPVersion, NotRunningException, Zeroconf
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from ucv.discovery.mdns import MdnsListener, discovered
from ucv.flows.view import Discovered
from ucv.plugins.discovery_handlers import MdnsHandler
from ucv.testing.clock import until

TYPE = "_acme-cam._tcp.local."
HANDLER = MdnsHandler("acme", TYPE)


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
async def found() -> AsyncIterator[list[Discovered]]:
    heard: list[Discovered] = []

    async def on_found(one: Discovered) -> None:
        heard.append(one)

    listener = MdnsListener(interfaces=["127.0.0.1"], on_found=on_found)
    await listener.listen([HANDLER])
    yield heard
    await listener.stop()


async def test_a_device_that_appears_is_reported_with_its_address_and_serial(
    device: AsyncZeroconf, found: list[Discovered]
) -> None:
    announced = await device.async_register_service(announcement(serial="A-1", model="One"))
    await until(lambda: found, 10)
    await announced
    assert found[0] == Discovered(
        domain="acme",
        key=f"Hall.{TYPE}",
        name="Hall",
        host="127.0.0.5",
        port=8080,
        properties={"serial": "A-1", "model": "One"},
        unique_id="A-1",
    )


async def test_a_device_that_was_there_before_is_reported_too(device: AsyncZeroconf) -> None:
    await (await device.async_register_service(announcement(name="Early")))
    heard: list[Discovered] = []

    async def on_found(one: Discovered) -> None:
        heard.append(one)

    listener = MdnsListener(interfaces=["127.0.0.1"], on_found=on_found)
    await listener.listen([HANDLER])
    try:
        await until(lambda: heard, 10)
        assert heard[0].name == "Early"
    finally:
        await listener.stop()


async def test_a_new_address_is_reported(device: AsyncZeroconf, found: list[Discovered]) -> None:
    await (await device.async_register_service(announcement(serial="A-1")))
    await until(lambda: found, 10)
    moved = announcement(serial="A-1", address="127.0.0.6")
    await (await device.async_update_service(moved))
    await until(lambda: found[-1].host == "127.0.0.6", 10)


async def test_without_a_handler_there_is_no_socket() -> None:
    async def on_found(one: Discovered) -> None:
        raise AssertionError(one)

    listener = MdnsListener(interfaces=["192.0.2.1"], on_found=on_found)
    await listener.listen([])
    await listener.stop()


async def test_an_interface_that_is_not_there_is_no_reason_to_fail() -> None:
    async def on_found(one: Discovered) -> None:
        raise AssertionError(one)

    listener = MdnsListener(interfaces=["192.0.2.1"], on_found=on_found)
    await listener.listen([HANDLER])
    await listener.stop()


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

    one = discovered(HANDLER, Announced())  # type: ignore[arg-type]  # what it uses of it
    if one is not None:
        assert one.name.isprintable()
        assert len(one.name) <= 256
        assert len(one.properties) <= 32
        assert all(f"{key}{value}".isprintable() for key, value in one.properties.items())


async def test_a_listener_that_was_stopped_opens_no_socket_again(
    device: AsyncZeroconf,
) -> None:
    heard: list[Discovered] = []

    async def on_found(one: Discovered) -> None:
        heard.append(one)

    await device.async_register_service(announcement(serial="A-1"))
    listener = MdnsListener(interfaces=["127.0.0.1"], on_found=on_found)
    await listener.listen([HANDLER])
    await until(lambda: heard, 10)
    await listener.stop()
    heard.clear()
    # A plugin was loaded in the very moment that the hub stopped.
    await listener.listen([HANDLER])
    await asyncio.sleep(0.3)
    try:
        assert heard == []
    finally:
        await listener.stop()


async def test_a_network_that_does_not_start_is_no_reason_not_to_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def not_running(_self: Zeroconf, **_limit: float) -> None:
        raise NotRunningException

    async def on_found(one: Discovered) -> None:
        raise AssertionError(one)

    monkeypatch.setattr(Zeroconf, "async_wait_for_start", not_running)
    listener = MdnsListener(interfaces=["127.0.0.1"], on_found=on_found)
    await listener.listen([HANDLER])
    assert "are not found" in caplog.text
    await listener.stop()
