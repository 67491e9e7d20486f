"""What an integration is: the class a plugin author writes, and the values it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable
from urllib.parse import urlsplit

from ucv.errors import NotSupported
from ucv.plugins.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Who a device says it is. What it does not tell is None.

    ``unique_id`` never changes for the device (a serial number, a MAC address): by it the device is
    recognised at a new address.
    """

    unique_id: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    mac: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream a device offers.

    ``role`` says what it is for: "main", "sub", or a word of the integration's own. ``url`` holds
    no credentials, the core adds them: one with a user name or password raises `ValueError`.
    ``name`` tells streams of the same role apart and is the role if not given. ``width`` and
    ``height`` are pixels and ``frame_rate`` pictures per second, 0 if unknown. ``options`` are the
    stream provider's own, such as ``transport``.
    """

    role: str
    url: str
    name: str | None = field(default=None, kw_only=True)
    codec: str | None = field(default=None, kw_only=True)
    width: int = field(default=0, kw_only=True)
    height: int = field(default=0, kw_only=True)
    frame_rate: float = field(default=0.0, kw_only=True)
    options: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.url, str) or "://" not in self.url:
            raise ValueError("The address of a stream is text such as rtsp://192.0.2.10/live.")
        if "@" in urlsplit(self.url).netloc:
            raise ValueError("The address of a stream must not hold credentials.")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A still picture as the device encoded it."""

    data: bytes = field(repr=False)
    content_type: str = "image/jpeg"


class Integration:
    """Base of all integrations: teaches the hub a brand or a protocol.

    A subclass sets ``domain`` (what users write after ``integration:``; lower case, stable),
    ``name`` and ``schema``, and implements `probe` and `streams`. There is one instance for each
    hub; everything about one device is in the `Device` that each method is given.

    Methods raise the errors of `ucv.errors`; their type decides what happens next: `CannotConnect`
    and the like are tried again later, `InvalidAuth` stops all traffic to the device and asks for
    credentials, anything else stops the entry with an error.
    """

    domain: ClassVar[str]
    name: ClassVar[str]
    #: The integration's own version.
    version: ClassVar[str] = "0.0.0"
    #: Versions of the plugin interface it works with.
    api: ClassVar[str] = ">=1,<2"
    #: Fields of its own, as a voluptuous mapping (see `ucv.fields`), or `vol.All` of a mapping and
    #: rules over several fields.
    schema: ClassVar[Any] = {}

    async def probe(self, device: Device) -> DeviceInfo:
        """Ask the device who it is; called before `streams` at each set-up."""
        raise NotSupported(details={"integration": self.domain})

    async def streams(self, device: Device) -> list[Stream]:
        """Return what the device offers, the main stream first."""
        raise NotSupported(details={"integration": self.domain})

    async def setup(self, device: Device) -> None:
        """Begin with a device, before anything else is asked; nothing to do by default."""

    async def unload(self, device: Device) -> None:
        """Let go of a device: close what `setup` opened. Also called when set-up failed."""


@runtime_checkable
class SupportsSnapshot(Protocol):
    """An integration whose devices send still pictures by themselves."""

    async def snapshot(self, device: Device) -> Snapshot:
        """Fetch a picture."""


#: Capability names as programs see them, and the protocol an integration follows to have one.
CAPABILITIES: Mapping[str, type] = {"snapshot": SupportsSnapshot}


def capabilities_of(integration: Integration) -> tuple[str, ...]:
    """Return the names of what an integration can do beyond streams, in alphabetical order."""
    supported = (name for name, kind in CAPABILITIES.items() if isinstance(integration, kind))
    return tuple(sorted(supported))
