"""An ONVIF camera or recorder made of software."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Collection, Mapping
from typing import Any

from ucv.clock import Clock, SystemClock, TimerHandle
from ucv.testing.clip import Clip
from ucv.testing.http_device import VirtualDevice
from ucv.testing.http_message import Answer, Request
from ucv.testing.live_scene import enliven
from ucv.testing.onvif.device_service import SERVICES, DeviceService
from ucv.testing.onvif.event_service import Disconnect, EventService
from ucv.testing.onvif.login import TokenLogin
from ucv.testing.onvif.media_service import MediaService
from ucv.testing.onvif.ptz_service import ImagingService, PtzService
from ucv.testing.onvif.quirks import checked
from ucv.testing.onvif.soap import Call, Operation, SoapFault, read, refuse, respond
from ucv.testing.onvif.views import STREAMS, Identity, Source, stream_path
from ucv.testing.ptz_model import PtzModel
from ucv.testing.virtual_camera import VirtualCamera, jpeg

#: Subscriptions have paths of their own below that of the event service.
_SUBSCRIPTIONS = 4096
#: Seconds between the answer to who wants a reboot and the reboot.
_PARTING = 0.05


class OnvifHttp(VirtualDevice):
    """Leaves it to the services how a request is logged in."""

    def denied(self, request: Request) -> Answer | None:
        """Judge a request by HTTP; returns the answer to one that is not let in."""
        return self._denied(request, self.faults)

    def challenge(self) -> Answer:
        """Return a 401 that asks for a login."""
        return self._challenge()


class OnvifDevice(VirtualCamera):
    """A camera, or a recorder: ``async with OnvifDevice(quirks=["no-media2"]) as device:``.

    - ``channels``: how many video sources it has.
    - ``codec`` ("h264" or "h265") and ``audio`` ("AAC", "G711", "G726" or "") are declared; H.264
      without sound plays.
    - ``ptz``: whether its sources can be moved.
    - ``scene``: what it shows is drawn live and turns with its head, and it reports the motion in
      it; without, a clip plays.
    - ``quirks``: names of `QUIRKS`; raises `ValueError` for unknown ones.
    - everything else is `VirtualCamera`'s.

    Logins by UsernameToken are checked strictly: the device's time within five seconds, and no
    nonce twice. ``events`` are its subscriptions, ``operations`` what it was asked, in order.
    """

    server = OnvifHttp
    http: OnvifHttp

    def __init__(
        self,
        name: str = "Virtual",
        *,
        channels: int = 1,
        codec: str = "h264",
        audio: str = "AAC",
        ptz: bool = True,
        scene: bool = False,
        manufacturer: str = "Virtual",
        model: str = "ONVIF 2",
        serial: str = "ON0123456789",
        mac: str = "02:00:5e:10:00:01",
        firmware: str = "2.4.1",
        quirks: Collection[str] = (),
        clock: Clock | None = None,
        **options: Any,
    ) -> None:
        self.quirks = checked(quirks)
        clock = clock or SystemClock()
        super().__init__(name, paths=(), realm="ONVIF", clock=clock, **options)
        self.clock = clock
        self.lock.status = 401
        self.operations: list[str] = []
        self.rebooted = 0
        self.reboot_seconds = 30.0
        self.identity = Identity(
            name, manufacturer, model, serial, mac, firmware, codec, audio, address=self._address
        )
        self._movable, self._scene = ptz, scene
        self._played: tuple[Clip, Clip] | None = None
        self._timers: list[TimerHandle] = []
        self._since_connected = 0
        self.tokens = TokenLogin(self.http, self.quirks)
        self.events = EventService(self.identity, clock, self.http.time, self.quirks)
        self._moving = PtzService(self.identity, clock, self.quirks)
        self._route()
        for _ in range(channels):
            self.add_channel()

    # --- its state, as a test turns it ----------------------------------------------------------

    @property
    def ptz(self) -> dict[int, PtzModel]:
        """How its sources are moved, by their number."""
        return {n: one.head for n, one in self.identity.sources.items() if one.head is not None}

    @property
    def clock_offset(self) -> float:
        """Seconds by which its clock is ahead of ours; may be set."""
        return self.http.faults.clock_skew

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self.http.faults.clock_skew = seconds

    def count(self, operation: str) -> int:
        """Return how often an operation was asked for."""
        return self.operations.count(operation)

    def add_channel(self, name: str | None = None) -> int:
        """Add a video source, and return its number."""
        sources = self.identity.sources
        number = next(n for n in range(1, len(sources) + 2) if n not in sources)
        head = PtzModel(self.clock) if self._movable else None
        sources[number] = Source(number, name or f"Source {number}", head)
        self._mount(number)
        return number

    def remove_channel(self, number: int) -> None:
        """Take a video source away; raises `KeyError` if there is none."""
        del self.identity.sources[number]
        for stream in range(len(STREAMS)):
            mount = self.rtsp.mounts.pop(stream_path(number, stream), None)
            if mount is not None:
                mount.disconnect()

    def start_event(self, kind: str = "motion", channel: int = 1) -> None:
        """Let something begin; kinds are those of `event_service.KINDS`."""
        self.events.report(kind, channel, active=True)

    def stop_event(self, kind: str = "motion", channel: int = 1) -> None:
        """Let it end."""
        self.events.report(kind, channel, active=False)

    # --- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """See `VirtualCamera.start`."""
        if self._played is None:
            self._played = await asyncio.to_thread(self._draw)
            # Credentials are asked for before the path is looked at.
            self.rtsp.add("*", self._played[1], self._account).faults.missing = True
            for number in self.identity.sources:
                self._mount(number)
        await super().start()
        if self._scene:
            for number in self.identity.sources:
                paths = [[stream_path(number, stream)] for stream in range(len(STREAMS))]
                enliven(self, number, paths)

    async def stop(self) -> None:
        """See `VirtualCamera.stop`; a reboot under way is over."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._moving.close()
        self.events.forget()
        self._return()
        await super().stop()

    def reboot(self) -> None:
        """Cut all connections, and be away for ``reboot_seconds``."""
        self.rebooted += 1
        self.events.forget()
        self.http.guard.expire_nonces()
        self.rtsp.faults.away = True
        self.rtsp.drop_connections()
        self.http.faults.refuse = True
        self._timers.append(self.clock.call_later(self.reboot_seconds, self._return))

    def _return(self) -> None:
        self.rtsp.faults.away = False
        self.http.faults.refuse = False

    def _reboot_soon(self) -> None:
        self._timers.append(self.clock.call_later(_PARTING, self.reboot))

    def _mount(self, number: int) -> None:
        if self._played is None:
            return
        for stream, clip in enumerate(self._played):
            self.rtsp.add(stream_path(number, stream), clip, self._account)

    # --- what it answers ------------------------------------------------------------------------

    def _route(self) -> None:
        media = MediaService(self.identity, self.quirks)
        device = DeviceService(self.identity, self.http.time, self._reboot_soon, self.quirks)
        services: Mapping[str, dict[str, Operation]] = {
            "Device": device.operations(),
            "Media": media.first(),
            "Media2": {} if "no-media2" in self.quirks else media.second(),
            "PTZ": self._moving.operations(),
            "Imaging": ImagingService(self.identity).operations(),
            "Events": self.events.operations(),
        }
        by_path = {SERVICES[name][1]: operations for name, operations in services.items()}
        for number in range(1, _SUBSCRIPTIONS):
            by_path[f"{SERVICES['Events'][1]}/{number}"] = self.events.of_subscription()
        for path, operations in by_path.items():
            self._serve(path, operations)
        self.http.route("/onvif/snapshot", self._still)

    def _serve(self, path: str, operations: dict[str, Operation]) -> None:
        async def answer(request: Request) -> Answer:
            return await self._answer(request, operations)

        # The guard of HTTP is asked by ourselves: there is more than one way to log in.
        self.http.route(path, answer, method="POST", auth=False)

    async def _answer(self, request: Request, operations: dict[str, Operation]) -> Answer:
        try:
            call = read(request)
            self.operations.append(call.operation)
            denied = self._log_in(call)
            if denied is not None:
                return denied
            operation = operations.get(call.operation)
            if operation is None:
                raise SoapFault("ActionNotSupported")
            body = operation(call)
            text = await body if inspect.isawaitable(body) else body
        except SoapFault as fault:
            return refuse(fault)
        except Disconnect:
            self.http.drop_connections()
            return Answer(503)
        if "drops-keep-alive" in self.quirks:
            self._since_connected += 1
            if self._since_connected % 2:
                self._timers.append(self.clock.call_later(0.01, self.http.drop_connections))
        return respond(text, damaged="invalid-utf8" in self.quirks)

    def _log_in(self, call: Call) -> Answer | None:
        """Return a challenge for who is to log in by HTTP; raises `SoapFault` for a bad token."""
        if call.header is not None and call.header.find("Security/UsernameToken") is not None:
            # Whether it is looked at or not: somebody has tried.
            self.http.counters.logins += 1
        if call.operation == "GetSystemDateAndTime" and "time-wants-login" not in self.quirks:
            return None
        http = "authorization" in call.request.headers
        token = call.header is not None and call.header.find("Security") is not None
        if "token-only" not in self.quirks and (http or not token):
            return self.http.denied(call.request)
        try:
            self.tokens.check(call)
        except SoapFault as fault:
            if "token-only" in self.quirks or fault.status != 401:
                raise
            challenge = self.http.challenge()
            return Answer(401, challenge.headers, refuse(fault).body)
        return None

    async def _still(self, request: Request) -> Answer | bytes:
        number = request.query.get("channel", "")
        if not number.isdigit() or int(number) not in self.identity.sources:
            return Answer(404)
        if (scene := self.scenes.get(int(number))) is not None:
            return await scene.jpeg()
        return await asyncio.to_thread(jpeg, self.name)

    def _address(self, scheme: str, path: str) -> str:
        """Return an address on the device, as it names itself."""
        port = self.rtsp_port if scheme == "rtsp" else self.http_port
        host = self.host
        if "nat-addresses" in self.quirks:
            host = "10.99.0.7"
        elif "zero-address" in self.quirks:
            host = "0.0.0.0"  # noqa: S104 - that is what they say
        where = f"{host}:{port}"
        if "doubled-ports" in self.quirks:
            where = f"{where}:{port}"
        return f"{scheme}://{where}{path}"
