"""Universal Camera Viewer: a camera hub that third parties extend.

What a plugin imports stands here; everything below may move.
"""

from ucv import events
from ucv.cameras.audio import TalkDescriptor
from ucv.cameras.camera_event import (
    CameraEvent,
    CurrentEvents,
    DigitalInput,
    Doorbell,
    FaceDetected,
    Intrusion,
    LineCrossing,
    Motion,
    ObjectDetected,
    OtherEvent,
    SoundDetected,
    StorageFailure,
    Tampering,
    VideoLoss,
)
from ucv.cameras.imaging import DayNight
from ucv.cameras.ptz import Preset, PtzVector
from ucv.config import fields
from ucv.errors import (
    AccessDenied,
    AccountLocked,
    CameraConnectionError,
    CameraViewerError,
    CannotConnect,
    CertificateUntrusted,
    ClockSkew,
    ConnectionClosed,
    ConnectTimeout,
    EndpointNotFound,
    InvalidAuth,
    MigrationFailed,
    NotSupported,
    PluginError,
    ProtocolError,
    RateLimited,
    StreamingError,
    StreamNotFound,
    UnsupportedCodec,
    ValidationError,
)
from ucv.plugins.descriptors import Command, EventSink, Wrapper
from ucv.plugins.device import Device
from ucv.plugins.discovery_handlers import (
    DatagramHandler,
    MdnsHandler,
    ScanHandler,
    SsdpHandler,
    WsDiscoveryHandler,
)
from ucv.plugins.hookspecs import hookimpl
from ucv.plugins.identity import stable_id
from ucv.plugins.integration import Integration
from ucv.plugins.sightings import (
    Datagram,
    Fingerprint,
    HttpAnswer,
    MdnsService,
    OnvifAnswer,
    RtspAnswer,
    Sighting,
    SsdpDevice,
    WsDiscoveryTarget,
)
from ucv.plugins.steps import Abort, Flow
from ucv.plugins.values import Channel, DeviceInfo, Snapshot, Stream
from ucv.streams.providers import StreamProvider
from ucv.streams.source import Credentials, Source, SourceRequest, SourceSink

__version__ = "0.1.0"

__all__ = [
    "Abort",
    "AccessDenied",
    "AccountLocked",
    "CameraConnectionError",
    "CameraEvent",
    "CameraViewerError",
    "CannotConnect",
    "CertificateUntrusted",
    "Channel",
    "ClockSkew",
    "Command",
    "ConnectTimeout",
    "ConnectionClosed",
    "Credentials",
    "CurrentEvents",
    "Datagram",
    "DatagramHandler",
    "DayNight",
    "Device",
    "DeviceInfo",
    "DigitalInput",
    "Doorbell",
    "EndpointNotFound",
    "EventSink",
    "FaceDetected",
    "Fingerprint",
    "Flow",
    "HttpAnswer",
    "Integration",
    "Intrusion",
    "InvalidAuth",
    "LineCrossing",
    "MdnsHandler",
    "MdnsService",
    "MigrationFailed",
    "Motion",
    "NotSupported",
    "ObjectDetected",
    "OnvifAnswer",
    "OtherEvent",
    "PluginError",
    "Preset",
    "ProtocolError",
    "PtzVector",
    "RateLimited",
    "RtspAnswer",
    "ScanHandler",
    "Sighting",
    "Snapshot",
    "SoundDetected",
    "Source",
    "SourceRequest",
    "SourceSink",
    "SsdpDevice",
    "SsdpHandler",
    "StorageFailure",
    "Stream",
    "StreamNotFound",
    "StreamProvider",
    "StreamingError",
    "TalkDescriptor",
    "Tampering",
    "UnsupportedCodec",
    "ValidationError",
    "VideoLoss",
    "Wrapper",
    "WsDiscoveryHandler",
    "WsDiscoveryTarget",
    "__version__",
    "events",
    "fields",
    "hookimpl",
    "stable_id",
]
