"""An Acme camera made of software: the vendor of the plugin authors' worked example.

HTTP ``/api/info`` → ``{"serial": "ACME-0001", "model": "A1"}``, ``/snap.jpg``; RTSP ``/live/main``
and ``/live/sub``. One account, by Digest, for both.
"""

from __future__ import annotations

import asyncio
import ipaddress
from functools import lru_cache
from typing import Self

from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from ucv.clock import Clock, SystemClock
from ucv.testing.account_lock import AccountLock
from ucv.testing.clip import Clip, ClipRequest, load
from ucv.testing.http_device import VirtualDevice
from ucv.testing.jpeg import jpeg_loop
from ucv.testing.rtsp_auth import Authenticator, AuthKind
from ucv.testing.rtsp_server import RtspServer

SERVICE_TYPE = "_acme-cam._tcp.local."

#: Small, so that they are encoded in a moment.
MAIN = ClipRequest("Acme main", 640, 360, 15, 4, keyframe_interval=0.4, bit_rate=600_000)
SUB = ClipRequest("Acme sub", 320, 180, 15, 4, keyframe_interval=0.4, bit_rate=200_000)


@lru_cache(maxsize=1)
def _scenery() -> tuple[Clip, Clip, bytes]:
    """Return what it shows: both streams and a snapshot. Encoded once in a process."""
    main, sub = load([MAIN, SUB])
    return main, sub, jpeg_loop("Acme", MAIN.width, MAIN.height, 1, 1)[0]


class AcmeDevice:
    """One camera; ``async with AcmeDevice() as camera:``.

    Ports 0 take free ones, which stay the same over `stop` and `start`. ``host`` is an address of
    this machine only, such as 127.0.0.2 for a camera that has moved. ``http`` and ``rtsp`` are its
    two servers, with their faults and counters; ``lock`` is the account's, shared by both.
    ``clock`` is for the lock, delays and ``Date``; streams always run in real time.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        http_port: int = 0,
        rtsp_port: int = 0,
        serial: str = "ACME-0001",
        model: str = "A1",
        username: str = "admin",
        password: str = "acme-secret",  # noqa: S107 - of a camera that exists nowhere else
        realm: str = "Acme",
        lock_after: int | None = None,
        lock_seconds: float = 1800.0,
        clock: Clock | None = None,
    ) -> None:
        self.serial = serial
        self.model = model
        clock = clock or SystemClock()
        self.lock = AccountLock(lock_after, lock_seconds, clock=clock)
        self.http = VirtualDevice(
            username,
            password,
            realm=realm,
            lock=self.lock,
            host=host,
            port=http_port,
            server_header="Acme",
            clock=clock,
        )
        self.rtsp = RtspServer(host=host, port=rtsp_port, lock=self.lock, server_header="Acme")
        self._account = Authenticator(AuthKind.DIGEST, username, password, realm)
        self._announced: tuple[AsyncZeroconf, ServiceInfo] | None = None
        self.http.route("/api/info", lambda _: {"serial": self.serial, "model": self.model})

    # --- where and who --------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """The address of both servers."""
        return self.http.host

    @property
    def http_port(self) -> int:
        """The port of its API, once started."""
        return self.http.port

    @property
    def rtsp_port(self) -> int:
        """The port of its streams, once started."""
        return self.rtsp.port

    @property
    def username(self) -> str:
        """Its account's name."""
        return self.http.username

    @property
    def password(self) -> str:
        """Its account's password."""
        return self.http.password

    def set_password(self, new: str) -> None:
        """Change the password, as in the camera's own page; streams that play go on."""
        self.http.password = new
        self._account.password = new

    # --- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen; raises `OSError` when a port is taken. Encodes its clips the first time."""
        if not self.rtsp.mounts:
            main, sub, picture = await asyncio.to_thread(_scenery)
            self.rtsp.add("/live/main", main, self._account)
            self.rtsp.add("/live/sub", sub, self._account)
            self.http.route("/snap.jpg", picture)
        await self.http.start()
        try:
            await self.rtsp.start()
        except OSError:
            await self.http.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and cut all connections, as when its plug is pulled."""
        await self.rtsp.stop()
        await self.http.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.withdraw()
        await self.stop()

    # --- mDNS -----------------------------------------------------------------------------------

    async def announce(self, zeroconf: AsyncZeroconf) -> None:
        """Announce its API as ``_acme-cam._tcp.local.``, until `withdraw`; call once started.

        Raises `zeroconf.NonUniqueNameException` when another camera is announced as this one.
        """
        await self.withdraw()
        info = ServiceInfo(
            SERVICE_TYPE,
            f"{self.model} {self.serial}.{SERVICE_TYPE}",
            addresses=[ipaddress.ip_address(self.host).packed],
            port=self.http_port,
            properties={"serial": self.serial, "model": self.model},
            server=f"{self.serial.lower()}.local.",
        )
        # Also waits until it has been said.
        await (await zeroconf.async_register_service(info))
        self._announced = zeroconf, info

    async def withdraw(self) -> None:
        """Take the announcement back with a goodbye; harmless when there is none."""
        if self._announced is not None:
            zeroconf, info = self._announced
            self._announced = None
            await (await zeroconf.async_unregister_service(info))
