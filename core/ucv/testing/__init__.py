"""The test kit: a hub in memory, a clock to turn by hand, devices made of software, the contract.

What is here is meant for tests (and for the demo, which shows virtual cameras to people). The hub
itself never imports it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ucv.testing.acme import AcmeDevice
    from ucv.testing.clock import FakeClock, until
    from ucv.testing.contract import assert_integration_contract, check_integration_contract
    from ucv.testing.dahua import DahuaDevice
    from ucv.testing.hikvision import HikvisionDevice
    from ucv.testing.http_device import Answer, Request, VirtualDevice
    from ucv.testing.hub import HubKit, running_hub
    from ucv.testing.mjpeg_device import MjpegDevice
    from ucv.testing.onvif import OnvifDevice
    from ucv.testing.rtsp_server import RtspServer
    from ucv.testing.virtual_camera import VirtualCamera, jpeg

# Imported when they are asked for: a test of a clock should not load a video encoder.
_PLACES = {
    "AcmeDevice": "acme",
    "Answer": "http_device",
    "DahuaDevice": "dahua",
    "FakeClock": "clock",
    "HikvisionDevice": "hikvision",
    "HubKit": "hub",
    "MjpegDevice": "mjpeg_device",
    "OnvifDevice": "onvif",
    "Request": "http_device",
    "RtspServer": "rtsp_server",
    "VirtualCamera": "virtual_camera",
    "VirtualDevice": "http_device",
    "assert_integration_contract": "contract",
    "check_integration_contract": "contract",
    "jpeg": "virtual_camera",
    "running_hub": "hub",
    "until": "clock",
}

__all__ = [
    "AcmeDevice",
    "Answer",
    "DahuaDevice",
    "FakeClock",
    "HikvisionDevice",
    "HubKit",
    "MjpegDevice",
    "OnvifDevice",
    "Request",
    "RtspServer",
    "VirtualCamera",
    "VirtualDevice",
    "assert_integration_contract",
    "check_integration_contract",
    "jpeg",
    "running_hub",
    "until",
]


def __getattr__(name: str) -> Any:
    if (place := _PLACES.get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{place}"), name)
