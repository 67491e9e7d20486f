"""The HTTP side of a Hikvision device: paths with places in them, its refusals, its login state."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

from ucv.testing.faults import HttpFaults
from ucv.testing.hikvision.documents import BadDocument, element, written
from ucv.testing.hikvision.quirks import NAMESPACES, USUAL_NAMESPACE
from ucv.testing.http_device import Route, VirtualDevice
from ucv.testing.http_message import Answer, Request

#: A document, a whole answer, or None: it was done.
Reply = Element | Answer | None
Handler = Callable[..., Reply | Awaitable[Reply]]

_LOGIN_PATH = "/Security/userCheck"
_PREVIEW = re.compile(r"/Streaming/channels/\d+/httpPreview")
_WRITES = ("PUT", "POST", "DELETE")
#: statusString, subStatusCode and HTTP status by statusCode.
_STATUSES = {
    1: ("OK", "ok", 200),
    2: ("Device Busy", "deviceBusy", 503),
    3: ("Device Error", "deviceError", 500),
    4: ("Invalid Operation", "notSupport", 403),
    5: ("Invalid XML Format", "badXmlFormat", 400),
    6: ("Invalid XML Content", "badXmlContent", 400),
    7: ("Reboot Required", "rebootRequired", 200),
}


class Refusal(Exception):
    """A request is not carried out; ``code`` and ``sub`` are those of a ``ResponseStatus``.

    ``status`` is HTTP's; None: the usual one for the code.
    """

    def __init__(self, code: int, sub: str | None = None, *, status: int | None = None) -> None:
        super().__init__(code)
        _, usual_sub, usual_status = _STATUSES[code]
        self.code = code
        self.sub = sub or usual_sub
        self.status = usual_status if status is None else status


@dataclass(frozen=True, slots=True)
class Rule:
    """A method and a path of the interface, without what precedes it (``/ISAPI``).

    ``{}`` in the path is any text without a slash, which the handler gets after the request.
    """

    method: str
    path: str
    handler: Handler

    def match(self, path: str) -> re.Match[str] | None:
        """Return the match of a path, whose groups are the places."""
        pattern = "([^/]+)".join(re.escape(part) for part in self.path.split("{}"))
        return re.fullmatch(pattern, path)


class IsapiServer(VirtualDevice):
    """Answers by its rules, as the quirks want it. ``quirks`` may be changed while it runs.

    Routes that a test sets go before rules. Rules' handlers get the request and what is in the
    path's places; they return a `Reply`, or raise `Refusal` or `BadDocument`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.quirks: set[str] = set()
        self._rules: list[Rule] = []
        self._faults_at: dict[str, HttpFaults] = {}
        self._tried: set[tuple[str, str]] = set()

    def add_rules(self, rules: Iterable[Rule]) -> None:
        """Answer by these rules, too."""
        self._rules += rules

    @property
    def prefix(self) -> str:
        """What its paths begin with."""
        if "paths-psia" in self.quirks:
            return "/PSIA"
        return "" if "paths-without-isapi" in self.quirks else "/ISAPI"

    def faults_at(self, path: str) -> HttpFaults:
        """Return the faults of one path, given without prefix and query, to be turned on."""
        return self._faults_at.setdefault(path, HttpFaults())

    def faults_for(self, request: Request) -> HttpFaults:
        """See `VirtualDevice.faults_for`."""
        faults = super().faults_for(request)
        own = self._faults_at.get(self._inner(request.path) or "")
        return faults if own is None else own.over(faults)

    def xml(self, document: Element, status: int = 200) -> Answer:
        """Return an answer with a document, as this device writes them."""
        return Answer(
            status, {"Content-Type": 'application/xml; charset="UTF-8"'}, self.written(document)
        )

    def written(self, document: Element, *, declaration: bool = True) -> bytes:
        """Return a document's bytes, in this device's namespace."""
        namespace = USUAL_NAMESPACE
        for quirk in self.quirks & NAMESPACES.keys():
            namespace = NAMESPACES[quirk]
        return written(
            document,
            namespace,
            raw_ampersand="raw-ampersand" in self.quirks,
            declaration=declaration,
        )

    # --- rules ----------------------------------------------------------------------------------

    def _inner(self, path: str) -> str | None:
        """Return a path of the interface without prefix, None for any other path."""
        if _PREVIEW.fullmatch(path):
            return path
        prefix = self.prefix
        return path[len(prefix) :] if path.startswith(f"{prefix}/") else None

    def _find(self, request: Request) -> Route | None:
        route = super()._find(request)
        if route is not None or (inner := self._inner(request.path)) is None:
            return route
        return Route(partial(self._carry_out, inner=inner), None, guarded=True)

    async def _carry_out(self, request: Request, inner: str) -> Answer:
        try:
            reply = await self._reply(request, inner)
        except BadDocument as error:
            return self._status(request, Refusal(error.code))
        except Refusal as refusal:
            return self._status(request, refusal)
        if isinstance(reply, Answer):
            return reply
        if reply is not None:
            return self.xml(reply)
        return self._status(request, Refusal(1))

    async def _reply(self, request: Request, inner: str) -> Reply:
        found = [(rule, match) for rule in self._rules if (match := rule.match(inner))]
        for rule, match in found:
            if rule.method == request.method:
                self._check_write(request)
                reply = rule.handler(request, *match.groups())
                return await reply if inspect.isawaitable(reply) else reply
        if found:
            raise Refusal(4, "methodNotAllowed", status=405)
        raise Refusal(4, "notSupport", status=404)

    def _check_write(self, request: Request) -> None:
        if request.method not in _WRITES:
            return
        if "low-privilege" in self.quirks:
            raise Refusal(4, "lowPrivilege")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.body and kind not in ("application/xml", "text/xml"):
            raise Refusal(5)
        if "busy-at-first" in self.quirks:
            attempt = (request.method, request.path)
            if attempt not in self._tried:
                self._tried.add(attempt)
                raise Refusal(2)
            self._tried.remove(attempt)

    def _status(self, request: Request, refusal: Refusal) -> Answer:
        document = element(
            "ResponseStatus",
            {
                "requestURL": request.path,
                "statusCode": refusal.code,
                "statusString": _STATUSES[refusal.code][0],
                "subStatusCode": refusal.sub,
            },
        )
        return self.xml(document, 200 if "errors-as-200" in self.quirks else refusal.status)

    # --- the login ------------------------------------------------------------------------------

    def login_state(self, status: int, *, locked: bool | None = None) -> Element:
        """Return ``userCheck`` for an HTTP status; seconds are left until the lock opens.

        ``locked`` None: as the account's lock is.
        """
        lock = self.lock
        locked = lock.locked if locked is None else locked
        content: dict[str, str | int | bool] = {
            "statusValue": status,
            "statusString": "OK" if status == 200 else "Unauthorized",
            "isActivated": "not-activated" not in self.quirks,
            "lockStatus": "lock" if locked else "unlock",
            "unlockTime": (round(lock.remaining) or round(lock.seconds)) if locked else 0,
        }
        if lock.after is not None:
            content["retryLoginTime"] = 0 if locked else lock.after - lock.failures
        return element("userCheck", content)

    def _denied(self, request: Request, faults: HttpFaults) -> Answer | None:
        asks_state = self._inner(request.path) == _LOGIN_PATH
        if "not-activated" in self.quirks and not asks_state:
            return self._status(request, Refusal(4, "notActivated"))
        if "not-activated" in self.quirks:
            return self.xml(self.login_state(401), 401)
        denied = super()._denied(request, faults)
        if denied is None:
            return None
        if "bare-401" in self.quirks and not asks_state:
            kind, body = "text/html", b"<html><body><h1>Unauthorized</h1></body></html>"
        else:
            locked = self.lock.locked or faults.lockout is not None
            kind = 'application/xml; charset="UTF-8"'
            body = self.written(self.login_state(401, locked=locked))
        challenges = [pair for pair in denied.pairs() if pair[0] == "WWW-Authenticate"]
        return Answer(denied.status, (*challenges, ("Content-Type", kind)), body)
