"""HTTP authentication for RTSP and HTTP clients: challenges, Basic, Digest (RFC 7617, 7616, 2617).

Cameras lock accounts after a handful of refusals, often for half an hour and for every protocol at
once. So the `Authorizer` counts what was refused, and says when to stop.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

#: Refused requests with credentials after which an `Authorizer` gives up: two.
MAX_REFUSALS = 2
#: "Stale" challenges in a row that are believed before one counts as a refusal.
MAX_RENEWALS = 2

_HASHES: Mapping[str, Callable[[bytes], str]] = {
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
#: Digest algorithms, best first. SHA-512/256 is last: RFC 7616 has it, but nobody tests it.
_PREFERENCE = ("SHA-256", "MD5", "SHA-512-256")
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # noqa: S105 - a grammar's token, no secret
_ITEM = re.compile(
    rf"(?P<name>{_TOKEN})"
    r'(?:\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"?|(?P<bare>[^\s,"]*+))|(?=[\s,]|\Z))'
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: ``scheme`` in lower case, parameters by lower-case name, values unquoted.

    Backslashes in quoted values stand as they came, because a digest is computed over exactly
    that (RFC 7616, 3.4: "unq").
    """

    scheme: str
    parameters: Mapping[str, str]

    @property
    def realm(self) -> str:
        """What the user is asked to log in to; tells many vendors apart."""
        return self.parameters.get("realm", "")

    @property
    def algorithm(self) -> str:
        """Digest algorithm in upper case, "MD5" if not given."""
        return self.parameters.get("algorithm", "").upper() or "MD5"

    @property
    def stale(self) -> bool:
        """Whether only the nonce was too old."""
        return self.parameters.get("stale", "").strip().lower() == "true"


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges in the ``WWW-Authenticate`` headers, in their order (RFC 9110, 11.6.1).

    One header may hold several; commas in quoted strings, missing commas, missing end quotes and
    any case are put up with. What cannot be read is left out: never raises.
    """
    challenges: list[Challenge] = []
    for value in values:
        parameters: dict[str, str] | None = None
        after_comma = True
        position = 0
        while position < len(value):
            match = _ITEM.match(value, position)
            if match is None:
                after_comma = after_comma or value[position] == ","
                position += 1
                continue
            name = match["name"].lower()
            text = match["quoted"] if match["quoted"] is not None else match["bare"]
            if text is None and (after_comma or name in ("basic", "digest")):
                parameters = {}
                challenges.append(Challenge(name, parameters))
            elif text is not None and parameters is not None:
                parameters.setdefault(name, text)
            position = match.end()
            after_comma = False
    return challenges


class Authorizer:
    """Answers challenges for one user at one server.

    Call `challenge` for each 401, `header` for each request, and `accepted` when a request that
    carried credentials was answered by anything but 401. Basic is used only where no Digest is
    offered. ``make_cnonce`` returns the client's nonce; only tests replace it.
    """

    def __init__(
        self,
        username: str,
        password: str,
        *,
        make_cnonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._username = username.encode("utf-8", "replace").decode()  # no lone surrogates
        self._password = password.encode("utf-8", "replace").decode()
        self._make_cnonce = make_cnonce
        self._current: Challenge | None = None
        self._count = 0  # requests answered with the current nonce
        self._cnonce = ""
        self._sent = False  # a request went out with credentials, and no answer to it is known
        self._single_use = False  # this server takes each nonce once
        self._given_up: set[str] = set()  # algorithms the server offered and then refused
        self._renewals = 0
        self.realm = ""
        self.refusals = 0

    def __repr__(self) -> str:
        """Show nothing of the credentials."""
        return f"<Authorizer realm={self.realm!r} refusals={self.refusals}>"

    def challenge(self, values: Iterable[str]) -> bool:
        """Take the ``WWW-Authenticate`` headers of a 401; say whether a further try makes sense.

        False means refused: the credentials were sent and are wrong, or no scheme is offered that
        can be answered. After one refusal True comes back only if something can be done
        differently: another algorithm is offered, or the nonce had been used before and the server
        may want a new one each time. A stale nonce is no refusal. After `MAX_REFUSALS` refusals
        it is False for good, until `accepted`.
        """
        challenges = [c for c in parse_challenges(values) if _answerable(c)]
        if challenges:
            self.realm = challenges[0].realm
        refused = self._sent and not self._may_retry(challenges)
        self.forget()
        if refused:
            self._given_up.clear()
            return False
        if self.refusals >= MAX_REFUSALS:
            return False
        self._current = _best(c for c in challenges if c.algorithm not in self._given_up)
        self._cnonce = self._make_cnonce()
        return self._current is not None

    def forget(self) -> None:
        """Send nothing before the next challenge: nonces may not outlive a connection."""
        self._current = None
        self._count = 0
        self._sent = False

    def _may_retry(self, challenges: list[Challenge]) -> bool:
        """Judge a 401 to a request that carried credentials."""
        if any(c.stale for c in challenges) and self._renewals < MAX_RENEWALS:
            self._renewals += 1
            return True
        self.refusals += 1
        if self.refusals >= MAX_REFUSALS or self._current is None:
            return False
        if self._count > 1:
            self._single_use = True
            return True
        if self._current.scheme == "basic":
            return False
        self._given_up.add(self._current.algorithm)
        return any(c.algorithm not in self._given_up and c.scheme == "digest" for c in challenges)

    def accepted(self) -> None:
        """Take note that the server took the credentials."""
        if self._sent:
            self.refusals = 0
            self._renewals = 0
            self._sent = False

    @property
    def ready(self) -> bool:
        """Whether `header` would return credentials."""
        return self._current is not None and not (self._single_use and self._count)

    def header(self, method: str, uri: str) -> str | None:
        """Return the ``Authorization`` header's value, or None while nothing was asked for.

        ``uri`` must be the request target as it is sent, byte for byte.
        """
        challenge = self._current
        if challenge is None or not self.ready:
            return None
        self._count += 1
        self._sent = True
        if challenge.scheme == "basic":
            pair = f"{self._username}:{self._password}".encode()
            return f"Basic {base64.b64encode(pair).decode('ascii')}"
        return self._digest(challenge, method, uri)

    def _digest(self, challenge: Challenge, method: str, uri: str) -> str:
        """Compute the response of RFC 7616, 3.4; without qop that of RFC 2069."""
        parameters = challenge.parameters
        session = challenge.algorithm.endswith("-SESS")
        digest = _HASHES[challenge.algorithm.removesuffix("-SESS")]

        def hashed(*parts: str) -> str:
            return digest(":".join(parts).encode("utf-8", "surrogateescape"))

        nonce, realm = parameters.get("nonce", ""), challenge.realm
        secret = hashed(self._username, realm, self._password)
        if session:
            secret = hashed(secret, nonce, self._cnonce)
        qop = _qop(parameters)
        count = f"{self._count:08x}"
        target = hashed(method, uri, hashed("")) if qop == "auth-int" else hashed(method, uri)
        if qop:
            response = hashed(secret, nonce, count, self._cnonce, qop, target)
        else:
            response = hashed(secret, nonce, target)
        fields = [
            _username_field(self._username),
            f'realm="{realm}"',
            f'nonce="{nonce}"',
            f'uri="{uri}"',
            f'response="{response}"',
        ]
        if "algorithm" in parameters:
            fields.append(f"algorithm={parameters['algorithm']}")
        if "opaque" in parameters:
            fields.append(f'opaque="{parameters["opaque"]}"')
        if qop:
            fields += [f"qop={qop}", f"nc={count}"]
        if qop or session:
            fields.append(f'cnonce="{self._cnonce}"')
        return f"Digest {', '.join(fields)}"


def _answerable(challenge: Challenge) -> bool:
    """Say whether this module can answer the challenge."""
    if challenge.scheme == "digest":
        known = challenge.algorithm.removesuffix("-SESS") in _HASHES
        return known and "nonce" in challenge.parameters and _qop(challenge.parameters) is not None
    return challenge.scheme == "basic"


def _best(challenges: Iterable[Challenge]) -> Challenge | None:
    """Return the best challenge: any Digest before Basic, algorithms by `_PREFERENCE`."""

    def rank(challenge: Challenge) -> int:
        if challenge.scheme == "basic":
            return len(_PREFERENCE)
        return _PREFERENCE.index(challenge.algorithm.removesuffix("-SESS"))

    return min(challenges, key=rank, default=None)


def _qop(parameters: Mapping[str, str]) -> str | None:
    """Choose the quality of protection: "auth" if offered, "" if none is asked for, None: unknown.

    "auth-int" is for requests without body.
    """
    offered = [q for q in re.split(r"[\s,]+", parameters.get("qop", "").lower()) if q]
    if not offered:
        return ""
    return next((q for q in ("auth", "auth-int") if q in offered), None)


def _username_field(username: str) -> str:
    """Return the username parameter; as ``username*`` (RFC 7616) if it could break the line."""
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in username):
        return f"username*=UTF-8''{quote(username, safe='')}"
    escaped = username.replace("\\", "\\\\").replace('"', '\\"')
    return f'username="{escaped}"'
