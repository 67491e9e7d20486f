"""How virtual devices are discovered: they answer by the protocols that the real ones have."""

from ucv.testing.discovery.announcement import PROTOCOLS, QUIRKS, Announcement, announce
from ucv.testing.discovery.identity import Announced

__all__ = ["PROTOCOLS", "QUIRKS", "Announced", "Announcement", "announce"]
