"""REST, WebSocket and live media over HTTP; serves the dashboard."""

from ucv_bridge.bridge import bridge

__all__ = ["bridge"]
