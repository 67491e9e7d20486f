"""Logging in to one origin: from its challenges, once, and without getting the account locked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from aiohttp import ClientResponse

from ucv.http.lockout import Lockout
from ucv.media.digest import Authorizer, Challenge, parse_challenges


class Credentials(Protocol):
    """A user name and password."""

    @property
    def username(self) -> str:
        """As the device knows it."""

    @property
    def password(self) -> str:
        """In plain text."""


#: Sends the request with this Authorization header, or none; the answer's body is read if it is a
#: 401, and else not yet.
Send = Callable[[str | None], Awaitable[ClientResponse]]

#: Seconds to wait for what becomes of another request's login. Devices refuse at once: what takes
#: longer was let in, and is slow or waits for an event.
_TURN_LIMIT = 3.0
#: Refused requests without a success in between after which nothing doubtful is tried again.
#: Cameras lock accounts after five.
_MAX_DOUBTFUL = 4
#: Statuses that do not tell whether the credentials are right.
_SAYS_NOTHING = (403, 429)

_BARE = re.compile(r'[^\s,"]*')


@dataclass(slots=True)
class _Login:
    """A challenge that was answered to the device's satisfaction, and may be answered again."""

    authorizer: Authorizer
    basic: bool
    reused: bool = False


class OriginLogin:
    """Answers the challenges of one origin, and remembers what it takes.

    Nothing is sent unasked at first. Once let in, the same challenge is answered with each request
    (Digest counting up), until the device wants another. One which wants a new nonce each time is
    asked for it each time. Requests whose credentials are in doubt go one by one, so that a wrong
    password is refused once or twice, not as often as there are requests.
    """

    def __init__(self, credentials: Credentials | None, lockout: Lockout) -> None:
        self._credentials = credentials
        self._lockout = lockout
        self._login: _Login | None = None
        #: The credentials were right the last time.
        self._proven = False
        self._single_use = False
        self._algorithm: str | None = None  # the one of Digest that worked the last time
        self._doubtful = 0  # refused requests since the last that was let in
        self._challenges = 0
        self._busy = asyncio.Lock()

    async def exchange(self, method: str, target: str, send: Send) -> ClientResponse:
        """Send a request, and again with what the device asks for; return the last answer.

        A 401 comes back when there are no credentials, they are refused, or no scheme is offered
        that can be answered. Raises `InvalidAuth` at once when no credentials may be sent.
        """
        if self._credentials is None:
            return await send(None)
        self._lockout.check()
        request = _Request(method, target, send)
        login = self._login
        answer = await self._send(request, login)
        if answer.status != 401:
            return answer
        if login is not None and not self._may_renew(login, answer):
            self._refused(1)
            return answer
        if self._proven:
            return await self._answer(request, answer)
        async with self._turn():
            self._lockout.check()
            if self._login is not None and self._login is not login:  # another was let in
                login = self._login
                answer = await self._send(request, login)
                if answer.status != 401:
                    return answer
                if not self._may_renew(login, answer):
                    self._refused(1)
                    return answer
            return await self._answer(request, answer)

    async def _send(self, request: _Request, login: _Login | None) -> ClientResponse:
        """Send a request as one that was let in before, or without credentials."""
        header = login.authorizer.header(request.method, request.target) if login else None
        answer = await request.send(header)
        if answer.status == 401:
            self._challenges += 1
        elif login is not None and self._accepted(answer.status):
            login.reused = True
        return answer

    def _may_renew(self, login: _Login, answer: ClientResponse) -> bool:
        """Judge a 401 to a challenge that was good before: whether another one can be answered."""
        challenges = parse_challenges(_values(answer))
        if login.basic and not any(c.scheme == "digest" for c in challenges):
            self._forget(login)
            self._proven = False
            return False
        self._forget(login)
        if not login.basic and not login.reused:
            self._single_use = True
        if not any(c.stale for c in challenges):
            # The nonce is too old, or the password has changed: the next answer will tell.
            self._doubtful += 1
            self._proven = False
        return True

    def _forget(self, login: _Login) -> None:
        if self._login is login:
            self._login = None

    async def _answer(self, request: _Request, answer: ClientResponse) -> ClientResponse:
        """Answer the challenge that just came, as often as it makes sense."""
        self._lockout.check()
        seen = self._challenges
        refused = 0
        insisted = False
        authorizer = self._authorizer()
        if not authorizer.challenge(self._offers(answer)):
            return answer  # nothing was refused, for nothing can be sent
        while (header := authorizer.header(request.method, request.target)) is not None:
            answer = await request.send(header)
            if answer.status != 401:
                self._let_in(authorizer, header, answer.status)
                return answer
            self._challenges += 1
            challenges = parse_challenges(_values(answer))
            refused += not any(c.stale for c in challenges)
            # Some devices know one nonce only, the last one that anybody was given.
            crowded = self._challenges > seen + 1
            seen = self._challenges
            if authorizer.challenge(self._offers(answer)):
                continue
            if not crowded or insisted or self._doubtful + refused >= _MAX_DOUBTFUL:
                break
            insisted = True
            authorizer = self._authorizer()
            if not authorizer.challenge(self._offers(answer)):
                break
        self._proven = False
        self._login = None
        self._refused(max(refused, 1) + self._doubtful)
        return answer

    def _let_in(self, authorizer: Authorizer, header: str, status: int) -> None:
        """Remember the challenge that was answered rightly."""
        if not self._accepted(status):
            return
        good = parse_challenges([header])[0]
        self._algorithm = good.algorithm if good.scheme == "digest" else None
        if good.scheme == "basic" or not self._single_use:
            self._login = _Login(authorizer, basic=good.scheme == "basic")

    def _accepted(self, status: int) -> bool:
        """Say whether this status, to a request with credentials, means that they are right."""
        if status >= 500 or status in _SAYS_NOTHING:
            return False
        self._proven = True
        self._doubtful = 0
        self._lockout.accepted()
        return True

    def _refused(self, requests: int) -> None:
        self._doubtful = 0
        self._lockout.refused(requests)

    def _authorizer(self) -> Authorizer:
        assert self._credentials is not None  # noqa: S101 - `exchange` has seen to it
        return Authorizer(self._credentials.username, self._credentials.password)

    def _offers(self, answer: ClientResponse) -> list[str]:
        """Return the challenges of an answer; where an algorithm has worked, of that one only.

        With another one, wrong credentials would be refused once more.
        """
        values = _values(answer)
        challenges = parse_challenges(values)
        digests = (c for c in challenges if c.scheme == "digest")
        known = [_rendered(c) for c in digests if c.algorithm == self._algorithm]
        return known or values

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for other requests whose login is in doubt, but not for long."""
        try:
            async with asyncio.timeout(_TURN_LIMIT):
                await self._busy.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            self._busy.release()


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    send: Send


def _values(answer: ClientResponse) -> list[str]:
    return answer.headers.getall("WWW-Authenticate", [])


def _rendered(challenge: Challenge) -> str:
    """Write a challenge so that it reads as what it was read from."""
    parameters = (
        f"{name}={value}" if _BARE.fullmatch(value) else f'{name}="{value}"'
        for name, value in challenge.parameters.items()
    )
    return f"{challenge.scheme} {', '.join(parameters)}"
