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
    """Firmware of about 2012 to 2014 (Q-See and early Amcrest cameras), which has a picture at
    ``channel=0`` and none at the number of its last channel."""


class FirstPtzChannel(IntEnum):
    """The number of the first channel for ``ptz.cgi``."""

    ZERO = 0
    """As in Dahua's document: most cameras (SD series, Amcrest IP4M-1041, IP8M-2496)."""
    ONE = 1
    """Recorders, and cameras that answer ``channel=0`` with an error (some NVR4xxx, XVR5xxx, early
    SD59 firmware)."""


class EventCodes(StrEnum):
    """How events are asked for; found by asking with the list first."""

    LIST = "list"
    """Those that have a meaning here, by name."""
    ALL = "All"
    """Firmware that answers a long list with 400 or 500 (doorbells such as AD110 and AD410, some
    Lorex cameras, recorders of before 2016); what has no meaning here is passed over."""


class Lamp(StrEnum):
    """Which lamp a camera has, and how it is switched."""

    WHITE_V2 = "Lighting_V2 white light"
    """``Lighting_V2`` with ``LightType=WhiteLight``: full-colour cameras from about 2019 on."""
    COAXIAL = "coaxialControlIO"
    """``coaxialControlIO.cgi``: cameras with deterrence lights (TiOC; Lorex, Amcrest ASH series)
    and those on the coaxial inputs of XVRs."""
    INFRARED_V2 = "Lighting_V2 infrared"
    """``Lighting_V2`` with infrared light only."""
    INFRARED = "Lighting"
    """``Lighting``: firmware of before about 2018."""


#: What several models call themselves instead of their names: those whose ``updateSerial`` names
#: them (IPC-HDW5831R-ZE and its like with firmware 2.8, rebranded cameras).
GENERIC_MODELS = re.compile(r"|[0-9]+|IP ?C(amera)?|NVR|DVR", re.IGNORECASE)

#: What recorders call their class, and begin their models with.
RECORDERS = re.compile(r"(DHI?-?)?(NVR|DVR|XVR|HCVR|HVR|MXVR|EVS|IVSS)", re.IGNORECASE)
