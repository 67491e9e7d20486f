"""The test kit: a clock to turn by hand, a camera made of software, and clips for it to show.

What is here is meant for tests (and for the demo, which shows the same camera to people). The hub
itself never imports it.
"""

from ucv.testing.clock import FakeClock, until

__all__ = ["FakeClock", "until"]
