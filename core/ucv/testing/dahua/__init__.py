"""Dahua cameras and recorders made of software, with their quirks as switches."""

from ucv.testing.dahua.device import DahuaDevice
from ucv.testing.dahua.quirks import QUIRKS

__all__ = ["QUIRKS", "DahuaDevice"]
