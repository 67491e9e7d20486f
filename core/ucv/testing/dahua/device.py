"""A Dahua camera or recorder made of software, with the quirks of many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from ucv.clock import Clock, SystemClock, TimerHandle
from ucv.testing.clip import Clip
from ucv.testing.dahua import tables
from ucv.testing.dahua.answers import Commands, Writes, always, failure, lines
from ucv.testing.dahua.coaxial import Coaxial
from ucv.testing.dahua.config_store import ConfigStore
from ucv.testing.dahua.event_desk import EventDesk
from ucv.testing.dahua.http import DahuaHttp, realm_of
from ucv.testing.dahua.information import Identity, information
from ucv.testing.dahua.inputs import Input, Inputs, slots_for
from ucv.testing.dahua.movement import Head, Movement
from ucv.testing.dahua.pictures import Pictures
from ucv.testing.dahua.quirks import chosen
from ucv.testing.dahua.rpc2 import Rpc2
from ucv.testing.http_message import Answer, Request
from ucv.testing.live_scene import enliven
from ucv.testing.ptz_model import PtzModel
from ucv.testing.virtual_camera import VirtualCamera, jpeg

_FIRMWARE, _BUILD = "2.800.0000016.0.R", "2020-06-05"
#: Seconds from the answer to a restart: so it arrives.
_GRACE = 0.05


class DahuaDevice(VirtualCamera):
    """One device; ``async with DahuaDevice() as device:``. Channels are counted from 1 here.

    - ``channels`` above 1, or ``recorder``: a recorder with so many cameras, and room for
      ``slots`` (None: as recorders of that size have).
    - ``codec``: what its streams are declared to be, ``h264`` or ``h265``; H.264 is played.
    - ``extra_streams``: how many there are beside the main one.
    - ``ptz``: whether its camera, or each of a recorder's, can move.
    - ``scene``: what it shows is drawn live and turns with its head, and it reports the motion in
      it; without, a clip plays.
    - ``quirks``: names of `ucv.testing.dahua.QUIRKS`; raises `ValueError` for unknown ones.
    - ``options`` are `VirtualCamera`'s: accounts, ports, TLS, locks, the clock.

    ``store`` is its configuration, ``events`` its events and who listens, ``movement`` its heads
    (``ptz`` only their models), ``coaxial`` its white lights and sirens, ``pictures`` its MJPEG,
    ``rpc2`` the interface of its own page.
    ``reboot_seconds`` is how long it is away when it restarts, ``rebooted`` how often it has.
    """

    server: ClassVar[type[DahuaHttp]] = DahuaHttp
    http: DahuaHttp

    def __init__(
        self,
        name: str = "Dahua",
        *,
        channels: int = 1,
        recorder: bool | None = None,
        slots: int | None = None,
        model: str | None = None,
        serial: str = "4F0A1B2PAG00001",
        mac: str = "3c:ef:8c:00:00:01",
        firmware: str = _FIRMWARE,
        codec: str = "h264",
        extra_streams: int = 1,
        ptz: bool = True,
        scene: bool = False,
        quirks: Collection[str] = (),
        **options: Any,
    ) -> None:
        self.quirks = chosen(quirks)
        clock: Clock = options.get("clock") or SystemClock()
        options = {**options, "clock": clock, "realm": realm_of(serial, self.quirks), "paths": ()}
        super().__init__(name, **options)
        self.clock = clock
        # It says 401 of a locked account, too, and nothing of the lock.
        self.lock.status = 401
        self.rtsp.server_header = "Dahua Rtsp Server"
        self.http.behave(self.quirks)
        recorder = channels > 1 if recorder is None else recorder
        slots = slots or (slots_for(channels) if recorder else 1)
        model = model or (f"DHI-NVR52{slots:02}-4KS2" if recorder else "IPC-HDW5831R-ZE")
        self.identity = Identity(
            name, model, serial, mac, firmware, _BUILD, "NVR" if recorder else "IPC"
        )
        self.reboot_seconds = 30.0
        self.rebooted = 0
        self.ptz: dict[int, PtzModel] = {}
        self._movable = ptz
        self._scene = scene
        self._running = False
        self._ending: set[asyncio.Task[None]] = set()
        self._extra_streams = extra_streams
        self._played: tuple[Clip, Clip] | None = None
        self._timers: list[TimerHandle] = []
        self._stills: dict[int, bytes] = {}
        self.store = ConfigStore()
        tables.fill_device(self.store, name, mac, self.host, self.quirks)
        self.inputs = Inputs(
            self.store,
            recorder=recorder,
            slots=slots,
            codec=codec,
            extra_streams=extra_streams,
            quirks=self.quirks,
        )
        self.events = EventDesk(clock, self.quirks)
        self.movement = Movement(self._ptz_channel, self.quirks)
        self.coaxial = Coaxial(clock, self._media_channel)
        self.pictures = Pictures(self.inputs, self.store, self._see, clock, self.quirks)
        self.rpc2 = Rpc2(self.identity, self.http.guard, self.lock, self.http.counters)
        self._answer_commands()
        for _ in range(channels):
            self.add_channel()

    # --- its state, as a test turns it ----------------------------------------------------------

    @property
    def clock_offset(self) -> float:
        """Seconds by which its clock is ahead of ours."""
        return self.http.faults.clock_skew

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self.http.faults.clock_skew = seconds

    @property
    def audio_requests(self) -> int:
        """How often audio.cgi was asked, which restarts some devices."""
        return self.http.counters.requests.get("/cgi-bin/audio.cgi", 0)

    def add_channel(self, name: str | None = None, *, number: int | None = None) -> int:
        """Connect a camera to a recorder; returns its channel. Raises `ValueError` when full."""
        channel = self.inputs.free() if number is None else number
        recorder = self.inputs.recorder
        one = Input(
            channel,
            name or (f"Camera {channel}" if recorder else self.name),
            "IPC-HFW2431S" if recorder else self.identity.model,
            f"{self.identity.serial}C{channel:03}" if recorder else self.identity.serial,
            f"3c:ef:8c:01:00:{channel:02x}" if recorder else self.identity.mac,
        )
        self.inputs.add(one)
        if self._movable:
            model = PtzModel(self.clock)
            self.ptz[channel] = model
            self.movement.heads[channel] = Head(model)
        self._mount(channel)
        if self._running:
            self._enliven(channel)
        return channel

    def remove_channel(self, channel: int) -> None:
        """Take a camera off a recorder for good; raises `KeyError` when there is none."""
        self.inputs.remove(channel)
        self.ptz.pop(channel, None)
        self.movement.heads.pop(channel, None)
        self.events.forget(channel - 1)
        if (scene := self.scenes.pop(channel, None)) is not None:
            self._ending.add(asyncio.create_task(scene.stop(), name="end of a live scene"))
        for path in self.paths(channel):
            if (mount := self.rtsp.mounts.pop(path, None)) is not None:
                mount.disconnect()

    def set_online(self, channel: int, online: bool) -> None:
        """Cut a recorder's camera off, or connect it again; raises `KeyError`."""
        self.inputs[channel].online = online
        for path in self.paths(channel):
            if (mount := self.rtsp.mounts.get(path)) is not None:
                mount.faults.missing = not online
                if not online:
                    mount.disconnect()

    def paths(self, channel: int) -> list[str]:
        """Return the paths of a channel's streams, the main one first."""
        given = channel - 1 if "zero-based-channels" in self.quirks else channel
        streams = range(1 if "extra-stream-off" in self.quirks else 1 + self._extra_streams)
        return [f"/cam/realmonitor?channel={given}&subtype={stream}" for stream in streams]

    # --- events ---------------------------------------------------------------------------------

    def start_event(
        self, code: str = "VideoMotion", channel: int = 1, data: Mapping[str, Any] | None = None
    ) -> None:
        """Let something begin; ``data`` is told with it (None: what is usual)."""
        self._emit(code, "Start", channel, data)

    def stop_event(
        self, code: str = "VideoMotion", channel: int = 1, data: Mapping[str, Any] | None = None
    ) -> None:
        """Let it end."""
        self._emit(code, "Stop", channel, data)

    def pulse(
        self, code: str = "VideoMotion", channel: int = 1, data: Mapping[str, Any] | None = None
    ) -> None:
        """Report something that has no end."""
        self._emit(code, "Pulse", channel, data)

    def _emit(self, code: str, action: str, channel: int, data: Mapping[str, Any] | None) -> None:
        detects = self.store.find(f"MotionDetect[{channel - 1}].Enable") == "true"
        if code != "VideoMotion" or (detects and self.inputs[channel].online):
            self.events.emit(code, action, channel - 1, data)

    # --- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """See `VirtualCamera.start`."""
        if self._played is None:
            self._played = await asyncio.to_thread(self._draw)
            # Credentials are asked for before the path is looked at.
            self.rtsp.add("*", self._played[1], self._account).faults.missing = True
            for channel in self.inputs.numbers:
                self._mount(channel)
        await super().start()
        self.store["RTSP.Port"] = self.rtsp_port
        self._running = True
        for channel in self.inputs.numbers:
            self._enliven(channel)

    async def stop(self) -> None:
        """See `VirtualCamera.stop`; a restart that was under way is over."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._return()
        self.coaxial.all_off()
        self.events.forget()
        self._running = False
        await super().stop()
        self.scenes.clear()
        await asyncio.gather(*self._ending)
        self._ending.clear()

    def reboot(self) -> None:
        """Restart at once: cut everything, and be away for `reboot_seconds`."""
        self.rebooted += 1
        self.events.forget()
        self.coaxial.all_off()
        self.http.guard.expire_nonces()
        self.rpc2.forget()
        self.rtsp.faults.away = True
        self.rtsp.drop_connections()
        self.http.faults.refuse = True
        self._timers.append(self.clock.call_later(self.reboot_seconds, self._return))

    def _return(self) -> None:
        self.rtsp.faults.away = False
        self.http.faults.refuse = False

    def _mount(self, channel: int) -> None:
        if self._played is None:
            return
        for stream, path in enumerate(self.paths(channel)):
            self.rtsp.add(path, self._played[min(stream, 1)], self._account)

    def _enliven(self, channel: int) -> None:
        if self._scene:
            enliven(self, channel, [[path] for path in self.paths(channel)])

    # --- what it answers ------------------------------------------------------------------------

    def _answer_commands(self) -> None:
        self.http.route("/", _PAGE, auth=False, content_type="text/html")
        self.http.route("/RPC2_Login", self.rpc2.log_in, method="POST", auth=False)
        self.http.route("/RPC2", self.rpc2.call, method="POST", auth=False)
        definitions = {"MaxExtraStream": self._extra_streams, "VideoInputChannels": 1}
        if self.inputs.recorder:
            analogue = "analogue-inputs" in self.quirks
            definitions["VideoInputChannels"] = self.inputs.slots if analogue else 0
            definitions["MaxRemoteInputChannels"] = 0 if analogue else self.inputs.slots
        told = (
            information(self.identity, definitions, self.http.time, self.quirks),
            self.inputs.commands,
            self.events.commands,
            self.movement.commands,
            self.pictures.commands,
            self._commands(),
        )
        for commands in told:
            self.http.command(commands)
        self.http.writes(self.movement.writes)
        self.http.writes(self._writes())
        if "no-coaxial-control" in self.quirks:
            self.http.command({"coaxialControlIO.cgi": always(failure(501))})
        else:
            self.http.command(self.coaxial.commands)
            self.http.writes(self.coaxial.writes)

    def _commands(self) -> Commands:
        return {
            "audio.cgi": self._audio,
            "configManager.cgi?action=getConfig": self._read_config,
            "encode.cgi?action=getConfigCaps": self._encode_caps,
        }

    def _writes(self) -> Writes:
        return {
            "configManager.cgi?action=setConfig": self._write_config,
            "magicBox.cgi?action=reboot": self._reboot_soon,
        }

    def _read_config(self, request: Request) -> Answer:
        found = self.store.read(request.query.get("name", ""))
        return lines(found) if found else failure(400)

    def _write_config(self, request: Request) -> None:
        self.store.write({key: value for key, value in request.query.items() if key != "action"})
        for channel in self.inputs.numbers:
            title = self.store.find(f"ChannelTitle[{channel - 1}].Name")
            self.inputs[channel].name = title

    def _encode_caps(self, request: Request) -> Answer:
        channel = self._media_channel(request)
        indexed = self.inputs.recorder or "caps-with-index" in self.quirks
        return lines(tables.caps(self.store, channel - 1, indexed=indexed))

    def _reboot_soon(self, _request: Request) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(_GRACE, self.reboot))

    def _audio(self, _request: Request) -> Answer:
        if "audio-reboots" in self.quirks:
            self.reboot()
        return failure(501)

    def _ptz_channel(self, request: Request) -> int:
        base = 1 if "ptz-one-based" in self.quirks else 0
        return self.inputs.from_request(request, base=base)

    def _media_channel(self, request: Request) -> int:
        return self.inputs.from_request(request, base=1, default=1)

    async def _see(self, channel: int) -> bytes:
        if (scene := self.scenes.get(channel)) is not None:
            return await scene.jpeg()
        if channel not in self._stills:
            name = f"{self.name} {channel}" if self.inputs.recorder else self.name
            self._stills[channel] = await asyncio.to_thread(jpeg, name)
        return self._stills[channel]


_PAGE = "<html><head><title>WEB SERVICE</title></head><body></body></html>"
