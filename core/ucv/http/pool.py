"""The HTTP clients of a hub."""

from __future__ import annotations

import ssl
from weakref import WeakValueDictionary

from ucv.clock import Clock
from ucv.http.address import DEFAULT_PORTS, Origin
from ucv.http.client import DeviceHttp
from ucv.http.gate import Gate
from ucv.http.tls import pinned
from ucv.lockout import Lockout, Login


class HttpPool:
    """Makes the clients through which devices are reached, and closes them.

    ``limit_per_host`` is how many requests one host is asked at the same time, whoever asks.
    ``tls`` verifies certificates; by default, the system's authorities decide.

    Each client has connections of its own, so that closing it leaves no socket open. Close each
    one that is made; `close` does it for those that are left.
    """

    def __init__(
        self, clock: Clock, *, limit_per_host: int = 4, tls: ssl.SSLContext | None = None
    ) -> None:
        self._clock = clock
        self._limit = limit_per_host
        self._tls = tls
        self._gates: WeakValueDictionary[str, Gate] = WeakValueDictionary()
        self._clients: set[DeviceHttp] = set()

    def client(
        self,
        host: str,
        *,
        port: int | None = None,
        tls: bool = False,
        fingerprint: str | None = None,
        credentials: Login | None = None,
        lockout: Lockout | None = None,
    ) -> DeviceHttp:
        """Return a client for one device, not yet connected.

        ``host`` is a name or an address, without brackets; ``port`` by default that of the scheme.
        ``tls`` speaks HTTPS. ``fingerprint`` (SHA-256, hexadecimal) is that of the one certificate
        to trust, whoever vouches for it. ``lockout`` is shared by all that log in to the device.
        Raises `ValidationError`.
        """
        scheme = "https" if tls else "http"
        key = host.rstrip(".").casefold()
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = Gate(self._limit)
        client = DeviceHttp(
            Origin(scheme, host, DEFAULT_PORTS[scheme] if port is None else port),
            trust=pinned(fingerprint) if fingerprint else (self._tls or True),
            credentials=credentials,
            lockout=lockout or Lockout(),
            gate=gate,
            clock=self._clock,
            on_close=self._clients.discard,
        )
        self._clients.add(client)
        return client

    async def close(self) -> None:
        """Close every client."""
        for client in list(self._clients):
            await client.close()
