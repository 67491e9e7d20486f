"""Stops before a device locks the account, whatever is spoken with it."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from ucv.clock import Clock, SystemClock
from ucv.errors import InvalidAuth

#: Refused requests with credentials after which none is sent any more.
MAX_REFUSALS = 2
#: Seconds after which a request with credentials no longer keeps others waiting. Devices refuse at
#: once: what takes longer was let in, and is slow or waits for an event.
TURN_LIMIT = 3.0
#: The same for credentials that were accepted within the last `RECENT` seconds: hardly ever will
#: they be refused now, and whoever moves a camera shall not wait for a request for events.
RECENT_TURN_LIMIT = 0.3
RECENT = 60.0
#: How many pairs of device and credentials are remembered as refused at most.
_MAX_CLOSED = 10_000

# Real time, whatever clock the hub runs by: it is about how soon devices answer.
_CLOCK = SystemClock()


class Login(Protocol):
    """A user name and password."""

    @property
    def username(self) -> str:
        """As the device knows it."""

    @property
    def password(self) -> str:
        """In plain text."""


class Lockout:
    """Counts the requests whose credentials one device refused; shared by all that log in to it.

    Cameras lock accounts after five to seven refusals, for every protocol at once. After
    `MAX_REFUSALS` without a success in between, no request with credentials is sent until `reset`.
    So that it never becomes more, requests with credentials go one by one (`turn`).
    ``on_refused`` is called for each refusal that is certain, on the event loop.
    """

    def __init__(
        self, on_refused: Callable[[], object] | None = None, *, clock: Clock = _CLOCK
    ) -> None:
        self._on_refused = on_refused
        self._clock = clock
        self._alone = asyncio.Lock()
        self._holder: asyncio.Task[object] | None = None
        self._accepted_at = clock.monotonic() - RECENT
        #: Told that it was closed, or no longer is; for who keeps it.
        self.on_change: Callable[[Lockout], object] = lambda _lockout: None
        #: Refused requests since the last one that was let in.
        self.refusals = 0

    def __repr__(self) -> str:
        return f"<Lockout refusals={self.refusals} closed={self.closed}>"

    @property
    def closed(self) -> bool:
        """Whether no credentials may be sent."""
        return self.refusals >= MAX_REFUSALS

    @property
    def budget(self) -> int:
        """How many more requests may be refused."""
        return max(0, MAX_REFUSALS - self.refusals)

    def check(self) -> None:
        """Raise `InvalidAuth` when no credentials may be sent."""
        if self.closed:
            raise InvalidAuth(
                "The camera refused the user name or password; nothing more is sent to it until "
                "they are entered again."
            )

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Lockout]:
        """Hold while credentials are sent, until it is known whether they were let in.

        One at a time, for `TURN_LIMIT` seconds at most; within a turn, the same task gets further
        ones at once. Say `accepted` or `refused` before leaving. Raises `InvalidAuth` when no
        credentials may be sent.
        """
        self.check()
        me = asyncio.current_task()
        if self._holder is me:
            yield self
            return
        await self._alone.acquire()
        held = [self._alone]

        def let_go() -> None:
            if held:
                self._holder = None
                held.pop().release()

        self._holder = me
        recent = self._clock.monotonic() - self._accepted_at < RECENT
        timer = self._clock.call_later(RECENT_TURN_LIMIT if recent else TURN_LIMIT, let_go)
        try:
            self.check()
            yield self
        finally:
            timer.cancel()
            let_go()

    def close(self) -> None:
        """Send no credentials until `reset`: it is known from elsewhere that they are refused."""
        self._set(max(self.refusals, MAX_REFUSALS))

    def refused(self, requests: int = 1) -> None:
        """Take note that the device refused the credentials of that many requests."""
        self._set(self.refusals + requests)
        if self._on_refused is not None:
            self._on_refused()

    def accepted(self) -> None:
        """Take note that the device let a request in; what is closed stays closed."""
        if not self.closed:
            self.refusals = 0
            self._accepted_at = self._clock.monotonic()

    def reset(self) -> None:
        """Allow requests with credentials again, because a person wants it."""
        self._set(0)

    def _set(self, refusals: int) -> None:
        self._accepted_at = self._clock.monotonic() - RECENT
        before = self.closed
        self.refusals = refusals
        if self.closed is not before:
            self.on_change(self)


class Lockouts:
    """The lockouts of all devices, by host and credentials, whichever entries use them."""

    def __init__(self, clock: Clock = _CLOCK) -> None:
        self._clock = clock
        # Passwords are not kept in one more place.
        self._salt = secrets.token_bytes(16)
        self._known: WeakValueDictionary[bytes, Lockout] = WeakValueDictionary()
        # Those that are closed stay, although nobody uses them at the moment.
        self._closed: dict[Lockout, None] = {}

    def of(self, host: str, login: Login | None) -> Lockout:
        """Return the one of a device (a name or an address, any case) with these credentials."""
        if login is None:
            return Lockout(clock=self._clock)
        text = "\0".join((host.rstrip(".").casefold(), login.username, login.password))
        key = hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=16
        ).digest()
        lockout = self._known.get(key)
        if lockout is None:
            lockout = self._known[key] = Lockout(clock=self._clock)
            lockout.on_change = self._changed
        return lockout

    def _changed(self, lockout: Lockout) -> None:
        if not lockout.closed:
            self._closed.pop(lockout, None)
            return
        self._closed[lockout] = None
        if len(self._closed) > _MAX_CLOSED:
            del self._closed[next(iter(self._closed))]
