"""Motion JPEG over HTTP: the pictures of a stream, however it is cut into parts."""

from __future__ import annotations

from ucv.media.errors import MediaError
from ucv.media.jpeg import END, START, PictureEnd
from ucv.media.multipart import MAX_PART, MultipartParser

#: Bytes in a row that belong to no picture, after which the stream is given up.
MAX_JUNK = 1024 * 1024
#: Bytes at the beginning of a part among which its picture must begin.
_MAX_LEAD = 256
_BLANK = b" \t\r\n"


class MjpegParser:
    """Finds the pictures in a stream, each as soon as its last byte is there.

    ``boundary`` is what was declared, if anything (see `MultipartParser`). Streams without any
    delimiter at first, and those in which pictures just follow each other, are taken apart by the
    pictures themselves. `feed` raises `MediaError` when a picture has more than ``max_picture``
    bytes, or none is found.
    """

    def __init__(self, boundary: str | None = None, *, max_picture: int = MAX_PART) -> None:
        self._max_picture = max_picture
        self._multipart = MultipartParser(boundary, max_part=max_picture, new_ending=PictureEnd)
        self._begun = False
        self._bare: _BarePictures | None = None
        self._lead = bytearray()
        self._junk = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return the pictures that they complete."""
        if not self._begun:
            self._lead = (self._lead + data).lstrip(_BLANK)
            if len(self._lead) < len(START):
                return []
            self._begun = True
            if self._lead.startswith(START):
                self._bare = _BarePictures(self._max_picture)
            data = bytes(self._lead)
            self._lead.clear()
        if self._bare is not None:
            return self._bare.feed(data)
        pictures = []
        for part in self._multipart.feed(data):
            picture = _picture_in(part.body)
            if picture is not None:
                pictures.append(picture)
                self._junk = 0
                continue
            # Sound, or a word that the camera is alive.
            self._junk += len(part.body) + 1
            if self._junk > MAX_JUNK:
                raise MediaError("the stream holds no JPEG pictures")
        return pictures


class _BarePictures:
    """Pictures that follow each other, with anything between."""

    def __init__(self, max_picture: int) -> None:
        self._max_picture = max_picture
        self._buffer = bytearray()
        self._end: PictureEnd | None = None
        self._junk = 0

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        pictures = []
        while self._at_picture():
            assert self._end is not None  # noqa: S101 - `_at_picture` has made it
            end = self._end(self._buffer)
            if end is not None:
                pictures.append(bytes(memoryview(self._buffer)[:end]))
                del self._buffer[:end]
                self._junk = 0
            elif self._end.broken:
                # Only what follows the beginning of this one: it would be found again.
                self._pass_over(len(START))
            else:
                if len(self._buffer) > self._max_picture:
                    raise MediaError(f"a picture has more than {self._max_picture} bytes")
                return pictures
            self._end = None
        return pictures

    def _at_picture(self) -> bool:
        """Pass over what stands before the next picture; False if none begins."""
        if self._end is not None:
            return True
        at = self._buffer.find(START)
        # The last bytes may be the first of a beginning.
        self._pass_over(at if at >= 0 else max(0, len(self._buffer) - len(START) + 1))
        if at >= 0:
            self._end = PictureEnd()
        return at >= 0

    def _pass_over(self, size: int) -> None:
        del self._buffer[:size]
        self._junk += size
        if self._junk > MAX_JUNK:
            raise MediaError("the stream holds no JPEG pictures")


def _picture_in(body: bytes) -> bytes | None:
    """Return a part's picture, without what a wrong length or a careless camera put around it."""
    at = body.find(START, 0, _MAX_LEAD)
    if at < 0:
        return None
    size = len(body)
    if not body.endswith(END):
        end = body.rfind(END, max(at, size - _MAX_LEAD))
        if end >= 0 and not body[end + len(END) :].strip(b"\r\n\0"):
            size = end + len(END)
    return body if at == 0 and size == len(body) else body[at:size]
