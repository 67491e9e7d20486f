"""Day and night: the imaging service's infrared cut filter."""

from __future__ import annotations

from ucv import DayNight, NotSupported, ProtocolError
from ucv.wire import xml_text
from ucv_onvif import soap
from ucv_onvif.session import Session
from ucv_onvif.wsdl import Binding

#: With the filter in front of the sensor, pictures have colours.
_MODES = {"AUTO": DayNight.AUTO, "ON": DayNight.DAY, "OFF": DayNight.NIGHT}
_WORDS = {mode: word for word, mode in _MODES.items()}


async def has_day_night(session: Session, source: str) -> bool:
    """Ask whether a source's filter can be chosen."""
    if not session.has(Binding.IMAGING):
        return False
    try:
        answer = await session.call(Binding.IMAGING, "GetOptions", {"VideoSourceToken": source})
    except (ProtocolError, NotSupported):
        return False
    return len(soap.texts(answer, "ImagingOptions/IrCutFilterModes")) > 1


async def day_night(session: Session, source: str) -> DayNight:
    """Return a source's mode."""
    answer = await session.call(Binding.IMAGING, "GetImagingSettings", {"VideoSourceToken": source})
    mode = _MODES.get(xml_text(answer, "ImagingSettings/IrCutFilter").upper())
    if mode is None:
        raise NotSupported("The camera does not tell its day and night mode.")
    return mode


async def set_day_night(session: Session, source: str, mode: DayNight) -> None:
    """Choose a source's mode; everything else stays as it is."""
    await session.call(
        Binding.IMAGING,
        "SetImagingSettings",
        {
            "VideoSourceToken": source,
            "ImagingSettings": {"IrCutFilter": _WORDS[mode]},
            "ForcePersistence": True,
        },
    )
