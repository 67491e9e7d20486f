"""Exceptions with stable codes.

The *type* of an exception drives what happens next (retry, ask for credentials, stop); its ``code``
is what programs and translations rely on, and never changes once released.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

#: What an error carries for the client.
Details = Mapping[str, Any] | None


class CameraViewerError(Exception):
    """Base of every error UCV raises on purpose.

    ``code`` is stable, ``http_status`` is what REST answers, ``retry`` says whether trying the same
    again later may help. ``details`` holds plain JSON values for the client; never a credential.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    http_status: ClassVar[int] = 500
    retry: ClassVar[bool] = False

    def __init__(self, message: str = "", *, details: Details = None) -> None:
        super().__init__(message or (self.__doc__ or self.code).splitlines()[0])
        self.details: dict[str, Any] = dict(details or {})

    @property
    def message(self) -> str:
        """The English sentence for a person."""
        return str(self.args[0])


# --- what the caller sent or configured -------------------------------------------------------


class ValidationError(CameraViewerError):
    """The input is not valid."""

    code = "VALIDATION_ERROR"
    http_status = 400


class ConfigError(ValidationError):
    """The configuration is not valid."""

    code = "CONFIG_INVALID"


class NotFoundError(ValidationError):
    """There is no such thing."""

    code = "NOT_FOUND"
    http_status = 404


class AlreadyConfiguredError(ValidationError):
    """It is configured already."""

    code = "ALREADY_CONFIGURED"
    http_status = 409


class ReadOnlyError(ValidationError):
    """It is defined in YAML and can only be changed there."""

    code = "READ_ONLY"
    http_status = 409


class NotSupported(ValidationError):
    """The camera or its integration cannot do this."""

    code = "NOT_SUPPORTED"
    http_status = 501


class ScanTooLarge(ValidationError):
    """So many addresses are scanned only when that is confirmed."""

    code = "SCAN_TOO_LARGE"

    def __init__(self, message: str = "", *, count: int, limit: int) -> None:
        #: How many addresses were asked for, and up to how many none is asked to confirm.
        self.count = count
        self.limit = limit
        message = message or (
            f"These are {count:,} addresses; more than {limit:,} are scanned only when confirmed."
        )
        super().__init__(message, details={"count": count, "limit": limit})


class PublicAddresses(ValidationError):
    """Addresses of the public internet are not scanned."""

    code = "SCAN_PUBLIC"


# --- reaching the device ----------------------------------------------------------------------


class CameraConnectionError(CameraViewerError):
    """The camera cannot be reached."""

    code = "CONN_FAILED"
    http_status = 502
    retry = True


class CannotConnect(CameraConnectionError):
    """The camera refused the connection, or there is no way to it."""

    code = "CONN_REFUSED"


class ConnectTimeout(CameraConnectionError):
    """The camera did not answer in time."""

    code = "CONN_TIMEOUT"
    http_status = 504


class ConnectionClosed(CameraConnectionError):
    """The camera closed the connection."""

    code = "CONN_CLOSED"


class InvalidAuth(CameraConnectionError):
    """The camera refuses the user name or password."""

    code = "AUTH_FAILED"
    retry = False


class AccountLocked(InvalidAuth):
    """The camera has locked the account."""

    code = "ACCOUNT_LOCKED"

    def __init__(
        self, message: str = "", *, until: float | None = None, details: Details = None
    ) -> None:
        #: When the camera lets the account in again, in seconds since the epoch; None: not told.
        self.until = until
        super().__init__(message, details={**(details or {}), "until": until})


class AccessDenied(CameraConnectionError):
    """The camera knows the account, but does not let it do this."""

    code = "ACCESS_DENIED"
    retry = False


