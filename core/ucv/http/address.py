"""Where a request goes: one device's origin, and the request target as it is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlencode, urljoin, urlsplit

from yarl import URL

from ucv.errors import ProtocolError, ValidationError

DEFAULT_PORTS = {"http": 80, "https": 443}
#: Longest request target, in bytes.
MAX_TARGET = 8192

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
#: What stands in a target as it is. A "%" does, because what is given is encoded already.
_TARGET_SAFE = "/?&=+:;,@!$'()*~%[]"

#: A query: names with one value or several.
Params = Mapping[str, str | int | float | Sequence[str | int | float]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme ("http" or "https"), host as configured (no brackets) and port."""

    scheme: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.scheme == "https"

    def url(self, target: str) -> URL:
        """Return the address of a request target, which goes out byte for byte as it stands.

        Raises `ValidationError` for a host that is none.
        """
        return URL(_root(self) + target, encoded=True)


@lru_cache(4096)
def _root(origin: Origin) -> str:
    """Return the address of an origin, without a path."""
    try:
        return str(URL.build(scheme=origin.scheme, host=origin.host, port=origin.port))
    except ValueError as error:
        raise ValidationError("The host is not valid.", details={"key": "host"}) from error


def locate(base: Origin, path: str, params: Params | None = None) -> tuple[Origin, str]:
    """Return where a request for ``path`` goes, and its target.

    ``path`` may have a query and is percent-encoded only where it needs to be. An address with
    scheme is taken if it is on the same host, and as safe as ``base``. Raises `ValidationError`.
    """
    origin = base
    if _ABSOLUTE.match(path):
        origin, path = _split(path)
        if not _same_host(origin.host, base.host):
            raise ValidationError("This address is not on the device.")
        if base.secure and not origin.secure:
            raise ValidationError("This address is not encrypted, but the device's is.")
        origin = Origin(origin.scheme, base.host, origin.port)
    target = _target(path)
    if params:
        query = urlencode(params, doseq=True, quote_via=quote, safe="")
        target += ("&" if "?" in target else "?") + query
    if len(target) > MAX_TARGET:
        raise ValidationError("The path is too long.")
    return origin, target


def follow(origin: Origin, target: str, location: str) -> tuple[Origin, str]:
    """Return where a redirection leads (RFC 9110, 10.2.2).

    Only within the origin, or from HTTP to HTTPS of the same host. Raises `ProtocolError` naming
    the place for anything else.
    """
    current = str(origin.url(target))
    try:
        wanted, path = _split(urljoin(current, location.strip()))
    except ValueError as error:  # `urljoin` and `urlsplit` on what is no address
        raise ProtocolError("The camera redirects to something that is no address.") from error
    except ValidationError as error:
        raise ProtocolError(f"The camera redirects elsewhere: {error.message}") from error
    same = _same_host(wanted.host, origin.host)
    upgrade = wanted.secure and not origin.secure
    if not same or not (upgrade or (wanted.scheme, wanted.port) == (origin.scheme, origin.port)):
        place = f"{wanted.scheme}://{wanted.host[:128]}:{wanted.port}"
        raise ProtocolError(
            f"The camera redirects to {place}, which is not followed.",
            details={"host": wanted.host[:128], "port": wanted.port},
        )
    path = _target(path)
    if len(path) > MAX_TARGET:
        raise ProtocolError("The camera redirects to a path that is too long.")
    return Origin(wanted.scheme, origin.host, wanted.port), path


def shown(target: str) -> str:
    """Return a target for messages: without its query, which may hold anything."""
    return target.partition("?")[0][:256]


def _split(address: str) -> tuple[Origin, str]:
    """Take an HTTP address apart into its origin and the rest; raises `ValidationError`."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValidationError("This is not an address.") from error
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS or not host:
        raise ValidationError("This is not an HTTP address.")
    if parts.username is not None or parts.password is not None:
        raise ValidationError("An address must not hold credentials.")
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return Origin(scheme, host, DEFAULT_PORTS[scheme] if port is None else port), path


def _target(path: str) -> str:
    """Return the request target (origin-form, RFC 9112, 3.2.1) for a path with query."""
    encoded = quote(path.partition("#")[0], safe=_TARGET_SAFE, errors="replace")
    if encoded.find("?") == len(encoded) - 1:  # yarl does not send the mark of an empty query
        encoded = encoded[:-1]
    return encoded if encoded.startswith("/") else f"/{encoded}"


def _same_host(one: str, other: str) -> bool:
    return one.rstrip(".").casefold() == other.rstrip(".").casefold()
