"""Listens for connections on loopback, and can stop listening from one moment to the next."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from ucv.testing.faults import HttpCounters
from ucv.testing.http_connection import HttpConnection
from ucv.testing.own_address import check_own

#: Seconds a client may take for its TLS handshake.
_HANDSHAKE_TIMEOUT = 10.0


class HttpServer:
    """Runs one task for each connection; ``connection`` makes what it runs.

    ``port`` 0 is replaced by the one the system gave, which is kept over `stop` and `start`.
    """

    def __init__(
        self,
        connection: Callable[[], HttpConnection],
        counters: HttpCounters,
        host: str,
        port: int,
    ) -> None:
        check_own(host)
        self.host = host
        self.port = port
        self._connection = connection
        self._counters = counters
        self._context: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None
        self._listening = False
        self._open: dict[HttpConnection, asyncio.Task[None]] = {}

    @property
    def running(self) -> bool:
        """Whether it has been started (it may refuse connections all the same)."""
        return self._socket is not None

    def start(self, context: ssl.SSLContext | None) -> None:
        """Listen; raises `OSError` when the port is taken."""
        if self._socket is None:
            self._context = context
            self._socket = self._bound()
            self.listen()

    async def stop(self) -> None:
        """Close the port and all connections, and wait for their tasks."""
        if self._socket is not None:
            self._deafen()
            self._socket.close()
            self._socket = None
        self.cut()
        await asyncio.gather(*self._open.values(), return_exceptions=True)

    def listen(self) -> None:
        """Take connections (again); harmless when it does, or is not running."""
        if self._socket is not None and not self._listening:
            self._socket.listen(128)
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._accept)
            self._listening = True

    def refuse(self) -> None:
        """Take no more connections, and cut those there are; the port is kept."""
        if self._socket is not None and self._listening:
            self._deafen()
            self._socket.close()
            # Bound and not listening: refused, and nobody else gets the port.
            self._socket = self._bound()
        self.cut()

    def cut(self) -> None:
        """Cut all connections."""
        for connection, task in list(self._open.items()):
            connection.abort()
            task.cancel()

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(False)
            bound.bind((self.host, self.port))
        except OSError:
            bound.close()
            raise
        self.port = bound.getsockname()[1]
        return bound

    def _deafen(self) -> None:
        if self._socket is not None and self._listening:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._listening = False

    def _accept(self) -> None:
        if self._socket is None:
            return
        try:
            accepted, _ = self._socket.accept()
        except OSError:
            return  # the client has left already
        accepted.setblocking(False)
        self._counters.connections += 1
        self._counters.open += 1
        connection = self._connection()
        task = asyncio.get_running_loop().create_task(self._serve(connection, accepted))
        self._open[connection] = task
        task.add_done_callback(lambda done: self._ended(connection, accepted, done))

    async def _serve(self, connection: HttpConnection, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        limit = _HANDSHAKE_TIMEOUT if self._context else None
        await loop.connect_accepted_socket(
            lambda: connection, accepted, ssl=self._context, ssl_handshake_timeout=limit
        )
        await connection.run()

    def _ended(
        self, connection: HttpConnection, accepted: socket.socket, task: asyncio.Task[None]
    ) -> None:
        if connection.attached:
            connection.abort()
        else:
            accepted.close()
        self._counters.open -= 1
        del self._open[connection]
        # Failed handshakes and clients that cut the line are their own business.
        if not task.cancelled() and not isinstance(task.exception(), (OSError, type(None))):
            task.result()