class ClockSkew(CameraConnectionError):
    """The camera's clock is wrong, so that it refuses to talk."""

    code = "CLOCK_SKEW"

    def __init__(self, message: str = "", *, offset: float, details: Details = None) -> None:
        #: Seconds by which the camera's clock is ahead of ours; negative when it is behind.
        self.offset = offset
        message = message or (
            f"The camera's clock is {_span(abs(offset))} {'ahead' if offset > 0 else 'behind'}, "
            "so that it refuses to talk; set its time."
        )
        super().__init__(message, details={**(details or {}), "offset": offset})


class CertificateUntrusted(CameraConnectionError):
    """Nobody vouches for the camera's certificate; trust its fingerprint if it is the right one."""

    code = "TLS_UNTRUSTED"
    retry = False

    def __init__(
        self, message: str = "", *, fingerprint: str, reason: str = "", details: Details = None
    ) -> None:
        #: SHA-256 of the certificate that was shown, as 64 hexadecimal digits.
        self.fingerprint = fingerprint
        super().__init__(
            message, details={**(details or {}), "fingerprint": fingerprint, "reason": reason}
        )


# --- speaking with it -------------------------------------------------------------------------


class ProtocolError(CameraViewerError):
    """The camera sent something that its protocol does not allow."""

    code = "PROTOCOL_ERROR"
    http_status = 502
    retry = True


class WrongDevice(CameraConnectionError):
    """Another device answers at this address."""

    code = "WRONG_DEVICE"


class EndpointNotFound(ProtocolError):
    """The camera has nothing at this path."""

    code = "ENDPOINT_NOT_FOUND"
    retry = False


class StreamNotFound(ProtocolError):
    """The camera has no stream at this address."""

    code = "STREAM_NOT_FOUND"


class StreamingError(CameraViewerError):
    """The stream cannot be played."""

    code = "STREAM_ERROR"
    http_status = 502
    retry = True


class UnsupportedCodec(StreamingError):
    """The stream uses a codec that cannot be played."""

    code = "CODEC_UNSUPPORTED"
    retry = False


class StreamStalled(StreamingError):
    """The camera is connected, but sends no pictures."""

    code = "STREAM_STALLED"


class StreamNotLive(StreamingError):
    """The stream is not live at the moment."""

    code = "STREAM_NOT_LIVE"
    http_status = 503


# --- our own services -------------------------------------------------------------------------


class ServiceError(CameraViewerError):
    """A part of the hub failed."""

    code = "SERVICE_ERROR"


class StorageError(ServiceError):
    """The database cannot be used."""

    code = "STORAGE_ERROR"


class SecretsError(ServiceError):
    """The secrets store cannot be opened."""

    code = "SECRETS_ERROR"


class PluginError(ServiceError):
    """A plugin failed."""

    code = "PLUGIN_ERROR"


class PluginNotLoaded(PluginError):
    """The integration of this entry is not loaded."""

    code = "PLUGIN_NOT_LOADED"


class PluginTimeout(PluginError):
    """A plugin took too long."""

    code = "PLUGIN_TIMEOUT"
    retry = True


class MigrationFailed(ServiceError):
    """What is stored of the entry could not be brought to this version; it is unchanged."""

    code = "MIGRATION_FAILED"


class HubRunning(ServiceError):
    """A hub is running on this configuration directory; stop it first."""

    code = "HUB_RUNNING"
    http_status = 409


# --- who may ----------------------------------------------------------------------------------


class Unauthorized(CameraViewerError):
    """Log in first."""

    code = "UNAUTHORIZED"
    http_status = 401


class Forbidden(CameraViewerError):
    """This account may not do that."""

    code = "FORBIDDEN"
    http_status = 403


class RateLimited(CameraViewerError):
    """Too many attempts; try again later."""

    code = "RATE_LIMITED"
    http_status = 429
    retry = True

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, details: Details = None
    ) -> None:
        #: Seconds to wait, as the other side told; None: it did not.
        self.retry_after = retry_after
        extra = {} if retry_after is None else {"retry_after": retry_after}
        super().__init__(message, details={**(details or {}), **extra})


def _span(seconds: float) -> str:
    """Say how long that is, as people do."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"
