"""Asks for credentials over HTTP as devices do, and checks them (RFC 7616 and 7617).

Written apart from the hub's client, so that one's mistake is not the other's.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from ucv.testing.http_message import Request
from ucv.testing.rtsp_auth import parameters

AuthScheme = Literal["digest", "basic", "both", "none"]

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
#: Nonces remembered; the oldest are forgotten, and then stale.
_MAX_NONCES = 1000


class Verdict(Enum):
    """What a request's credentials are worth.

    ``STALE``: right, but given for a nonce that does not count (any more).
    """

    ACCEPTED = "accepted"
    MISSING = "missing"
    STALE = "stale"
    REFUSED = "refused"


@dataclass(slots=True)
class _Nonce:
    algorithm: str
    used: set[str] = field(default_factory=set)


@dataclass(slots=True)
class HttpGuard:
    """Checks requests against one user name and password.

    - ``algorithms``: one challenge with its own nonce for each of them, in this order: ``MD5``,
      ``MD5-sess``, ``SHA-256``, ``SHA-256-sess``. An answer by another is refused.
    - ``qop``: what the challenges offer: ``("auth",)``, ``("auth", "auth-int")``, or nothing, as
      devices have it that follow RFC 2069; then none may be in the answer either.
    - ``one_time_nonces``: a nonce counts for one request. The next gets 401 with a new nonce and
      without ``stale``, as cheap cameras do it.
    - ``tell_stale``: whether ``stale=true`` is said otherwise.
    """

    scheme: AuthScheme = "digest"
    username: str = ""
    password: str = field(default="", repr=False)
    realm: str = "Virtual Camera"
    algorithms: Sequence[str] = ("MD5", "SHA-256")
    qop: Collection[str] = ("auth",)
    one_time_nonces: bool = False
    tell_stale: bool = True
    _nonces: OrderedDict[str, _Nonce] = field(default_factory=OrderedDict, repr=False)

    def __post_init__(self) -> None:
        if unknown := {name.removesuffix("-sess") for name in self.algorithms} - _HASHES.keys():
            raise ValueError(f"unknown algorithms: {sorted(unknown)}")
        if not self.qop and any(name.endswith("-sess") for name in self.algorithms):
            raise ValueError("Without qop there is no cnonce, which -sess needs.")

    def challenges(self, *, stale: bool = False) -> list[str]:
        """Return the values of ``WWW-Authenticate``, with new nonces."""
        values = []
        if self.scheme in ("digest", "both"):
            values += [self._digest(algorithm, stale=stale) for algorithm in self.algorithms]
        if self.scheme in ("basic", "both"):
            values.append(f'Basic realm="{_quoted(self.realm)}", charset="UTF-8"')
        return values

    def expire_nonces(self) -> None:
        """Let no nonce count any more that was given out."""
        self._nonces.clear()

    def judge(self, request: Request) -> tuple[Verdict, str]:
        """Return what a request's credentials are worth, and why."""
        if self.scheme == "none":
            return Verdict.ACCEPTED, ""
        header = request.headers.get("authorization")
        if header is None:
            return Verdict.MISSING, ""
        # Names beyond ASCII come as UTF-8 (RFC 7616, section 3.4.4, and RFC 7617, section 2.1).
        scheme, _, rest = header.encode("latin-1").decode("utf-8", "replace").partition(" ")
        if scheme.lower() == "basic" and self.scheme in ("basic", "both"):
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            if secrets.compare_digest(rest.strip().encode(), pair.encode()):
                return Verdict.ACCEPTED, ""
            return Verdict.REFUSED, "user name or password"
        if scheme.lower() == "digest" and self.scheme in ("digest", "both"):
            return self._judge_digest(request, parameters(rest))
        return Verdict.REFUSED, "scheme"

    def _judge_digest(self, request: Request, given: dict[str, str]) -> tuple[Verdict, str]:
        algorithm = given.get("algorithm", "MD5")
        known = self._nonces.get(given.get("nonce", ""))
        wrong = self._wrong(request, given, algorithm, known)
        if wrong:
            return Verdict.REFUSED, wrong
        expected = self._response(request, given, algorithm)
        if not secrets.compare_digest(given.get("response", "").encode(), expected.encode()):
            return Verdict.REFUSED, "response"
        if known is None:
            return Verdict.STALE, "nonce"
        # Without qop there is no count: such answers may come again until the nonce is withdrawn.
        count = given.get("nc", "")
        if count in known.used and (count or self.one_time_nonces):
            return Verdict.STALE, "nonce count"
        known.used.add(count)
        if self.one_time_nonces:
            del self._nonces[given["nonce"]]
        return Verdict.ACCEPTED, ""

    def _wrong(
        self, request: Request, given: dict[str, str], algorithm: str, known: _Nonce | None
    ) -> str:
        """Return what is wrong before anything is hashed, or an empty text."""
        if given.get("username") != self.username:
            return "user name"
        if given.get("realm") != self.realm:
            return "realm"
        if algorithm not in self.algorithms or (known and known.algorithm != algorithm):
            return "algorithm"
        # The target as it was sent (RFC 7616, section 3.4.6), not what it means.
        if given.get("uri") != request.target:
            return "uri"
        qop = given.get("qop")
        if (qop not in self.qop) if self.qop else qop is not None:
            return "qop"
        if qop and not (given.get("cnonce") and _is_count(given.get("nc", ""))):
            return "nonce count"
        return ""

    def _response(self, request: Request, given: dict[str, str], algorithm: str) -> str:
        make = _HASHES[algorithm.removesuffix("-sess")]

        def digest(text: str) -> str:
            return make(text.encode()).hexdigest()

        nonce, cnonce, qop = given.get("nonce", ""), given.get("cnonce", ""), given.get("qop")
        first = digest(f"{self.username}:{self.realm}:{self.password}")
        if algorithm.endswith("-sess"):
            first = digest(f"{first}:{nonce}:{cnonce}")
        second = f"{request.method}:{request.target}"
        if qop == "auth-int":
            second += f":{make(request.body).hexdigest()}"
        middle = f"{nonce}:{given.get('nc')}:{cnonce}:{qop}" if qop else nonce
        return digest(f"{first}:{middle}:{digest(second)}")

    def _digest(self, algorithm: str, *, stale: bool) -> str:
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = _Nonce(algorithm)
        while len(self._nonces) > _MAX_NONCES:
            self._nonces.popitem(last=False)
        parts = [f'realm="{_quoted(self.realm)}"']
        if self.qop:
            parts.append(f'qop="{", ".join(self.qop)}"')
        parts.append(f'nonce="{nonce}"')
        # RFC 2069 devices do not name the one algorithm they know.
        if self.qop or algorithm != "MD5":
            parts.append(f"algorithm={algorithm}")
        if stale and self.tell_stale and not self.one_time_nonces:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _is_count(text: str) -> bool:
    return len(text) == 8 and all(digit in "0123456789abcdef" for digit in text.lower())
