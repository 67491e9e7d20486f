"""What a device encodes: the ``Encode`` table, as streams."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ucv_dahua.keyvalue import Table

#: What a stream is for, by its subtype.
ROLES = ("main", "sub", "third", "fourth")
#: Pictures by name; those that depend on the television standard have two heights (PAL, NTSC).
_SIZES: dict[str, tuple[int, int, int]] = {
    "QCIF": (176, 144, 120),
    "CIF": (352, 288, 240),
    "HD1": (352, 576, 480),
    "2CIF": (704, 288, 240),
    "BCIF": (704, 288, 240),
    "D1": (704, 576, 480),
    "4CIF": (704, 576, 480),
    "960H": (960, 576, 480),
    "QVGA": (320, 240, 240),
    "VGA": (640, 480, 480),
    "NHD": (640, 360, 360),
    "XVGA": (1024, 768, 768),
    "720P": (1280, 720, 720),
    "1_3M": (1280, 960, 960),
    "960P": (1280, 960, 960),
    "SXGA": (1280, 1024, 1024),
    "UXGA": (1600, 1200, 1200),
    "1080P": (1920, 1080, 1080),
    "WUXGA": (1920, 1200, 1200),
    "3M": (2048, 1536, 1536),
    "4K": (3840, 2160, 2160),
}
_PAIR = re.compile(r"(\d{2,5})\s*[xX*]\s*(\d{2,5})")
_VIDEO = {"mjpg": "mjpeg", "mjpeg": "mjpeg", "mpeg4": "mpeg4", "svac": "svac"}
_AUDIO = {
    "aac": "aac",
    "g711a": "g711a",
    "g711mu": "g711u",
    "g711u": "g711u",
    "g726": "g726",
    "pcm": "pcm",
    "opus": "opus",
    "amr": "amr",
    "mpeg2layer2": "mp2",
    "mpeg2": "mp2",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """One stream as configured; ``subtype`` 0 is the main one. Values as in `ucv.Stream`."""

    subtype: int
    codec: str | None
    width: int
    height: int
    frame_rate: float
    bit_rate: int
    audio: str | None

    @property
    def role(self) -> str:
        """What it is for."""
        return ROLES[self.subtype]


def encodings(encode: Table, *, extra: int | None, ntsc: bool) -> dict[int, list[Encoding]]:
    """Return the streams of each channel (from 0), the main one first.

    ``encode`` is what is below ``table.Encode``. ``extra`` is how many streams there are beside the
    main one (``MaxExtraStream``); where it is not known, those that say they are switched on, and
    the first. ``MainFormat[1]`` and above are other ways of recording, and no streams.
    """
    return {channel: _of_channel(row, extra, ntsc) for channel, row in encode.rows().items()}


def depends_on_standard(encode: Table) -> bool:
    """Say whether a picture's size is given by a name that means two sizes, and by nothing else."""
    for row in encode.rows().values():
        for place in (row.at("MainFormat", 0), *row.rows("ExtraFormat").values()):
            size = _SIZES.get(_resolution(place).upper(), (0, 0, 0))
            if not place.whole("Video", "Width") and size[1] != size[2]:
                return True
    return False


def _of_channel(row: Table, extra: int | None, ntsc: bool) -> list[Encoding]:
    found = [_encoding(0, row.at("MainFormat", 0), ntsc)]
    for number, place in row.rows("ExtraFormat").items():
        subtype, enabled = number + 1, place.flag("VideoEnable")
        if subtype >= len(ROLES) or enabled is False:
            continue
        known = number < extra if extra is not None else enabled or number == 0
        if known:
            found.append(_encoding(subtype, place, ntsc))
    return found


def _encoding(subtype: int, place: Table, ntsc: bool) -> Encoding:
    video = place.at("Video")
    width, height = _size(place, ntsc)
    audio = _AUDIO.get(_bare(place.text("Audio", "Compression")))
    return Encoding(
        subtype=subtype,
        codec=_codec(video.text("Compression")),
        width=width,
        height=height,
        frame_rate=max(0.0, video.number("FPS") or 0.0),
        # Kilobits in the table.
        bit_rate=max(0, video.whole("BitRate") or 0) * 1000,
        audio=audio if place.flag("AudioEnable") is not False else None,
    )


def _size(place: Table, ntsc: bool) -> tuple[int, int]:
    width, height = place.whole("Video", "Width"), place.whole("Video", "Height")
    if width and height and width > 0 and height > 0:
        return width, height
    name = _resolution(place)
    if match := _PAIR.search(name):
        return int(match[1]), int(match[2])
    wide, pal, short = _SIZES.get(name.upper(), (0, 0, 0))
    return wide, short if ntsc else pal


def _resolution(place: Table) -> str:
    return place.text("Video", "resolution") or place.text("Video", "Resolution")


def _codec(told: str) -> str | None:
    bare = _bare(told)
    # H.264B, H.264M and H.264H are its profiles.
    for name in ("h264", "h265"):
        if bare.startswith(name):
            return name
    return _VIDEO.get(bare)


def _bare(told: str) -> str:
    return re.sub(r"[^a-z0-9]", "", told.casefold())
