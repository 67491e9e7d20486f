"""WS-Discovery: three questions, answers only to these, and hellos and good-byes."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from ucv.discovery.interfaces import Interface
from ucv.discovery.presence import MAX_KNOWN, Presence
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.discovery.ws_discovery import WsDiscoveryFinder
from ucv.discovery.ws_messages import MAX_SCOPES, MAX_TARGETS, MAX_TEXT, read
from ucv.media.errors import MediaError
from ucv.plugins.discovery_handlers import SsdpHandler, WsDiscoveryHandler
from ucv.plugins.sightings import Sighting, WsDiscoveryTarget
from ucv.testing.clock import FakeClock, until

GROUP = "239.255.255.250"
LOOPBACK = Interface("lo", IPv4Address("127.0.0.1"), IPv4Network("127.0.0.0/8"))
CAMERA = "127.0.0.5"
ENDPOINT = "urn:uuid:4F2A1B3C-0000-1111-2222-A0BD1D000001"
KEY = ENDPOINT.removeprefix("urn:").casefold()
SCOPES = "onvif://www.onvif.org/name/Front%20door onvif://www.onvif.org/hardware/X-1"

#: Returns what each host says to a question, which is given as its id and its types.
Answer = Callable[[str, str], list[tuple[str, bytes]]]


def envelope(body: str, *, message_id: str = "", relates_to: str = "") -> bytes:
    """Return a message with the prefixes of one of many firmwares."""
    header = f"<wsa:MessageID>{message_id}</wsa:MessageID>" if message_id else ""
    if relates_to:
        header += f"<wsa:RelatesTo>{relates_to}</wsa:RelatesTo>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">'
        f"<SOAP-ENV:Header>{header}</SOAP-ENV:Header>"
        f"<SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


def told(
    *,
    endpoint: str = ENDPOINT,
    scopes: str = SCOPES,
    types: str = "dn:NetworkVideoTransmitter tds:Device",
    xaddrs: str = f"http://{CAMERA}/onvif/device_service",
) -> str:
    """Return what a device says of itself, in a match or a Hello."""
    return (
        f"<wsa:EndpointReference><wsa:Address>{endpoint}</wsa:Address></wsa:EndpointReference>"
        f"<d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
    )


def matches(*devices: str, relates_to: str = "", message_id: str = "") -> bytes:
    body = "".join(f"<d:ProbeMatch>{device}</d:ProbeMatch>" for device in devices)
    body = f"<d:ProbeMatches>{body}</d:ProbeMatches>"
    return envelope(body, relates_to=relates_to, message_id=message_id)


def hello(device: str, message_id: str = "") -> bytes:
    return envelope(f"<d:Hello>{device}</d:Hello>", message_id=message_id)


def bye(endpoint: str = ENDPOINT) -> bytes:
    return envelope(f"<d:Bye>{told(endpoint=endpoint, types='', scopes='', xaddrs='')}</d:Bye>")


def say(host: str, data: bytes, target: tuple[str, int]) -> None:
    """Send from an address of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sock.bind((host, 0))
        sock.sendto(data, target)


