"""What a virtual camera sees that can be turned: a window on a bay, drawn as long as it is watched.

The head's position decides which part of the bay the picture shows, so that moving it can be seen.
Motion begins when the boat sails into the window or the head turns, and ends when nothing moves.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange

from ucv.testing.clip import Clip, ClipRequest, Picture, split_annex_b
from ucv.testing.ptz_model import PtzModel
from ucv.testing.rtp_packets import PackedPicture, pack_picture
from ucv.testing.rtsp_auth import Authenticator
from ucv.testing.rtsp_connection import ServerConnection
from ucv.testing.rtsp_server import Mount, RtspServer
from ucv.testing.scene import COUNTER_BITS, Scene, write_counter

#: Pixels of the whole bay; the window is half of it at its widest, and a quarter zoomed in.
_WIDTH, _HEIGHT = 1280, 720
#: Seconds after which everything is back where it began.
_DURATION = 20
#: Pixels and bits per second of the two streams.
SIZES = ((640, 360, 900_000), (320, 180, 250_000))
#: Seconds between two looks at what moves, and for which a movement is told after it ended.
_LOOK, _STILL_FOR = 0.2, 1.0


@dataclass(frozen=True, slots=True)
class _Window:
    left: int
    top: int
    width: int
    height: int


class MovingDevice(Protocol):
    """A virtual device whose channels have heads and report motion."""

    name: str
    rtsp: RtspServer
    scenes: dict[int, LiveScene]

    @property
    def ptz(self) -> Mapping[int, PtzModel]:
        """The heads by channel."""

    def start_event(self, *, channel: int) -> None:
        """Let motion begin."""

    def stop_event(self, *, channel: int) -> None:
        """Let it end."""


class LiveScene:
    """One camera's view; `mount` it as streams, and `start` to have its motion told.

    ``on_motion`` is called with True and False on the event loop. ``now`` is the wall clock.
    """

    def __init__(
        self,
        name: str,
        head: PtzModel,
        *,
        rate: int = 15,
        variant: int = 0,
        on_motion: Callable[[bool], object] = lambda _active: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.rate = rate
        self.moving = False
        self._head = head
        self._on_motion = on_motion
        self._now = now
        self._scene = Scene(name, _WIDTH, _HEIGHT, float(_DURATION), variant)
        self._mounts: list[LiveMount] = []
        self._moved_at = -math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._drawing: asyncio.Task[None] | None = None
        # One picture at a time: the scene is drawn into one buffer.
        self._brush = threading.Lock()

    def mount(
        self, server: RtspServer, path: str, size: int, auth: Authenticator | None = None
    ) -> LiveMount:
        """Stream it under a path, in the given one of `SIZES`."""
        mount = LiveMount(path, self, size, auth or Authenticator(), self._now)
        server.mounts[path] = mount
        self._mounts.append(mount)
        return mount

    def start(self) -> None:
        """Tell of motion from now on."""
        self._look()

    async def stop(self) -> None:
        """Draw and tell no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._drawing is not None:
            self._drawing.cancel()
            await asyncio.wait({self._drawing})
            self._drawing = None

    async def jpeg(self, width: int = 640, height: int = 360) -> bytes:
        """Return what it shows now."""
        return await asyncio.to_thread(self.drawn, width, height)

    def drawn(self, width: int = 640, height: int = 360) -> bytes:
        """Return the same; takes milliseconds, no event loop."""
        number = math.floor(self._now() * self.rate)
        with self._brush:
            return self._photograph(number, width, height)

    def watch(self) -> None:
        """Draw as long as somebody watches; called when somebody begins to."""
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.create_task(self._draw(), name="live scene")

    # --- motion ---------------------------------------------------------------------------------

    def _look(self) -> None:
        now = self._now()
        if self._head.moving or self._boat_is_seen(now):
            self._moved_at = now
        moving = now - self._moved_at < _STILL_FOR
        if moving is not self.moving:
            self.moving = moving
            self._on_motion(moving)
        self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _boat_is_seen(self, now: float) -> bool:
        window = self._window()
        place = self._scene.boat_at(now % _DURATION) * _WIDTH
        return window.left < place < window.left + window.width

    def _window(self) -> _Window:
        position = self._head.position
        part = 0.5 / 2 ** ((position.zoom + 1) / 2)
        width, height = round(_WIDTH * part) & ~1, round(_HEIGHT * part) & ~1
        left = round((position.pan + 1) / 2 * (_WIDTH - width)) & ~1
        # The interesting things are in the middle of the bay: that is where it looks at first.
        top = round((1 - position.tilt) / 2 * (_HEIGHT - height)) & ~1
        return _Window(left, top, width, height)

    # --- drawing, in threads --------------------------------------------------------------------

    async def _draw(self) -> None:
        number = math.floor(self._now() * self.rate)
        while watched := [mount for mount in self._mounts if mount.viewers]:
            number = max(number + 1, math.floor(self._now() * self.rate))
            await asyncio.sleep(max(0.0, number / self.rate - self._now()))
            wanted = {mount.size: mount.wants_keyframe for mount in watched}
            packed = await asyncio.to_thread(self._encode, number, wanted)
            for mount in watched:
                mount.show(number, packed[mount.size])

    def _view(self, number: int) -> av.VideoFrame:
        self._scene.draw(number / self.rate % _DURATION, number % (1 << COUNTER_BITS))
        return _cropped(self._scene.frame, self._window())

    def _encode(self, number: int, wanted: dict[int, bool]) -> dict[int, PackedPicture]:
        with self._brush:
            view = self._view(number)
            return {
                size: self._encoder(size).encode(view, number, keyframe=keyframe)
                for size, keyframe in wanted.items()
            }

    def _encoder(self, size: int) -> _Encoder:
        return next(mount.encoder for mount in self._mounts if mount.size == size)

    def _photograph(self, number: int, width: int, height: int) -> bytes:
        picture = self._view(number).reformat(width & ~1, height & ~1)
        write_counter(picture, number % (1 << COUNTER_BITS))
        frame = picture.reformat(format="yuvj420p", dst_color_range=ColorRange.JPEG)
        encoder = VideoCodecContext.create("mjpeg", "w")
        encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
        encoder.time_base = Fraction(1, self.rate)
        encoder.thread_count = 1
        encoder.options = {"qmin": "4", "qmax": "4"}
        frame.pts = 0
        return b"".join(bytes(p) for p in (*encoder.encode(frame), *encoder.encode(None)))


