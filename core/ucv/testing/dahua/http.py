"""The HTTP side of a Dahua device: how it asks for credentials, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from ucv.testing.dahua.answers import (
    EMPTY,
    ERROR,
    ERRORS,
    OK,
    Command,
    Commands,
    Refusal,
    WriteFailed,
    Writes,
    failure,
)
from ucv.testing.faults import HttpFaults
from ucv.testing.http_device import VirtualDevice
from ucv.testing.http_message import Answer, Request

_BASE = "/cgi-bin/"


def realm_of(serial: str, quirks: Collection[str]) -> str:
    """Return the realm that HTTP and RTSP ask with."""
    if "basic-only" in quirks or "realm-device-cgi" in quirks:
        return "Device_CGI"
    if "realm-with-comma" in quirks:
        return f"Login to {serial}, Dahua"
    return f"Login to {serial}"


class DahuaHttp(VirtualDevice):
    """Answers the commands of Dahua's CGI; everything else is a `VirtualDevice`'s.

    - ``failures``: commands, such as ``magicBox.cgi?action=getDeviceType`` or a whole
      ``magicBox.cgi``, that are refused with a status, and the body that goes with it.
    - ``connection_limit``: for the quirk of that name; ``limited`` counts what it refused.
    - ``written``: the commands that changed something, in order.
    """

    def __init__(
        self, username: str | None = None, password: str | None = None, **device: Any
    ) -> None:
        super().__init__(username, password, algorithms=("MD5",), **device)
        self.failures: dict[str, int] = {}
        self.connection_limit = 3
        self.limited = 0
        self.written: list[str] = []
        self._quirks: frozenset[str] = frozenset()
        self._commands: dict[str, Command] = {}
        self._writes: dict[str, Callable[[Request], None]] = {}

    def behave(self, quirks: frozenset[str]) -> None:
        """Have these quirks; before it is started."""
        self._quirks = quirks
        self.guard.algorithms = _algorithms(quirks)
        self.guard.qop = _qop(quirks)
        if "basic-only" in quirks:
            self.guard.scheme = "basic"
        self.guard.one_time_nonces = "one-time-nonce" in quirks

    def command(self, commands: Commands) -> None:
        """Answer these commands."""
        for name, answer in commands.items():
            self._commands[name] = answer
            self.route(_BASE + name.partition("?")[0], self._dispatch)

    def writes(self, writes: Writes) -> None:
        """Do these commands, which change something."""
        self._writes.update(writes)
        self.command({name: partial(self._write, name) for name in writes})

    def faults_for(self, request: Request) -> HttpFaults:
        """See `VirtualDevice.faults_for`."""
        faults = super().faults_for(request)
        if {"one-time-nonce", "connection-limit"} & self._quirks:
            return replace(faults, keep_alive=False)
        return faults

    # --- commands -------------------------------------------------------------------------------

    async def _dispatch(self, request: Request) -> Answer:
        cgi = request.path.removeprefix(_BASE)
        name = f"{cgi}?action={request.query.get('action', '')}"
        command = self._commands.get(name) or self._commands.get(cgi)
        status = self.failures.get(name) or self.failures.get(cgi)
        if status is not None:
            return failure(status)
        raw = "raw-brackets-refused" in self._quirks and {"[", "]"} & set(request.target)
        if command is None or raw:
            return failure(400)
        try:
            answer = command(request)
            return answer if isinstance(answer, Answer) else await answer
        except Refusal as refusal:
            return failure(refusal.status)
        except WriteFailed:
            return failure(400) if "failed-write-400" in self._quirks else ERROR

    def _write(self, name: str, request: Request) -> Answer:
        if "viewer-account" in self._quirks:
            return failure(403)
        if "writes-fail" in self._quirks:
            raise WriteFailed
        self._writes[name](request)
        self.written.append(request.target.removeprefix(_BASE))
        return EMPTY if "empty-success" in self._quirks else OK

    # --- refusals -------------------------------------------------------------------------------

    async def answer(self, request: Request, faults: HttpFaults) -> Answer:
        """See `VirtualDevice.answer`; bare refusals get the body that the vendor gives them."""
        answer = await super().answer(request, faults)
        if answer.body == b"" and answer.status in ERRORS:
            return Answer(answer.status, tuple(answer.pairs()), ERRORS[answer.status])
        return answer

    def _denied(self, request: Request, faults: HttpFaults) -> Answer | None:
        denied = super()._denied(request, faults)
        over = self.counters.open > self.connection_limit
        if denied is None and over and "connection-limit" in self._quirks:
            self.limited += 1
            return self._challenge()
        return denied

    def _challenge(self, *, stale: bool = False, body: bytes = b"") -> Answer:
        if "single-nonce" in self._quirks:
            self.guard.expire_nonces()
        challenge = super()._challenge(stale=stale and "single-nonce" not in self._quirks)
        if "stale-in-capitals" not in self._quirks:
            return challenge
        values = [value.replace("stale=true", 'stale="TRUE"') for _, value in challenge.pairs()]
        return Answer(401, tuple(("WWW-Authenticate", value) for value in values), body)

    def _locked(self, status: int) -> Answer:
        return self._challenge() if status == 401 else failure(status)


def _algorithms(quirks: frozenset[str]) -> tuple[str, ...]:
    if "sha-256" in quirks:
        return ("MD5", "SHA-256")
    return ("MD5-sess",) if "md5-sess" in quirks else ("MD5",)


def _qop(quirks: frozenset[str]) -> tuple[str, ...]:
    if "no-qop" in quirks:
        return ()
    return ("auth", "auth-int") if "qop-auth-int" in quirks else ("auth",)
