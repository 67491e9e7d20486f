"""The RTSP streams of a Hikvision device's channels, under the paths of its generation."""

from __future__ import annotations

from collections.abc import Collection

from ucv.testing.clip import Clip
from ucv.testing.rtsp_auth import Authenticator
from ucv.testing.rtsp_server import Mount, RtspServer

_OLD_NAMES = {1: "main", 2: "sub", 3: "third", 4: "trans"}


def stream_paths(channel: int, stream: int, quirks: Collection[str]) -> list[str]:
    """Return the paths under which a stream is found."""
    number = channel * 100 + stream
    old = f"/h264/ch{channel}/{_OLD_NAMES[stream]}/av_stream"
    if "rtsp-old-paths" in quirks:
        return [old]
    if "paths-psia" in quirks:
        return [f"/PSIA/streaming/channels/{number}"]
    if "paths-without-isapi" in quirks:
        return [f"/Streaming/Channels/{number}", old]
    return [f"/Streaming/Channels/{number}", f"/ISAPI/Streaming/Channels/{number}"]


class StreamMounts:
    """Shows clips, the first as main stream and the second as all others, on every channel."""

    def __init__(self, server: RtspServer, account: Authenticator, quirks: Collection[str]) -> None:
        self._server = server
        self._account = account
        self._quirks = quirks
        self._clips: tuple[Clip, Clip] | None = None
        #: The paths of each stream of a channel, the main one first.
        self.paths: dict[int, list[list[str]]] = {}

    @property
    def ready(self) -> bool:
        """Whether it has clips to show."""
        return self._clips is not None

    def show(self, clips: tuple[Clip, Clip]) -> None:
        """Show these on the channels that are added from now on."""
        self._clips = clips
        # Credentials are asked for before the path is looked at.
        self._server.add("*", clips[1], self._account).faults.missing = True

    def add(self, channel: int, streams: int) -> None:
        """Add a channel's streams, once there is something to show."""
        if self._clips is None:
            return
        self.paths[channel] = []
        for stream in range(1, streams + 1):
            first, *others = stream_paths(channel, stream, self._quirks)
            mount = self._server.add(first, self._clips[stream > 1], self._account)
            for path in others:
                self._server.mounts[path] = mount
            self.paths[channel].append([first, *others])

    def remove(self, channel: int) -> None:
        """Take a channel's streams away, and end those that play."""
        for mount in self._of(channel):
            mount.disconnect()
        for paths in self.paths.pop(channel, ()):
            for path in paths:
                del self._server.mounts[path]

    def set_online(self, channel: int, *, online: bool) -> None:
        """Refuse a channel's streams while it is offline, as if they were not there."""
        for mount in self._of(channel):
            mount.faults.missing = not online
            if not online:
                mount.disconnect()

    def _of(self, channel: int) -> list[Mount]:
        return [self._server.mounts[paths[0]] for paths in self.paths.get(channel, ())]
