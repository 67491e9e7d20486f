"""Exceptions with stable codes.

The *type* of an exception drives what happens next (retry, ask for credentials, stop); its ``code``
is what programs and translations rely on, and never changes once released.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class CameraViewerError(Exception):
    """Base of every error UCV raises on purpose.

    ``code`` is stable, ``http_status`` is what REST answers, ``retry`` says whether trying the same
    again later may help. ``details`` holds plain JSON values for the client; never a credential.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    http_status: ClassVar[int] = 500
    retry: ClassVar[bool] = False

    def __init__(self, message: str = "", *, details: Mapping[str, Any] | None = None) -> None:
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


# --- speaking with it -------------------------------------------------------------------------


class ProtocolError(CameraViewerError):
    """The camera sent something that its protocol does not allow."""

    code = "PROTOCOL_ERROR"
    http_status = 502
    retry = True


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
