"""UsernameToken (WS-Security 1.0): checked strictly, and counted as HTTP logins are."""

from __future__ import annotations

import base64
import binascii
import hashlib
from calendar import timegm
from collections import deque
from collections.abc import Collection
from datetime import datetime
from xml.etree.ElementTree import Element

from ucv.testing.http_device import VirtualDevice
from ucv.testing.onvif.soap import Call, SoapFault

#: Seconds by which a token's time may differ from the device's.
WINDOW = 5.0
_MAX_NONCES = 1000


class TokenLogin:
    """Judges the tokens of requests. ``reasons`` says why those that were refused were."""

    def __init__(self, http: VirtualDevice, quirks: Collection[str]) -> None:
        self.reasons: list[str] = []
        self._http = http
        self._quirks = quirks
        self._nonces: deque[bytes] = deque(maxlen=_MAX_NONCES)

    def check(self, call: Call) -> None:
        """Raise `SoapFault` unless the request carries a token that is right."""
        token = None if call.header is None else call.header.find("Security/UsernameToken")
        if token is None:
            raise self._fault("no login")
        if "http-digest-only" in self._quirks:
            self._refused("tokens are not taken")
        if self._http.lock.locked:
            self._http.counters.locked += 1
            raise self._fault("locked")
        if (reason := self._wrong(token)) is not None:
            self._refused(reason)
        self._http.lock.accepted()

    def _wrong(self, token: Element) -> str | None:
        created = (token.findtext("Created") or "").strip()
        try:
            nonce = base64.b64decode((token.findtext("Nonce") or "").strip(), validate=True)
            moment = timegm(datetime.strptime(created[:19], "%Y-%m-%dT%H:%M:%S").timetuple())
        except (binascii.Error, ValueError):
            return "the token cannot be read"
        if not created.endswith("Z"):
            return "the time is not UTC"
        if abs(moment - self._http.time()) > WINDOW:
            return "the token is too old, or of the future"
        if nonce in self._nonces:
            return "the nonce was used before"
        self._nonces.append(nonce)
        right = hashlib.sha1(nonce + created.encode() + self._http.password.encode()).digest()
        given = (token.findtext("Password") or "").strip()
        if (token.findtext("Username") or "").strip() != self._http.username:
            return "the user is unknown"
        if given != base64.b64encode(right).decode():
            return "the password is wrong"
        return None

    def _refused(self, reason: str) -> None:
        self.reasons.append(reason)
        self._http.counters.refused += 1
        self._http.lock.refused()
        raise self._fault(reason)

    def _fault(self, reason: str) -> SoapFault:
        status = 401
        if "auth-fault-400" in self._quirks:
            status = 400
        elif "auth-fault-500" in self._quirks:
            status = 500
        return SoapFault("NotAuthorized", reason=f"Sender not authorized: {reason}", status=status)
