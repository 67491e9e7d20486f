"""Addresses that devices give of themselves, put right.

Behind a NAT, in a container, or after their network was changed, devices name hosts and ports that
lead nowhere: only the path is worth something.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

#: Scheme, user, host, port or ports (``host:8106:8106`` occurs), and the rest.
_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://"
    r"(?:[^/?#@]*@)?"
    r"(?P<host>\[[^\]/]*\]|[^/?#:\[\]]*)"
    r"(?::(?P<port>\d*))?[^/?#]*"
    r"(?P<rest>.*)",
    re.DOTALL,
)
_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}


@dataclass(frozen=True, slots=True)
class Address:
    """What is left of an address: ``port`` is None where it names none; ``path`` has the query."""

    scheme: str
    port: int | None
    path: str

    @property
    def usual_port(self) -> int | None:
        """The port it means: its own or its scheme's."""
        return self.port or _PORTS.get(self.scheme)


def parse(text: str) -> Address | None:
    """Return an address a device gave, without its host and without credentials; None if empty.

    Blanks and line breaks around and within it are dropped, ``&amp;`` that was escaped twice is
    unescaped. A path alone is one on the device, with no scheme.
    """
    text = html.unescape("".join(text.split()))
    if not text:
        return None
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return Address("", None, text if text.startswith("/") else f"/{text}")
    digits = match["port"] or ""
    port = int(digits) if digits and len(digits) <= 5 else 0
    rest = match["rest"] or "/"
    return Address(
        match["scheme"].lower(),
        port if 0 < port <= 65535 else None,
        rest if rest.startswith("/") else f"/{rest}",
    )


def path_of(text: str, default: str) -> str:
    """Return the path of a service's address; ``default`` for one that has none."""
    address = parse(text)
    return default if address is None or address.path == "/" else address.path
