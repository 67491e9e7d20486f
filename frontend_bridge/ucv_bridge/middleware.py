"""What happens to every request: checks before, errors and headers after."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from ucv.errors import CameraViewerError, NotFoundError, RateLimited, Unauthorized
from ucv_bridge.answers import envelope, json_answer
from ucv_bridge.auth.cookie import SessionCookie
from ucv_bridge.context import PRINCIPAL, BridgeContext
from ucv_bridge.errors import MethodNotAllowed, TooLarge
from ucv_bridge.guard import Guard
from ucv_bridge.messages import sentence

_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: The only addresses below /api/ that answer a stranger; /api/websocket asks by itself.
PUBLIC = frozenset(
    {
        "/api/health",
        "/api/auth/state",
        "/api/auth/setup",
        "/api/auth/login",
        "/api/websocket",
    }
)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), payment=()",
}


def is_api(request: web.Request) -> bool:
    """Say whether a program is answered, rather than a page."""
    return request.path == "/api" or request.path.startswith("/api/")


def answer_errors(context: BridgeContext) -> Middleware:
    """Answer every error in the one envelope, and what is not the API's as text."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except CameraViewerError as error:
            return _answer(request, error)
        except web.HTTPException as error:
            known = _known(error)
            if known is None:
                raise
            return _answer(request, known)
        except Exception:  # a defect of ours must not tell a client how it came about
            _log.exception("%s %s failed", request.method, request.path)
            return _answer(request, CameraViewerError("The hub failed at this; see its log."))

    def _answer(request: web.Request, error: CameraViewerError) -> web.Response:
        language = context.language(request)
        headers: dict[str, str] = {
            hdrs.CONTENT_LANGUAGE: language,
            hdrs.VARY: hdrs.ACCEPT_LANGUAGE,
        }
        if isinstance(error, RateLimited) and (wait := error.details.get("retry_after")):
            headers[hdrs.RETRY_AFTER] = str(wait)
        if isinstance(error, Unauthorized):
            headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="ucv"'
        if is_api(request):
            body = envelope(error, language, context.hub.redactor)
            answer = json_answer(body, status=error.http_status)
        else:
            text = context.hub.redactor.redact(sentence(error, language))
            answer = web.Response(text=text + "\n", status=error.http_status)
        answer.headers.update(headers)
        return answer

    return middleware


def check_requests(guard: Guard) -> Middleware:
    """Refuse what comes from other sites."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        guard.check(request)
        return await handler(request)

    return middleware


def authenticate(context: BridgeContext, cookie: SessionCookie) -> Middleware:
    """Find out who makes the request; below /api/ strangers get no further than `PUBLIC`.

    A connection that stays open ends with its session or token.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_api(request):
            return await handler(request)
        authorization = request.headers.get(hdrs.AUTHORIZATION)
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthorized("Use a bearer token.")
            principal = await context.accounts.by_token(token.strip())
        else:
            value = cookie.read(request)
            found = await context.accounts.by_cookie(value) if value else None
            if found is None:
                if request.path not in PUBLIC:
                    raise Unauthorized
                return await handler(request)
            principal = found
        request[PRINCIPAL] = principal
        if hdrs.UPGRADE not in request.headers:
            return await handler(request)
        with context.connections.opened(principal, lambda: abort(request)):
            return await handler(request)

    return middleware


def abort(request: web.Request) -> None:
    """End a client's connection at once, whatever it is still to be sent."""
    if request.transport is not None:
        request.transport.abort()


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add what tells browsers to be strict (an ``on_response_prepare`` handler)."""
    response.headers[hdrs.SERVER] = "UCV"  # the versions beneath are nobody's business
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if is_api(request):
        response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        response.headers.setdefault("Content-Security-Policy", "default-src 'none'")
    else:
        response.headers.setdefault("Content-Security-Policy", _page_policy(request))


def _page_policy(request: web.Request) -> str:
    # Older Safari does not take 'self' to include WebSockets. The host was checked by the guard;
    # one that was refused there is named nowhere.
    host = request.host if Guard.is_host(request.host) else ""
    sockets = f" ws://{host} wss://{host}" if host else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
        "img-src 'self' blob:; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; "
        f"connect-src 'self'{sockets}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _known(error: web.HTTPException) -> CameraViewerError | None:
    if error.status == MethodNotAllowed.http_status:
        return MethodNotAllowed()
    if error.status == TooLarge.http_status:
        return TooLarge()
    if error.status == NotFoundError.http_status:
        return NotFoundError()
    return None
