"""REST, WebSocket and live media over HTTP; serves the dashboard."""
