"""The WebSocket API, ``/api/websocket``."""
