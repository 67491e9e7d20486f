"""What a device streams: ``Streaming/channels``, the table of all streams of all channels."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ucv_hikvision.documents import elements, number_at, text, truth_at

#: Streams of a channel that are offered: main, sub, third, and one that a recorder re-encodes.
ROLES = {1: "main", 2: "sub", 3: "third", 4: "transcoded"}

_CODECS = {
    "h.264": "h264",
    "h264": "h264",
    "h.265": "h265",
    "h265": "h265",
    "mjpeg": "mjpeg",
    "mpeg4": "mpeg4",
    "mpeg-4": "mpeg4",
}
_AUDIO = {
    "aac": "aac",
    "g.711ulaw": "g711u",
    "g.711alaw": "g711a",
    "g.722.1": "g722",
    "g.726": "g726",
    "mp2l2": "mp2",
    "mp3": "mp3",
    "opus": "opus",
    "pcm": "pcm",
}
#: Largest picture (pixels along a side), rate and kbit/s that are believed.
_MAX_SIDE, _MAX_RATE, _MAX_KILOBITS = 32_768, 1000.0, 1_000_000


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One stream of one channel, as configured.

    ``frame_rate`` is in pictures and ``bit_rate`` in bits per second, the latter the upper bound
    where it varies; 0 for what is not told.
    """

    channel: int
    stream: int
    name: str
    codec: str | None
    width: int
    height: int
    frame_rate: float
    bit_rate: int
    audio: str | None

    @property
    def number(self) -> int:
        """Its number in paths: 101 is the first stream of channel 1."""
        return self.channel * 100 + self.stream

    @property
    def role(self) -> str:
        """What it is for."""
        return ROLES[self.stream]


def stream_table(root: Element) -> dict[int, list[StreamEntry]]:
    """Return the streams that are switched on by channel, the main one first.

    ``StreamingProxyChannel`` is what recorders call those of network cameras.
    """
    table: dict[int, list[StreamEntry]] = {}
    for element in elements(root, "StreamingChannel", "StreamingProxyChannel"):
        entry = _entry(element)
        if entry is not None and all(
            e.stream != entry.stream for e in table.get(entry.channel, ())
        ):
            table.setdefault(entry.channel, []).append(entry)
    for entries in table.values():
        entries.sort(key=lambda entry: entry.stream)
    return table


def _entry(element: Element) -> StreamEntry | None:
    number = number_at(element, "id")
    if number is None or truth_at(element, "enabled") is False:
        return None
    channel, stream = divmod(number, 100)
    if not 1 <= channel <= 9999 or stream not in ROLES:
        return None
    rate = (number_at(element, "Video/maxFrameRate") or 0) / 100
    kilobits = number_at(element, "Video/vbrUpperCap")
    if text(element, "Video/videoQualityControlType").casefold() == "cbr" or kilobits is None:
        kilobits = number_at(element, "Video/constantBitRate") or kilobits or 0
    return StreamEntry(
        channel=channel,
        stream=stream,
        name=text(element, "channelName"),
        codec=_codec(text(element, "Video/videoCodecType")),
        width=_side(element, "Video/videoResolutionWidth"),
        height=_side(element, "Video/videoResolutionHeight"),
        frame_rate=rate if 0 < rate <= _MAX_RATE else 0.0,
        bit_rate=kilobits * 1000 if 0 < kilobits <= _MAX_KILOBITS else 0,
        audio=_audio(element),
    )


def _codec(told: str) -> str | None:
    return _CODECS.get(told.casefold(), told.casefold() or None)


def _audio(element: Element) -> str | None:
    told = text(element, "Audio/audioCompressionType").casefold()
    if not told or truth_at(element, "Audio/enabled") is False:
        return None
    return _AUDIO.get(told, told)


def _side(element: Element, path: str) -> int:
    pixels = number_at(element, path) or 0
    return pixels if 0 < pixels <= _MAX_SIDE else 0
