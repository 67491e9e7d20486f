"""Universal Camera Viewer: a camera hub that third parties extend.

What a plugin imports stands here; everything below may move.
"""

from ucv import events
from ucv.config import fields
from ucv.errors import (
    AccountLocked,
    CameraConnectionError,
    CameraViewerError,
    CannotConnect,
    ConnectionClosed,
    ConnectTimeout,
    InvalidAuth,
    NotSupported,
    PluginError,
    ProtocolError,
    RateLimited,
    StreamingError,
    StreamNotFound,
    UnsupportedCodec,
    ValidationError,
)
from ucv.plugins.descriptors import Command, EventSink, MdnsHandler
from ucv.plugins.device import Device
from ucv.plugins.hookspecs import hookimpl
from ucv.plugins.integration import DeviceInfo, Integration, Snapshot, Stream
from ucv.streams.providers import StreamProvider
from ucv.streams.source import Credentials, Source, SourceRequest, SourceSink

__version__ = "0.1.0"

__all__ = [
    "AccountLocked",
    "CameraConnectionError",
    "CameraViewerError",
    "CannotConnect",
    "Command",
    "ConnectTimeout",
    "ConnectionClosed",
    "Credentials",
    "Device",
    "DeviceInfo",
    "EventSink",
    "Integration",
    "InvalidAuth",
    "MdnsHandler",
    "NotSupported",
    "PluginError",
    "ProtocolError",
    "RateLimited",
    "Snapshot",
    "Source",
    "SourceRequest",
    "SourceSink",
    "Stream",
    "StreamNotFound",
    "StreamProvider",
    "StreamingError",
    "UnsupportedCodec",
    "ValidationError",
    "__version__",
    "events",
    "fields",
    "hookimpl",
]
