"""The cookie that a session of the page is known by."""

from __future__ import annotations

from aiohttp import hdrs, web

from ucv_bridge.auth.accounts import SESSION_LIMIT

#: A session's value has 43 characters.
_MAX_VALUE = 64


class SessionCookie:
    """HttpOnly and SameSite=Strict; Secure where the page came by TLS.

    Cookies are the same for all ports of a host: hubs beside each other need names of their own.
    """

    def __init__(self, port: int) -> None:
        self.name = f"ucv_session_{port}"

    def read(self, request: web.Request) -> str | None:
        """Return its value, if there is one that can be."""
        value = request.cookies.get(self.name)
        return value if value and len(value) <= _MAX_VALUE else None

    def write(self, request: web.Request, answer: web.Response, value: str) -> None:
        """Give it to the browser."""
        answer.set_cookie(
            self.name,
            value,
            max_age=int(SESSION_LIMIT),
            path="/",
            httponly=True,
            samesite="Strict",
            # Behind a proxy the browser's own word for where it is; only it can be harmed by it.
            secure=request.secure or request.headers.get(hdrs.ORIGIN, "").startswith("https:"),
        )

    def clear(self, answer: web.Response) -> None:
        """Take it from the browser."""
        answer.del_cookie(self.name, path="/", httponly=True, samesite="Strict")
