"""What a request must be like before anything else is looked at.

Other sites' pages must not reach the hub through a visitor's browser: neither as themselves
(cross-site requests, cross-site WebSockets) nor under a name of theirs that suddenly points here
(DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from ucv_bridge.errors import HostNotAllowed, JsonRequired, OriginNotAllowed

#: A Host header (RFC 9110, 7.2) as we accept it; what it matches may stand in a header of ours.
_HOST = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>\d{1,5}))?"
)
_SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Guard:
    """Refuses what does not come from where it should.

    ``names`` are the host names the hub answers to, beside ``localhost`` and IP addresses: those
    need no resolver, so no name can be turned onto them.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {"localhost", *(name.lower().rstrip(".") for name in names)}

    def check(self, request: web.Request) -> None:
        """Raise `HostNotAllowed`, `OriginNotAllowed`, `JsonRequired`."""
        host = self._check_host(request)
        self._check_origin(request, host)
        if request.method not in _SAFE_METHODS:
            _check_json(request)

    @staticmethod
    def is_host(text: str) -> bool:
        """Say whether a Host header is well-formed, and so may stand in a header of ours."""
        return _HOST.fullmatch(text) is not None

    def _check_host(self, request: web.Request) -> tuple[str, int | None]:
        hosts = request.headers.getall(hdrs.HOST, [])
        match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if match is None:
            raise HostNotAllowed
        name = match["name"].lower().rstrip(".")
        if not _is_address(name.strip("[]")) and name not in self._names:
            raise HostNotAllowed(details={"host": name})
        return name, int(match["port"]) if match["port"] else None

    @staticmethod
    def _check_origin(request: web.Request, host: tuple[str, int | None]) -> None:
        """Compare with the Host header: the scheme may differ behind a proxy that adds TLS."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None:  # no browser, or one that asks for the page itself
            return
        try:
            parts = urlsplit(origin)
            default = _DEFAULT_PORTS[parts.scheme]
            origin_port = parts.port or default
        except (ValueError, KeyError):
            raise OriginNotAllowed from None
        name = parts.netloc.rpartition("@")[2].lower()
        name = re.sub(r":\d*$", "", name).rstrip(".")
        if (name, origin_port) != (host[0], host[1] or default):
            raise OriginNotAllowed


def _check_json(request: web.Request) -> None:
    """Forms of other sites cannot send JSON, nor an Authorization header, nor DELETE."""
    if request.content_type == "application/json":
        return
    empty = not request.body_exists
    if empty and (request.method == hdrs.METH_DELETE or hdrs.AUTHORIZATION in request.headers):
        return
    raise JsonRequired


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
