"""REST, ``/api/…``."""
