"""One client of the virtual RTSP server."""

from __future__ import annotations

import asyncio
import re
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ucv.testing.rtsp_auth import AuthKind

if TYPE_CHECKING:
    from ucv.testing.rtsp_server import Mount, RtspServer

#: Bytes a client may leave unread before it is dropped.
MAX_UNREAD = 8 * 1024 * 1024
_MAX_HEAD = 64 * 1024
_REASONS = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_PUBLIC = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
_TRACK = "trackID=0"


class ServerConnection(asyncio.Protocol):
    """Reads requests and answers them as the server's and the mount's faults allow."""

    def __init__(self, server: RtspServer) -> None:
        self.pictures = 0
        self._server = server
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        #: By whom they are for: mounts of one account share one.
        self._nonces: dict[int, str] = {}
        self._session = ""
        self._mount: Mount | None = None
        self._channel = 0
        self._timeout: asyncio.TimerHandle | None = None
        self._slow: asyncio.Task[None] | None = None
        self._late: asyncio.TimerHandle | None = None

    # --- the transport --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        self._transport = transport  # type: ignore[assignment]  # a stream's, which uvloop types no closer
        server = self._server
        server.counters.connections += 1
        server.counters.connected_at.append(asyncio.get_running_loop().time())
        server.connections.add(self)
        if server.faults.away:
            self.abort()
        else:
            self._expect_life()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._server.connections.discard(self)
        if self._mount is not None:
            self._mount.leave(self)
        if self._timeout is not None:
            self._timeout.cancel()
        if self._slow is not None:
            self._slow.cancel()
        if self._late is not None:
            self._late.cancel()

    def data_received(self, data: bytes) -> None:
        """Take requests apart; interleaved packets from the client (RTCP) are passed over."""
        self._buffer += data
        while self._buffer:
            if self._buffer[0] == 0x24:
                if len(self._buffer) < 4:
                    return
                size = 4 + int.from_bytes(self._buffer[2:4], "big")
                if len(self._buffer) < size:
                    return
                del self._buffer[:size]
                continue
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MAX_HEAD:
                    self.abort()
                return
            head = bytes(self._buffer[:end]).decode("utf-8", "replace")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
            }
            length = headers.get("content-length") or "0"
            if not (length.isascii() and length.isdigit() and int(length) <= _MAX_HEAD):
                self.abort()
                return
            size = end + 4 + int(length)
            if len(self._buffer) < size:
                return
            del self._buffer[:size]
            self._request(head.split("\r\n", 1)[0], headers)

    def send(self, data: bytes | bytearray) -> None:
        """Send, or drop the client if it does not read."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_UNREAD:
            self._server.counters.dropped += 1
            self.abort()
        else:
            transport.write(data)

    def close(self) -> None:
        """Close after what is under way."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    # --- requests -------------------------------------------------------------------------------

    def _request(self, line: str, headers: dict[str, str]) -> None:
        method, _, rest = line.partition(" ")
        target = rest.rpartition(" ")[0]
        self._server.counters.count(method)
        self._server.counters.logins += "authorization" in headers
        self._expect_life()
        mount = self._find(target)
        faults = [self._server.faults, *([mount.faults] if mount else [])]
        if any(fault.silent for fault in faults):
            return
        if any(fault.endless_headers for fault in faults):
            self._endless()
            return
        delay = max(fault.delay for fault in faults)
        if delay:
            loop = asyncio.get_running_loop()
            self._late = loop.call_later(delay, self._respond, method, target, mount, headers)
        else:
            self._respond(method, target, mount, headers)

    def _respond(
        self, method: str, target: str, mount: Mount | None, headers: dict[str, str]
    ) -> None:
        faults = [self._server.faults, *([mount.faults] if mount else [])]
        status, answer, body = self._answer(method, target, mount, headers)
        refuse = next((fault.refuse_status for fault in faults if fault.refuse_status), None)
        if refuse is not None:
            status, answer, body = refuse, {}, b""
        lines = [
            f"RTSP/1.0 {status} {_REASONS.get(status, 'Error')}",
            f"CSeq: {headers.get('cseq', '0')}",
            f"Server: {self._server.server_header}",
            *(f"{name}: {value}" for name, value in answer.items()),
        ]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        text = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        slow = max(fault.slow for fault in faults)
        if slow:
            self._slow = asyncio.create_task(self._trickle(text, slow))
        else:
            self.send(text)
        if method == "TEARDOWN":
            self.close()
        elif method == "PLAY" and status == 200 and mount is not None:
            self.pictures = 0
            mount.play(self, self._channel)

    def _answer(
        self, method: str, target: str, mount: Mount | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if method == "OPTIONS":
            return 200, {"Public": _PUBLIC}, b""
        if mount is None:
            return 404, {}, b""
        nonce = self._nonces.setdefault(id(mount.auth), mount.auth.new_nonce())
        denied = self._denied(mount, headers.get("authorization"), method, nonce)
        if denied:
            challenge = {"WWW-Authenticate": mount.auth.challenge(nonce)}
            return denied, challenge if denied == 401 else {}, b""
        if mount.faults.missing:
            return 404, {}, b""
        if method == "DESCRIBE":
            redirect = mount.faults.redirect or self._server.faults.redirect
            if redirect:
                return 302, {"Location": redirect}, b""
            base = {"Content-Type": "application/sdp", "Content-Base": f"{target}/"}
            return 200, base, _description(mount)
        if method == "SETUP":
            return self._setup(mount, headers)
        if method in ("PLAY", "GET_PARAMETER", "TEARDOWN", "PAUSE"):
            given = headers.get("session", "").partition(";")[0]
            if not self._session or given != self._session:
                return 454, {}, b""
            return 200, {"Session": self._session}, b""
        return 405, {"Allow": _PUBLIC}, b""

    def _denied(
        self, mount: Mount, authorization: str | None, method: str, nonce: str
    ) -> int | None:
        """Return the status that a request is refused with, if it is."""
        lock, counters = self._server.lock, self._server.counters
        lockout = mount.faults.lockout or self._server.faults.lockout
        guarded = mount.auth.kind is not AuthKind.NONE
        if guarded and authorization is not None and (lockout or lock.locked):
            counters.locked += 1
            return lockout or lock.status
        if mount.auth.accepts(authorization, method, nonce):
            if guarded:
                lock.accepted()
            return None
        if authorization is not None:
            counters.refused += 1
            lock.refused()
            if lock.locked:
                return lock.status
        return 401

    def _setup(self, mount: Mount, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        transport = headers.get("transport", "")
        channels = re.search(r"interleaved=(\d+)-(\d+)", transport)
        if "RTP/AVP/TCP" not in transport or channels is None or int(channels[1]) > 254:
            return 461, {}, b""
        self._channel = int(channels[1])
        self._mount = mount
        self._session = self._session or secrets.token_hex(8)
        timeout = f"{self._session};timeout={max(1, round(self._server.session_timeout))}"
        return 200, {"Transport": transport, "Session": timeout}, b""

    def _find(self, target: str) -> Mount | None:
        parts = urlsplit(target)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        for known in (path, path.rstrip("/"), path.removesuffix(_TRACK).rstrip("/")):
            if known in self._server.mounts:
                return self._server.mounts[known]
        return self._server.mounts.get("*")

    # --- faults and life ------------------------------------------------------------------------

    def _endless(self) -> None:
        loop = asyncio.get_running_loop()
        self.send(b"RTSP/1.0 200 OK\r\n")

        def more() -> None:
            if self._transport is not None and not self._transport.is_closing():
                if self._transport.get_write_buffer_size() < 1024 * 1024:
                    self.send(b"X-Header: and another one\r\n" * 1000)
                loop.call_later(0.001, more)

        more()

    async def _trickle(self, text: bytes, delay: float) -> None:
        for byte in text:
            await asyncio.sleep(delay)
            self.send(bytes([byte]))

    def _expect_life(self) -> None:
        """Close the connection when the client says nothing for as long as a session lives."""
        if self._timeout is not None:
            self._timeout.cancel()
        loop = asyncio.get_running_loop()
        self._timeout = loop.call_later(self._server.session_timeout, self.abort)


def _description(mount: Mount) -> bytes:
    clip = mount.clip
    sets = ",".join(b64encode(unit).decode() for unit in (clip.sps, clip.pps))
    return "\r\n".join(
        [
            "v=0",
            "o=- 0 0 IN IP4 127.0.0.1",
            f"s={clip.request.name}",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            "a=control:*",
            "m=video 0 RTP/AVP 96",
            "a=rtpmap:96 H264/90000",
            f"a=fmtp:96 packetization-mode=1;profile-level-id={clip.sps[1:4].hex()};"
            f"sprop-parameter-sets={sets}",
            f"a=framerate:{clip.request.rate}",
            f"a=control:{_TRACK}",
            "",
        ]
    ).encode()
