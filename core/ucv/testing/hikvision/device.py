"""A Hikvision camera or recorder made of software."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from ucv.clock import Clock, SystemClock, TimerHandle
from ucv.testing.hikvision.alert_stream import USUAL_KINDS, AlertStream
from ucv.testing.hikvision.image_paths import ImagePaths
from ucv.testing.hikvision.isapi_server import IsapiServer
from ucv.testing.hikvision.ptz_paths import PtzPaths
from ucv.testing.hikvision.quirks import checked
from ucv.testing.hikvision.settings import Settings
from ucv.testing.hikvision.stream_mounts import StreamMounts
from ucv.testing.hikvision.streaming_paths import StreamingPaths
from ucv.testing.hikvision.system_paths import SystemPaths
from ucv.testing.hikvision.unit import Channel, Codec, Kind, Unit, mac_of, serial_of
from ucv.testing.http_auth import AuthScheme
from ucv.testing.live_scene import enliven
from ucv.testing.ptz_model import PtzModel
from ucv.testing.rtsp_auth import AuthKind
from ucv.testing.virtual_camera import VirtualCamera, jpeg

_MODELS = {
    "IPCamera": "DS-2CD2143G2-I",
    "IPDome": "DS-2DE2A404IW-DE3",
    "NVR": "DS-7608NI-I2",
    "DVR": "iDS-7204HQHI-M1",
}
_SERVERS = {"NVR": "DNVRS-Webs", "DVR": "DVRDVS-Webs"}
_RTSP_KINDS = {"none": AuthKind.NONE, "basic": AuthKind.BASIC}
_LOGIN_PAGE = (
    '<html><head><script>window.location.href="/doc/page/login.asp"</script></head></html>'
)
#: Seconds between the answer to who wants a reboot and the reboot.
_PARTING = 0.05


class HikvisionDevice(VirtualCamera):
    """A camera, or a recorder; ``async with HikvisionDevice(quirks=["heart-beat"]) as device:``.

    - ``channels``: more than one makes it a recorder, unless ``recorder`` says otherwise. The first
      ``analogue`` ones are inputs of its own (a DVR), the others IP cameras.
    - ``ptz``: whether cameras can be moved; or the numbers of the channels where they can.
    - ``streams``: how many each channel has: main, sub, third, transcoded.
    - ``scene``: main and sub streams are drawn live and turn with the camera's head, and the
      motion in them is told as ``VMD``; without, clips play.
    - ``codec`` and ``audio`` (an ``audioCompressionType``) are declared; H.264 without sound plays.
    - ``kinds``: the types of events that it has triggers for.
    - ``model``, ``serial``, ``mac``: None makes them up, always the same for a name.
    - ``quirks``: names of `QUIRKS`; ``self.quirks`` may be changed while it runs, but for those of
      its streams' paths and of digest's algorithms.
    - everything else is `VirtualCamera`'s.

    ``lock`` counts wrong credentials for HTTP and RTSP together, and a locked account gets 401.
    ``settings`` has what is set, ``ptz`` how each channel is moved, ``alerts`` what happens.
    ``rebooted`` counts; a reboot takes ``reboot_seconds``, in which nothing answers.
    """

    server = IsapiServer
    http: IsapiServer

    def __init__(
        self,
        name: str = "Hikvision",
        *,
        channels: int = 1,
        analogue: int = 0,
        recorder: bool | None = None,
        ptz: bool | Collection[int] = True,
        streams: int = 2,
        codec: Codec = "h264",
        audio: str | None = None,
        scene: bool = False,
        kinds: Collection[str] = USUAL_KINDS,
        inputs: int = 1,
        outputs: int = 1,
        model: str | None = None,
        serial: str | None = None,
        mac: str | None = None,
        firmware: str = "V5.7.15",
        auth: AuthScheme = "digest",
        realm: str | None = None,
        clock: Clock | None = None,
        quirks: Collection[str] = (),
        **options: Any,
    ) -> None:
        self.quirks = checked(quirks)
        clock = clock or SystemClock()
        kind = _kind(channels, analogue, recorder, movable=bool(ptz))
        model = model or _MODELS[kind]
        super().__init__(
            name,
            paths=(),
            auth=auth,
            realm=realm or ("IP Camera(C2183)" if kind.startswith("IP") else model),
            clock=clock,
            **options,
        )
        self.lock.status = 401
        self.rebooted = 0
        self.reboot_seconds = 30.0
        self._movable = ptz
        self._live = scene
        self._running = False
        self._ending: set[asyncio.Task[None]] = set()
        self._mounts = StreamMounts(self.rtsp, self._account, self.quirks)
        self._reboot_timer: TimerHandle | None = None
        self._account.kind = _RTSP_KINDS.get(auth, AuthKind.DIGEST)
        self.http.quirks = self.quirks
        self.http.server_header = _SERVERS.get(kind, "App-webs/")
        twice = "md5-and-sha-256" in self.quirks
        self.http.guard.algorithms = ("MD5", "SHA-256") if twice else ("MD5",)
        self.unit = Unit(
            name=name + (" & Yard" if "raw-ampersand" in self.quirks else ""),
            kind=kind,
            model=model,
            serial=serial or serial_of(name, model),
            mac=mac or mac_of(name),
            firmware=firmware,
            clock=clock,
            ports=self._ports,
            time=self.http.time,
            quirks=self.quirks,
            streams=streams,
            codec=codec,
            audio=audio,
            inputs=inputs,
            outputs=[False] * outputs,
        )
        self.settings = Settings(self.unit)
        self.alerts = AlertStream(
            self.unit, tuple(kinds), self.http.written, self._alert_picture, self.host
        )
        self._add_rules()
        for number in range(1, channels + 1):
            self.add_channel(analogue=number <= analogue)

    def _add_rules(self) -> None:
        unit, settings = self.unit, self.settings
        self.streaming = StreamingPaths(unit, settings, self.picture)
        system = SystemPaths(
            unit, settings, login_state=self.http.login_state, reboot=self._reboot_soon
        )
        for paths in (
            system,
            self.streaming,
            ImagePaths(unit, settings),
            PtzPaths(unit, settings, self._reboot_soon),
            self.alerts,
        ):
            self.http.add_rules(paths.rules())
        for page in ("/", "/doc/page/login.asp"):
            self.http.route(page, _LOGIN_PAGE, auth=False, content_type="text/html")

    def _ports(self) -> dict[str, int]:
        scheme = "HTTPS" if self.http.url.startswith("https") else "HTTP"
        return {"HTTP": 80, scheme: self.http_port, "RTSP": self.rtsp_port, "DEV_MANAGE": 8000}

    # --- what it shows --------------------------------------------------------------------------

    async def picture(self, channel: int, width: int, height: int) -> bytes:
        """Return what a channel shows, as JPEG; without scenes they all show the same."""
        if (scene := self.scenes.get(channel)) is not None:
            return await scene.jpeg(width, height)
        return await asyncio.to_thread(jpeg, self.name, width, height)

    def _alert_picture(self, _channel: int) -> bytes:
        return jpeg(self.name, 320, 180)

    @property
    def ptz(self) -> dict[int, PtzModel]:
        """How the cameras that can be moved are moved, by channel."""
        return self.unit.ptz

    @property
    def clock_offset(self) -> float:
        """Seconds that its clock is ahead; may be set."""
        return self.http.faults.clock_skew

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self.http.faults.clock_skew = seconds

    # --- what happens ---------------------------------------------------------------------------

    def start_event(self, kind: str = "VMD", channel: int = 1, **about: Any) -> None:
        """Let an event begin; ``about`` is as in `AlertStream.start`."""
        self.alerts.start(kind, channel, **about)

    def stop_event(self, kind: str = "VMD", channel: int = 1, **about: Any) -> None:
        """Let it end."""
        self.alerts.stop(kind, channel, **about)

    def pulse(self, kind: str = "VMD", channel: int = 1, **about: Any) -> None:
        """Let something happen that is told once, and whose end is not."""
        self.alerts.pulse(kind, channel, **about)

    # --- channels -------------------------------------------------------------------------------

    def add_channel(self, name: str | None = None, *, analogue: bool = False) -> int:
        """Add a camera to a recorder, and return its number, the lowest one that is free."""
        channels = self.unit.channels
        number = next(one for one in range(1, len(channels) + 2) if one not in channels)
        model = _MODELS["IPCamera"]
        channels[number] = Channel(
            number,
            name or (f"Camera {number:02d}" + (" & Yard" * ("raw-ampersand" in self.quirks))),
            analogue,
            model=model,
            serial=serial_of(f"{self.unit.serial} {number}", model),
            firmware="V5.7.3",
            address=f"192.168.254.{number + 1}",
        )
        if self._movable is True or (self._movable and number in self._movable):
            self.unit.ptz[number] = PtzModel(self.unit.clock)
        self._mounts.add(number, self.unit.streams)
        if self._live and self._running:
            self._enliven(number)
        return number

    def remove_channel(self, number: int) -> None:
        """Take a camera away; its streams end. Raises `KeyError` if there is none."""
        del self.unit.channels[number]
        self.unit.ptz.pop(number, None)
        self.alerts.forget(number)
        self._mounts.remove(number)
        if (scene := self.scenes.pop(number, None)) is not None:
            self._ending.add(asyncio.create_task(scene.stop(), name="end of a live scene"))

    def set_online(self, number: int, online: bool) -> None:
        """Cut a recorder's camera off from it, or let it come back; raises `KeyError`."""
        channel = self.unit.channels[number]
        if channel.online == online:
            return
        channel.online = online
        self._mounts.set_online(number, online=online)
        if online:
            self.alerts.stop("videoloss", number)
        else:
            self.alerts.forget(number)
            self.alerts.start("videoloss", number)

    # --- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """See `VirtualCamera.start`."""
        if not self._mounts.ready:
            self._mounts.show(await asyncio.to_thread(self._draw))
            for number, channel in self.unit.channels.items():
                self._mounts.add(number, self.unit.streams)
                self._mounts.set_online(number, online=channel.online)
        await super().start()
        self._running = True
        if self._live:
            for number in self.unit.channels:
                self._enliven(number)

    async def stop(self) -> None:
        """See `VirtualCamera.stop`; a reboot under way is over."""
        self._running = False
        await super().stop()
        self._back()
        await asyncio.gather(*self._ending)
        self._ending.clear()

    def _enliven(self, number: int) -> None:
        # An offline camera's stream is another one now, and as offline as before.
        enliven(self, number, self._mounts.paths[number])
        self._mounts.set_online(number, online=self.unit.channels[number].online)

    def reboot(self) -> None:
        """Cut all connections, and be away for ``reboot_seconds``."""
        self._cancel_reboot()
        self.rebooted += 1
        self.settings.rebooted()
        self.http.faults.refuse = True
        self.rtsp.faults.away = True
        self.rtsp.drop_connections()
        self._reboot_timer = self.unit.clock.call_later(self.reboot_seconds, self._back)

    def _reboot_soon(self) -> None:
        # Who asked for it gets an answer first.
        self._cancel_reboot()
        self._reboot_timer = asyncio.get_running_loop().call_later(_PARTING, self.reboot)

    def _back(self) -> None:
        self._cancel_reboot()
        self.http.faults.refuse = False
        self.rtsp.faults.away = False

    def _cancel_reboot(self) -> None:
        if self._reboot_timer is not None:
            self._reboot_timer.cancel()
            self._reboot_timer = None


def _kind(channels: int, analogue: int, recorder: bool | None, *, movable: bool) -> Kind:
    if analogue > channels:
        raise ValueError("There cannot be more analogue channels than channels.")
    if recorder is False and analogue:
        raise ValueError("Only a recorder has analogue channels.")
    if recorder or (recorder is None and (channels > 1 or analogue)):
        return "DVR" if analogue else "NVR"
    return "IPDome" if movable else "IPCamera"
