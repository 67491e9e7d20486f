"""Session descriptions as RTSP servers send them (SDP: RFC 8866; in RTSP: RFC 2326, appendix C).

Cameras bend the format in every way there is, so a line that makes no sense is passed over; only a
description without any medium is an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ucv.media.errors import MediaError

#: Bytes beyond which no description is read: the longest of real cameras have about 4 KiB.
MAX_SIZE = 64 * 1024
#: Media beyond these are passed over.
MAX_MEDIA = 32

#: Static payload types (RFC 3551, tables 4 and 5) that RTSP servers use without an ``rtpmap``.
_STATIC = {
    0: ("PCMU", 8_000),
    3: ("GSM", 8_000),
    8: ("PCMA", 8_000),
    9: ("G722", 8_000),
    14: ("MPA", 90_000),
    26: ("JPEG", 90_000),
    32: ("MPV", 90_000),
    33: ("MP2T", 90_000),
    34: ("H263", 90_000),
}
_NUMBERS = re.compile(r"\d{1,5}")


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One medium ("m=") with the first of its formats.

    - ``kind``: "video", "audio", "application" …, in lower case;
    - ``payload_type``: RTP payload type, 0–127;
    - ``encoding``: name in the ``rtpmap`` in upper case ("H264"), "" if there is none;
    - ``clock_rate``: RTP ticks per second;
    - ``fmtp``: format parameters with keys in lower case and values as they stand;
    - ``control``: as it stands, relative or absolute or "" (see `resolve_control`);
    - ``frame_rate``: pictures per second as declared, 0.0 if not;
    - ``width``, ``height``: pixels as declared, 0 if not;
    - ``channels``: of audio, 1 if not declared;
    - ``direction``: "sendrecv", "recvonly", "sendonly" or "inactive".
    """

    kind: str
    payload_type: int
    encoding: str
    clock_rate: int
    fmtp: Mapping[str, str] = field(default_factory=dict)
    control: str = ""
    frame_rate: float = 0.0
    width: int = 0
    height: int = 0
    channels: int = 1
    direction: str = "sendrecv"


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """The whole: its ``name`` ("s="), ``control`` of the aggregate ("" if none), its media."""

    name: str
    control: str
    media: tuple[MediaDescription, ...]

    def of_kind(self, kind: str) -> tuple[MediaDescription, ...]:
        """Return the media of that kind ("video"), in their order."""
        return tuple(m for m in self.media if m.kind == kind)


def parse(data: bytes) -> SessionDescription:
    """Read a description; a lone LF and a missing "v=" line do.

    Raises `MediaError` if it is longer than `MAX_SIZE` or describes no medium.
    """
    if len(data) > MAX_SIZE:
        raise MediaError(f"SDP of {len(data)} bytes; at most {MAX_SIZE} are read")
    name = ""
    control = ""
    sections: list[tuple[str, list[str]]] = []
    for kind, value in _lines(data):
        if kind == "m":
            if len(sections) == MAX_MEDIA:
                break
            sections.append((value, []))
        elif kind == "a" and sections:
            sections[-1][1].append(value)
        elif kind == "a":
            key, _, rest = value.partition(":")
            if key.strip().lower() == "control":
                control = rest.strip()
        elif kind == "s" and not sections:
            name = value
    media = tuple(m for m in (_medium(line, attributes) for line, attributes in sections) if m)
    if not media:
        raise MediaError("the SDP describes no medium")
    return SessionDescription(name, control, media)


def resolve_control(base: str, control: str) -> str:
    """Return the URL that a ``control`` attribute names (RFC 2326, C.1.1).

    ``base`` is the Content-Base, Content-Location or request URL. A relative control is *appended*
    to the base, as every known client does and so every known server expects, also where RFC 3986
    would replace the last segment or drop the query.
    """
    if control in ("", "*"):
        return base
    if control[:8].lower().startswith(("rtsp://", "rtsps://")):
        return control
    return f"{base}{control}" if base.endswith("/") else f"{base}/{control.lstrip('/')}"


