"""What a camera says of a stream before it plays: plain values, to be remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ucv.streams.rtsp_probe import RtspDescription

#: Names of codecs as `ucv.Stream` has them, by those of RTP (RFC 3551, and the RFC of each).
_CODECS = {
    "H264": "h264",
    "H265": "h265",
    "JPEG": "mjpeg",
    "MP4V-ES": "mpeg4",
    "MPEG4-GENERIC": "aac",
    "MP4A-LATM": "aac",
    "PCMA": "g711a",
    "PCMU": "g711u",
    "G722": "g722",
    "OPUS": "opus",
    "MPA": "mp2",
    "L16": "pcm",
}


def described(found: RtspDescription) -> dict[str, Any]:
    """Return codec, size, frame rate and sound, as arguments of `ucv.Stream`; only what is known.

    Of several videos that which is played: the first H.264, or else the first.
    """
    if not found.video:
        return {}
    video = next((one for one in found.video if one.codec == "H264"), found.video[0])
    told = {
        "codec": codec_of(video.codec),
        "width": video.width,
        "height": video.height,
        "frame_rate": video.frame_rate,
        "audio": codec_of(found.audio[0]) if found.audio else None,
    }
    return {name: value for name, value in told.items() if value}


def codec_of(encoding: str) -> str | None:
    """Return a codec by its name in RTP; one that is not known as it stands, in lower case."""
    if encoding.startswith("G726-"):
        return "g726"
    return _CODECS.get(encoding, encoding.casefold() or None)


def known(facts: Mapping[str, Any], role: str) -> dict[str, Any]:
    """Return what was remembered of the stream with a role."""
    streams = facts.get("streams", {})
    told: dict[str, Any] = streams.get(role, {})
    return dict(told)
