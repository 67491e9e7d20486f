"""From the pictures of one connection to the fragments of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ucv.clock import Clock
from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.media.fmp4 import Packager, init_segment, mime
from ucv.streams.fanout import Fanout
from ucv.streams.health import HealthMeter
from ucv.streams.profile import MJPEG


class Packaging:
    """The format of a stream and its packager, kept over reconnects.

    Decode times go on growing over reconnects and changes of the format, and a camera that comes
    back with the same format needs no new init segment.
    """

    def __init__(self, fanout: Fanout) -> None:
        self.format: VideoFormat | None = None
        self.packager: Packager | None = None
        self._fanout = fanout

    def change(self, video_format: VideoFormat) -> bool:
        """Take the format of what follows; returns whether it is another than before."""
        if video_format == self.format:
            return False
        self.format = video_format
        self.packager = Packager(video_format, before=self.packager)
        if video_format.codec == MJPEG:  # each picture stands alone
            self._fanout.set_format(b"", "image/jpeg")
        else:
            self._fanout.set_format(init_segment(video_format), mime(video_format))
        return True


class Ingest:
    """What the source of one connection delivers to (a `SourceSink`).

    ``accepted`` is set with the format: the camera has let us in. ``last_picture`` is the monotonic
    time of the last fragment, before the first that of the start. After `close` everything is
    ignored: a source that is being torn down may still deliver.
    """

    def __init__(
        self,
        packaging: Packaging,
        fanout: Fanout,
        meter: HealthMeter,
        clock: Clock,
        *,
        on_format: Callable[[VideoFormat], object],
        on_accepted: Callable[[], object],
        on_first_picture: Callable[[], object],
    ) -> None:
        self.accepted = asyncio.Event()
        self.last_picture = clock.monotonic()
        self._packaging = packaging
        self._fanout = fanout
        self._meter = meter
        self._now = clock.monotonic
        self._on_format = on_format
        self._on_accepted = on_accepted
        self._on_first_picture = on_first_picture
        self._closed = False
        self._need_keyframe = True
        self._live = False

    def on_format(self, video_format: VideoFormat) -> None:
        """See `SourceSink.on_format`."""
        if self._closed:
            return
        if not self.accepted.is_set():
            self.accepted.set()
            self._on_accepted()
        if self._packaging.change(video_format):
            self._need_keyframe = True
        self._on_format(video_format)

    def on_access_unit(self, unit: AccessUnit) -> None:
        """See `SourceSink.on_access_unit`."""
        packager = self._packaging.packager
        if self._closed or packager is None:
            return
        if self._need_keyframe:
            if not unit.keyframe:
                return
            self._need_keyframe = False
            if not self._live:
                self._live = True
                self._on_first_picture()
        fragment = packager.package(unit)
        self._fanout.publish(fragment)
        self.last_picture = now = self._now()
        self._meter.sent(fragment, now)

    def on_loss(self, packets: int) -> None:
        """See `SourceSink.on_loss`."""
        if not self._closed:
            self._meter.lost_packets += packets

    def on_bytes(self, count: int) -> None:
        """See `SourceSink.on_bytes`."""
        if not self._closed:
            self._meter.bytes_read(count)

    def close(self) -> None:
        """Ignore what still comes."""
        self._closed = True
