"""A device of a few answers, each of which a test may replace, and handles for it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from ucv import Channel, Credentials
from ucv.clock import Clock, SystemClock
from ucv.entries.devices import http_client
from ucv.http import HttpPool
from ucv.lockout import Lockouts
from ucv.plugins.device import Device
from ucv.testing import VirtualCamera, VirtualDevice
from ucv.testing.http_auth import Verdict
from ucv.testing.http_message import Answer, Request
from ucv.testing.virtual_camera import jpeg
from ucv.wire import parse_xml, xml_text
from ucv_onvif import Onvif

SERVICE = "/onvif/device_service"
PATHS = ("device_service", "media", "media2", "ptz", "imaging", "events", "pull/1")
NAMESPACES = {
    "device_service": "http://www.onvif.org/ver10/device/wsdl",
    "media": "http://www.onvif.org/ver10/media/wsdl",
    "media2": "http://www.onvif.org/ver20/media/wsdl",
    "ptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "imaging": "http://www.onvif.org/ver20/imaging/wsdl",
    "events": "http://www.onvif.org/ver10/events/wsdl",
}
#: Seconds by which a token may be old or early.
WINDOW = 5.0

#: A body within the envelope, or a whole answer, or what makes one of a request's element.
Told = str | bytes | Answer
Reply = Told | Callable[[Element], Told | Awaitable[Told]]


def envelope(body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<SOAP-ENV:Envelope '
        'xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:wsa="http://www.w3.org/2005/08/addressing" '
        'xmlns:tt="http://www.onvif.org/ver10/schema">'
        f"<SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


def fault(code: str, reason: str = "No.", status: int = 400) -> Answer:
    body = (
        "<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value>"
        f"<SOAP-ENV:Subcode><SOAP-ENV:Value>ter:{code}</SOAP-ENV:Value></SOAP-ENV:Subcode>"
        f"</SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text>{reason}</SOAP-ENV:Text>"
        "</SOAP-ENV:Reason></SOAP-ENV:Fault>"
    )
    return Answer(status, {"Content-Type": "application/soap+xml"}, envelope(body))


class Script:
    """What a device answers, by operation; of Media2, by ``Media2`` before it.

    ``ways`` are the logins it takes: "token" and "digest". ``ahead`` is how far its clock is, in
    seconds. ``asked`` are the operations of all requests, ``refused`` counts wrong credentials.
    """

    def __init__(
        self,
        http: VirtualDevice | None = None,
        *,
        ways: tuple[str, ...] = ("token", "digest"),
        media2: bool = True,
    ) -> None:
        self.http = http or VirtualDevice("admin", "camera-secret", realm="ONVIF")
        self.ways = ways
        self.asked: list[str] = []
        self.bodies: list[tuple[str, Element]] = []
        self.paths: list[str] = []
        self.open = {"GetSystemDateAndTime"}
        self.answers: dict[str, Reply] = {}
        self.host = "192.168.1.108"
        services = [name for name in NAMESPACES if media2 or name != "media2"]
        self.answers["GetServices"] = lambda _body: "".join(
            [
                "<tds:GetServicesResponse>",
                *(
                    f"<tds:Service><tds:Namespace>{NAMESPACES[name]}</tds:Namespace>"
                    f"<tds:XAddr>http://{self.host}/onvif/{name}</tds:XAddr></tds:Service>"
                    for name in services
                ),
                "</tds:GetServicesResponse>",
            ]
        )
        self.answers["GetSystemDateAndTime"] = self._time
        self.answers["GetDeviceInformation"] = (
            "<r><Manufacturer>Acme</Manufacturer><Model>Dome 5</Model>"
            "<FirmwareVersion>2.1</FirmwareVersion><SerialNumber>AC0099887</SerialNumber></r>"
        )
        self.answers["GetNetworkInterfaces"] = (
            "<r><NetworkInterfaces token='e'><Enabled>true</Enabled><Info>"
            "<HwAddress>3c:ef:8c:01:02:03</HwAddress></Info></NetworkInterfaces></r>"
        )
        self.answers["GetProfiles"] = profiles1("s1")
        self.answers["Media2GetProfiles"] = profiles2("s1")
        self.answers["GetStreamUri"] = lambda body: (
            f"<r><MediaUri><Uri>rtsp://{self.host}/live/"
            f"{xml_text(body, 'ProfileToken')}</Uri></MediaUri></r>"
        )
        self.answers["Media2GetStreamUri"] = lambda body: (
            f"<r><Uri>rtsp://{self.host}/live2/{xml_text(body, 'ProfileToken')}</Uri></r>"
        )
        picture = f"http://{self.host}/snap?token=1"
        self.answers["GetSnapshotUri"] = f"<r><MediaUri><Uri>{picture}</Uri></MediaUri></r>"
        self.answers["Media2GetSnapshotUri"] = f"<r><Uri>{picture}</Uri></r>"
        self.answers["GetOptions"] = (
            "<r><ImagingOptions><IrCutFilterModes>ON</IrCutFilterModes><IrCutFilterModes>OFF"
            "</IrCutFilterModes><IrCutFilterModes>AUTO</IrCutFilterModes></ImagingOptions></r>"
        )
        self.answers["GetNodes"] = (
            "<r><PTZNode token='n'><SupportedPTZSpaces/><MaximumNumberOfPresets>10"
            "</MaximumNumberOfPresets><HomeSupported>true</HomeSupported></PTZNode></r>"
        )
        for name in PATHS:
            self.http.route(f"/onvif/{name}", self.answer, method="POST", auth=False)
        self.http.route("/snap", b"\xff\xd8picture\xff\xd9")

    @property
    def ahead(self) -> float:
        return self.http.faults.clock_skew

    @ahead.setter
    def ahead(self, seconds: float) -> None:
        self.http.faults.clock_skew = seconds

    @property
    def refused(self) -> int:
        return self.http.counters.refused

    def count(self, operation: str) -> int:
        return self.asked.count(operation)

    def body(self, operation: str) -> Element:
        """Return what was last asked with an operation."""
        return [body for name, body in self.bodies if name == operation][-1]

    def _time(self, _body: Element) -> str:
        now = datetime.fromtimestamp(self.http.time(), UTC)
        return (
            "<r><SystemDateAndTime><UTCDateTime>"
            f"<Time><Hour>{now.hour}</Hour><Minute>{now.minute}</Minute>"
            f"<Second>{now.second}</Second></Time><Date><Year>{now.year}</Year>"
            f"<Month>{now.month}</Month><Day>{now.day}</Day></Date>"
            "</UTCDateTime></SystemDateAndTime></r>"
        )

    async def answer(self, request: Request) -> Answer:
        root = parse_xml(request.body)
        content = root.find("Body/*")
        assert content is not None
        operation = content.tag
        if request.path.endswith("media2"):
            operation = f"Media2{operation}"
        self.asked.append(operation)
        self.paths.append(request.target)
        self.bodies.append((operation, content))
        if operation not in self.open and (denied := self._denied(request, root)) is not None:
            return denied
        reply = self.answers.get(operation, f"<{operation}Response/>")
        told = reply(content) if callable(reply) else reply
        made = told if isinstance(told, (str, bytes, Answer)) else await told
        if isinstance(made, Answer):
            return made
        data = made if isinstance(made, bytes) else envelope(made.replace("tds:", ""))
        return Answer(200, {"Content-Type": "application/soap+xml"}, data)

    def _denied(self, request: Request, root: Element) -> Answer | None:
        token = root.find("Header/Security/UsernameToken")
        if token is not None:
            if "token" in self.ways and self._is_right(token):
                return None
            self._refuse()
        elif "digest" in self.ways and "authorization" in request.headers:
            if self.http.guard.judge(request)[0] is Verdict.ACCEPTED:
                return None
            self._refuse()
        if "digest" in self.ways:
            values = self.http.guard.challenges()
            return Answer(401, tuple(("WWW-Authenticate", value) for value in values))
        return fault("NotAuthorized", "Sender not Authorized")

    def _refuse(self) -> None:
        self.http.counters.refused += 1
        self.http.lock.refused()

    def _is_right(self, token: Element) -> bool:
        created = xml_text(token, "Created")
        if not created.endswith("Z"):
            return False
        moment = datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp()
        if abs(moment - self.http.time()) > WINDOW:
            return False
        nonce = base64.b64decode(xml_text(token, "Nonce"))
        secret = nonce + created.encode() + self.http.password.encode()
        expected = base64.b64encode(hashlib.sha1(secret).digest()).decode()  # noqa: S324 - so it is
        return (xml_text(token, "Username"), xml_text(token, "Password")) == ("admin", expected)


def _source(tag: str, source: str) -> str:
    return (
        f"<{tag} token='c-{source}'><Name>Gate {source}</Name>"
        f"<SourceToken>{source}</SourceToken></{tag}>"
    )


def _encoder(tag: str, codec: str, width: int, height: int) -> str:
    return (
        f"<{tag}><Encoding>{codec}</Encoding><Resolution><Width>{width}</Width><Height>{height}"
        "</Height></Resolution><RateControl><FrameRateLimit>25</FrameRateLimit><BitrateLimit>4096"
        f"</BitrateLimit></RateControl></{tag}>"
    )


def _ptz(tag: str) -> str:
    return (
        f"<{tag}><NodeToken>n</NodeToken><DefaultContinuousPanTiltVelocitySpace>x"
        "</DefaultContinuousPanTiltVelocitySpace><DefaultContinuousZoomVelocitySpace>x"
        "</DefaultContinuousZoomVelocitySpace><DefaultRelativePanTiltTranslationSpace>x"
        "</DefaultRelativePanTiltTranslationSpace><DefaultAbsolutePantTiltPositionSpace>x"
        f"</DefaultAbsolutePantTiltPositionSpace></{tag}>"
    )


def profiles1(*sources: str, ptz: bool = False) -> str:
    found = []
    for source in sources:
        for name, width, height in (("main", 1920, 1080), ("sub", 640, 360)):
            found.append(
                f"<trt:Profiles token='{name}-{source}'><tt:Name>{name}</tt:Name>"
                + _source("VideoSourceConfiguration", source)
                + _encoder("VideoEncoderConfiguration", "H264", width, height)
                + "<AudioEncoderConfiguration><Encoding>G711</Encoding></AudioEncoderConfiguration>"
                + (_ptz("PTZConfiguration") if ptz else "")
                + "</trt:Profiles>"
            )
    body = f"<r>{''.join(found)}</r>"
    return body.replace("trt:", "").replace("tt:", "")


def profiles2(*sources: str, ptz: bool = False) -> str:
    found = []
    for source in sources:
        for name, width, height in (("sub", 640, 360), ("main", 3840, 2160)):
            found.append(
                f"<Profiles token='{name}-{source}'><Name>{name}</Name><Configurations>"
                + _source("VideoSource", source)
                + _encoder("VideoEncoder", "H265", width, height)
                + "<AudioEncoder><Encoding>MP4A-LATM</Encoding></AudioEncoder>"
                + (_ptz("PTZ") if ptz else "")
                + "</Configurations></Profiles>"
            )
    return f"<r>{''.join(found)}</r>"


class ScriptedCamera(VirtualCamera):
    """A script with streams behind it; ``script`` has its answers."""

    def __init__(self, **options: Any) -> None:
        clock = options.pop("clock", None)
        super().__init__(
            "Scripted", paths=("/live2/main-s1", "/live2/sub-s1"), realm="ONVIF", clock=clock
        )
        self.script = Script(self.http, **options)
        self.http.route("/snap", jpeg("Scripted"))


class Bench:
    """Makes scripted devices and loaded handles for them."""

    fault = staticmethod(fault)
    envelope = staticmethod(envelope)
    profiles1 = staticmethod(profiles1)
    profiles2 = staticmethod(profiles2)

    camera = ScriptedCamera

    def __init__(self) -> None:
        self.onvif = Onvif()
        self._devices: list[VirtualDevice] = []
        self._pools: list[HttpPool] = []
        self._lockouts = Lockouts()
        self.remembered: dict[str, Any] = {}

    async def script(self, **options: Any) -> Script:
        script = Script(**options)
        await script.http.start()
        self._devices.append(script.http)
        return script

    async def handle(
        self,
        script: Script,
        *,
        password: str | None = None,
        clock: Clock | None = None,
        probe: bool = True,
        channel: Channel | None = None,
        **config: Any,
    ) -> Device:
        clock = clock or SystemClock()
        pool = HttpPool(clock)
        self._pools.append(pool)
        credentials = Credentials("admin", password or script.http.password)

        async def remember(facts: dict[str, Any]) -> None:
            self.remembered.update(facts)

        handle = Device(
            entry_id="camera",
            name="Camera",
            config={"host": script.http.host, "http_port": script.http.port, **config},
            credentials=credentials,
            clock=clock,
            remember=remember,
            http=lambda made: http_client(pool, made),
            lockout=self._lockouts.of(f"{script.http.host}:{script.http.port}", credentials),
        )
        await self.onvif.setup(handle)
        if probe:
            await self.onvif.probe(handle)
        return handle if channel is None else handle.view(channel)

    async def close(self) -> None:
        for pool in self._pools:
            await pool.close()
        for device in self._devices:
            await device.stop()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()
