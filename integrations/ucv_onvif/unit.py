"""One camera or recorder: what is known of it, asked once for all its channels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ucv import (
    Channel,
    Device,
    DeviceInfo,
    NotSupported,
    ProtocolError,
    Snapshot,
    Stream,
    stable_id,
)
from ucv.wire import normal_mac, usable_serial
from ucv_onvif import addresses, imaging, media
from ucv_onvif.identity import identity, mac_address
from ucv_onvif.profiles import ROLES, Profile, VideoSource, sources
from ucv_onvif.ptz import Mover
from ucv_onvif.pull_point import PullPoint
from ucv_onvif.session import Session
from ucv_onvif.topics import Translator
from ucv_onvif.wsdl import Binding

#: Bytes of a picture.
_MAX_PICTURE = 16 * 1024 * 1024


class Unit:
    """What `Device.runtime` is.

    `identify` first; everything else goes by what that found out. ``sources`` are the device's in
    its own order.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self.session = Session(device)
        self.mover = Mover(self.session)
        self.sources: Sequence[VideoSource] = ()
        self._is_recorder = self._fresh = False
        everything = bool(device.config.get("all_events", False))
        self.pull_point = PullPoint(device, self.session, Translator({}, everything=everything))
        #: Addresses by the tokens of profiles.
        self._streams: dict[str, str] = {}
        self._pictures: dict[str, str] = {}
        self._has_pictures: bool | None = None
        self._has_day_night: bool | None = None

    # --- who it is ------------------------------------------------------------------------------

    async def identify(self) -> DeviceInfo:
        """Ask who it is, what its clock shows and which profiles it has."""
        session = self.session
        offset = await session.read_clock()
        await session.find_services()
        known = identity(await session.call(Binding.DEVICE, "GetDeviceInformation"))
        mac = None
        with suppress(ProtocolError, NotSupported):
            mac = mac_address(await session.call(Binding.DEVICE, "GetNetworkInterfaces"))
        await self._read_sources()
        self._is_recorder, self._fresh = len(self.sources) > 1, True
        await session.keep_login()
        return DeviceInfo(
            unique_id=stable_id(serial=known.serial, mac=mac),
            manufacturer=known.manufacturer,
            model=known.model,
            serial=usable_serial(known.serial),
            mac=normal_mac(mac),
            firmware=known.firmware,
            clock_offset=offset,
        )

    async def _read_sources(self) -> None:
        found = sources(await media.read_profiles(self.session))
        if self.sources and found != list(self.sources):
            self._streams.clear()
            self._pictures.clear()
        self.sources = found
        channels: dict[str, str] = {}
        if len(found) > 1 or self._is_recorder:
            for source in found:
                channels[source.token] = source.channel
                for profile in source.profiles:
                    channels.setdefault(profile.config, source.channel)
        self.pull_point.translator.channels = channels

    # --- channels -------------------------------------------------------------------------------

    async def channels(self) -> list[Channel] | None:
        """Return the cameras of a device with several sources; None for one with one.

        The profiles are asked for again, but not right after `identify`. A recorder stays one when
        all but one of its sources are gone.
        """
        if not self._is_recorder:
            return None
        if not self._fresh:
            await self._read_sources()
        self._fresh = False
        return [Channel(id=one.channel, name=one.name) for one in self.sources]

    def source(self, device: Device) -> VideoSource:
        """Return the source that a handle is for."""
        if device.channel is None:
            if self.sources:
                return self.sources[0]
        else:
            for source in self.sources:
                if source.channel == device.channel.id:
                    return source
        raise ProtocolError("The camera no longer has this source of pictures.")

    # --- streams --------------------------------------------------------------------------------

    async def streams(self, device: Device) -> list[Stream]:
        """Return what a source streams, the largest picture first."""
        found = []
        for role, profile in zip(ROLES, self.source(device).profiles, strict=False):
            address = self._streams.get(profile.token)
            if address is None:
                try:
                    told = await media.stream_uri(self.session, profile.token)
                    address = stream_address(device, told)
                except (ProtocolError, NotSupported) as error:
                    # Profiles without a working stream are common; one has to be left.
                    device.log.info("Profile %s has no stream: %s", profile.token, error)
                    continue
                self._streams[profile.token] = address
            found.append(self._stream(role, profile, address))
        if not found:
            raise ProtocolError("The camera does not say where it streams.")
        return found

    def _stream(self, role: str, profile: Profile, address: str) -> Stream:
        config = self._device.config
        options = {"transport": config["transport"]} if "transport" in config else {}
        return Stream(
            role,
            address,
            codec=profile.codec,
            width=profile.width,
            height=profile.height,
            frame_rate=profile.frame_rate,
            bit_rate=profile.bit_rate,
            audio=profile.audio,
            options=options,
        )

    # --- what it can do -------------------------------------------------------------------------

    async def capabilities(self, device: Device) -> set[str]:
        """Return what a source can do.

        Pictures and day and night are asked for once: the channels of a device have one firmware.
        """
        source = self.source(device)
        found = await self.mover.capabilities(source)
        if self._has_pictures is None:
            try:
                await self._picture_address(source)
            except NotSupported:
                self._has_pictures = False
            else:
                self._has_pictures = True
        if self._has_day_night is None:
            self._has_day_night = await imaging.has_day_night(self.session, source.token)
        if self._has_pictures:
            found.add("snapshot")
        if self._has_day_night:
            found.add("day_night")
        if device.channel is None:
            found.add("reboot")
            if device.config.get("event_source") != "off" and self.session.has(Binding.EVENTS):
                found.add("events")
        return found

    # --- pictures -------------------------------------------------------------------------------

    async def picture(self, device: Device) -> Snapshot:
        """Fetch a picture; raises `ProtocolError` for what is none."""
        address = await self._picture_address(self.source(device))
        answer = await device.http.request("GET", address, limit=_MAX_PICTURE)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().casefold()
        if answer.body.startswith(b"\xff\xd8"):
            kind = "image/jpeg"
        elif not kind.startswith("image/") or not answer.body:
            raise ProtocolError("The camera sent something else than a picture.")
        return Snapshot(answer.body, kind)

    async def _picture_address(self, source: VideoSource) -> str:
        token = source.profiles[0].token
        address = self._pictures.get(token)
        if address is None:
            told = await media.snapshot_uri(self.session, token)
            address = picture_address(self._device, told, self.session)
            self._pictures[token] = address
        return address

    # --- for a bug report -----------------------------------------------------------------------

    def diagnostics(self) -> dict[str, object]:
        """Return which policies hold, and what was found, without names and addresses."""
        policies = self.session.policies
        return {
            "policies": {
                name: None if (value := getattr(policies, name)) is None else value.value
                for name in policies.__slots__
            },
            "clock_offset": self.session.soap.clock_offset,
            "services": sorted(self.session.services),
            "requests": self.session.soap.requests,
            "events": dict(self.pull_point.counts),
            "sources": [
                [
                    f"{one.codec} {one.width}x{one.height} {one.frame_rate:g}/s"
                    for one in source.profiles
                ]
                for source in self.sources
            ],
        }


