"""ONVIF devices made of software; see `OnvifDevice` and `QUIRKS`."""

from ucv.testing.onvif.device import OnvifDevice
from ucv.testing.onvif.quirks import QUIRKS

__all__ = ["QUIRKS", "OnvifDevice"]
