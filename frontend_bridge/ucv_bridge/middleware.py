"""What holds for every request: errors, who asks, from which site, and what browsers may do."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from ucv.errors import CameraViewerError, Forbidden, NotFoundError, ValidationError
from ucv_bridge.auth.accounts import Accounts
from ucv_bridge.context import PRINCIPAL
from ucv_bridge.messages import envelope, language_of

_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

COOKIE = "ucv_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def json_response(value: object, status: int = 200) -> web.Response:
    """Return JSON that no cache keeps."""
    return web.Response(
        body=orjson.dumps(value),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def error_response(error: CameraViewerError, request: web.Request) -> web.Response:
    """Return the error envelope in the client's language."""
    language = language_of(request.headers.get("Accept-Language"))
    response = json_response(envelope(error, language), error.http_status)
    response.headers["Content-Language"] = language
    if "retry_after" in error.details:
        response.headers["Retry-After"] = str(error.details["retry_after"])
    return response


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every exception into an envelope; the details of a defect are logged and stay inside."""
    try:
        return await handler(request)
    except CameraViewerError as error:
        return error_response(error, request)
    except web.HTTPException as error:
        if error.status < 400:  # a redirect
            raise
        return error_response(_from_http(error), request)
    except Exception:  # the last place before the client, who learns only that it failed
        _log.exception("%s %s failed", request.method, request.path)
        return error_response(CameraViewerError("The hub failed to answer."), request)


def _from_http(error: web.HTTPException) -> CameraViewerError:
    if error.status == 404:
        return NotFoundError("There is nothing at this address.")
    wrapped = ValidationError(error.reason)
    wrapped.http_status = error.status  # type: ignore[misc]  # this one answer has its own status
    return wrapped


def same_site(allowed_hosts: Collection[str]) -> Middleware:
    """Refuse requests that another site makes a browser send.

    ``Host`` must be an address, localhost, or an allowed name: a name of a stranger's that
    resolves to us is DNS rebinding. ``Origin``, where there is one, must be that host.
    """
    allowed = {host.casefold() for host in allowed_hosts} | {"localhost"}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = urlsplit(f"//{request.headers.get('Host', '')}")
        name = _hostname(host.hostname)
        if name not in allowed and not _is_address(name):
            raise Forbidden("This host name is not allowed; see server: allowed_hosts.")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.casefold() != host.netloc.casefold():
            raise Forbidden("Requests from other sites are not allowed.")
        if (
            request.method not in _SAFE
            and request.can_read_body
            and request.content_type != "application/json"
        ):
            raise ValidationError("Send JSON (Content-Type: application/json).")
        return await handler(request)

    return check


def identify(accounts: Accounts) -> Middleware:
    """Find out who asks, by token or session; handlers decide whether that is enough."""

    @web.middleware
    async def find(request: web.Request, handler: Handler) -> web.StreamResponse:
        principal = None
        if request.path.startswith("/api/"):
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                principal = await accounts.by_token(token.strip())
            elif cookie := request.cookies.get(COOKIE):
                principal = await accounts.by_cookie(cookie)
        request[PRINCIPAL] = principal
        return await handler(request)

    return find


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers what the page may do (a signal handler, so that errors have it too)."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)


def _hostname(name: str | None) -> str:
    return (name or "").casefold().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
