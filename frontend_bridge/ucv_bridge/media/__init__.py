"""Live video over WebSocket: ``/api/ws``."""

from ucv_bridge.media.endpoint import add_media_routes

__all__ = ["add_media_routes"]
