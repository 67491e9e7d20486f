"""The virtual Hikvision device: who it is and how it lets in, asked by aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import Element, fromstring

import aiohttp
import pytest

from ucv.testing import FakeClock
from ucv.testing.hikvision import QUIRKS, HikvisionDevice

USUAL = "{http://www.hikvision.com/ver20/XMLSchema}"


@dataclass(frozen=True)
class Said:
    status: int
    headers: dict[str, str]
    challenges: list[str]
    body: bytes

    @property
    def root(self) -> Element:
        """The document without namespaces."""
        root = fromstring(self.body)  # noqa: S314 - written by our own device
        for one in root.iter():
            one.tag = one.tag.rpartition("}")[2]
        return root

    @property
    def code(self) -> tuple[int, str | None, str | None]:
        """HTTP's status and what a ResponseStatus says."""
        root = self.root
        return self.status, root.findtext("statusCode"), root.findtext("subStatusCode")


Ask = Callable[..., Awaitable[Said]]


@asynccontextmanager
async def asking(
    device: HikvisionDevice, password: str | None = None, *, login: bool = True
) -> AsyncIterator[Ask]:
    # One challenge and one answer for each request: that can be counted.
    digest = aiohttp.DigestAuthMiddleware(
        device.username, password or device.password, preemptive=False
    )
    async with aiohttp.ClientSession(middlewares=[digest] if login else []) as session:

        async def ask(path: str, method: str = "GET", body: bytes | None = None) -> Said:
            headers = {"Content-Type": "application/xml"} if body is not None else None
            async with session.request(
                method, f"{device.http.url}{path}", data=body, headers=headers
            ) as response:
                return Said(
                    response.status,
                    dict(response.headers),
                    response.headers.getall("WWW-Authenticate", []),
                    await response.read(),
                )

        yield ask


async def got(device: HikvisionDevice, path: str) -> Said:
    async with asking(device) as ask:
        return await ask(path)


# --- who it is ----------------------------------------------------------------------------------


async def test_a_camera_says_who_it_is() -> None:
    async with HikvisionDevice("Yard") as device:
        said = await got(device, "/ISAPI/System/deviceInfo")
        assert said.status == 200
        assert said.headers["Content-Type"].startswith("application/xml")
        info = said.root
        assert info.tag == "DeviceInfo"
        assert info.findtext("deviceName") == "Yard"
        assert info.findtext("serialNumber") == device.unit.serial
        assert info.findtext("macAddress") == device.unit.mac
        assert info.findtext("firmwareVersion") == "V5.7.15"
        assert info.findtext("firmwareReleasedDate") == "build 240201"
        assert info.findtext("deviceType") == "IPDome"
        assert said.headers["Server"] == "App-webs/"


async def test_devices_of_other_names_have_other_serials_and_addresses() -> None:
    one, same, other = HikvisionDevice("A"), HikvisionDevice("A"), HikvisionDevice("B")
    assert (one.unit.serial, one.unit.mac) == (same.unit.serial, same.unit.mac)
    assert one.unit.serial != other.unit.serial
    assert one.unit.mac != other.unit.mac
    assert HikvisionDevice(serial="1", mac="2").unit.serial == "1"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"ptz": False}, "IPCamera"),
        ({}, "IPDome"),
        ({"channels": 2}, "NVR"),
        ({"channels": 1, "recorder": True}, "NVR"),
        ({"channels": 3, "analogue": 2}, "DVR"),
        ({"channels": 2, "recorder": False, "ptz": False}, "IPCamera"),
    ],
    ids=["camera", "dome", "recorder", "small recorder", "dvr", "panorama"],
)
def test_what_it_is_follows_from_its_channels(options: dict[str, int], kind: str) -> None:
    assert HikvisionDevice(**options).unit.kind == kind  # type: ignore[arg-type]  # of several types


