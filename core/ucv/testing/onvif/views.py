"""What a virtual ONVIF device is made of: its video sources, and how it names itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ucv.media.xml import escaped
from ucv.testing.ptz_model import PtzModel

#: Streams of a source: role, size in pixels, frame rate, kbit/s.
STREAMS = (("main", 640, 360, 15, 600), ("sub", 320, 180, 15, 200))


@dataclass(slots=True)
class Source:
    """One sensor or channel: ``number`` is counted from 1."""

    number: int
    name: str
    head: PtzModel | None
    filter: str = "AUTO"

    @property
    def token(self) -> str:
        """Its token."""
        return f"VideoSource_{self.number}"

    def profile(self, stream: int) -> str:
        """Return the token of one of its profiles, counted from 0."""
        return f"Profile_{self.number}_{stream + 1}"


@dataclass(slots=True)
class Identity:
    """What it says of itself; ``codec`` is what its streams are declared to be."""

    name: str
    manufacturer: str
    model: str
    serial: str
    mac: str
    firmware: str
    codec: str
    audio: str
    sources: dict[int, Source] = field(default_factory=dict)
    #: Makes an address on the device of a scheme and a path, as the device names itself.
    address: Callable[[str, str], str] = lambda scheme, path: f"{scheme}://{path}"

    def source_of_profile(self, token: str) -> tuple[Source, int] | None:
        """Return the source and stream of a profile's token."""
        for source in self.sources.values():
            for stream in range(len(STREAMS)):
                if source.profile(stream) == token:
                    return source, stream
        return None

    def source_of_token(self, token: str) -> Source | None:
        """Return the source of that token."""
        return next((one for one in self.sources.values() if one.token == token), None)


def stream_path(source: int, stream: int) -> str:
    """Return the RTSP path of a stream."""
    return f"/onvif/channel{source}?profile={STREAMS[stream][0]}&unicast=true"


__all__ = ["STREAMS", "Identity", "Source", "escaped", "stream_path"]
