"""The events of the hub, in one place for plugins: ``from ucv import events``."""

from ucv.bus import Event
from ucv.cameras.camera import CameraChanged, CameraRemoved
from ucv.cameras.camera_event import CameraReported
from ucv.config.events import ConfigurationChanged
from ucv.entries.entry import EntryChanged, EntryRemoved
from ucv.flows.view import FlowChanged
from ucv.streams.state import StreamFormatChanged, StreamHealthMeasured, StreamStateChanged

__all__ = [
    "CameraChanged",
    "CameraRemoved",
    "CameraReported",
    "ConfigurationChanged",
    "EntryChanged",
    "EntryRemoved",
    "Event",
    "FlowChanged",
    "StreamFormatChanged",
    "StreamHealthMeasured",
    "StreamStateChanged",
]
