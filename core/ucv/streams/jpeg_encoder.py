"""JPEG pictures as H.264, one by one as they come; for a thread, never the event loop."""

from __future__ import annotations

from fractions import Fraction

import av
import av.error
import av.logging
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange

from ucv.errors import StreamingError
from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.media.errors import MediaError
from ucv.media.samples import SampleReader

#: Wider pictures are scaled down: to encode them would take a core for each stream, and hardly any
#: player decodes more than 4096 pixels.
MAX_WIDTH = 1920
#: Pixels of a picture: a few bytes can pretend to be a picture that fills the memory.
MAX_PIXELS = 64_000_000
#: Seconds between pictures that decoding can start from.
KEYFRAME_INTERVAL = 2.0

#: x264: nothing held back, one picture in and one out; one thread, for there are many cameras.
_OPTIONS = {
    "preset": "superfast",
    "tune": "zerolatency",
    "crf": "23",
    "forced-idr": "1",
    "x264-params": "scenecut=0:keyint=infinite:repeat-headers=1",
}
_CLOCK_RATE = 90_000
_FRAME_RATE = 30


class JpegEncoder:
    """Decodes the pictures of one stream and encodes them anew.

    ``format`` is that of what was encoded last, None before the first. Not for several threads at
    once.
    """

    def __init__(self) -> None:
        self.format: VideoFormat | None = None
        self._decoder: VideoCodecContext | None = None
        self._encoder: VideoCodecContext | None = None
        self._reader = SampleReader()
        self._last_keyframe = 0.0

    def encode(
        self, jpeg: bytes, timestamp: int, received: float, *, keyframe: bool = False
    ) -> AccessUnit | None:
        """Return the picture as access unit; None if the encoder has nothing to give.

        ``timestamp`` is in ticks of 90 kHz and grows, ``received`` in monotonic seconds;
        ``keyframe`` asks for one that decoding can start from. Raises `StreamingError` for a
        picture that cannot be decoded.
        """
        try:
            with av.logging.Capture():  # what it says of damaged pictures comes with the exception
                frame = self._decode(jpeg)
                packets = self._encode(frame, timestamp, received, keyframe)
            unit = self._reader.read(packets, timestamp, received) if packets else None
        except (av.error.FFmpegError, MediaError) as error:
            raise StreamingError("The picture cannot be decoded.") from error
        self.format = self._reader.format
        return unit

    def _decode(self, jpeg: bytes) -> VideoFrame:
        if self._decoder is None:
            self._decoder = VideoCodecContext.create("mjpeg", "r")
            self._decoder.thread_count = 1
            self._decoder.options = {"max_pixels": str(MAX_PIXELS)}
        frames = self._decoder.decode(av.Packet(jpeg))
        if not frames:
            raise MediaError("the JPEG holds no picture")
        return frames[0]

    def _encode(self, frame: VideoFrame, timestamp: int, received: float, keyframe: bool) -> bytes:
        width, height = frame.width, frame.height
        if width > MAX_WIDTH:
            width, height = MAX_WIDTH, max(2, round(height * MAX_WIDTH / width))
        # Players want even numbers of pixels, and the range of television.
        size = max(2, width & ~1), max(2, height & ~1)
        picture = frame.reformat(*size, "yuv420p", dst_color_range=ColorRange.MPEG)
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != size:
            encoder = self._encoder = _new_encoder(*size)
            keyframe = True
        picture.pts = timestamp
        picture.time_base = Fraction(1, _CLOCK_RATE)
        if keyframe or received - self._last_keyframe >= KEYFRAME_INTERVAL:
            self._last_keyframe = received
            picture.pict_type = PictureType.I
        else:
            picture.pict_type = PictureType.NONE
        return b"".join(bytes(packet) for packet in encoder.encode(picture))


def _new_encoder(width: int, height: int) -> VideoCodecContext:
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, _CLOCK_RATE)
    # Pictures come when they come; this is only what the stream's level is chosen for.
    encoder.framerate = Fraction(_FRAME_RATE)
    encoder.color_range = ColorRange.MPEG
    encoder.thread_count = 1
    encoder.options = _OPTIONS
    return encoder
