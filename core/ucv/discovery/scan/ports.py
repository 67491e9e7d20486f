"""Which ports a scan looks at, and which of them are asked what they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ucv.errors import ValidationError
from ucv.plugins.discovery_handlers import ScanHandler

#: Ports that nearly all cameras have one of: HTTP, HTTPS, RTSP, ONVIF of Tapo and Reolink, the
#: SDKs of Hikvision and Dahua.
QUICK: Final = (80, 443, 554, 2020, 8000, 8080, 8554, 37777)

#: With those that single vendors use: RTSP of recorders and of RTSPS, ONVIF of Foscam and of cheap
#: boards, RTMP, door stations, the SDKs of Reolink and Xiongmai.
NORMAL: Final = tuple(
    sorted(
        {
            *QUICK,
            *(81, 88, 322, 558, 888, 1935, 5000, 6688, 7441, 7681, 8081, 8443, 8899, 9000, 10554),
            *(20443, 34567),
        }
    )
)

#: With those that people move cameras to behind a router. Not 9100, where printers print whatever
#: is sent to them.
DEEP: Final = tuple(
    sorted(
        {
            *NORMAL,
            *range(82, 91),
            *(555, 556, 557, 1024, 1025, 1026, 1027, 1080, 1443, 1554, 2000, 2554, 3000, 3554),
            *(4443, 4554, 5001, 5050, 5080, 5443, 5544, 5554, 6000, 6001, 6036, 6554, 7000, 7001),
            *(7070, 7080, 7443, 7447, 7554),
            *range(8001, 8011),
            *range(8082, 8091),
            *(8100, 8180, 8181, 8200, 8444, 8555, 8556, 8557, 8600, 8686, 8800, 8888, 9001, 9002),
            *(9080, 9081, 9090, 9443, 9527, 9530, 9554, 9988, 9999, 10000, 10080, 10443, 11554),
            *(18080, 34568, 34599, 37778, 38080, 49152, 50000, 50554, 60001),
        }
    )
)

PROFILES: Final = {"quick": QUICK, "normal": NORMAL, "deep": DEEP}
#: What a scan of ports that somebody lists is called.
CUSTOM: Final = "custom"

#: Ports of protocols that are not asked anything: vendors' own, RTMP, and printers.
MUTE: Final = frozenset({1935, 9000, 9100, 34567, 34568, 34599, 37777, 37778})
#: Ports that are asked over TLS.
TLS: Final = frozenset({443, 1443, 4443, 5443, 7443, 8443, 8444, 9443, 10443, 20443})
#: Ports of RTSP over TLS.
RTSP_TLS: Final = frozenset({322, 7441})

_ITEM: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MAX_TEXT: Final = 4096


def speaks_rtsp(port: int) -> bool:
    """Whether RTSP is the first thing to try on a port: 554 and what people make of it."""
    return port % 1000 in (554, 555, 556, 557) or port in (558, 7070, 7447)


def ports_of(wanted: str | Sequence[int], handlers: Sequence[ScanHandler] = ()) -> tuple[int, ...]:
    """Return the ports of a profile, of a text such as ``"80,554,8000-8010"``, or those listed.

    ``normal`` and ``deep`` look also at the ports of the handlers. Sorted, each once. Raises
    `ValidationError` that names what is no port.
    """
    if isinstance(wanted, str) and wanted in PROFILES:
        own = {port for handler in handlers for port in handler.ports} if wanted != "quick" else ()
        return tuple(sorted({*PROFILES[wanted], *filter(_usable, own)}))
    ports = _parsed(wanted) if isinstance(wanted, str) else set(wanted)
    for port in ports:
        if not _usable(port):
            raise ValidationError(f"{port!r:.20} is no port.", details={"word": f"{port!r:.20}"})
    if not ports:
        raise ValidationError("Say which ports to look at, such as 80,554,8000-8010.")
    return tuple(sorted(ports))


def profile_of(wanted: str | Sequence[int]) -> str:
    """Return what a choice of ports is called: a profile's name, or ``custom``."""
    return wanted if isinstance(wanted, str) and wanted in PROFILES else CUSTOM


def _parsed(text: str) -> set[int]:
    if len(text) > _MAX_TEXT:
        raise ValidationError("That are too many ports for one scan.")
    ports: set[int] = set()
    for word in re.split(r"[\s,;]+", text.strip(" \t\r\n,;")):
        match = _ITEM.fullmatch(word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 0 < first <= last < 65_536:
            known = ", ".join(PROFILES)
            raise ValidationError(
                f"{word[:60]!r} is neither ports (80, 8000-8010) nor a profile ({known}).",
                details={"word": word[:60]},
            )
        ports.update(range(first, last + 1))
    return ports


def _usable(port: object) -> bool:
    return isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65_536
