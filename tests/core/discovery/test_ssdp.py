"""SSDP: searches and announcements, and descriptions fetched from the device itself only."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from ucv.discovery import descriptions, ssdp_messages
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.discovery.ssdp import SsdpFinder
from ucv.discovery.ssdp_messages import Kind, is_at
from ucv.media.errors import MediaError
from ucv.plugins.discovery_handlers import SsdpHandler
from ucv.plugins.sightings import Sighting, SsdpDevice
from ucv.testing.clock import FakeClock, until

GROUP = "239.255.255.250"
LOOPBACK = Interface("lo", IPv4Address("127.0.0.1"), IPv4Network("127.0.0.0/8"))
CAMERA = "127.0.0.5"
UDN = "4f2a1b3c-0000-1111-2222-a0bd1d000001"
DESCRIPTION = (
    '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1'
    "</major></specVersion><device><deviceType>urn:schemas-upnp-org:device:Basic:1</deviceType>"
    "<friendlyName>Front door</friendlyName><manufacturer>ACME &amp; Co</manufacturer>"
    f"<modelName>X-1</modelName><serialNumber>A100</serialNumber><UDN>uuid:{UDN}</UDN>"
    "<serviceList><service><serviceId>1</serviceId></service></serviceList>"
    "<deviceList><device><modelName>Embedded</modelName></device></deviceList></device></root>"
).encode()


def message(start: str, **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-').upper()}: {value}" for name, value in headers.items()]
    return "\r\n".join([start, *lines, "", ""]).encode()


def answer(location: str = "", *, udn: str = UDN, **headers: str) -> bytes:
    """Return what a device answers to a search."""
    return message(
        "HTTP/1.1 200 OK",
        cache_control="max-age=1800",
        location=location,
        server="Linux/4.9, UPnP/1.0, Acme/1",
        st="upnp:rootdevice",
        usn=f"uuid:{udn}::upnp:rootdevice",
        **headers,
    )


def notify(what: str, location: str = "", *, nt: str = "upnp:rootdevice", udn: str = UDN) -> bytes:
    """Return what a device announces."""
    return message(
        "NOTIFY * HTTP/1.1",
        host="239.255.255.250:1900",
        nt=nt,
        nts=f"ssdp:{what}",
        location=location,
        usn=f"uuid:{udn}::{nt}",
    )


def say(host: str, data: bytes, target: tuple[str, int]) -> None:
    """Send from an address of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sock.bind((host, 0))
        sock.sendto(data, target)


class Network:
    """Hears searches that are put to the group, and has devices answer."""

    def __init__(self) -> None:
        self.searches: list[bytes] = []
        self.answers: list[tuple[str, bytes]] = []
        # Nobody else takes the port for a group of their own meanwhile.
        self._holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._holder.bind(("127.0.0.1", 0))
        self.port: int = self._holder.getsockname()[1]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind((GROUP, self.port))
        membership = socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1")
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    def _hear(self) -> None:
        data, source = self._socket.recvfrom(65536)
        if data.startswith(b"M-SEARCH"):
            self.searches.append(data)
            for host, one in self.answers:
                say(host, one, source)

    def announce(self, host: str, data: bytes) -> None:
        say(host, data, (GROUP, self.port))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._holder.close()


