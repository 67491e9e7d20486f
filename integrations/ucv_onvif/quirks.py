"""Where ONVIF devices differ from the standard, and from each other: named policies.

Nothing here is chosen by a model's name: what a device answers decides, or what a person sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AuthPolicy(StrEnum):
    """How a device is logged in to; found by trying the first, then the second."""

    TOKEN = "token"  # noqa: S105 - the name of a way, not a password
    """WS-UsernameToken in the message: nearly everything before Profile T."""
    DIGEST = "digest"
    """HTTP Digest only: devices of Profile T whose firmware has dropped the token, and those that
    were told in their own pages to use nothing else (Axis, Hikvision: "Digest")."""


class ClockPolicy(StrEnum):
    """Where the time in the token is from."""

    DEVICE = "device"
    """`GetSystemDateAndTime`, which the standard lets everybody ask."""
    DATE_HEADER = "date header"
    """Devices that want a login for that, too (Panasonic): the Date of their HTTP answers."""
    OURS = "ours"
    """Devices that tell neither."""


class ServicesPolicy(StrEnum):
    """How the services were found."""

    SERVICES = "GetServices"
    """The standard's way."""
    CAPABILITIES = "GetCapabilities"
    """Firmware before ONVIF 2.0, and such whose GetServices fails or leaves out media."""
    DEVICE_SERVICE = "device service"
    """Devices that answer neither: every call goes to the device service, which in the usual
    libraries for such firmware (gSOAP) takes them all."""


class MediaPolicy(StrEnum):
    """Which media service tells the profiles."""

    MEDIA2 = "media2"
    """Tells H.265 rightly."""
    MEDIA1 = "media1"
    """Devices without Media2, or with one that fails: H.265 is told as something else there, or
    not at all."""


class KeepAlivePolicy(StrEnum):
    """Whether a connection is used for more than one request."""

    KEEP = "keep"
    """As in HTTP/1.1."""
    CLOSE = "close"
    """Devices that drop a connection they promised to keep: seen once, none is kept any more."""


class LifetimePolicy(StrEnum):
    """How long a subscription is asked for."""

    DURATION = "duration"
    """``PT10M``."""
    ABSOLUTE = "absolute"
    """A point in time by the device's clock: devices that refuse a duration or ignore it."""


class RenewPolicy(StrEnum):
    """How a subscription is kept."""

    RENEW = "renew"
    """By `Renew`, at four fifths of its life: Tapo does not like it oftener."""
    RECREATE = "recreate"
    """By a new one, on devices that do not know `Renew`."""


class AxisPolicy(StrEnum):
    """What a movement may consist of."""

    TOGETHER = "together"
    """Pan, tilt and zoom in one message."""
    ZOOM_APART = "zoom apart"
    """Pan and tilt in one, zoom in another."""
    ONE = "one at a time"
    """Only one axis: the fastest, of pan and tilt."""


class StopPolicy(StrEnum):
    """How a movement is ended."""

    STOP = "Stop"
    """The standard's way."""
    ZERO = "zero velocity"
    """Devices that refuse `Stop`: `ContinuousMove` with zeros."""


@dataclass(slots=True)
class Policies:
    """What holds for one device, as found out so far; None where it has not shown yet."""

    auth: AuthPolicy | None = None
    clock: ClockPolicy | None = None
    services: ServicesPolicy | None = None
    media: MediaPolicy | None = None
    keep_alive: KeepAlivePolicy = KeepAlivePolicy.KEEP
    lifetime: LifetimePolicy = LifetimePolicy.DURATION
    renew: RenewPolicy = RenewPolicy.RENEW
    axes: AxisPolicy = AxisPolicy.TOGETHER
    stop: StopPolicy = StopPolicy.STOP
