"""What can go wrong between us and a device, in the hub's errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp.http_exceptions import BadHttpMessage

from ucv.clock import Clock
from ucv.errors import (
    AccessDenied,
    CameraViewerError,
    CannotConnect,
    CertificateUntrusted,
    ConnectionClosed,
    ConnectTimeout,
    EndpointNotFound,
    InvalidAuth,
    ProtocolError,
    RateLimited,
    ValidationError,
)

#: Longest time that a device can ask us to stay away, in seconds.
MAX_RETRY_AFTER = 86_400.0


@contextmanager
def translated() -> Iterator[None]:
    """Turn what aiohttp raises into the hub's errors.

    What aiohttp says may hold the address with its query, and is not handed on.
    """
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _translate(error) from None


def _translate(error: BaseException) -> CameraViewerError:
    match error:
        case aiohttp.ServerFingerprintMismatch():
            return CertificateUntrusted(
                "The camera shows another certificate than the one that is trusted.",
                fingerprint=error.got.hex(),
                reason="not the certificate that is trusted",
            )
        case aiohttp.ClientConnectorSSLError():
            reason = getattr(error.os_error, "reason", None) or "unknown reason"
            return CannotConnect(f"The camera and UCV cannot agree on TLS ({reason}).")
        case aiohttp.ClientConnectorDNSError():
            return CannotConnect("The camera's name is not known on this network.")
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeout("The camera did not accept a connection in time.")
        case aiohttp.ClientConnectorError():
            reason = error.os_error.strerror
            return CannotConnect(f"The camera cannot be reached: {reason}." if reason else "")
        case aiohttp.ClientPayloadError() if isinstance(error.__cause__, BadHttpMessage):
            if isinstance(error.__cause__, _BROKEN_OFF):
                return ConnectionClosed("The camera's answer broke off in the middle.")
            return ProtocolError("The camera's answer cannot be decoded.")
        case aiohttp.ClientPayloadError():
            return ConnectionClosed("The camera's answer broke off in the middle.")
        case aiohttp.InvalidURL():
            return ValidationError("This address is not valid.")
        case aiohttp.ClientResponseError():
            return ProtocolError("What the camera sent is not HTTP.")
        case TimeoutError():
            return ConnectTimeout()
        case _:
            return ConnectionClosed()


_BROKEN_OFF = (
    aiohttp.http_exceptions.ContentLengthError,
    aiohttp.http_exceptions.TransferEncodingError,
)


def refusal(
    status: int, retry_after: str | None, path: str, clock: Clock, *, known: bool
) -> CameraViewerError:
    """Return the error for a status of 400 or more.

    ``known`` says whether there are credentials for the device.
    """
    details = {"status": status, "path": path}
    if status == 401:
        return InvalidAuth(
            "" if known else "The camera asks for a user name and password.", details=details
        )
    if status == 403:
        return AccessDenied(details=details)
    if status in (404, 410):
        return EndpointNotFound(f"The camera has nothing at {path}.", details=details)
    if status == 429 or (status == 503 and retry_after is not None):
        return RateLimited(
            "The camera is busy; it asks to try again later.",
            retry_after=seconds_until(retry_after, clock),
            details=details,
        )
    return ProtocolError(f"The camera answered {path} with status {status}.", details=details)


def seconds_until(retry_after: str | None, clock: Clock) -> float | None:
    """Return how long a Retry-After header asks to wait (RFC 9110, 10.2.3): seconds or a date.

    Between 0 and a day; None if it cannot be read.
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - clock.time()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else None
