"""A device made of software that speaks HTTP, on loopback, and can be told to misbehave.

::

    async with VirtualDevice(username="admin", password="secret") as device:
        device.route("/api/info", {"serial": "1"})
        device.faults.delay = 3
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Self

import orjson

from ucv.clock import Clock, SystemClock
from ucv.testing.account_lock import AccountLock
from ucv.testing.certificate import DeviceCertificate, self_signed
from ucv.testing.faults import HttpCounters, HttpFaults
from ucv.testing.http_auth import AuthScheme, HttpGuard, Verdict
from ucv.testing.http_connection import HttpConnection
from ucv.testing.http_message import Answer, Request
from ucv.testing.http_server import HttpServer

__all__ = ["Answer", "Request", "Route", "VirtualDevice"]

_LOG = logging.getLogger(__name__)

#: What a route answers: an `Answer`, JSON (dict, list), text, or bytes of its content type.
Content = Answer | Mapping[str, Any] | Sequence[Any] | str | bytes | AsyncIterator[bytes]
Handler = Callable[[Request], Content | Awaitable[Content]]


@dataclass(slots=True)
class Route:
    """A path and method of a device: its content, or what makes it for each request."""

    content: Content | Handler
    content_type: str | None
    guarded: bool
    faults: HttpFaults = field(default_factory=HttpFaults)

    async def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        content = self.content
        if callable(content):
            made = content(request)
            content = await made if inspect.isawaitable(made) else made
        return self._as_answer(content)

    def _as_answer(self, content: Any) -> Answer:
        if isinstance(content, Answer):
            return content
        if isinstance(content, bytes):
            body, usual = content, "image/jpeg"
        elif isinstance(content, str):
            body, usual = content.encode(), "text/plain; charset=utf-8"
        elif isinstance(content, AsyncIterator):
            return Answer(
                200, {"Content-Type": self.content_type or "application/octet-stream"}, content
            )
        else:
            body, usual = orjson.dumps(content), "application/json"
        return Answer(200, {"Content-Type": self.content_type or usual}, body)


class VirtualDevice:
    """Answers on its routes; everything else is 404, or 405 for another method of a known path.

    - ``username`` and ``password`` None: ``auth`` is ``none``. All paths but the routes that say
      otherwise are guarded, unknown ones too, as with most cameras.
    - ``auth``, ``algorithms``, ``qop``, ``one_time_nonces``, ``realm``: see `HttpGuard`.
    - ``lock_after`` wrong credentials in a row lock the account for ``lock_seconds``; ``lock``
      gives an `AccountLock` that other servers share.
    - ``tls``: speaks HTTPS, with a certificate of its own; ``certificate`` gives one.
    - ``clock``: for delays, locks and the device's time.
    - ``host`` is an address of this machine only; ``port`` 0 takes a free one, which stays the
      same after `stop` and `start`.
    """

    def __init__(
        self,
        username: str | None = None,
        password: str | None = None,
        *,
        auth: AuthScheme = "digest",
        algorithms: Sequence[str] = ("MD5", "SHA-256"),
        qop: Collection[str] = ("auth",),
        one_time_nonces: bool = False,
        realm: str = "Virtual Camera",
        lock_after: int | None = None,
        lock_seconds: float = 1800.0,
        lock: AccountLock | None = None,
        tls: bool = False,
        certificate: DeviceCertificate | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        server_header: str = "Virtual Camera",
        clock: Clock | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.guard = HttpGuard(
            "none" if username is None else auth,
            username or "",
            password or "",
            realm,
            algorithms,
            qop,
            one_time_nonces,
        )
        self.lock = lock or AccountLock(lock_after, lock_seconds, clock=self.clock)
        self.faults = HttpFaults(_on_refuse=self._refuse)
        self.counters = HttpCounters()
        self.server_header = server_header
        #: The latest ones, last one last.
        self.requests: deque[Request] = deque(maxlen=1000)
        self.certificate = certificate
        self._tls = tls or certificate is not None
        self._routes: dict[str, dict[str, Route]] = {}
        self._server = HttpServer(lambda: HttpConnection(self), self.counters, host, port)

    # --- where and who --------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._server.host

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        return self._server.port

    @property
    def url(self) -> str:
        """Its address without a path, such as ``http://127.0.0.1:34567``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self._tls else ''}://{host}:{self.port}"

    @property
    def username(self) -> str:
        """Its account's name."""
        return self.guard.username

    @property
    def password(self) -> str:
        """Its account's password; a new one counts from the next request on."""
        return self.guard.password

    @password.setter
    def password(self, value: str) -> None:
        self.guard.password = value

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its certificate (DER), in hex; raises `ValueError` without TLS."""
        if self.certificate is None:
            raise ValueError("The device has no certificate, or has not been started.")
        return self.certificate.fingerprint

    def time(self) -> float:
        """Return what its clock shows, in seconds since the epoch."""
        return self.clock.time() + self.faults.clock_skew

    def date(self) -> str:
        """Return its time as the ``Date`` of an answer."""
        return formatdate(self.time(), usegmt=True)

    # --- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen; raises `OSError` when the port is taken."""
        context = None
        if self._tls:
            if self.certificate is None:
                self.certificate = await asyncio.to_thread(self_signed, self.host)
            context = await asyncio.to_thread(self.certificate.server_context)
        self._server.start(context)
        if self.faults.refuse:
            self._server.refuse()

    async def stop(self) -> None:
        """Stop listening and cut all connections; the port stays its own for `start`."""
        await self._server.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def drop_connections(self) -> None:
        """Cut all connections, and go on listening."""
        self._server.cut()

    def _refuse(self, refuse: bool) -> None:
        if refuse:
            self._server.refuse()
        else:
            self._server.listen()

    # --- routes ---------------------------------------------------------------------------------

    def route(
        self,
        path: str,
        content: Content | Handler,
        *,
        method: str = "GET",
        auth: bool = True,
        content_type: str | None = None,
    ) -> Route:
        """Answer requests for a path (decoded, without query); replaces what was there.

        ``content``: dict or list → JSON, bytes → ``image/jpeg``, str → text, each with
        ``content_type`` instead if given; an `Answer`; or a function of the `Request` which
        returns any of these, or awaits them, or an async generator of bytes → a stream, whose
        pieces are sent as they come.
        """
        route = Route(content, content_type, auth)
        self._routes.setdefault(path, {})[method] = route
        return route

    def faults_for(self, request: Request) -> HttpFaults:
        """Return the faults that hold for a request: its route's, and the device's."""
        route = self._find(request)
        return self.faults if route is None else route.faults.over(self.faults)

    async def answer(self, request: Request, faults: HttpFaults) -> Answer:
        """Return the answer to a request, before what faults do to it on the wire."""
        self.requests.append(request)
        if faults.status is not None:
            return Answer(faults.status)
        if faults.redirect is not None:
            return Answer(302, {"Location": faults.redirect})
        route = self._find(request)
        if (route is None or route.guarded) and (denied := self._denied(request, faults)):
            return denied
        if route is None:
            known = self._routes.get(request.path)
            return Answer(405, {"Allow": ", ".join(known)}) if known else Answer(404)
        try:
            return await route.answer(request)
        # A handler's mistake is the test's, which sees 500 and the log; the device goes on.
        except Exception:
            _LOG.exception("The handler of %s failed", request.path)
            return Answer(500)

    def _find(self, request: Request) -> Route | None:
        methods = self._routes.get(request.path, {})
        return methods.get(request.method) or (
            methods.get("GET") if request.method == "HEAD" else None
        )

    def _denied(self, request: Request, faults: HttpFaults) -> Answer | None:
        """Return the answer to a request that may not be answered otherwise."""
        counters = self.counters
        asked = self.guard.scheme == "none" or "authorization" in request.headers
        if asked and (faults.lockout or self.lock.locked):
            counters.locked += 1
            return self._locked(faults.lockout or self.lock.status)
        verdict, reason = self.guard.judge(request)
        if verdict is Verdict.ACCEPTED:
            self.lock.accepted()
            return None
        if verdict is Verdict.MISSING:
            counters.challenged += 1
        elif verdict is Verdict.STALE:
            counters.stale += 1
        else:
            counters.refused += 1
            counters.reasons.append(reason)
            self.lock.refused()
            if self.lock.locked:
                return self._locked(self.lock.status)
        return self._challenge(stale=verdict is Verdict.STALE)

    def _challenge(self, *, stale: bool = False, body: bytes = b"") -> Answer:
        values = self.guard.challenges(stale=stale)
        return Answer(401, tuple(("WWW-Authenticate", value) for value in values), body)

    def _locked(self, status: int) -> Answer:
        seconds = round(self.lock.remaining) or round(self.lock.seconds)
        body = orjson.dumps({"error": "account locked", "unlock_in": seconds})
        if status == 401:
            return self._challenge(body=body)
        return Answer(status, {"Content-Type": "application/json"}, body)
