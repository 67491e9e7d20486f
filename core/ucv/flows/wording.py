"""What flows say of devices: names and sentences, made of what the device tells."""

from __future__ import annotations

from collections.abc import Sequence

from ucv.config.common import MAX_NAME
from ucv.entries.survey import Survey
from ucv.plugins.values import DeviceInfo, Stream

#: Seconds by which a device's clock may be wrong without a word about it.
CLOCK_DRIFT = 5.0

#: How codecs are written for people.
_CODECS = {
    "h264": "H.264",
    "h265": "H.265",
    "mjpeg": "MJPEG",
    "mpeg4": "MPEG-4",
    "aac": "AAC",
    "g711a": "G.711 A-law",
    "g711u": "G.711 µ-law",
    "g722": "G.722",
    "g726": "G.726",
    "opus": "Opus",
    "mp2": "MPEG audio",
    "pcm": "PCM",
}

#: The sign that stands between width and height.
_TIMES = "\u00d7"


def one_line(text: str) -> str:
    """Return what a device says of itself as text that a name can be made of."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:MAX_NAME].strip()


def title_of(info: DeviceInfo) -> str:
    """Return manufacturer and model as people say them, empty if neither is known."""
    maker, model = one_line(info.manufacturer or ""), one_line(info.model or "")
    if model.casefold().startswith(maker.casefold()):
        return model
    return f"{maker} {model}".strip()


def what_was_found(info: DeviceInfo, found: Survey) -> str:
    """Return who a device is and what it has, in one line."""
    serial = f"serial number {info.serial}" if info.serial else ""
    firmware = f"firmware {info.firmware}" if info.firmware else ""
    who = one_line(", ".join(filter(None, (title_of(info), serial, firmware))))
    return "; ".join(filter(None, (who, _cameras_of(found), _clock_of(info))))


def _cameras_of(found: Survey) -> str:
    if found.channels is not None:
        count = len(found.channels)
        return f"a recorder with {count} {'camera' if count == 1 else 'cameras'}"
    streams = found.streams.get(None, ())
    # One alone of which nothing is known but that it is there says nothing new.
    if not any(map(stream_text, streams)):
        return ""
    return f"streams: {', '.join(map(_named, streams))}"


def _clock_of(info: DeviceInfo) -> str:
    offset = info.clock_offset
    if offset is None or abs(offset) <= CLOCK_DRIFT:
        return ""
    return f"its clock is {abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}"


def _named(stream: Stream) -> str:
    name, what = stream.name or stream.role, stream_text(stream)
    return one_line(f"{name} ({what})" if what else name)


def stream_text(stream: Stream) -> str:
    """Return codec, size, rates and sound of a stream, as far as they are known."""
    size = f"{stream.width}{_TIMES}{stream.height}" if stream.width and stream.height else ""
    rate = f"{stream.frame_rate:g} fps" if stream.frame_rate else ""
    bits = f"{stream.bit_rate / 1e6:.3g} Mbit/s" if stream.bit_rate else ""
    sound = f"audio {_codec(stream.audio)}" if stream.audio else ""
    return ", ".join(filter(None, (_codec(stream.codec), size, rate, bits, sound)))


def labels_of(streams: Sequence[Stream]) -> dict[str, str]:
    """Return a label for each stream by its name."""
    return {stream.name or stream.role: _named(stream) for stream in streams}


def _codec(name: str | None) -> str:
    return _CODECS.get((name or "").casefold(), (name or "").upper())