def test_contradictions_are_refused() -> None:
    with pytest.raises(ValueError, match="more analogue"):
        HikvisionDevice(analogue=2)
    with pytest.raises(ValueError, match="recorder"):
        HikvisionDevice(analogue=1, recorder=False)
    with pytest.raises(ValueError, match="unknown quirks: hover"):
        HikvisionDevice(quirks=["hover"])
    with pytest.raises(ValueError, match="exclude"):
        HikvisionDevice(quirks=["paths-psia", "paths-without-isapi"])


def test_every_quirk_is_a_sentence_under_a_plain_name() -> None:
    for name, sentence in QUIRKS.items():
        assert name == name.lower().replace("_", "-").strip()
        assert sentence[0].isupper()
        assert sentence.endswith(".")


async def test_its_ports_are_told() -> None:
    async with HikvisionDevice() as device:
        root = (await got(device, "/ISAPI/Security/adminAccesses")).root
        ports = {one.findtext("protocol"): one.findtext("portNo") for one in root}
        assert ports["HTTP"] == str(device.http_port)
        assert ports["RTSP"] == str(device.rtsp_port)
        assert ports["DEV_MANAGE"] == "8000"


async def test_with_tls_its_port_is_that_of_https() -> None:
    async with HikvisionDevice(tls=True) as device:
        digest = aiohttp.DigestAuthMiddleware(device.username, device.password)
        async with (
            aiohttp.ClientSession(middlewares=[digest]) as session,
            session.get(f"{device.http.url}/ISAPI/Security/adminAccesses", ssl=False) as response,
        ):
            body = await response.read()
        assert b"<protocol>HTTPS</protocol>\n<portNo>%d</portNo>" % device.http_port in body


async def test_a_reboot_cuts_everything_off_for_a_while() -> None:
    clock = FakeClock()
    async with HikvisionDevice(auth="none", clock=clock) as device, asking(device) as ask:
        device.reboot()
        with pytest.raises(aiohttp.ClientError):
            await ask("/ISAPI/System/deviceInfo")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await described(device, "/Streaming/Channels/101")
        await clock.advance(29)
        assert device.http.faults.refuse
        await clock.advance(1)
        assert (await ask("/ISAPI/System/deviceInfo")).status == 200
        assert (await described(device, "/Streaming/Channels/101")).startswith("RTSP/1.0 200")
        assert device.rebooted == 1


async def test_a_plug_pulled_during_a_reboot_ends_it() -> None:
    clock = FakeClock()
    async with HikvisionDevice(auth="none", clock=clock) as device, asking(device) as ask:
        port = device.http_port
        device.reboot()
        await device.stop()
        await device.start()
        assert device.http_port == port
        assert (await ask("/ISAPI/System/deviceInfo")).status == 200
        assert clock.pending == []


async def test_its_clock_may_be_wrong() -> None:
    clock = FakeClock()
    async with HikvisionDevice(clock=clock) as device:
        device.clock_offset = 3600
        said = await got(device, "/ISAPI/System/time")
        assert said.root.findtext("localTime") == "2023-11-14T23:13:20+00:00"
        assert parsedate_to_datetime(said.headers["Date"]).timestamp() == clock.time() + 3600


# --- dialects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quirk", "namespace"),
    [
        ("", USUAL),
        ("namespace-ver10", "{http://www.hikvision.com/ver10/XMLSchema}"),
        ("namespace-isapi", "{http://www.isapi.org/ver20/XMLSchema}"),
        ("namespace-psia", "{urn:psialliance-org}"),
        ("namespace-std-cgi", "{http://www.std-cgi.com/ver20/XMLSchema}"),
        ("namespace-none", ""),
    ],
    ids=["usual", "ver10", "isapi", "psia", "std-cgi", "none"],
)
async def test_documents_are_in_a_namespace(quirk: str, namespace: str) -> None:
    async with HikvisionDevice(quirks=[quirk] if quirk else []) as device:
        body = (await got(device, "/ISAPI/System/deviceInfo")).body
        root = fromstring(body)  # noqa: S314 - written by our own device
        assert root.tag == f"{namespace}DeviceInfo"
        assert root.findtext(f"{namespace}model") == device.unit.model