def stream_address(device: Device, told: str) -> str:
    """Return an RTSP address on the device, as far as it can be put right.

    The host is the configured one; the port is the configured one, or the one told. Raises
    `NotSupported` for other protocols.
    """
    address = addresses.parse(told)
    if address is None:
        raise NotSupported("The camera does not say where it streams.")
    scheme = address.scheme or "rtsp"
    if scheme not in ("rtsp", "rtsps"):
        raise NotSupported("The camera streams by a protocol that is not spoken here.")
    port: int | None = device.config.get("rtsp_port") or address.usual_port or 554
    return device.url(scheme, address.path, port)


def picture_address(device: Device, told: str, session: Session) -> str:
    """Return a picture's address, or its path where it is on the port that is configured.

    A port of its own is kept, unless it is the one under which the device knows its own services:
    behind a NAT that is not the one it is reached by. Raises `NotSupported` for what is no HTTP.
    """
    address = addresses.parse(told)
    if address is None or address.scheme not in ("", "http", "https"):
        raise NotSupported("The camera sends no pictures by itself.")
    own = {
        service.usual_port
        for text in session.services.values()
        if (service := addresses.parse(text)) is not None
    }
    secure = bool(device.config.get("tls"))
    if address.port is None or address.port in own or (secure and address.scheme != "https"):
        return address.path
    configured = device.config.get("http_port") or (443 if secure else 80)
    if address.port == configured:
        return address.path
    return device.url(address.scheme or "http", address.path, address.port)
