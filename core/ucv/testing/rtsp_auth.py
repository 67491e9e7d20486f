"""Asks for credentials as RTSP cameras do, and checks them. Written apart from the hub's client."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

#: ``name="quoted"`` or ``name=token`` (RFC 9110, section 11.2); commas may be in quotes.
_PARAMETER = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


def parameters(text: str) -> dict[str, str]:
    """Return the parameters of an ``Authorization`` by name, quoting undone."""
    return {
        name: re.sub(r"\\(.)", r"\1", quoted) or token
        for name, quoted, token in _PARAMETER.findall(text)
    }


class AuthKind(StrEnum):
    """How a server asks."""

    NONE = "none"
    BASIC = "basic"
    DIGEST = "digest"
    DIGEST_SHA256 = "digest-sha256"


@dataclass(slots=True)
class Authenticator:
    """Checks requests against one user name and password; each connection gets its own nonce."""

    kind: AuthKind = AuthKind.NONE
    username: str = ""
    password: str = field(default="", repr=False)
    realm: str = "Virtual Camera"

    def new_nonce(self) -> str:
        """Return a nonce for a connection."""
        return secrets.token_hex(16)

    def challenge(self, nonce: str) -> str:
        """Return the value of ``WWW-Authenticate``."""
        if self.kind is AuthKind.BASIC:
            return f'Basic realm="{self.realm}"'
        # RFC 7616 always has a qop; cameras with MD5 mostly follow RFC 2069, which knows none.
        sha256 = self.kind is AuthKind.DIGEST_SHA256
        algorithm = ', algorithm=SHA-256, qop="auth"' if sha256 else ""
        return f'Digest realm="{self.realm}", nonce="{nonce}"{algorithm}'

    def accepts(self, header: str | None, method: str, nonce: str) -> bool:
        """Decide about a request's ``Authorization``."""
        if self.kind is AuthKind.NONE:
            return True
        scheme, _, rest = (header or "").partition(" ")
        if self.kind is AuthKind.BASIC:
            wanted = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return scheme.lower() == "basic" and secrets.compare_digest(rest.strip(), wanted)
        if scheme.lower() != "digest":
            return False
        given = parameters(rest)
        if given.get("nonce") != nonce or given.get("username") != self.username:
            return False
        first = self._hash(f"{self.username}:{self.realm}:{self.password}")
        second = self._hash(f"{method}:{given.get('uri', '')}")
        if given.get("qop"):
            middle = f"{nonce}:{given.get('nc', '')}:{given.get('cnonce', '')}:{given['qop']}"
        else:
            middle = nonce
        expected = self._hash(f"{first}:{middle}:{second}")
        return secrets.compare_digest(given.get("response", ""), expected)

    def _hash(self, text: str) -> str:
        kind = hashlib.sha256 if self.kind is AuthKind.DIGEST_SHA256 else hashlib.md5
        return kind(text.encode()).hexdigest()