@pytest.mark.parametrize(
    ("quirk", "path"),
    [("paths-without-isapi", "/System/deviceInfo"), ("paths-psia", "/PSIA/System/deviceInfo")],
    ids=["without", "psia"],
)
async def test_old_devices_have_other_paths(quirk: str, path: str) -> None:
    async with HikvisionDevice(quirks=[quirk]) as device, asking(device) as ask:
        assert (await ask(path)).status == 200
        assert (await ask("/ISAPI/System/deviceInfo")).status == 404


async def test_an_unescaped_ampersand_is_no_xml() -> None:
    async with HikvisionDevice("A", quirks=["raw-ampersand"]) as device:
        body = (await got(device, "/ISAPI/System/deviceInfo")).body
        assert b"<deviceName>A & Yard</deviceName>" in body
        assert b"&amp;" not in body


async def test_errors_may_come_with_status_200() -> None:
    async with HikvisionDevice() as device, asking(device) as ask:
        path = "/ISAPI/ContentMgmt/InputProxy/channels"
        assert (await ask(path)).code == (403, "4", "notSupport")
        assert (await ask("/ISAPI/Nothing")).code == (404, "4", "notSupport")
        assert (await ask("/ISAPI/System/time", "DELETE")).code == (405, "4", "methodNotAllowed")
        device.quirks.add("errors-as-200")
        assert (await ask(path)).code == (200, "4", "notSupport")


# --- letting in ---------------------------------------------------------------------------------


async def test_digest_is_asked_for_and_the_realm_is_a_cameras() -> None:
    async with HikvisionDevice() as device, asking(device, login=False) as ask:
        said = await ask("/ISAPI/System/deviceInfo")
        assert said.status == 401
        assert len(said.challenges) == 1
        assert said.challenges[0].startswith('Digest realm="IP Camera(C2183)"')
        assert "algorithm=MD5" in said.challenges[0]
        assert said.root.findtext("isActivated") == "true"
        assert device.refused == 0


async def test_new_firmware_offers_two_algorithms_and_old_one_basic_too() -> None:
    quirks = ["md5-and-sha-256"]
    async with (
        HikvisionDevice(auth="both", quirks=quirks) as device,
        asking(device, login=False) as ask,
    ):
        said = await ask("/ISAPI/System/deviceInfo")
        kinds = [one.split(" ")[0] for one in said.challenges]
        assert kinds == ["Digest", "Digest", "Basic"]
        assert "algorithm=MD5" in said.challenges[0]
        assert "algorithm=SHA-256" in said.challenges[1]
        assert said.challenges[0].split("nonce=")[1] != said.challenges[1].split("nonce=")[1]
        assert (await got(device, "/ISAPI/System/deviceInfo")).status == 200


async def test_wrong_passwords_lock_and_the_401_tells_how_long() -> None:
    clock = FakeClock()
    async with HikvisionDevice(lock_after=5, clock=clock) as device:
        async with asking(device, "wrong") as ask:
            first = (await ask("/ISAPI/System/deviceInfo")).root
            assert first.findtext("statusValue") == "401"
            assert first.findtext("lockStatus") == "unlock"
            assert first.findtext("retryLoginTime") == "4"
            device.rtsp.lock.refused()  # as a wrong password by RTSP would
            for _ in range(3):
                last = await ask("/ISAPI/System/deviceInfo")
        assert (last.status, last.root.findtext("lockStatus")) == (401, "lock")
        assert last.root.findtext("unlockTime") == "1800"
        assert last.root.findtext("retryLoginTime") == "0"
        await clock.advance(1000)
        right = await got(device, "/ISAPI/Security/userCheck")
        assert (right.status, right.root.findtext("unlockTime")) == (401, "800")
        assert device.http.counters.locked == 1
        async with asking(device, login=False) as ask:
            stranger = (await ask("/ISAPI/Security/userCheck")).root
            assert stranger.findtext("lockStatus") == "lock"
        await clock.advance(801)
        state = await got(device, "/ISAPI/Security/userCheck")
        assert (state.status, state.root.findtext("statusValue")) == (200, "200")
        assert state.root.findtext("lockStatus") == "unlock"
        assert state.root.findtext("retryLoginTime") == "5"


