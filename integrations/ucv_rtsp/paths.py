"""Paths that cameras are known to stream under, and what tells whose camera it is.

Gathered from public sources; each is a candidate to try, not a promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's main paths, the likeliest first, and the sub stream that goes with the first.

    ``realms`` and ``servers`` are beginnings of what its cameras call themselves over RTSP,
    ``web_servers`` over HTTP; ``titles`` are those of its web pages, ``pages`` what stands in them.
    ``ports`` are RTSP ports that hardly anybody else uses. ``known_only``: its paths are tried only
    where it is known to be this vendor's camera.
    """

    name: str
    main: tuple[str, ...]
    sub: str | None = None
    realms: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    web_servers: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    known_only: bool = False


VENDORS = (
    Vendor(
        "Dahua",
        ("/cam/realmonitor?channel=1&subtype=0",),
        "/cam/realmonitor?channel=1&subtype=1",
        realms=("Login to ",),
        servers=("Dahua Rtsp Server",),
        titles=("WEB SERVICE",),
    ),
    Vendor(
        "Hikvision",
        ("/Streaming/Channels/101", "/h264/ch1/main/av_stream", "/h264_stream"),
        "/Streaming/Channels/102",
        realms=("IP Camera(", "DS-"),
        web_servers=("App-webs/", "DNVRS-Webs", "DVRDVS-Webs", "Hikvision-Webs"),
        pages=("/doc/page/login.asp",),
    ),
    Vendor(
        "Axis",
        ("/axis-media/media.amp", "/onvif-media/media.amp", "/mpeg4/media.amp"),
        realms=("AXIS_",),
    ),
    Vendor(
        "Reolink",
        ("/h264Preview_01_main", "/Preview_01_main", "/h265Preview_01_main"),
        "/h264Preview_01_sub",
        realms=("BC Streaming Media",),
    ),
    Vendor("TP-Link", ("/stream1",), "/stream2", realms=("TP-Link IP-Camera",)),
    Vendor("Foscam", ("/videoMain",), "/videoSub", servers=("HiIpcam/",),
           web_servers=("Netwave IP Camera",), titles=("IPCam Client",), ports=(88,)),
    Vendor("Uniview", ("/unicast/c1/s0/live", "/media/video1"), "/unicast/c1/s1/live"),
    Vendor(
        "Hanwha",
        ("/profile1/media.smp", "/onvif/profile1/media.smp", "/LiveChannel/0/media.smp"),
        realms=("iPolis",),
        ports=(558,),
    ),
    Vendor("Vivotek", ("/live.sdp",), "/live1s1.sdp", web_servers=("Vivotek Network Camera",)),
    Vendor("D-Link", ("/live1.sdp", "/play1.sdp"), realms=("DCS-",)),
    Vendor("Sony", ("/media/video1",)),
    Vendor("Panasonic", ("/MediaInput/h264",)),
    Vendor("Bosch", ("/rtsp_tunnel", "/video?inst=1")),
    Vendor("Mobotix", ("/mobotix.h264", "/stream0")),
    Vendor("Avigilon", ("/defaultPrimary?streamType=u",)),
    Vendor("Arecont", ("/h264.sdp",)),
    Vendor("Xiongmai", ("/user=admin&password=&channel=1&stream=0.sdp?real_stream",),
           servers=("H264DVR",), web_servers=("uc-httpd",), titles=("NETSurveillance WEB",),
           # The path logs in, with an account that nobody gave us.
           known_only=True),
    Vendor("Hipcam", ("/11",), "/12", realms=("Hipcam RealServer",)),
    Vendor("Tiandy", ("/live/ch00_0",)),
    Vendor("Milesight", ("/main",)),
    Vendor("ACTi", ("/track1",)),
    Vendor("Yi", ("/ch0_0.h264",)),
)  # fmt: skip

GENERIC = (
    "/",
    "/live",
    "/stream",
    "/stream0",
    "/h264",
    "/video",
    "/ch0",
    "/live/main",
    "/live/ch00_0",
    "/onvif1",
    "/cam1/h264",
    "/0",
    "/1",
    "/profile1",
    "/av_stream/ch0",
)


#: Where cameras listen for RTSP, the likeliest first.
PORTS = (554, 8554, 10554, 88, 558)


def vendor_of(realm: str, server: str) -> Vendor | None:
    """Return whose camera it is by what it calls itself over RTSP, None if that tells nothing."""
    return _first(lambda v: _begins(realm, v.realms) or _begins(server, v.servers))


def vendor_of_page(server: str, title: str, page: str) -> Vendor | None:
    """Return the same by the ``Server`` of its web interface, the title and text of its page.

    Web servers that anybody may have (Boa, GoAhead, thttpd, nginx) tell nothing.
    """
    return _first(
        lambda v: (
            _begins(server, v.web_servers)
            or title in v.titles
            or any(mark in page for mark in v.pages)
        )
    )


def vendor_of_port(port: int) -> Vendor | None:
    """Return who uses a port for RTSP that hardly anybody else does."""
    return _first(lambda vendor: port in vendor.ports)


def _first(matches: Callable[[Vendor], bool]) -> Vendor | None:
    return next(filter(matches, VENDORS), None)


def _begins(text: str, beginnings: tuple[str, ...]) -> bool:
    return bool(beginnings) and text.startswith(beginnings)


def candidates(vendor: Vendor | None) -> list[str]:
    """Return all main paths, those of the vendor first, each once."""
    first: Iterable[str] = vendor.main if vendor else ()
    others = (path for other in VENDORS if not other.known_only for path in other.main)
    return list(dict.fromkeys([*first, *others, *GENERIC]))


def sub_path(main: str) -> str | None:
    """Return the sub stream that goes with a main path, None if none is known."""
    return next((v.sub for v in VENDORS if v.sub and main == v.main[0]), None)
