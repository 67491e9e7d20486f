"""Profiles: what a device streams, as Media1 and Media2 tell it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ucv.wire import xml_text
from ucv_onvif.soap import number_at

#: Profiles that are read of a device: four for each of 256 sources.
MAX_PROFILES = 1024
#: Streams of one source that are offered; further ones are hardly ever other encodings.
MAX_STREAMS = 4
#: Names of streams by their order, largest first.
ROLES = ("main", "sub", "third", "fourth")

_CODECS = {
    "h264": "h264",
    "h265": "h265",
    "hevc": "h265",
    "jpeg": "mjpeg",
    "mjpeg": "mjpeg",
    "mpeg4": "mpeg4",
    "mpv4-es": "mpeg4",
    "mp4v-es": "mpeg4",
}
_SOUNDS = {
    "g711": "g711u",
    "pcmu": "g711u",
    "pcma": "g711a",
    "g726": "g726",
    "aac": "aac",
    "mp4a-latm": "aac",
    "mpeg4-generic": "aac",
    "opus": "opus",
}
_CHANNEL = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class PtzSupport:
    """What a profile says of movement; ``node`` is the token to ask for more."""

    node: str
    continuous: bool
    relative: bool
    absolute: bool
    zoom: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile; ``source`` is the token of the video source, "" if not told.

    ``codec`` and ``audio`` are those of `ucv.Stream`; ``bit_rate`` is bits per second; ``config``
    is the token of the video source configuration, by which some events name the source.
    """

    token: str
    name: str
    source: str
    source_name: str
    config: str
    codec: str | None
    width: int
    height: int
    frame_rate: float
    bit_rate: int
    audio: str | None
    ptz: PtzSupport | None


@dataclass(frozen=True, slots=True)
class VideoSource:
    """One source of pictures with its profiles, the largest picture first.

    ``channel`` is its id where the device has several.
    """

    token: str
    channel: str
    name: str | None
    profiles: tuple[Profile, ...]

    @property
    def ptz(self) -> Profile | None:
        """The profile by which it moves."""
        return next((one for one in self.profiles if one.ptz is not None), None)


def from_media1(answer: Element) -> list[Profile]:
    """Return the profiles in an answer to Media1's `GetProfiles` that have pictures."""
    found = []
    for profile in answer.findall("Profiles")[:MAX_PROFILES]:
        source = profile.find("VideoSourceConfiguration")
        encoder = profile.find("VideoEncoderConfiguration")
        audio = profile.find("AudioEncoderConfiguration")
        found.append((profile, source, encoder, audio, profile.find("PTZConfiguration")))
    return _profiles(found)


def from_media2(answer: Element) -> list[Profile]:
    """Return the profiles in an answer to Media2's `GetProfiles` that have pictures."""
    found = []
    for profile in answer.findall("Profiles")[:MAX_PROFILES]:
        parts = profile.find("Configurations")
        if parts is None:
            continue
        source, encoder = parts.find("VideoSource"), parts.find("VideoEncoder")
        found.append((profile, source, encoder, parts.find("AudioEncoder"), parts.find("PTZ")))
    return _profiles(found)


_Parts = tuple[Element, Element | None, Element | None, Element | None, Element | None]


def _profiles(parts: Iterable[_Parts]) -> list[Profile]:
    found: dict[str, Profile] = {}
    for profile, source, encoder, audio, ptz in parts:
        token = profile.get("token", "").strip()
        # A profile without a source has no picture; one without encoder often has, untold.
        if not token or source is None or token in found:
            continue
        limits = Element("None") if encoder is None else encoder
        found[token] = Profile(
            token=token,
            name=xml_text(profile, "Name")[:200],
            source=xml_text(source, "SourceToken"),
            source_name=xml_text(source, "Name")[:200],
            config=source.get("token", ""),
            codec=_CODECS.get(xml_text(limits, "Encoding").casefold()),
            width=int(number_at(limits, "Resolution/Width")),
            height=int(number_at(limits, "Resolution/Height")),
            frame_rate=number_at(limits, "RateControl/FrameRateLimit"),
            # In kilobits: the standard's unit, and the devices'.
            bit_rate=int(number_at(limits, "RateControl/BitrateLimit") * 1000),
            audio=None if audio is None else _SOUNDS.get(xml_text(audio, "Encoding").casefold()),
            ptz=_ptz(ptz),
        )
    return list(found.values())


def _ptz(element: Element | None) -> PtzSupport | None:
    if element is None:
        return None

    def has(*names: str) -> bool:
        return any(bool(xml_text(element, name)) for name in names)

    continuous = has("DefaultContinuousPanTiltVelocitySpace", "DefaultContinuousZoomVelocitySpace")
    relative = has("DefaultRelativePanTiltTranslationSpace", "DefaultRelativeZoomTranslationSpace")
    absolute = has(
        # The standard misspells one of them, devices both ways.
        "DefaultAbsolutePantTiltPositionSpace",
        "DefaultAbsolutePanTiltPositionSpace",
        "DefaultAbsoluteZoomPositionSpace",
    )
    return PtzSupport(
        node=xml_text(element, "NodeToken"),
        # A configuration that names no space at all has that which all have.
        continuous=continuous or not (relative or absolute),
        relative=relative,
        absolute=absolute,
        zoom=has("DefaultContinuousZoomVelocitySpace"),
    )


def sources(profiles: list[Profile]) -> list[VideoSource]:
    """Return the video sources of these profiles, in the device's order."""
    by_token: dict[str, list[Profile]] = {}
    for profile in profiles:
        by_token.setdefault(profile.source, []).append(profile)
    return [
        VideoSource(
            token=token,
            channel=channel_id(token),
            name=next((one.source_name for one in found if one.source_name), None),
            profiles=tuple(_ordered(found)),
        )
        for token, found in by_token.items()
    ]


def _ordered(profiles: list[Profile]) -> list[Profile]:
    """Return the largest first, each encoding once, as many as are offered."""
    order = sorted(profiles, key=lambda one: -one.width * one.height)
    return order[:MAX_STREAMS]


def channel_id(token: str) -> str:
    """Return a source's token where it may be the id of a channel, or else one made of it."""
    if _CHANNEL.fullmatch(token):
        return token
    return f"source-{hashlib.blake2b(token.encode(), digest_size=8).hexdigest()}"
