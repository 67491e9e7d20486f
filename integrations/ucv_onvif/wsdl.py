"""The standard's WSDL documents, read once for all devices, off the event loop."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zeep.wsdl import Document


class Binding(Enum):
    """What of a document is spoken: its file, namespace and binding."""

    DEVICE = ("devicemgmt.wsdl", "http://www.onvif.org/ver10/device/wsdl", "DeviceBinding")
    MEDIA = ("media.wsdl", "http://www.onvif.org/ver10/media/wsdl", "MediaBinding")
    PTZ = ("ptz.wsdl", "http://www.onvif.org/ver20/ptz/wsdl", "PTZBinding")
    IMAGING = ("imaging.wsdl", "http://www.onvif.org/ver20/imaging/wsdl", "ImagingBinding")
    EVENTS = ("events.wsdl", "http://www.onvif.org/ver10/events/wsdl", "EventBinding")
    PULL_POINT = (
        "events.wsdl",
        "http://www.onvif.org/ver10/events/wsdl",
        "PullPointSubscriptionBinding",
    )
    SUBSCRIPTION = (
        "events.wsdl",
        "http://www.onvif.org/ver10/events/wsdl",
        "SubscriptionManagerBinding",
    )

    def __init__(self, file: str, namespace: str, binding: str) -> None:
        self.file = file
        self.namespace = namespace
        self.qname = f"{{{namespace}}}{binding}"


_documents: dict[str, Document] = {}
_reading = Lock()


async def document(binding: Binding) -> Document:
    """Return the document of a binding. The first time it takes about 0.1 s, in a thread."""
    known = _documents.get(binding.file)
    return known if known is not None else await asyncio.to_thread(_load, binding.file)


def _load(file: str) -> Document:
    # One at a time: several devices that are set up at once want the same one.
    with _reading:
        if file not in _documents:
            _documents[file] = _read(file)
        return _documents[file]


def _read(file: str) -> Document:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    # Takes a second, the first time.
    import onvif  # noqa: PLC0415
    from onvif.settings import DEFAULT_SETTINGS  # noqa: PLC0415
    from onvif.transport import ASYNC_TRANSPORT  # noqa: PLC0415
    from zeep.wsdl import Document  # noqa: PLC0415

    # The package sets up logging for everybody when it is imported; that is the hub's affair.
    for handler in [one for one in root.handlers if one not in handlers]:
        root.removeHandler(handler)
    root.setLevel(level)
    path = Path(onvif.__file__).parent / "wsdl" / file
    # This transport refuses to load anything that is not a file.
    return Document(str(path), ASYNC_TRANSPORT, settings=DEFAULT_SETTINGS)
