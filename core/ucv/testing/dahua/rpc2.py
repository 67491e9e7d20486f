"""The JSON interface of a Dahua device's own page: a login in two steps, and few methods."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from ucv.testing.account_lock import AccountLock
from ucv.testing.dahua.information import Identity
from ucv.testing.faults import HttpCounters
from ucv.testing.http_auth import HttpGuard
from ucv.testing.http_message import Request

CHALLENGE = 268632079
BAD_PASSWORD = 268632085
SESSION_GONE = 287637504
NO_SUCH_METHOD = 268894210
_KEEP_ALIVE = 60
_MAX_SESSIONS = 100


class Rpc2:
    """Answers ``/RPC2_Login`` and ``/RPC2``. ``sessions`` are those that are logged in.

    Its account, its lock and the count of wrong passwords are those of the CGI.
    """

    def __init__(
        self, identity: Identity, guard: HttpGuard, lock: AccountLock, counters: HttpCounters
    ) -> None:
        self.sessions: set[str] = set()
        self._guard = guard
        self._lock = lock
        self._counters = counters
        self._random: dict[str, str] = {}
        self._methods: Mapping[str, Callable[[str], Any]] = {
            "global.keepAlive": lambda _: {"timeout": _KEEP_ALIVE},
            "global.logout": self._log_out,
            "magicBox.getDeviceType": lambda _: {"type": identity.model},
            "magicBox.getSerialNo": lambda _: {"sn": identity.serial},
            "magicBox.getSoftwareVersion": lambda _: {
                "version": {"Version": identity.firmware, "BuildDate": identity.build}
            },
        }

    def log_in(self, request: Request) -> Mapping[str, Any]:
        """Answer either step of ``global.login``."""
        asked = _object(request)
        if asked.get("method") != "global.login":
            return _error(asked, NO_SUCH_METHOD)
        self._counters.logins += 1
        params = asked.get("params")
        given = params if isinstance(params, dict) else {}
        session = asked.get("session")
        random = self._random.pop(session, None) if isinstance(session, str) else None
        if random is None or not isinstance(session, str):
            return self._challenge(asked)
        if self._lock.locked:
            self._counters.locked += 1
            return self._refused(asked, session)
        proof = str(given.get("password", "")).encode()
        right = given.get("userName") == self._guard.username
        if not (secrets.compare_digest(proof, self._proof(random).encode()) and right):
            self._counters.refused += 1
            self._lock.refused()
            return self._refused(asked, session)
        self._lock.accepted()
        self.sessions.add(session)
        params = {"keepAliveInterval": _KEEP_ALIVE}
        return {"id": asked.get("id"), "params": params, "result": True, "session": session}

    def call(self, request: Request) -> Mapping[str, Any]:
        """Answer a method of one who is logged in."""
        asked = _object(request)
        session = asked.get("session")
        if not isinstance(session, str) or session not in self.sessions:
            return _error(asked, SESSION_GONE)
        method = self._methods.get(str(asked.get("method")))
        if method is None:
            return _error(asked, NO_SUCH_METHOD)
        answer = {"id": asked.get("id"), "params": method(session)}
        return {**answer, "result": True, "session": session}

    def forget(self) -> None:
        """Log everybody out, as a device that restarts."""
        self.sessions.clear()
        self._random.clear()

    def _log_out(self, session: str) -> None:
        self.sessions.discard(session)

    def _challenge(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        session, random = secrets.token_hex(16), str(secrets.randbelow(10**9))
        self._random[session] = random
        while len(self._random) > _MAX_SESSIONS:
            del self._random[next(iter(self._random))]
        params = {"encryption": "Default", "random": random, "realm": self._guard.realm}
        return {**_error(asked, CHALLENGE), "params": params, "session": session}

    def _refused(self, asked: Mapping[str, Any], session: str) -> Mapping[str, Any]:
        left = 0
        if self._lock.after is not None and not self._lock.locked:
            left = self._lock.after - self._lock.failures
        params = {"remainLockTimes": left}
        return {**_error(asked, BAD_PASSWORD), "params": params, "session": session}

    def _proof(self, random: str) -> str:
        guard = self._guard
        inner = _md5(f"{guard.username}:{guard.realm}:{guard.password}")
        return _md5(f"{guard.username}:{random}:{inner}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest().upper()


def _object(request: Request) -> Mapping[str, Any]:
    try:
        asked = request.json()
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _error(asked: Mapping[str, Any], code: int) -> dict[str, Any]:
    return {"error": {"code": code}, "id": asked.get("id"), "result": False}
