"""How a camera is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class TalkDescriptor:
    """Where and how a camera takes sound for its loudspeaker.

    ``url`` holds no credentials; ``codec`` is "pcmu", "pcma", "aac", "opus" or "g726";
    ``sample_rate`` is in hertz. Raises `ValueError` for an address with credentials.
    """

    url: str
    codec: str
    sample_rate: int = 8000
    channels: int = 1

    def __post_init__(self) -> None:
        if "@" in urlsplit(self.url).netloc:
            raise ValueError("The address must not hold credentials.")
