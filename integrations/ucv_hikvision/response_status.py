"""What a device says of a request that it did not carry out, in the hub's errors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from xml.etree.ElementTree import Element

from ucv import (
    AccessDenied,
    CameraViewerError,
    EndpointNotFound,
    NotSupported,
    ProtocolError,
    RateLimited,
)
from ucv_hikvision.documents import number_at, text

#: Seconds to stay away from a device that has more listeners than it can bear.
LISTENERS_PAUSE = 60.0


class Code(IntEnum):
    """``statusCode`` of a ``ResponseStatus``."""

    OK = 1
    BUSY = 2
    DEVICE_ERROR = 3
    INVALID_OPERATION = 4
    BAD_XML_FORMAT = 5
    BAD_XML_CONTENT = 6
    REBOOT_REQUIRED = 7


#: What counts as done: with 7 a value is stored, and counts after a restart.
DONE = (Code.OK, Code.REBOOT_REQUIRED)


@dataclass(frozen=True, slots=True)
class ResponseStatus:
    """``code`` is 0 if there was none; ``words`` and ``sub`` are the device's, maybe empty."""

    code: int
    words: str
    sub: str

    @property
    def done(self) -> bool:
        """Whether the device did what it was asked to."""
        return self.code in DONE


def response_status(root: Element) -> ResponseStatus | None:
    """Return what a document says, if it is a ``ResponseStatus``."""
    if root.tag.casefold() != "responsestatus":
        return None
    return ResponseStatus(
        number_at(root, "statusCode") or 0, text(root, "statusString"), text(root, "subStatusCode")
    )


def refusal(status: int, told: ResponseStatus | None, path: str) -> CameraViewerError:
    """Return the error for an answer with this HTTP status, and what its body said.

    ``details`` of the error hold ``status_code`` and ``sub_status``, as far as they were told.
    """
    details: dict[str, object] = {"status": status, "path": path}
    sub = ""
    said = ""
    if told is not None:
        details |= {"status_code": told.code, "sub_status": told.sub}
        sub = told.sub.casefold()
        said = ": ".join(words for words in (told.words, told.sub) if words)
    suffix = f" ({said})" if said else ""
    match sub:
        case "notactivated":
            return not_activated(details)
        case "notsupport" | "notsupported" | "methodnotallowed":
            return NotSupported(f"The camera does not have this{suffix}.", details=details)
        case "lowprivilege":
            return AccessDenied(
                f"The account on the camera lacks the right to do this{suffix}.", details=details
            )
        case "deployexceedmax":
            return too_many_listeners(details)
    code = told.code if told is not None else 0
    if code == Code.BUSY or status in (429, 503):
        return RateLimited(f"The camera is busy{suffix}.", details=details)
    if status == 403:
        return AccessDenied(f"The camera does not allow this{suffix}.", details=details)
    if status in (404, 405, 410):
        return EndpointNotFound(f"The camera has nothing at {path}{suffix}.", details=details)
    if code == Code.INVALID_OPERATION:
        return NotSupported(f"The camera cannot do this{suffix}.", details=details)
    return ProtocolError(
        f"The camera answered {path} with status {status}{suffix}.", details=details
    )


def not_activated(details: dict[str, object] | None = None) -> AccessDenied:
    """Return the error of a camera as it comes from the factory, which has no password yet."""
    return AccessDenied(
        "The camera has not been activated yet: it does nothing until it has a password. Open its "
        "address in a browser (from the factory it is 192.168.1.64), or use the vendor's SADP "
        "tool, choose a password there, and enter that one here.",
        details={**(details or {}), "reason": "not_activated"},
    )


def is_not_activated(error: CameraViewerError) -> bool:
    """Say whether an error is that of `not_activated`."""
    return error.details.get("reason") == "not_activated"


def too_many_listeners(details: dict[str, object] | None = None) -> RateLimited:
    """Return the error of a device whose alert stream has no place left (``deployExceedMax``)."""
    return RateLimited(
        "As many programs as the camera can bear listen to its events already.",
        retry_after=LISTENERS_PAUSE,
        details=details,
    )
