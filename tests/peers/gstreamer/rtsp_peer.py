"""GStreamer's RTSP server, run under the system's Python (which has the gi bindings).

Usage: rtsp_peer.py PORT CLIP RATE AUTH [USER PASSWORD]; AUTH is open, basic or digest. CLIP holds
access units in Annex B form, each after its 4-byte length; it is sent over and over. Writes "ready"
when it serves.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from typing import Any

import gi  # type: ignore[import-not-found]  # of the system's Python only

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
gi.require_version("GstRtsp", "1.0")
from gi.repository import (  # type: ignore[import-not-found]  # noqa: E402 - versions come first
    GLib,
    Gst,
    GstRtsp,
    GstRtspServer,
)

LAUNCH = (
    "( appsrc name=source is-live=true format=time do-timestamp=false "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au "
    "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)


def read_units(path: str) -> list[bytes]:
    units = []
    with open(path, "rb") as file:
        while head := file.read(4):
            units.append(file.read(struct.unpack(">I", head)[0]))
    return units


def feed(media: Any, units: list[bytes], rate: int) -> None:
    source = media.get_element().get_by_name("source")
    state = {"number": 0}

    def push() -> bool:
        number = state["number"]
        state["number"] += 1
        buffer = Gst.Buffer.new_wrapped(units[number % len(units)])
        buffer.pts = buffer.dts = number * Gst.SECOND // rate
        buffer.duration = Gst.SECOND // rate
        return bool(source.emit("push-buffer", buffer) == Gst.FlowReturn.OK)

    timer = GLib.timeout_add(1000 // rate, push)
    media.connect("unprepared", lambda _media: GLib.source_remove(timer))


def main() -> None:
    port, path, rate, kind = sys.argv[1:5]
    Gst.init(None)
    units = read_units(path)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH)
    factory.connect("media-configure", lambda _factory, media: feed(media, units, int(rate)))
    if kind != "open":
        user, password = sys.argv[5:7]
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken.new()
        token.set_string("media.factory.role", "user")
        if kind == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        permissions = GstRtspServer.RTSPPermissions.new()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
        server.set_auth(auth)
    server.get_mount_points().add_factory("/stream1", factory)
    server.attach(None)
    # Tearing down under load may crash in the libraries: leave it to the system.
    GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, lambda: os._exit(0))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


main()
