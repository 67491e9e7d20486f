"""The WebSocket interface: ``/api/websocket``."""
