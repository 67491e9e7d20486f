"""Where Hikvision's firmware differs from itself: each difference as a policy with a name.

Nothing here is chosen by a model's name: what a device answers decides, or what a person sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Prefix(StrEnum):
    """What stands before the paths of the interface; found by asking for ``System/deviceInfo``."""

    ISAPI = "/ISAPI"
    """Everything of the last ten years and more."""
    BARE = ""
    """Very old firmware, from before ISAPI had its name; also consumer cameras with Wi-Fi whose
    paths below ``/ISAPI`` are cut down (reported to the makers of pyHik, 2020)."""
    PSIA = "/PSIA"
    """Very old firmware as well, which answers the same documents below PSIA's name."""


class RtspPath(StrEnum):
    """Which path the streams have; a person may choose one, ``AUTO`` finds the one that plays."""

    AUTO = "auto"
    STREAMING = "streaming"
    """``/Streaming/Channels/101``: everything with ISAPI, and most of what came before."""
    ISAPI = "isapi"
    """``/ISAPI/Streaming/Channels/101``: recorders that lead the plain path elsewhere."""
    PSIA = "psia"
    """``/PSIA/streaming/channels/101``: cameras whose interface is at ``/PSIA``; among others
    DS-2CD2032-I and DS-2CD2432F-IW answer it, too."""
    H264 = "h264"
    """``/h264/ch1/main/av_stream``: devices from before 2012 know no other (firmware V2, such as
    DS-9016HF-ST and DS-2DF7274-A), later ones know it, too."""


class PictureSource(StrEnum):
    """Where a still picture comes from; the first that gives one is kept for the device."""

    STREAMING = "Streaming"
    """``Streaming/channels/101/picture``: cameras, and recorders for analogue channels."""
    PROXY = "ContentMgmt/StreamingProxy"
    """The same below ``ContentMgmt/StreamingProxy``: recorders that answer the plain path with
    ``badXmlContent`` or 403 for network cameras (DS-7608NI-K2, DS-7716NI-M4, mostly for those in
    the recorder's own sockets)."""


#: Paths in the order in which they are tried, by what the prefix says of the firmware's age.
RTSP_PATHS: Mapping[Prefix, tuple[RtspPath, ...]] = {
    Prefix.ISAPI: (RtspPath.STREAMING, RtspPath.ISAPI, RtspPath.H264, RtspPath.PSIA),
    Prefix.BARE: (RtspPath.STREAMING, RtspPath.H264, RtspPath.PSIA),
    Prefix.PSIA: (RtspPath.PSIA, RtspPath.STREAMING, RtspPath.H264),
}

#: Document of the infrared cut filter, as web servers that look at case have it.
IRCUT_FILTER = ("ircutFilter", "IrcutFilter", "ircutfilter")
#: Document of the lamps; spelled as differently.
SUPPLEMENT_LIGHT = ("supplementLight", "SupplementLight")

#: Presets that are commands and no positions on every dome: patrols, patterns, wiper, limits, the
#: menu, and 94, which restarts the camera. They are listed as if somebody had stored them.
BUILT_IN_PRESETS = range(33, 106)


def rtsp_path(policy: RtspPath, channel: int, stream: int) -> str:
    """Return the path of a stream: ``channel`` from 1, ``stream`` 1 main, 2 sub, 3 third."""
    number = channel * 100 + stream
    match policy:
        case RtspPath.ISAPI:
            return f"/ISAPI/Streaming/Channels/{number}"
        case RtspPath.PSIA:
            return f"/PSIA/streaming/channels/{number}"
        case RtspPath.H264:
            kind = {1: "main", 2: "sub"}.get(stream, f"stream{stream}")
            return f"/h264/ch{channel}/{kind}/av_stream"
        case _:
            return f"/Streaming/Channels/{number}"