class _Encoder:
    """Encodes one size of a scene for RTP."""

    def __init__(self, width: int, height: int, rate: int, bit_rate: int) -> None:
        self._width, self._height = width, height
        self._context = context = VideoCodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, rate)
        context.framerate = Fraction(rate, 1)
        context.thread_count = 1
        context.bit_rate = bit_rate
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "x264-params": f"keyint={rate}:min-keyint=1:scenecut=0:sliced-threads=0:bframes=0",
        }
        self._sets: dict[int, bytes] = {}
        self._request = ClipRequest("live", width, height, rate)

    def encode(self, view: av.VideoFrame, number: int, *, keyframe: bool) -> PackedPicture:
        """Return the packets of the next picture."""
        frame = view.reformat(self._width, self._height)
        write_counter(frame, number % (1 << COUNTER_BITS))
        frame.pts = number
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        units = [
            unit for packet in self._context.encode(frame) for unit in split_annex_b(bytes(packet))
        ]
        self._sets.update((unit[0] & 31, unit) for unit in units if unit[0] & 31 in (7, 8))
        coded = tuple(unit for unit in units if unit[0] & 31 in (1, 5))
        picture = Picture(coded, keyframe=any(unit[0] & 31 == 5 for unit in coded))
        return pack_picture(Clip(self._request, self._sets[7], self._sets[8], ()), picture)


class LiveMount(Mount):
    """A path that shows a scene as it is now."""

    def __init__(
        self,
        path: str,
        scene: LiveScene,
        size: int,
        auth: Authenticator,
        now: Callable[[], float],
    ) -> None:
        width, height, bit_rate = SIZES[size]
        self.size = size
        self.encoder = _Encoder(width, height, scene.rate, bit_rate)
        self._scene = scene
        clip = Clip(ClipRequest(path, width, height, scene.rate), b"", b"", ())
        super().__init__(path, clip, auth, now)

    @property
    def wants_keyframe(self) -> bool:
        """Whether somebody waits for one."""
        return bool(self._waiting)

    def play(self, connection: ServerConnection, channel: int) -> None:
        """See `Mount.play`."""
        self.join(connection, channel)
        self._scene.watch()

    def show(self, number: int, picture: PackedPicture) -> None:
        """Send a picture to all who play it."""
        self.deliver(number, picture)


def enliven(device: MovingDevice, channel: int, paths: Sequence[Sequence[str]]) -> LiveScene:
    """Let a channel of a started device show a live scene instead of clips, and tell its motion.

    ``paths`` are those of each stream, the main one first. Ends with the device's `stop`.
    """
    scene = LiveScene(
        device.name,
        device.ptz.get(channel) or PtzModel(),
        variant=channel - 1,
        on_motion=lambda active: (
            device.start_event(channel=channel) if active else device.stop_event(channel=channel)
        ),
    )
    for size, names in enumerate(paths[: len(SIZES)]):
        before = device.rtsp.mounts[names[0]]
        mount = scene.mount(device.rtsp, names[0], size, before.auth)
        for name in names[1:]:
            device.rtsp.mounts[name] = mount
    device.scenes[channel] = scene
    scene.start()
    return scene


def _cropped(frame: av.VideoFrame, window: _Window) -> av.VideoFrame:
    view = av.VideoFrame(window.width, window.height, "yuv420p")
    for number, (source, target) in enumerate(zip(frame.planes, view.planes, strict=True)):
        shift = 1 if number else 0
        pixels, out = memoryview(source), memoryview(target)
        left, width = window.left >> shift, window.width >> shift
        for row in range(window.height >> shift):
            start = ((window.top >> shift) + row) * source.line_size + left
            at = row * target.line_size
            out[at : at + width] = pixels[start : start + width]
    return view
