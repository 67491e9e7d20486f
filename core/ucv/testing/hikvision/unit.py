"""What a Hikvision device is and has: its identity, its channels, and what is set in them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from xml.etree.ElementTree import Element

from ucv.clock import Clock
from ucv.testing.hikvision.documents import element
from ucv.testing.ptz_model import PtzModel

Codec = Literal["h264", "h265"]
#: What a device calls itself in ``deviceType``.
Kind = Literal["IPCamera", "IPDome", "NVR", "DVR"]

#: Width, height, kbit/s of a channel's streams, the main one first; the clips behind them.
SIZES = ((640, 360, 600), (320, 180, 200), (320, 180, 200), (320, 180, 200))
#: Pictures per second.
RATE = 15
_CODECS: Mapping[Codec, str] = {"h264": "H.264", "h265": "H.265"}
#: Values of ``videoCodecType`` that a stream may be set to.
CODECS = ("H.264", "H.265", "MJPEG")


@dataclass(slots=True)
class Channel:
    """One channel: a camera's own picture, or a recorder's camera.

    ``model`` and on are a recorder's IP camera's; ``documents`` are its settings by name.
    """

    number: int
    name: str
    analogue: bool = False
    online: bool = True
    model: str = ""
    serial: str = ""
    firmware: str = ""
    address: str = ""
    documents: dict[str, Element] = field(default_factory=dict)


@dataclass(slots=True)
class Unit:
    """A device without its servers. ``streams`` is how many each channel has (1 to 4).

    ``ports`` returns the ports that it listens on, by protocol; ``time`` what its clock shows, in
    seconds since the epoch. ``audio`` is an ``audioCompressionType``, None: no sound.
    """

    name: str
    kind: Kind
    model: str
    serial: str
    mac: str
    firmware: str
    clock: Clock
    ports: Callable[[], Mapping[str, int]]
    time: Callable[[], float]
    quirks: set[str]
    streams: int = 2
    codec: Codec = "h264"
    audio: str | None = None
    inputs: int = 1
    outputs: list[bool] = field(default_factory=lambda: [False])
    channels: dict[int, Channel] = field(default_factory=dict)
    ptz: dict[int, PtzModel] = field(default_factory=dict)

    @property
    def recorder(self) -> bool:
        """Whether it records other cameras."""
        return self.kind in ("NVR", "DVR")

    def stream_numbers(self) -> list[int]:
        """Return the ids of all streams: channel x 100 + stream."""
        return [
            channel * 100 + stream
            for channel in sorted(self.channels)
            for stream in range(1, self.streams + 1)
        ]

    def stream(self, number: int) -> Element:
        """Return a stream's document; raises `KeyError` if there is no such stream."""
        channel, stream = self.channels[number // 100], number % 100
        if not 1 <= stream <= self.streams:
            raise KeyError(number)
        name = f"stream {stream}"
        if name not in channel.documents:
            channel.documents[name] = self._stream_document(channel, stream)
        return channel.documents[name]

    def set_stream(self, number: int, document: Element) -> None:
        """Replace a stream's document."""
        self.channels[number // 100].documents[f"stream {number % 100}"] = document

    def _stream_document(self, channel: Channel, stream: int) -> Element:
        width, height, kilobits = SIZES[stream - 1]
        return element(
            "StreamingChannel",
            {
                "id": channel.number * 100 + stream,
                "channelName": channel.name,
                "enabled": True,
                "Transport": {
                    "maxPacketSize": 1000,
                    "ControlProtocolList": {
                        "ControlProtocol": [
                            {"streamingTransport": "RTSP"},
                            {"streamingTransport": "HTTP"},
                        ]
                    },
                    "Security": {"enabled": True},
                },
                "Video": {
                    "enabled": True,
                    "videoInputChannelID": channel.number,
                    "videoCodecType": _CODECS[self.codec],
                    "videoScanType": "progressive",
                    "videoResolutionWidth": width,
                    "videoResolutionHeight": height,
                    "videoQualityControlType": "VBR",
                    "constantBitRate": kilobits,
                    "fixedQuality": 60,
                    "vbrUpperCap": kilobits,
                    "maxFrameRate": RATE * 100,
                    "GovLength": 6,
                },
                "Audio": {
                    "enabled": self.audio is not None,
                    "audioInputChannelID": channel.number,
                    "audioCompressionType": self.audio or "G.711ulaw",
                },
            },
        )


def serial_of(name: str, model: str) -> str:
    """Return a serial number that belongs to a name: the model, a date, and a number."""
    return f"{model}20240115AAWR{zlib.crc32(name.encode()):010d}"


def mac_of(name: str) -> str:
    """Return a MAC address that belongs to a name, from one of the vendor's ranges."""
    octets = zlib.crc32(name.encode()).to_bytes(4, "big")[1:]
    return ":".join(["44", "19", "b6", *(f"{octet:02x}" for octet in octets)])