def _lines(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield (type, value) of every line that looks like one."""
    for line in re.split(r"[\r\n\0]+", data.decode("utf-8", "replace")):
        kind, equals, value = line.strip().partition("=")
        if equals and len(kind) == 1:
            yield kind, value.strip()


def _medium(line: str, attributes: list[str]) -> MediaDescription | None:
    """Build a medium from "video 0 RTP/AVP 96" and its attributes; None if it names no format."""
    kind, *rest = line.split() or [""]
    formats = [int(f) for f in rest[2:] if f.isascii() and f.isdigit() and int(f[:4]) < 128]
    if not kind or not formats:
        return None
    payload_type = formats[0]
    values: dict[str, str] = {}
    fmtp: dict[str, str] = {}
    direction = "sendrecv"
    encoding, clock_rate = _STATIC.get(payload_type, ("", 90_000))
    channels = 1
    for attribute in attributes:
        key, _, value = attribute.partition(":")
        key, value = key.strip().lower(), value.strip()
        if key == "rtpmap" and (mapping := _for_payload(value, payload_type)):
            encoding, clock_rate, channels = _rtpmap(mapping, clock_rate)
        elif key == "fmtp" and (parameters := _for_payload(value, payload_type)):
            fmtp |= _fmtp(parameters)
        elif key in ("sendrecv", "recvonly", "sendonly", "inactive"):
            direction = key
        else:
            values.setdefault(key, value)
    width, height = _size(values, payload_type)
    return MediaDescription(
        kind=kind.lower(),
        payload_type=payload_type,
        encoding=encoding,
        clock_rate=clock_rate,
        fmtp=fmtp,
        control=values.get("control", ""),
        frame_rate=_rate(values.get("framerate") or values.get("x-framerate") or ""),
        width=width,
        height=height,
        channels=channels,
        direction=direction,
    )


def _for_payload(value: str, payload_type: int) -> str:
    """Return what follows the payload type in "96 …", or "" if it is another one."""
    number, _, rest = value.partition(" ")
    return rest.strip() if number == str(payload_type) else ""


def _rtpmap(value: str, default_rate: int) -> tuple[str, int, int]:
    """Read "H264/90000" or "opus/48000/2" (RFC 8866, 6.6)."""
    name, *rest = value.split("/")
    numbers = [int(m[0]) if (m := re.match(r"\s*\d{1,9}", part)) else 0 for part in rest]
    rate = numbers[0] if numbers and numbers[0] else default_rate
    channels = numbers[1] if len(numbers) > 1 and numbers[1] else 1
    return name.strip().upper(), rate, channels


def _fmtp(value: str) -> dict[str, str]:
    """Read "packetization-mode=1; profile-level-id=…" (values may hold "=": Base64)."""
    parameters: dict[str, str] = {}
    for part in value.split(";"):
        key, _, parameter = part.partition("=")
        if key := key.strip().lower():
            parameters[key] = parameter.strip()
    return parameters


def _rate(value: str) -> float:
    """Read "25", "12.5", "30000/1001" or, by some locales, "25,0"; 0.0 if it makes no sense."""
    numerator, _, denominator = value.replace(",", ".").partition("/")
    try:
        rate = float(numerator) / float(denominator or 1)
    except (ValueError, ZeroDivisionError):
        return 0.0
    return rate if math.isfinite(rate) and 0.0 < rate <= 1000.0 else 0.0


def _size(values: Mapping[str, str], payload_type: int) -> tuple[int, int]:
    """Read the size that the attributes declare, (0, 0) if none.

    ``framesize:96 1920-1080`` (3GPP TS 26.234), ``x-dimensions:1920,1080`` (QuickTime),
    ``cliprect:0,0,1080,1920``.
    """
    text = _for_payload(values.get("framesize", ""), payload_type)
    numbers = _NUMBERS.findall(text or values.get("x-dimensions", ""))
    if not numbers:
        numbers = _NUMBERS.findall(values.get("cliprect", ""))[:1:-1]
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else (0, 0)
