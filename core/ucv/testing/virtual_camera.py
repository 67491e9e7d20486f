"""A camera made of software: an HTTP interface to be given routes, and RTSP streams that play."""

from __future__ import annotations

import asyncio
import ipaddress
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from ucv.clock import Clock, SystemClock
from ucv.testing.account_lock import AccountLock
from ucv.testing.clip import Clip, ClipRequest, load
from ucv.testing.http_auth import AuthScheme
from ucv.testing.http_device import VirtualDevice
from ucv.testing.jpeg_loop import jpeg_loop
from ucv.testing.rtsp_auth import Authenticator, AuthKind
from ucv.testing.rtsp_server import RtspServer

if TYPE_CHECKING:
    from ucv.testing.live_scene import LiveScene

_CACHE = Path(tempfile.gettempdir(), "ucv-clips")
#: Small, so that they are encoded in a moment: the first path's clip, and that of the others.
_SIZES = ((640, 360, 600_000), (320, 180, 200_000))


def jpeg(name: str, width: int = 640, height: int = 360) -> bytes:
    """Return a still picture that a virtual camera may send."""
    return jpeg_loop(name, width, height, 1, 1)[0]


class VirtualCamera:
    """One camera; ``async with VirtualCamera() as camera:``, after its routes are set.

    ``http`` and ``rtsp`` are its two servers, with their routes, faults and counters; ``lock`` is
    the account's, shared by both. ``paths`` are those of its RTSP streams, the main one first.
    Ports 0 take free ones, which stay the same over `stop` and `start`. ``host`` is an address of
    this machine only, such as 127.0.0.2 for a camera that has moved. ``clips`` is where encoded
    clips are kept for the next time.
    """

    #: What serves its API; a vendor's own kind may say more.
    server: ClassVar[type[VirtualDevice]] = VirtualDevice

    def __init__(
        self,
        name: str = "Camera",
        *,
        paths: Sequence[str] = ("/live/main", "/live/sub"),
        host: str = "127.0.0.1",
        http_port: int = 0,
        rtsp_port: int = 0,
        username: str = "admin",
        password: str = "camera-secret",  # noqa: S107 - of a camera that exists nowhere else
        auth: AuthScheme = "digest",
        realm: str = "Camera",
        one_time_nonces: bool = False,
        tls: bool = False,
        lock_after: int | None = None,
        lock_seconds: float = 1800.0,
        clock: Clock | None = None,
        clips: Path = _CACHE,
    ) -> None:
        self.name = name
        clock = clock or SystemClock()
        self.lock = AccountLock(lock_after, lock_seconds, clock=clock)
        self.http = self.server(
            username,
            password,
            auth=auth,
            realm=realm,
            one_time_nonces=one_time_nonces,
            tls=tls,
            lock=self.lock,
            host=host,
            port=http_port,
            server_header=name,
            clock=clock,
        )
        self.rtsp = RtspServer(
            host=host, port=rtsp_port, lock=self.lock, server_header=name, now=clock.time
        )
        self._account = Authenticator(AuthKind.DIGEST, username, password, realm)
        self._paths = paths
        self._clips = clips
        self._announced: tuple[AsyncZeroconf, ServiceInfo] | None = None
        #: What channels see that are drawn live, see `ucv.testing.live_scene`.
        self.scenes: dict[int, LiveScene] = {}

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

    @property
    def refused(self) -> int:
        """How many requests with wrong credentials it has had, by HTTP and RTSP together."""
        return self.http.counters.refused + self.rtsp.counters.refused

    @property
    def logins(self) -> int:
        """How many requests with credentials of whatever kind it has had, right or wrong."""
        return self.http.counters.logins + self.rtsp.counters.logins

    @property
    def config(self) -> dict[str, Any]:
        """What an entry for it is configured with: ``host``, ports, ``username``, ``password``."""
        return {
            "host": self.host,
            "http_port": self.http_port,
            "rtsp_port": self.rtsp_port,
            "username": self.username,
            "password": self.password,
        }

    def set_password(self, new: str) -> None:
        """Change the password, as in the camera's own page; streams that play go on."""
        self.http.password = new
        self._account.password = new

    # --- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen; raises `OSError` when a port is taken. Encodes its clips the first time."""
        if not self.rtsp.mounts and self._paths:
            main, sub = await asyncio.to_thread(self._draw)
            for index, path in enumerate(self._paths):
                self.rtsp.add(path, sub if index else main, self._account)
        await self.http.start()
        try:
            await self.rtsp.start()
        except OSError:
            await self.http.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and cut all connections, as when its plug is pulled."""
        for scene in self.scenes.values():
            await scene.stop()
        await self.rtsp.stop()
        await self.http.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.withdraw()
        await self.stop()

    def _draw(self) -> tuple[Clip, Clip]:
        requests = [
            ClipRequest(
                f"{self.name} {width}",
                width,
                height,
                15,
                4,
                keyframe_interval=0.4,
                bit_rate=bit_rate,
            )
            for width, height, bit_rate in _SIZES
        ]
        main, sub = load(requests, self._clips)
        return main, sub

    # --- mDNS -----------------------------------------------------------------------------------

    async def announce(
        self,
        zeroconf: AsyncZeroconf,
        service_type: str,
        properties: Mapping[str, str] | None = None,
        *,
        label: str | None = None,
    ) -> None:
        """Announce its API under an mDNS service type until `withdraw`; call once started.

        Names must differ from those of others on the same network: give a ``label`` to tell
        cameras of one name apart.
        """
        label = label or self.name
        info = ServiceInfo(
            service_type,
            f"{label}.{service_type}",
            addresses=[ipaddress.ip_address(self.host).packed],
            port=self.http_port,
            properties=dict(properties or {}),
            server=f"{label.lower().replace(' ', '-')}.local.",
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