async def test_some_refusals_say_nothing_but_user_check_does() -> None:
    async with (
        HikvisionDevice(lock_after=5, quirks=["bare-401"]) as device,
        asking(device, "wrong") as ask,
    ):
        said = await ask("/ISAPI/System/deviceInfo")
        assert (said.status, said.headers["Content-Type"]) == (401, "text/html")
        assert said.challenges
        state = await ask("/ISAPI/Security/userCheck")
        assert (state.status, state.root.findtext("retryLoginTime")) == (401, "3")


async def test_a_device_fresh_from_the_factory_refuses_until_it_is_activated() -> None:
    async with HikvisionDevice(quirks=["not-activated"]) as device, asking(device) as ask:
        assert (await ask("/ISAPI/System/deviceInfo")).code == (403, "4", "notActivated")
        state = await ask("/ISAPI/Security/userCheck")
        assert (state.status, state.root.findtext("isActivated")) == (401, "false")
        assert device.refused == 0
        device.quirks.remove("not-activated")
        assert (await ask("/ISAPI/System/deviceInfo")).status == 200


async def test_a_new_password_counts_at_once() -> None:
    async with HikvisionDevice() as device:
        before = device.password
        device.set_password("another one")
        async with asking(device, before) as ask:
            assert (await ask("/ISAPI/System/deviceInfo")).status == 401
        assert device.refused == 1
        assert (await got(device, "/ISAPI/System/deviceInfo")).status == 200


async def test_the_login_page_tells_whose_it_is_without_a_login() -> None:
    async with HikvisionDevice(auth="basic") as device, asking(device, login=False) as ask:
        said = await ask("/")
        assert (said.status, b"/doc/page/login.asp" in said.body) == (200, True)
        assert (await ask("/ISAPI/System/deviceInfo")).challenges[0].startswith("Basic")


# --- letting in to streams ------------------------------------------------------------------------


async def described(device: HikvisionDevice, path: str, authorization: str = "") -> str:
    """Return the status line of a DESCRIBE, and the challenge if there is one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", device.rtsp_port)
    target = device.rtsp.url(path)
    login = f"Authorization: {authorization}\r\n" if authorization else ""
    writer.write(f"DESCRIBE {target} RTSP/1.0\r\nCSeq: 1\r\n{login}\r\n".encode())
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_credentials_are_asked_for_before_the_path_is_looked_at() -> None:
    async with HikvisionDevice(auth="basic") as device:
        login = aiohttp.encode_basic_auth(device.username, device.password)
        for path, status in (("/Streaming/Channels/101", "200 OK"), ("/live", "404 Not Found")):
            stranger = await described(device, path)
            assert stranger.startswith("RTSP/1.0 401")
            assert 'Basic realm="IP Camera(C2183)"' in stranger
            assert (await described(device, path, login)).startswith(f"RTSP/1.0 {status}")
        assert device.refused == 0


async def test_a_locked_account_is_locked_for_streams_too() -> None:
    async with HikvisionDevice(auth="basic", lock_after=2) as device:
        wrong = aiohttp.encode_basic_auth(device.username, "wrong")
        right = aiohttp.encode_basic_auth(device.username, device.password)
        path = "/Streaming/Channels/101"
        assert (await described(device, path, wrong)).startswith("RTSP/1.0 401")
        async with asking(device, login=False) as ask:
            assert (await ask("/ISAPI/System/deviceInfo")).root.findtext("retryLoginTime") == "1"
        await described(device, path, wrong)
        assert (await described(device, path, right)).startswith("RTSP/1.0 401")
        assert device.refused == 2
