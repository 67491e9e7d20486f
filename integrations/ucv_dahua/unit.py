"""One camera or recorder: what is known of it, asked once for all its channels."""

from __future__ import annotations

from typing import Any

from ucv import CameraViewerError, Channel, Device, DeviceInfo, Stream, stable_id
from ucv.wire import normal_mac, usable_serial
from ucv_dahua.cgi import Cgi, is_refusal
from ucv_dahua.encode import ROLES, Encoding, depends_on_standard, encodings
from ucv_dahua.event_kinds import Translator
from ucv_dahua.event_stream import EventSource
from ucv_dahua.identity import Identity, clock_offset, identity, mac_address, names_itself
from ucv_dahua.keyvalue import Table
from ucv_dahua.lighting import Lighting
from ucv_dahua.mover import Mover
from ucv_dahua.ptz import TOP_SPEED
from ucv_dahua.quirks import FirstChannel, FirstPtzChannel
from ucv_dahua.roster import Roster

#: Subtypes that every model has, for where the device does not show its table.
_USUAL = (0, 1)
_INFO = "magicBox.cgi"


class Unit:
    """What `Device.runtime` is.

    ``cgi`` is its interface. `identify` first; everything else goes by what that found out.
    Channels are counted from 0 here, as in the device's tables. ``mover``, ``lighting`` and
    ``events`` are the device's for all its channels; ``roster`` is None for a camera.
    """

    def __init__(self, device: Device) -> None:
        config = device.config
        ptz_base, lamp = config.get("first_ptz_channel"), config.get("lamp")
        self._device = device
        self.cgi = Cgi(device)
        self.mover = Mover(
            self.cgi,
            first=None if ptz_base in (None, "auto") else FirstPtzChannel(int(ptz_base)),
            top_speed=int(config.get("ptz_speed", TOP_SPEED)),
        )
        self.lighting = Lighting(
            self.cgi, coaxial={"tables": False, "coaxial": True}.get(str(lamp))
        )
        self.events = self._event_source(by_channel=False)
        self.identity: Identity | None = None
        self.clock_offset: float | None = None
        self.roster: Roster | None = None
        self.count: int | None = None
        #: By channel; None until it was asked for, or where the device does not show it.
        self.streams: dict[int, list[Encoding]] | None = None
        self.first_channel: FirstChannel | None = None
        self._rtsp_port: int | None = None
        self._wants_channel = False

    @staticmethod
    def number(device: Device) -> int:
        """Return the channel that a handle is for, from 0; a camera has channel 0."""
        return 0 if device.channel is None else int(device.channel.id) - 1

    def _event_source(self, *, by_channel: bool) -> EventSource:
        config = self._device.config
        everything = bool(config.get("all_events", False))
        return EventSource(
            self._device,
            self.cgi,
            Translator(by_channel=by_channel, everything=everything),
            heartbeat=int(config.get("heartbeat", 5)),
            everything=everything,
        )

    # --- who it is ------------------------------------------------------------------------------

    async def identify(self) -> DeviceInfo:
        """Ask who it is, what its clock shows and how many pictures it has."""
        cgi = self.cgi
        system = await cgi.peek(_INFO, "getSystemInfo") or Table()
        device_type = serial = ""
        if not names_itself(system):
            # Raises what the device says, if it says that to everything.
            device_type = (await cgi.table(_INFO, "getDeviceType")).text("type")
            serial = await self._told("getSerialNo", "sn")
        self.identity = known = identity(
            system,
            device_type=device_type,
            serial=serial,
            version=await self._told("getSoftwareVersion", "version"),
            vendor=await self._told("getVendor", "vendor"),
            kind=await self._told("getDeviceClass", "class"),
        )
        now = await cgi.peek("global.cgi", "getCurrentTime") or Table()
        self.clock_offset = clock_offset(now.text("result"), self._device.clock.time())
        mac = mac_address(await cgi.peek_config("Network") or Table())
        self.count = (await cgi.peek("devVideoInput.cgi", "getCollect") or Table()).whole("result")
        if known.says_recorder or (self.count or 1) > 1:
            self.roster = Roster(cgi, self.count)
            self.events = self._event_source(by_channel=True)
        port = (await cgi.peek_config("RTSP") or Table()).whole("Port") or 0
        self._rtsp_port = port if 0 < port < 65536 else None
        return DeviceInfo(
            unique_id=stable_id(serial=known.serial, mac=mac),
            manufacturer=known.manufacturer,
            model=known.model,
            serial=usable_serial(known.serial),
            mac=normal_mac(mac),
            firmware=known.firmware,
            clock_offset=self.clock_offset,
        )

    async def _told(self, action: str, key: str) -> str:
        return (await self.cgi.peek(_INFO, action) or Table()).text(key)

    # --- channels -------------------------------------------------------------------------------

    async def channels(self) -> list[Channel] | None:
        """Return a recorder's cameras; asks for their streams when these have changed."""
        roster = self.roster
        if roster is None:
            return None
        before = dict(roster.online)
        found, changed = await roster.look()
        if changed:
            self.streams = None
            now = roster.online
            others = [n for n in before.keys() | now.keys() if before.get(n) != now.get(n)]
            self.lighting.forget(others)
            self.mover.forget(others)
        return found

    # --- streams --------------------------------------------------------------------------------

    async def streams_of(self, device: Device) -> list[Stream]:
        """Return what a channel streams, as configured in the device."""
        if self.streams is None:
            self.streams = await self._read_streams()
        if self.first_channel is None:
            self.first_channel = await self._find_first_channel()
        number = self.number(device)
        found = self.streams.get(number)
        if not found:
            return [self._stream(device, number, subtype, None) for subtype in _USUAL]
        return [self._stream(device, number, one.subtype, one) for one in found]

    async def _read_streams(self) -> dict[int, list[Encoding]]:
        table = await self.cgi.peek_config("Encode")
        if table is None:
            return {}
        most = await self.cgi.peek(_INFO, "getProductDefinition", {"name": "MaxExtraStream"})
        ntsc = False
        if depends_on_standard(table):
            told = await self.cgi.peek_config("VideoStandard") or Table()
            ntsc = told.text().upper() == "NTSC"
        extra = (most or Table()).whole("table", "MaxExtraStream")
        return encodings(table, extra=extra, ntsc=ntsc)

    def _stream(
        self, device: Device, number: int, subtype: int, encoding: Encoding | None
    ) -> Stream:
        config = device.config
        query = f"channel={self._channel(number)}&subtype={subtype}"
        options: dict[str, Any] = {}
        if encoding is not None and encoding.codec == "mjpeg" and subtype:
            # The main stream is refused there, whatever it is encoded in.
            scheme = "https" if config.get("tls") else "http"
            url = device.url(scheme, f"/cgi-bin/mjpg/video.cgi?{query}")
            options["source"] = "mjpeg"
            if "fingerprint" in config:
                options["fingerprint"] = config["fingerprint"]
        else:
            port = config.get("rtsp_port") or self._rtsp_port
            url = device.url("rtsp", f"/cam/realmonitor?{query}", port)
            if "transport" in config:
                options["transport"] = config["transport"]
        if encoding is None:
            return Stream(ROLES[subtype], url, options=options)
        return Stream(
            encoding.role,
            url,
            codec=encoding.codec,
            width=encoding.width,
            height=encoding.height,
            frame_rate=encoding.frame_rate,
            bit_rate=encoding.bit_rate,
            audio=encoding.audio,
            options=options,
        )

    # --- pictures -------------------------------------------------------------------------------

    async def picture(self, device: Device) -> bytes:
        """Return a still picture: of a camera without naming a channel, where it takes that."""
        if device.channel is None and not self._wants_channel:
            try:
                return await self.cgi.picture(None)
            except CameraViewerError as error:
                if not is_refusal(error):
                    raise
            picture = await self.cgi.picture(self._channel(0))
            self._wants_channel = True
            return picture
        return await self.cgi.picture(self._channel(self.number(device)))

    def _channel(self, number: int) -> int:
        """Return a channel as the device counts in pictures and streams."""
        return number + (FirstChannel.ONE if self.first_channel is None else self.first_channel)

    async def _find_first_channel(self) -> FirstChannel | None:
        """Find the number of the first channel: where there are pictures, as far as it tells.

        What was found is kept with the entry. A device that has a picture at the number of its last
        channel counts from 1, whatever it has at 0; one that says nothing at 0 tells nothing by it.
        """
        config = self._device.config
        for told in (config.get("first_channel"), config.get("found_first_channel")):
            if told not in (None, "auto"):
                return FirstChannel(int(told))
        last = self.count or 1
        if self.roster is not None:
            online = [number for number, there in self.roster.online.items() if there]
            last = max(online, default=last - 1) + 1
        first = FirstChannel.ONE
        at_zero = await self.cgi.has_picture(0)
        at_last = True if at_zero is False else await self.cgi.has_picture(last)
        if at_zero and at_last is False:
            first = FirstChannel.ZERO
        if at_zero is False or at_last or first is FirstChannel.ZERO:
            await self._device.remember(found_first_channel=int(first))
        return first

    # --- for a bug report -----------------------------------------------------------------------

    def diagnostics(self) -> dict[str, object]:
        """Return which policies hold, and what was found, without names and addresses."""
        ptz, codes = self.mover.first, self.events.codes
        return {
            "class": self.identity.kind if self.identity is not None else None,
            "clock_offset": self.clock_offset,
            "recorder": None if self.roster is None else self.roster.diagnostics(),
            "first_channel": None if self.first_channel is None else int(self.first_channel),
            "first_ptz_channel": None if ptz is None else int(ptz),
            "event_codes": None if codes is None else codes.value,
            "lamps": {
                str(number): None if lamp is None else lamp.value
                for number, lamp in self.lighting.lamps.items()
            },
            "streams": {
                str(number): [
                    f"{one.role} {one.codec} {one.width}x{one.height} {one.frame_rate:g}/s"
                    for one in found
                ]
                for number, found in (self.streams or {}).items()
            },
        }
