"""Where cameras are known to show motion JPEG.

Gathered from public sources; each is a candidate to try, not a promise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A path with its query; ``vendor`` is whose cameras have it, None for programs.

    ``port`` is the one it is at, where that is not the web interface's. ``servers`` are beginnings
    of what its web server calls itself: a path that carries the password is only tried there.
    """

    path: str
    vendor: str | None = None
    port: int | None = None
    servers: tuple[str, ...] = ()

    @property
    def carries_password(self) -> bool:
        """Whether the address holds the password, as `ucv.streams.mjpeg_source` fills it in."""
        return "{password}" in self.path


PLACES = (
    Place("/axis-cgi/mjpg/video.cgi", "Axis"),
    Place("/mjpg/video.mjpg", "Axis"),
    Place("/cgi-bin/mjpg/video.cgi?channel=1&subtype=1", "Dahua"),
    Place("/ISAPI/Streaming/channels/102/httpPreview", "Hikvision"),
    Place("/Streaming/channels/102/httpPreview", "Hikvision"),
    Place("/stw-cgi/video.cgi?msubmenu=stream&action=view&Profile=1&CodecType=MJPEG", "Hanwha"),
    Place("/control/faststream.jpg?stream=full", "Mobotix"),
    Place("/nphMotionJpeg?Resolution=640x480&Quality=Standard", "Panasonic"),
    Place("/video.mjpg", "Vivotek"),
    Place("/mjpeg", "Sony"),
    Place("/image", "Sony"),
    Place("/cgi/mjpg/mjpeg.cgi", "TRENDnet"),
    Place("/video/mjpg.cgi", "D-Link"),
    Place("/mjpeg.cgi", "D-Link"),
    Place("/video.cgi", "D-Link"),
    Place("/videostream.cgi", "Foscam"),
    Place(
        "/videostream.cgi?user={username}&pwd={password}",
        "Foscam",
        servers=("Netwave IP Camera",),
    ),
    Place(
        "/cgi-bin/CGIStream.cgi?cmd=GetMJStream&usr={username}&pwd={password}",
        "Foscam",
        servers=("HiIpcam",),
    ),
    Place("/?action=stream"),
    Place("/stream", port=81),
    Place("/", port=8081),
    Place("/video", port=8080),
    Place("/?action=stream", port=8080),
    # Where a scan has seen one begin, at whatever port.
    Place("/"),
)


def candidates(server: str, port: int | None) -> list[Place]:
    """Return the places to try, the likeliest first.

    ``server`` is what the device's web server calls itself. With a ``port`` that was given, only
    what is there.
    """
    named = [place for place in PLACES if place.servers and server.startswith(place.servers)]
    others = [place for place in PLACES if not place.carries_password]
    return [place for place in (*named, *others) if port is None or place.port in (None, port)]
