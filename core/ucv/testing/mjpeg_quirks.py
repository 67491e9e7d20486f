"""What cameras of JPEG pictures do differently, as switches of `ucv.testing.mjpeg_device`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

#: What each quirk does.
QUIRKS: Mapping[str, str] = MappingProxyType(
    {
        "quoted-boundary": "The boundary is declared in quotation marks.",
        "prefixed-boundary": "The boundary is declared with its dashes in front.",
        "doubled-dashes": "The boundary is declared with dashes, and has two more in the stream.",
        "wrong-boundary": "Another boundary is declared than the stream has.",
        "no-boundary": "No boundary is declared.",
        "no-content-type": "The answer has no Content-Type.",
        "blank-after-dashes": "There is a blank between the dashes and the boundary.",
        "no-dashes": "The boundary stands in the stream without dashes.",
        "first-boundary-missing": "The first part has no boundary before it (some ESP32 builds).",
        "header-case": "Names of headers are written in odd case.",
        "no-length": "Parts have no Content-Length.",
        "length-with-newline": "Content-Length counts the line break after the picture, too.",
        "length-too-large": "Content-Length is larger than the picture.",
        "bare-newlines": "Lines end in a line feed alone.",
        "chunked": "The stream is sent in chunks instead of until the connection ends.",
        "leading-newlines": "There are line breaks before the first boundary.",
        "thumbnails": "Pictures hold a thumbnail, with markers of its own, in APP1.",
        "stills-only": "The address of the stream answers one picture.",
        "basic-only": "Logins are by Basic alone.",
        "one-time-nonce": "Each nonce of Digest is good for one request.",
    }
)

#: By quirk, what it changes of a `MultipartStyle`.
STYLES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "quoted-boundary": {"declared": '"frame"'},
        "prefixed-boundary": {"declared": "--frame"},
        "doubled-dashes": {"declared": "--frame", "dashes": "----"},
        "wrong-boundary": {"declared": "other"},
        "no-boundary": {"content_type": "multipart/x-mixed-replace"},
        "no-content-type": {"content_type": None},
        "blank-after-dashes": {"dashes": "-- "},
        "no-dashes": {"dashes": ""},
        "first-boundary-missing": {"first_boundary": False},
        "header-case": {"part_header": "cONTENT-tYPE"},
        "no-length": {"length": False},
        "length-with-newline": {"length_error": 2},
        "length-too-large": {"length_error": 3000},
        "bare-newlines": {"newline": "\n"},
        "chunked": {"chunked": True},
        "leading-newlines": {"preamble": b"\r\n\r\n"},
    }
)


def checked(quirks: Collection[str]) -> frozenset[str]:
    """Return them; raises `ValueError` for one that there is not."""
    if unknown := sorted(set(quirks) - set(QUIRKS)):
        raise ValueError(f"There is no quirk {unknown[0]}.")
    return frozenset(quirks)


def with_thumbnail(picture: bytes, thumbnail: bytes) -> bytes:
    """Return a JPEG picture with another one in its APP1 segment, as EXIF has it.

    The segment's length is 16 bits (ITU-T T.81, B.1.1.4): raises `ValueError` for larger ones.
    """
    if len(thumbnail) > 0xFFFD:
        raise ValueError("The thumbnail is too large for a segment.")
    return (
        picture[:2]
        + b"\xff\xe1"
        + (len(thumbnail) + 2).to_bytes(2, "big")
        + thumbnail
        + picture[2:]
    )
