"""One camera or recorder: what is known of it, asked once for all its channels."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ucv import Channel, Device, DeviceInfo, InvalidAuth, ProtocolError, Stream, stable_id
from ucv.plugins.identity import normal_mac, usable_serial
from ucv_hikvision.alerts import Translator
from ucv_hikvision.channel_table import input_channels, proxy_channels, proxy_states
from ucv_hikvision.identity import Identity, Inputs, clock_offset, identity, inputs, ports
from ucv_hikvision.isapi import Isapi
from ucv_hikvision.path_search import find_path
from ucv_hikvision.ptz import Movement, movement, ptz_channels
from ucv_hikvision.quirks import RTSP_PATHS, PictureSource, RtspPath, rtsp_path
from ucv_hikvision.stream_table import ROLES, StreamEntry, stream_table

#: Streams that every model has, for where the device does not show its table.
_USUAL = (1, 2)
#: What a path that was found is remembered as.
FOUND_PATH = "found_rtsp_path"
#: Channels of one device at which the path is looked for: each may take seconds.
MAX_SEARCHES = 2


class Unit:
    """What `Device.runtime` is.

    ``isapi`` is its interface. `identify` first; everything else goes by what that found out.
    ``moving`` are the channels that were told to move and not to stop.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self.isapi = Isapi(device)
        self.identity: Identity | None = None
        self.inputs: Inputs | None = None
        self.is_recorder = False
        self.clock_offset: float | None = None
        self.ports: dict[str, int] = {}
        #: By channel; None until it was asked for, or where the device does not show it.
        self.streams: dict[int, list[StreamEntry]] | None = None
        #: Where a channel's still picture is, if it is not in the usual place.
        self.picture_sources: dict[int, PictureSource] = {}
        self.light_modes: dict[int, str] = {}
        #: Paths of documents that are spelled in several ways, by the usual one.
        self.spellings: dict[str, str] = {}
        self.moving: set[int] = set()
        #: Outlives the connections of the alert stream.
        self.translator = Translator(device.clock, by_channel=False)
        self._searches = 0
        self._online: tuple[tuple[str, bool | None], ...] | None = None
        self._movements: dict[int, Movement | None] = {}
        self._ptz_channels: frozenset[int] | None = None
        self._ptz_channels_asked = False

    async def identify(self) -> DeviceInfo:
        """Ask who it is; raises `AccountLocked` without a login, and what `Isapi` does."""
        isapi, clock = self.isapi, self._device.clock
        self.identity = known = identity(await isapi.open())
        if (told := await isapi.peek("System/time")) is not None:
            self.clock_offset = clock_offset(told, clock.time())
        capabilities = await isapi.peek("System/capabilities")
        self.inputs = None if capabilities is None else inputs(capabilities)
        self.is_recorder = known.says_recorder or (
            self.inputs is not None and self.inputs.makes_recorder
        )
        self.translator = Translator(clock, by_channel=self.is_recorder)
        if (accesses := await isapi.peek("Security/adminAccesses")) is not None:
            self.ports = ports(accesses)
        return DeviceInfo(
            unique_id=stable_id(serial=known.serial, mac=known.mac),
            manufacturer=known.manufacturer,
            model=known.model,
            serial=usable_serial(known.serial),
            mac=normal_mac(known.mac),
            firmware=known.firmware,
            clock_offset=self.clock_offset,
        )

    # --- channels -------------------------------------------------------------------------------

    async def channels(self) -> list[Channel] | None:
        """Return a recorder's cameras; asks for their streams when these have changed."""
        if not self.is_recorder:
            return None
        found = await self._inputs()
        online = tuple((channel.id, channel.online) for channel in found or ())
        if online != self._online or self.streams is None:
            await self._read_streams()
            self._forget_changed(online)
            self._online = online
        if found is None:
            # An account may see pictures, and not be shown where they come from.
            found = [
                Channel(id=str(number), name=entries[0].name or None)
                for number, entries in sorted((self.streams or {}).items())
            ]
            if not found:
                raise ProtocolError("The recorder does not tell its channels.")
        return found

    async def _inputs(self) -> list[Channel] | None:
        """Return analogue inputs and network cameras, None if neither can be asked for."""
        video = proxy = None
        told = self.inputs if self.inputs is not None and self.inputs.makes_recorder else None
        if told is None or told.video:
            video = await self.isapi.find("System/Video/inputs/channels")
        if told is None or told.proxy:
            proxy = await self.isapi.find("ContentMgmt/InputProxy/channels")
        if video is None and proxy is None:
            return None
        found = [] if video is None else input_channels(video)
        if proxy is not None:
            states = await self.isapi.find("ContentMgmt/InputProxy/channels/status")
            known = {channel.id for channel in found}
            cameras = proxy_channels(proxy, {} if states is None else proxy_states(states))
            found += [channel for channel in cameras if channel.id not in known]
        return found

    def _forget_changed(self, online: tuple[tuple[str, bool | None], ...]) -> None:
        """Forget what was found out of channels behind which there may be another camera now."""
        before = dict(self._online or ())
        for channel, state in online:
            if before.get(channel) != state:
                self._movements.pop(int(channel), None)
                self.picture_sources.pop(int(channel), None)
        self._ptz_channels_asked = False

    @staticmethod
    def number(device: Device) -> int:
        """Return the number of the channel that a handle is for; a camera has channel 1."""
        return 1 if device.channel is None else int(device.channel.id)

    # --- streams --------------------------------------------------------------------------------

    async def streams_of(self, device: Device) -> list[Stream]:
        """Return what a channel streams, as configured in the device."""
        if self.streams is None:
            await self._read_streams()
        number = self.number(device)
        policy = await self._path_policy(device)
        entries = (self.streams or {}).get(number)
        if not entries and self.streams and device.channel is None:
            # Some cameras count their one channel otherwise.
            entries = next(iter(self.streams.values()))
        if not entries:
            return [self._stream(device, policy, number, stream, None) for stream in _USUAL]
        return [
            self._stream(device, policy, entry.channel, entry.stream, entry) for entry in entries
        ]

    async def _path_policy(self, device: Device) -> RtspPath:
        """Return which path the streams have: as chosen, as found before, or found out now.

        What was found is remembered, so that it is looked for once and not at each start, but
        anew for another firmware.
        """
        chosen = RtspPath(device.config.get("rtsp_path", RtspPath.AUTO))
        if chosen is not RtspPath.AUTO:
            return chosen
        firmware = self.identity.firmware if self.identity is not None else None
        known = device.config.get(FOUND_PATH, {})
        if known.get("firmware") == firmware and known.get("path") in set(RtspPath):
            return RtspPath(known["path"])
        usual = RTSP_PATHS[self.isapi.prefix][0]
        playing = self._playing(device)
        if playing is None or self._searches >= MAX_SEARCHES:
            return usual
        self._searches += 1
        try:
            port = self._rtsp_port(device)
            found = await find_path(device, self.isapi.prefix, port, *playing)
        except InvalidAuth as error:
            raise await self.isapi.explained(error) from None
        if found is not None:
            await device.remember(**{FOUND_PATH: {"firmware": firmware, "path": found.value}})
        return found or usual

    def _playing(self, device: Device) -> tuple[int, int] | None:
        """Return channel and stream that a device should have video of, None if it is offline."""
        if device.channel is not None and device.channel.online is False:
            return None
        number = self.number(device)
        for entry in (self.streams or {}).get(number, ()):
            if entry.codec != "mjpeg":
                return number, entry.stream
        return number, _USUAL[0]

    def _rtsp_port(self, device: Device) -> int | None:
        return device.config.get("rtsp_port") or self.ports.get("rtsp")

    async def _read_streams(self) -> None:
        self.streams = None
        for path in ("Streaming/channels", "ContentMgmt/StreamingProxy/channels"):
            root = await self.isapi.peek(path)
            if root is not None and (table := stream_table(root)):
                self.streams = table
                return
            if not self.is_recorder:
                return

    def _stream(
        self,
        device: Device,
        policy: RtspPath,
        channel: int,
        stream: int,
        entry: StreamEntry | None,
    ) -> Stream:
        config = device.config
        if entry is not None and entry.codec == "mjpeg":
            url = device.url(
                "https" if config.get("tls") else "http",
                f"/Streaming/channels/{channel * 100 + stream}/httpPreview",
            )
            options = {"source": "mjpeg"}
            if "fingerprint" in config:
                options["fingerprint"] = config["fingerprint"]
        else:
            path = rtsp_path(policy, channel, stream)
            url = device.url("rtsp", path, self._rtsp_port(device))
            # Datagrams are read by FFmpeg alone.
            udp = config.get("transport") == "udp"
            options = {"transport": "udp", "source": "av"} if udp else {}
        if entry is None:
            return Stream(ROLES[stream], url, options=options)
        return Stream(
            entry.role,
            url,
            codec=entry.codec,
            width=entry.width,
            height=entry.height,
            frame_rate=entry.frame_rate,
            bit_rate=entry.bit_rate,
            audio=entry.audio,
            options=options,
        )

    # --- what a channel has ---------------------------------------------------------------------

    async def movement(self, number: int) -> Movement | None:
        """Return what a channel can do, asked once."""
        if number in self._movements:
            return self._movements[number]
        if self.is_recorder and not self._ptz_channels_asked:
            # One question for all channels, so that none is asked that cannot move.
            told = await self.isapi.peek("PTZCtrl/channels")
            self._ptz_channels = None if told is None else ptz_channels(told)
            self._ptz_channels_asked = True
        found = None
        if not self.is_recorder or self._ptz_channels is None or number in self._ptz_channels:
            told = await self.isapi.peek(f"PTZCtrl/channels/{number}/capabilities")
            found = None if told is None else movement(told)
        self._movements[number] = found
        return found

    async def image_document(
        self, number: int, spellings: tuple[str, ...]
    ) -> tuple[str, Element] | None:
        """Return path and root of a document of the picture, however it is spelled; or None."""
        known = self.spellings.get(spellings[0])
        for name in spellings if known is None else (known,):
            path = f"Image/channels/{number}/{name}"
            root = await self.isapi.peek(path)
            if root is not None:
                self.spellings[spellings[0]] = name
                return path, root
        return None
