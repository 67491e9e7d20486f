"""Logging in to one origin: from its challenges, once, and without getting the account locked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import ClientResponse

from ucv.lockout import Lockout, Login
from ucv.media.digest import Authorizer, Challenge, parse_challenges

#: Sends the request with this Authorization header, or none; the answer's body is read if it is a
#: 401, and else not yet.
Send = Callable[[str | None], Awaitable[ClientResponse]]

#: Statuses that do not tell whether the credentials are right.
_SAYS_NOTHING = (403, 429)

_BARE = re.compile(r'[^\s,"]*')


@dataclass(slots=True)
class _Known:
    """A challenge that was answered to the device's satisfaction, and may be answered again."""

    authorizer: Authorizer
    basic: bool
    reused: bool = False


class OriginLogin:
    """Answers the challenges of one origin, and remembers what it takes.

    Nothing is sent unasked at first. Once let in, the same challenge is answered with each request
    (Digest counting up), until the device wants another. One which wants a new nonce each time is
    asked for it each time. Requests go one by one until it is known that they are let in, so that a
    wrong password is refused once or twice, not as often as there are requests.
    """

    def __init__(self, credentials: Login | None, lockout: Lockout) -> None:
        self._credentials = credentials
        self._lockout = lockout
        self._login: _Known | None = None
        self._single_use = False
        self._algorithm: str | None = None  # the one of Digest that worked the last time

    async def exchange(self, method: str, target: str, send: Send) -> ClientResponse:
        """Send a request, and again with what the device asks for; return the last answer.

        A 401 comes back when there are no credentials, they are refused, or no scheme is offered
        that can be answered. Raises `InvalidAuth` at once when no credentials may be sent.
        """
        if self._credentials is None:
            return await send(None)
        request = _Request(method, target, send)
        async with self._lockout.turn():
            login, doubtful = self._login, 0
            answer = await self._send(request, login)
            if answer.status == 401 and login is not None:
                if not self._may_renew(login, answer):
                    self._refused(1)
                    return answer
                # The nonce is too old, or the password has changed: the next answer will tell.
                doubtful = not any(c.stale for c in parse_challenges(_values(answer)))
            if answer.status == 401:
                answer = await self._answer(request, answer, doubtful)
            return answer

    async def _send(self, request: _Request, login: _Known | None) -> ClientResponse:
        """Send a request as one that was let in before, or without credentials."""
        header = login.authorizer.header(request.method, request.target) if login else None
        answer = await request.send(header)
        if login is not None and answer.status != 401 and self._accepted(answer.status):
            login.reused = True
        return answer

    def _may_renew(self, login: _Known, answer: ClientResponse) -> bool:
        """Judge a 401 to a challenge that was good before: whether another one can be answered."""
        self._forget(login)
        if login.basic:
            return any(c.scheme == "digest" for c in parse_challenges(_values(answer)))
        self._single_use = self._single_use or not login.reused
        return True

    def _forget(self, login: _Known) -> None:
        if self._login is login:
            self._login = None

    async def _answer(
        self, request: _Request, answer: ClientResponse, doubtful: int
    ) -> ClientResponse:
        """Answer the challenge that just came, as often as it makes sense.

        ``doubtful`` requests were refused before it that may have had too old a nonce.
        """
        refused = 0
        authorizer = self._authorizer()
        if not authorizer.challenge(self._offers(answer)):
            return answer  # nothing was refused, for nothing can be sent
        while (
            doubtful + refused < self._lockout.budget
            and (header := authorizer.header(request.method, request.target)) is not None
        ):
            answer = await request.send(header)
            if answer.status != 401:
                self._let_in(authorizer, header, answer.status)
                return answer
            refused += not any(c.stale for c in parse_challenges(_values(answer)))
            if not authorizer.challenge(self._offers(answer)):
                break
        self._login = None
        self._refused(max(refused, 1) + doubtful)
        return answer

    def _let_in(self, authorizer: Authorizer, header: str, status: int) -> None:
        """Remember the challenge that was answered rightly."""
        if not self._accepted(status):
            return
        good = parse_challenges([header])[0]
        self._algorithm = good.algorithm if good.scheme == "digest" else None
        if good.scheme == "basic" or not self._single_use:
            self._login = _Known(authorizer, basic=good.scheme == "basic")

    def _accepted(self, status: int) -> bool:
        """Say whether this status, to a request with credentials, means that they are right."""
        if status >= 500 or status in _SAYS_NOTHING:
            return False
        self._lockout.accepted()
        return True

    def _refused(self, requests: int) -> None:
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
