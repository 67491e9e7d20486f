"""Hikvision cameras and recorders made of software, which speak ISAPI and RTSP."""

from __future__ import annotations

from ucv.testing.hikvision.device import HikvisionDevice
from ucv.testing.hikvision.quirks import QUIRKS

__all__ = ["QUIRKS", "HikvisionDevice"]
