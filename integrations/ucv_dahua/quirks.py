"""Where Dahua's firmware differs from itself: each difference as a policy with a name.

Nothing here is chosen by a model's name: what a device answers decides, or what a person sets.
"""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum


class FirstChannel(IntEnum):
    """The number of the first channel, for pictures and streams; for movement it is asked apart.

    Tables of the configuration always begin at 0.
    """

    ONE = 1
    """Nearly everything: ``snapshot.cgi?channel=1``, ``realmonitor?channel=1``."""
    ZERO = 0
    """Some old firmware, which has a picture at ``channel=0`` and none at the number of its last
    channel."""


class FirstPtzChannel(IntEnum):
    """The number of the first channel for ``ptz.cgi``."""

    ZERO = 0
    """As in Dahua's own document."""
    ONE = 1
    """Devices that answer ``channel=0`` with an error, and count here as in pictures."""


class EventCodes(StrEnum):
    """How events are asked for; found by asking with the list first."""

    LIST = "list"
    """Those that have a meaning here, by name."""
    ALL = "All"
    """Firmware that answers a long list with 400 or 500; what has no meaning here is passed
    over."""


class Lamp(StrEnum):
    """Which lamp a camera has, and how it is switched."""

    WHITE_V2 = "Lighting_V2 white light"
    """``Lighting_V2`` with ``LightType=WhiteLight``: newer cameras that see colour at night."""
    COAXIAL = "coaxialControlIO"
    """``coaxialControlIO.cgi``: cameras with a white light and siren that deter (Dahua TiOC, Lorex
    and Amcrest models of that kind). The light goes out by itself after about 10 s."""
    INFRARED_V2 = "Lighting_V2 infrared"
    """``Lighting_V2`` with infrared light only."""
    INFRARED = "Lighting"
    """``Lighting``: older firmware."""


#: What cameras that are sold under several names call themselves; ``updateSerial`` names them.
GENERIC_MODELS = re.compile(r"|[0-9]+|IP ?C(amera)?|NVR|DVR", re.IGNORECASE)

#: What recorders call their class, and begin their models with.
RECORDERS = re.compile(r"(DHI?-?)?(NVR|DVR|XVR|HCVR|HVR|MXVR|EVS|IVSS)", re.IGNORECASE)
