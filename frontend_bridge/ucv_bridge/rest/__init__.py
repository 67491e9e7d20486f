"""REST: ``/api/…``."""
