"""HTTP with devices: what integrations get as ``device.http``."""

from ucv.http.client import DeviceHttp
from ucv.http.pool import HttpPool
from ucv.http.response import HttpStream, Response

__all__ = ["DeviceHttp", "HttpPool", "HttpStream", "Response"]