class Web:
    """A web server at an address of loopback that says the same to everybody."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.body = DESCRIPTION
        self.head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
        self.silent = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The finder may go before it has its answer.
        with suppress(ConnectionError):
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if self.silent:
                await reader.read()
            writer.write(self.head.encode() + b"\r\n" + self.body)
            await writer.drain()
        writer.close()

    @property
    def location(self) -> str:
        return f"http://{CAMERA}:{self.port}/desc.xml"


class Heard:
    """A finder on loopback, and what it reports and refuses."""

    def __init__(self, network: Network) -> None:
        self.reports: list[Report] = []
        self.devices: list[SsdpDevice] = []
        self.clock = FakeClock()
        self.rejections = Rejections(self.clock)
        self.network = network
        self.interfaces = [LOOPBACK]
        self.finder = SsdpFinder(
            interfaces=lambda: self.interfaces,
            on_report=self.reports.append,
            rejections=self.rejections,
            clock=self.clock,
            port=network.port,
        )

    def parse(self, device: SsdpDevice) -> Sighting:
        self.devices.append(device)
        return Sighting(0.6, model=device.description.get("modelname"))

    @property
    def reasons(self) -> set[str]:
        return {one["reason"] for one in self.rejections.to_json()["counts"]}


@pytest_asyncio.fixture
async def web() -> AsyncIterator[Web]:
    one = Web()
    server = await asyncio.start_server(one.serve, CAMERA, 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()
    await server.wait_closed()


@pytest_asyncio.fixture
async def heard() -> AsyncIterator[Heard]:
    network = Network()
    one = Heard(network)
    await one.finder.listen([SsdpHandler("acme", one.parse)])
    yield one
    await one.finder.stop()
    network.close()


async def test_a_device_that_answers_is_reported_with_its_description(
    heard: Heard, web: Web
) -> None:
    heard.network.answers = [(CAMERA, answer(web.location))]
    await heard.finder.ask()
    await until(lambda: heard.reports)
    report = heard.reports[0]
    assert (report.source, report.domain, report.host) == ("ssdp", "acme", CAMERA)
    assert (report.key, report.sighting.model) == (UDN, "X-1")
    device = heard.devices[0]
    assert device.server == "Linux/4.9, UPnP/1.0, Acme/1"
    assert device.usn == f"uuid:{UDN}::upnp:rootdevice"
    assert device.description["manufacturer"] == "ACME & Co"
    assert device.description["friendlyname"] == "Front door"
    assert device.description["serialnumber"] == "A100"
    assert device.description["udn"] == f"uuid:{UDN}"
    assert heard.network.searches[0].startswith(b"M-SEARCH * HTTP/1.1\r\n")
    assert b"ST: upnp:rootdevice\r\n" in heard.network.searches[0]


async def test_the_description_is_asked_for_plainly_and_without_credentials(
    heard: Heard, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.9:1/")
    heard.network.announce(CAMERA, notify("alive", web.location))
    await until(lambda: heard.reports)
    assert len(web.requests) == 1
    request = web.requests[0]
    assert request.startswith("GET /desc.xml HTTP/1.1\r\n")
    assert "Accept-Encoding: identity\r\n" in request
    assert "authorization" not in request.lower()
    assert "cookie" not in request.lower()


async def test_a_device_without_a_description_is_reported_too(heard: Heard) -> None:
    heard.network.announce(CAMERA, answer(""))
    await until(lambda: heard.reports)
    assert heard.devices[0].description == {}
    assert heard.rejections.count("ssdp") == 0


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("http://127.0.0.6:{port}/desc.xml", id="another host"),
        pytest.param("http://localhost:{port}/desc.xml", id="a name"),
        pytest.param("http://user:secret@127.0.0.5:{port}/desc.xml", id="credentials"),
        pytest.param("https://127.0.0.5:{port}/desc.xml", id="another scheme"),
        pytest.param("http://127.0.0.5:{port}@127.0.0.6/desc.xml", id="a host in disguise"),
        pytest.param("http://2130706437:{port}/desc.xml", id="an address as a number"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("desc.xml", id="no host"),
        pytest.param("http://127.0.0.5:99999/desc.xml", id="no such port"),
        pytest.param("http://127.0.0.5:{port}/a b", id="a blank"),
    ],
)
async def test_a_description_elsewhere_is_not_fetched_and_named(
    heard: Heard, web: Web, place: str
) -> None:
    other = Web()
    async with await asyncio.start_server(other.serve, "127.0.0.6", web.port):
        heard.network.announce(CAMERA, answer(place.format(port=web.port)))
        await until(lambda: heard.reports)
        await asyncio.sleep(0.05)
    assert web.requests == other.requests == []
    assert heard.reasons == {"its description is not at its own address"}
    assert heard.devices[0].description == {}


async def test_a_description_in_a_network_that_is_not_ours_is_not_fetched(
    heard: Heard, web: Web
) -> None:
    heard.interfaces = [Interface("lo", LOOPBACK.address, IPv4Network("127.0.0.1/32"))]
    await heard.finder.ask()
    heard.network.announce(CAMERA, notify("alive", web.location))
    await until(lambda: heard.reports)
    assert web.requests == []
    assert heard.reasons == {"its description is in another network"}


async def test_a_redirection_is_not_followed(heard: Heard, web: Web) -> None:
    web.head = f"HTTP/1.1 302 Found\r\nLocation: {web.location}?again\r\n"
    heard.network.announce(CAMERA, answer(web.location))
    await until(lambda: heard.reports)
    assert len(web.requests) == 1
    assert heard.reasons == {"its description cannot be read"}


def _bad(head: str = "", body: bytes = b"") -> Callable[[Web], None]:
    def make(web: Web) -> None:
        web.head += head
        web.body = body

    return make


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(_bad(body=b"<root>" + b" " * 70_000 + b"</root>"), id="too long"),
        pytest.param(_bad("Content-Length: 99999999\r\n", b"<root>"), id="said to be huge"),
        pytest.param(
            _bad("Content-Encoding: gzip\r\n", gzip.compress(bytes(60_000_000))), id="packed"
        ),
        pytest.param(_bad(body=b"<a>" * 10_000), id="nested"),
        pytest.param(_bad(body=b'<!DOCTYPE x [<!ENTITY a "b">]><root/>'), id="entities"),
        pytest.param(_bad(body=b"<html/>"), id="another document"),
        pytest.param(_bad("Nonsense\r\n", b""), id="not HTTP"),
        pytest.param(_bad("X: " + "y" * 100_000 + "\r\n", b""), id="a giant header"),
    ],
)
async def test_a_description_that_is_none_leaves_the_device_without_one(
    heard: Heard, web: Web, make: Callable[[Web], None]
) -> None:
    make(web)
    heard.network.announce(CAMERA, answer(web.location))
    await until(lambda: heard.reports)
    assert heard.devices[0].description == {}
    assert len(heard.reasons) == 1
    assert heard.reasons <= {"its description cannot be read", "its description cannot be fetched"}


async def test_a_server_that_says_nothing_is_not_waited_for(
    heard: Heard, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptions, "FETCH_LIMIT", 0.2)
    web.silent = True
    heard.network.announce(CAMERA, answer(web.location))
    await until(lambda: heard.reports)
    assert heard.reasons == {"its description cannot be fetched"}


async def test_a_fetch_that_is_under_way_ends_with_the_finder(heard: Heard, web: Web) -> None:
    web.silent = True
    heard.network.announce(CAMERA, answer(web.location))
    await until(lambda: web.requests)
    began = time.monotonic()
    await heard.finder.stop()
    assert time.monotonic() - began < 1
    assert heard.reports == []


async def test_a_description_is_kept_for_a_while_and_until_the_device_says_it_changed(
    heard: Heard, web: Web
) -> None:
    async def fetched(data: bytes) -> int:
        before = len(heard.reports)
        heard.network.announce(CAMERA, data)
        await until(lambda: len(heard.reports) > before)
        assert heard.devices[-1].description["modelname"] == "X-1"
        return len(web.requests)

    assert await fetched(answer(web.location)) == 1
    assert await fetched(answer(web.location)) == 1
    await heard.clock.advance(descriptions.KEPT + 1)
    assert await fetched(answer(web.location)) == 2
    one = answer(web.location, **{"bootid.upnp.org": "1", "configid.upnp.org": "7"})
    assert await fetched(one) == 3
    await heard.clock.advance(descriptions.KEPT + 1)
    assert await fetched(one) == 3
    two = answer(web.location, **{"bootid.upnp.org": "2", "configid.upnp.org": "7"})
    assert await fetched(two) == 4


async def test_who_gets_an_address_is_not_described_as_the_device_that_had_it(
    heard: Heard, web: Web
) -> None:
    heard.network.announce(CAMERA, answer(web.location))
    await until(lambda: len(heard.devices) == 1)
    web.body = DESCRIPTION.replace(b"X-1", b"X-2")
    heard.network.announce(CAMERA, answer(web.location, udn=UDN.replace("4f2a", "4f2b")))
    await until(lambda: len(heard.devices) == 2)
    assert [one.description["modelname"] for one in heard.devices] == ["X-1", "X-2"]


async def test_a_description_that_was_not_there_is_asked_for_again_a_minute_later(
    heard: Heard, web: Web
) -> None:
    web.head = "HTTP/1.1 404 Not Found\r\n"
    for _ in range(2):
        heard.network.announce(CAMERA, answer(web.location))
        await until(lambda: heard.reports)
        heard.reports.clear()
    assert len(web.requests) == 1
    await heard.clock.advance(descriptions.KEPT_FAILURE)
    heard.network.announce(CAMERA, answer(web.location))
    await until(lambda: len(web.requests) == 2)


async def test_one_address_is_not_asked_for_ever_new_descriptions(heard: Heard, web: Web) -> None:
    for n in range(40):
        heard.network.announce(CAMERA, answer(f"{web.location}?{n}", udn=f"u-{n}"))
    await until(lambda: len(heard.reports) == 40)
    assert len(web.requests) == descriptions.MAX_FROM_ONE
    assert heard.reasons == {"too many descriptions in a minute"}
    await heard.clock.advance(descriptions.SPAN)
    heard.network.announce(CAMERA, answer(f"{web.location}?later"))
    await until(lambda: len(web.requests) == descriptions.MAX_FROM_ONE + 1)


async def test_a_flood_of_answers_costs_one_fetch(heard: Heard, web: Web) -> None:
    for n in range(10_000):
        heard.network.announce(CAMERA, answer(web.location))
        if n % 50 == 0:
            await asyncio.sleep(0)
    await until(lambda: heard.rejections.count("ssdp") > 5000)
    await until(lambda: heard.reports)
    assert len(web.requests) == 1
    assert heard.reasons == {"too many answers from one address"}
    assert len(heard.reports) <= 256


async def test_a_good_bye_is_reported_from_where_the_device_was(heard: Heard) -> None:
    heard.network.announce(CAMERA, notify("alive"))
    await until(lambda: heard.reports)
    heard.network.announce("127.0.0.66", notify("byebye"))
    await until(lambda: heard.rejections.count("ssdp"))
    assert heard.reasons == {"said good-bye for another device"}
    heard.network.announce(CAMERA, notify("byebye", udn=UDN.upper()))
    await until(lambda: heard.reports[-1].gone)
    assert (heard.reports[-1].host, heard.reports[-1].key) == (CAMERA, UDN)


async def test_searches_of_others_and_services_of_a_device_are_let_be(heard: Heard) -> None:
    heard.network.announce(CAMERA, ssdp_messages.QUESTION)
    heard.network.announce(CAMERA, notify("alive", nt="urn:schemas-upnp-org:service:X:1"))
    heard.network.announce(CAMERA, notify("byebye", nt=f"uuid:{UDN}"))
    heard.network.announce(CAMERA, notify("update"))
    heard.network.announce(CAMERA, notify("alive"))
    await until(lambda: heard.reports)
    assert len(heard.reports) == 1
    assert heard.rejections.count("ssdp") == 0


async def test_what_cannot_be_read_is_refused_by_name(heard: Heard) -> None:
    hostile = [
        b"\x00\xff" * 100,
        b"HTTP/1.1 404 Not Found\r\nUSN: uuid:1\r\n\r\n",
        answer("http://x/", udn=""),
        notify("alive") + bytes(ssdp_messages.MAX_BYTES),
        notify("sleeping"),
        b"NOTIFY / HTTP/1.1\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nUSN: uuid:1\r\n\r\n",
    ]
    for data in hostile:
        heard.network.announce(CAMERA, data)
    heard.network.announce(CAMERA, notify("alive"))
    await until(lambda: heard.reports)
    assert heard.rejections.count("ssdp") == len(hostile)
    assert heard.reasons == {"no message that can be read"}
    assert len(heard.reports) == 1


def test_headers_are_read_whatever_their_case_and_line_ends() -> None:
    data = (
        b"http/1.0 200 ok\nUsn:  uuid:AB::upnp:rootdevice \nlocation:http://h/\nLOCATION: other\n"
    )
    told = ssdp_messages.read(data)
    assert told is not None
    assert (told.kind, told.udn, told.location) == (Kind.ANSWER, "ab", "http://h/")


def test_texts_of_the_root_device_are_taken_and_bounded() -> None:
    texts = descriptions.read(DESCRIPTION)
    assert texts["modelname"] == "X-1"
    assert "servicelist" not in texts
    many = "".join(f"<n{n}>{'x' * 1000}\n</n{n}>" for n in range(60))
    texts = descriptions.read(f"<root><device>{many}</device></root>".encode())
    assert len(texts) == descriptions.MAX_TEXTS
    assert {len(text) for text in texts.values()} == {descriptions.MAX_TEXT}


_PARTS = st.sampled_from(
    ["NOTIFY * HTTP/1.1", "HTTP/1.1 200 OK", "\r\n", "\n", ":", "USN: uuid:", "::", "NTS: ssdp:"]
)


@given(st.binary(max_size=400) | st.lists(_PARTS | st.text(max_size=20)).map("".join))
def test_whatever_is_said_is_bounded_or_refused(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    for one in (raw, answer("@").replace(b"@", raw), notify("alive").replace(UDN.encode(), raw)):
        told = ssdp_messages.read(one)
        if told is not None:
            texts = (told.udn, told.usn, told.server, told.location, told.edition)
            assert all(text.isprintable() and len(text) <= 2100 for text in texts)
            assert told.udn or told.kind is Kind.OTHER


@given(st.binary(max_size=400) | st.text(max_size=200))
def test_whatever_a_description_says_is_bounded_or_refused(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    for one in (raw, DESCRIPTION.replace(b"X-1", raw), DESCRIPTION.replace(b"modelName", raw)):
        with suppress(MediaError):
            texts = descriptions.read(one)
            assert len(texts) <= descriptions.MAX_TEXTS
            assert all(
                text.isprintable() and len(text) <= descriptions.MAX_TEXT for text in texts.values()
            )


@given(st.text(max_size=60))
def test_no_address_of_another_host_is_taken_for_the_devices_own(rest: str) -> None:
    if is_at(f"http://{rest}", CAMERA):
        assert (
            rest.partition("/")[0].partition("?")[0].partition("#")[0].partition(":")[0] == CAMERA
        )
    for separator in "@.\\\t\n[":
        assert not is_at(f"http://{CAMERA}{separator}{rest}evil.example/", CAMERA)