class Network:
    """Hears the questions that are put to the group, and has devices answer."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, str]] = []
        self.answer: Answer = lambda _message_id, _types: []
        self.asker = ("", 0)
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
        message = re.search(rb"MessageID>([^<]+)<", data)
        types = re.search(rb"<d:Types[^>]*>([^<]*)<", data)
        if b"<d:Probe " not in data or message is None:
            return
        question = (message[1].decode(), types[1].decode() if types is not None else "")
        self.questions.append(question)
        self.asker = source
        for host, answer in self.answer(*question):
            say(host, answer, source)

    def announce(self, host: str, data: bytes) -> None:
        say(host, data, (GROUP, self.port))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._holder.close()


def parse(target: WsDiscoveryTarget) -> Sighting | None:
    """Take every device that ONVIF is mentioned by."""
    if not target.onvif:
        return None
    return Sighting(0.5, endpoint=target.endpoint, name=(*target.onvif.get("name", ()), None)[0])


class Heard:
    """A finder on loopback, and what it reports and refuses."""

    def __init__(self, network: Network) -> None:
        self.reports: list[Report] = []
        self.targets: list[WsDiscoveryTarget] = []
        self.clock = FakeClock()
        self.rejections = Rejections(self.clock)
        self.network = network
        self.finder = WsDiscoveryFinder(
            interfaces=lambda: [LOOPBACK],
            on_report=self.reports.append,
            rejections=self.rejections,
            clock=self.clock,
            port=network.port,
        )

    def parse(self, target: WsDiscoveryTarget) -> Sighting | None:
        self.targets.append(target)
        return parse(target)

    @property
    def reasons(self) -> set[str]:
        return {one["reason"] for one in self.rejections.to_json()["counts"]}


@pytest_asyncio.fixture
async def heard() -> AsyncIterator[Heard]:
    network = Network()
    one = Heard(network)
    await one.finder.listen([WsDiscoveryHandler("onvif", one.parse)])
    yield one
    await one.finder.stop()
    network.close()


async def test_three_questions_are_asked_and_a_device_that_answers_one_is_reported(
    heard: Heard,
) -> None:
    def answer(message_id: str, types: str) -> list[tuple[str, bytes]]:
        return [(CAMERA, matches(told(), relates_to=message_id))] if not types else []

    heard.network.answer = answer
    await heard.finder.ask()
    await until(lambda: heard.reports)
    assert [types for _, types in heard.network.questions] == [
        "dn:NetworkVideoTransmitter",
        "tds:Device",
        "",
    ]
    assert len({message_id for message_id, _ in heard.network.questions}) == 3
    report = heard.reports[0]
    assert (report.source, report.domain, report.host) == ("ws-discovery", "onvif", CAMERA)
    assert report.key == KEY
    assert heard.targets[0] == WsDiscoveryTarget(
        host=CAMERA,
        endpoint=KEY,
        types=("NetworkVideoTransmitter", "Device"),
        scopes=tuple(SCOPES.split()),
        onvif={"name": ("Front door",), "hardware": ("X-1",)},
        addresses=(f"http://{CAMERA}/onvif/device_service",),
    )


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("{0}", id="as it was asked"),
        pytest.param("uuid:{1}", id="without urn"),
        pytest.param(" {1} ", id="bare and with blanks"),
    ],
)
async def test_what_is_answered_may_be_written_in_several_ways(heard: Heard, written: str) -> None:
    def answer(message_id: str, _types: str) -> list[tuple[str, bytes]]:
        bare = message_id.removeprefix("urn:uuid:").upper()
        return [(CAMERA, matches(told(), relates_to=written.format(message_id, bare)))]

    heard.network.answer = answer
    await heard.finder.ask()
    await until(lambda: heard.reports)
    assert heard.rejections.count("ws-discovery") == 0


@pytest.mark.parametrize("relates_to", ["", "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8"])
async def test_an_answer_to_what_was_not_asked_is_refused(heard: Heard, relates_to: str) -> None:
    heard.network.answer = lambda _message_id, _types: [
        (CAMERA, matches(told(), relates_to=relates_to))
    ]
    await heard.finder.ask()
    await until(lambda: heard.rejections.count("ws-discovery") == 3)
    assert heard.reasons == {"answered what was not asked"}
    assert heard.reports == []


async def test_an_answer_that_is_sent_twice_is_reported_once_and_again_in_the_next_round(
    heard: Heard,
) -> None:
    def answer(message_id: str, types: str) -> list[tuple[str, bytes]]:
        one = matches(told(), relates_to=message_id, message_id="urn:uuid:always-the-same")
        return [(CAMERA, one), (CAMERA, one)] if not types else []

    heard.network.answer = answer
    await heard.finder.ask()
    await until(lambda: len(heard.network.questions) == 3)
    await heard.finder.ask()
    await until(lambda: len(heard.network.questions) == 6)
    await until(lambda: len(heard.reports) == 2)
    await asyncio.sleep(0.05)
    assert len(heard.reports) == 2


async def test_a_device_that_says_hello_is_reported_without_a_question(heard: Heard) -> None:
    heard.network.announce(CAMERA, hello(told()))
    await until(lambda: heard.reports)
    assert heard.reports[0].sighting.name == "Front door"
    assert heard.network.questions == []


async def test_a_good_bye_is_reported_from_where_the_device_was(heard: Heard) -> None:
    heard.network.announce(CAMERA, hello(told()))
    await until(lambda: heard.reports)
    heard.network.announce("127.0.0.66", bye())
    await until(lambda: heard.rejections.count("ws-discovery"))
    assert heard.reasons == {"said good-bye for another device"}
    assert not heard.reports[-1].gone
    heard.network.announce(CAMERA, bye(ENDPOINT.removeprefix("urn:").upper()))
    await until(lambda: heard.reports[-1].gone)
    last = heard.reports[-1]
    assert (last.domain, last.host, last.key) == ("onvif", CAMERA, KEY)


async def test_a_device_that_moved_says_good_bye_from_where_it_is_now(heard: Heard) -> None:
    heard.network.announce(CAMERA, hello(told()))
    heard.network.announce("127.0.0.6", hello(told()))
    await until(lambda: len(heard.reports) == 2)
    heard.network.announce("127.0.0.6", bye())
    await until(lambda: heard.reports[-1].gone)


async def test_a_good_bye_of_a_device_that_nobody_wanted_is_not_reported(heard: Heard) -> None:
    heard.network.announce(CAMERA, hello(told(scopes="", types="wprt:PrintDeviceType")))
    heard.network.announce(CAMERA, bye())
    heard.network.announce(CAMERA, hello(told()))
    await until(lambda: heard.reports)
    assert [report.gone for report in heard.reports] == [False]
    assert heard.targets[0].types == ("PrintDeviceType",)


def test_of_a_device_that_was_seen_too_long_ago_no_good_bye_is_reported() -> None:
    reports: list[Report] = []
    presence = Presence("x", on_report=reports.append, rejections=Rejections(FakeClock()))
    for number in range(MAX_KNOWN + 1):
        presence.report(str(number), CAMERA, [("onvif", Sighting(0.5)), ("other", None)])
    reports.clear()
    presence.leave("0", CAMERA)
    assert reports == []
    presence.leave("1", CAMERA)
    assert [(one.key, one.domain, one.gone) for one in reports] == [("1", "onvif", True)]


async def test_questions_and_answers_of_others_are_neither_used_nor_held_against_them(
    heard: Heard,
) -> None:
    heard.network.announce(CAMERA, envelope("<d:Probe><d:Types/></d:Probe>", message_id="x"))
    heard.network.announce(CAMERA, envelope(f"<d:Resolve>{told()}</d:Resolve>"))
    heard.network.announce(CAMERA, hello(told()))
    await until(lambda: heard.reports)
    assert len(heard.reports) == 1
    assert heard.rejections.count("ws-discovery") == 0


async def test_addresses_of_other_hosts_are_taken_for_the_devices_own_and_named(
    heard: Heard,
) -> None:
    for host in ("192.0.2.200", "0.0.0.0", "camera.example", "[fe80::1]"):
        xaddrs = f"http://{host}:8080/onvif/device_service"
        heard.network.announce(CAMERA, hello(told(xaddrs=xaddrs)))
    await until(lambda: len(heard.targets) == 4)
    assert {target.addresses for target in heard.targets} == {
        (f"http://{CAMERA}:8080/onvif/device_service",)
    }
    assert heard.rejections.count("ws-discovery") == 4
    assert heard.reasons == {"told addresses of other hosts, not used"}


@pytest.mark.parametrize(
    ("xaddrs", "addresses"),
    [
        pytest.param(
            f"http://169.254.7.7/b http://{CAMERA}:80/a https://{CAMERA}:443/c",
            (f"http://{CAMERA}/a", f"https://{CAMERA}/c", f"http://{CAMERA}/b"),
            id="its own first",
        ),
        pytest.param(
            f"http://{CAMERA}:8106:8106/onvif", (f"http://{CAMERA}:8106/onvif",), id="port twice"
        ),
        pytest.param(f"http://{CAMERA}", (f"http://{CAMERA}/",), id="no path"),
        pytest.param(
            f"http://{CAMERA}/x http://10.0.0.1/x", (f"http://{CAMERA}/x",), id="the same twice"
        ),
        pytest.param("http://user:pass@10.0.0.1/x", (), id="credentials"),
        pytest.param("ftp://10.0.0.1/x soap.udp://10.0.0.1/ x", (), id="other schemes"),
        pytest.param(f"http://{CAMERA}:70000/x", (), id="no such port"),
        pytest.param(f"http://{CAMERA}/{'x' * 600}", (), id="too long"),
    ],
)
def test_addresses_are_paths_and_ports_at_the_device_itself(
    xaddrs: str, addresses: tuple[str, ...]
) -> None:
    assert read(hello(told(xaddrs=xaddrs)), CAMERA).targets[0].addresses == addresses


def test_scopes_are_decoded_and_sorted_by_category() -> None:
    scopes = (
        "ONVIF://www.ONVIF.org/Location/city/K%C3%B6ln onvif://www.onvif.org/name/%FF%00x "
        "onvif://www.onvif.org/name/ onvif://www.onvif.org/location/Hall urn:other"
    )
    target = read(hello(told(scopes=scopes)), CAMERA).targets[0]
    assert target.onvif == {"location": ("city/Köln", "Hall"), "name": ("\ufffd x",)}
    assert target.scopes[-1] == "urn:other"


async def test_what_cannot_be_read_is_refused_by_name(heard: Heard) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>' + hello(told())
    nested = b"<a>" * 9_000 + b"</a>" * 9_000
    hostile = [
        bomb,
        nested,
        hello(told())[:300],
        b"",
        b"\xff\xfe\x00",
        bytes(65_507),
        b"<html><body>404</body></html>",
        envelope(""),
        b'<?xml version="1.0"?><!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
    ]
    for data in hostile:
        heard.network.announce(CAMERA, data)
    heard.network.announce(CAMERA, hello(told()))
    await until(lambda: heard.reports)
    assert heard.rejections.count("ws-discovery") == len(hostile)
    assert heard.reasons == {"no message that can be read"}
    assert len(heard.reports) == 1


def test_mistakes_of_firmware_are_forgiven() -> None:
    good = hello(told(scopes="onvif://www.onvif.org/name/Tom&Co", endpoint=ENDPOINT[4:]))
    for data in (b"\r\n" + good + b"\0\0", good.replace(b"wsa:", b"undeclared:")):
        target = read(data, CAMERA).targets[0]
        assert (target.endpoint, target.onvif["name"]) == (KEY, ("Tom&Co",))


def test_one_message_tells_of_so_many_devices_and_so_much_of_each() -> None:
    scopes = " ".join(f"onvif://www.onvif.org/name/{n}" for n in range(200))
    types = " ".join(f"a:T{n}" for n in range(200))
    assert len(read(matches(*[told()] * 20), CAMERA).targets) == MAX_TARGETS
    one = told(scopes=scopes, types=types, endpoint="e" * 5000)
    (target,) = read(matches(one), CAMERA).targets
    assert len(target.scopes) == len(target.onvif["name"]) == MAX_SCOPES
    assert len(target.types) == 16
    assert len(target.endpoint) == MAX_TEXT


async def test_a_flood_of_good_messages_is_cut_off(heard: Heard) -> None:
    for n in range(2000):
        heard.network.announce(CAMERA, hello(told(endpoint=f"urn:uuid:{n}")))
        if n % 50 == 0:
            await asyncio.sleep(0)
    await until(lambda: heard.rejections.count("ws-discovery") > 500)
    assert len(heard.reports) == 256
    assert heard.reasons == {"too many answers from one address"}


async def test_an_answer_after_the_finder_stopped_is_nobodys(heard: Heard) -> None:
    await heard.finder.ask()
    await until(lambda: len(heard.network.questions) == 3)
    question = heard.network.questions[0][0]
    await heard.finder.stop()
    say(CAMERA, matches(told(), relates_to=question), heard.network.asker)
    heard.network.announce(CAMERA, hello(told()))
    await heard.finder.listen([WsDiscoveryHandler("onvif", heard.parse)])
    await asyncio.sleep(0.05)
    assert heard.targets == []
    assert not heard.finder.listening


async def test_handlers_of_other_protocols_open_no_socket(heard: Heard) -> None:
    await heard.finder.listen([SsdpHandler("x", lambda _device: None)])
    assert not heard.finder.listening


_MARKUP = st.sampled_from(
    [
        "<d:ProbeMatch>",
        "</d:ProbeMatch>",
        "<d:Scopes>",
        "&",
        "&#0;",
        "]]>",
        "http://0.0.0.0:99999/",
        "onvif://www.onvif.org/%",
        "\x00",
        "\u202e",
    ]
)


@given(st.binary(max_size=300) | st.lists(_MARKUP | st.text(max_size=20)).map("".join))
def test_whatever_is_said_is_bounded_or_refused(data: bytes | str) -> None:
    body = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    for raw in (body, hello("@").replace(b"@", body), hello(told()).replace(b"X-1", body)):
        with suppress(MediaError):
            message = read(raw, CAMERA)
            assert len(message.targets) <= MAX_TARGETS
            for target in message.targets:
                assert target.host == CAMERA
                texts = [target.endpoint, *target.types, *target.scopes, *target.addresses]
                texts += [value for values in target.onvif.values() for value in values]
                assert all(text.isprintable() and len(text) <= MAX_TEXT + 30 for text in texts)
                assert all(f"://{CAMERA}" in address for address in target.addresses)


@given(st.text(max_size=80))
def test_whatever_is_named_as_an_address_is_at_the_device_or_not_used(xaddr: str) -> None:
    escaped = xaddr.replace("&", "&amp;").replace("<", "&lt;")
    with suppress(MediaError):
        for target in read(hello(told(xaddrs=f"http://{escaped}")), CAMERA).targets:
            for address in target.addresses:
                assert re.fullmatch(rf"http://{re.escape(CAMERA)}(:[0-9]{{1,5}})?/[!-~]*", address)
