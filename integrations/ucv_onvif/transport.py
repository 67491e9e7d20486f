"""SOAP over the device's own HTTP: logged in, repeated where that is safe, faults as errors."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ucv import (
    AccessDenied,
    ClockSkew,
    ConnectionClosed,
    Device,
    InvalidAuth,
    ProtocolError,
)
from ucv.http import Response
from ucv_onvif import soap
from ucv_onvif.quirks import AuthPolicy, ClockPolicy, KeepAlivePolicy, Policies

if TYPE_CHECKING:
    from lxml.etree import _Element

#: Seconds for an answer.
TIMEOUT = 10.0
#: Statuses under which devices send faults. Others are the core's errors.
_FAULTS = (400, 401, 405, 500)
#: What a device would do twice.
_ONCE = ("SetPreset", "RelativeMove", "SystemReboot", "CreatePullPointSubscription", "PullMessages")
_CONTENT_TYPE = "application/soap+xml; charset=utf-8"
#: Seconds that the device's clock has to have moved since it was read to be the reason why a token
#: is refused: devices accept about 5 s.
_MOVED = 2.0


class Soap:
    """Sends envelopes to one device.

    ``clock_offset`` is how far the device's clock is ahead of ours, in seconds, and is put into
    tokens; None until it is known. ``requests`` counts what was sent.
    """

    def __init__(self, device: Device, policies: Policies) -> None:
        self._device = device
        self._fixed = device.config.get("login", "auto") != "auto"
        self.policies = policies
        self.clock_offset: float | None = None
        self.requests = 0
        #: Whether this device has let these credentials in.
        self.accepted = False

    # --- one exchange ---------------------------------------------------------------------------

    async def ask_openly(self, path: str, envelope: _Element) -> soap.Answer | soap.Fault:
        """Send without credentials."""
        response = await self._post(path, envelope, authenticate=False, timeout=TIMEOUT)
        return self._read(response)

    async def ask(
        self,
        path: str,
        envelope: _Element,
        *,
        timeout: float = TIMEOUT,  # noqa: ASYNC109
    ) -> soap.Answer | soap.Fault:
        """Send with credentials, if there are any, in the way the device takes.

        A fault that refuses the login is returned when the device let it in before, or when no
        other way is left. Raises `InvalidAuth` when nothing more may be sent.
        """
        if self._device.credentials is None:
            return await self.ask_openly(path, envelope)
        ways = [AuthPolicy.TOKEN, AuthPolicy.DIGEST]
        if self.policies.auth is AuthPolicy.DIGEST:
            ways.reverse()
        answer = await self._log_in(ways[0], path, envelope, timeout)
        if not _is_refused(answer):
            self.policies.auth = ways[0]
        elif not self.accepted and not self._fixed:
            # What was remembered may no longer be so.
            answer = await self._log_in(ways[1], path, envelope, timeout)
            if not _is_refused(answer):
                self.policies.auth = ways[1]
        return answer

    async def _log_in(
        self,
        way: AuthPolicy,
        path: str,
        envelope: _Element,
        timeout: float,  # noqa: ASYNC109
    ) -> soap.Answer | soap.Fault:
        if way is AuthPolicy.DIGEST:
            return await self._by_digest(path, envelope, timeout)
        return await self._by_token(path, envelope, timeout)

    async def _by_token(
        self,
        path: str,
        envelope: _Element,
        timeout: float,  # noqa: ASYNC109
    ) -> soap.Answer | soap.Fault:
        async with self._device.lockout.turn() as turn:
            signed = self._signed(envelope)
            response = await self._post(path, signed, authenticate=False, timeout=timeout)
            answer = self._read(response)
            if _is_refused(answer):
                turn.refused()
            else:
                turn.accepted()
                self.accepted = True
            return answer

    async def _by_digest(
        self,
        path: str,
        envelope: _Element,
        timeout: float,  # noqa: ASYNC109
    ) -> soap.Answer | soap.Fault:
        response = await self._post(path, envelope, authenticate=True, timeout=timeout)
        answer = self._read(response)
        if not _is_refused(answer):
            self.accepted = True
        return answer

    def _signed(self, envelope: _Element) -> _Element:
        """Return the envelope with a token of this moment by the device's clock."""
        # Known to be there: only read when WSDL documents were.
        from onvif.client import UsernameDigestTokenDtDiff  # noqa: PLC0415

        login = self._device.credentials
        assert login is not None  # noqa: S101 - the caller looked
        now = datetime.fromtimestamp(self._device.clock.time(), UTC).replace(tzinfo=None)
        token = UsernameDigestTokenDtDiff(
            login.username,
            login.password,
            dt_diff=timedelta(seconds=self.clock_offset or 0.0),
            created=now,
            use_digest=True,
        )
        signed, _headers = token.apply(copy.deepcopy(envelope), {})
        result: _Element = signed
        return result

    def _read(self, response: Response) -> soap.Answer | soap.Fault:
        try:
            answer = soap.read(response.body)
        except ProtocolError:
            if response.status == 401:
                return soap.Fault(("notauthorized",), "")
            if response.status < 400:
                raise
            raise ProtocolError(
                f"The camera answered with status {response.status}.",
                details={"status": response.status},
            ) from None
        if response.status == 401 and isinstance(answer, soap.Answer):
            return soap.Fault(("notauthorized",), "")
        return answer

    async def _post(
        self,
        path: str,
        envelope: _Element,
        *,
        authenticate: bool,
        timeout: float,  # noqa: ASYNC109
    ) -> Response:
        """Send; once more where a connection that was kept turned out to be closed."""
        from lxml import etree  # noqa: PLC0415

        data = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        may_repeat = operation_of(envelope) not in _ONCE
        while True:
            headers = {"Content-Type": _CONTENT_TYPE}
            if self.policies.keep_alive is KeepAlivePolicy.CLOSE:
                headers["Connection"] = "close"
            self.requests += 1
            try:
                response = await self._device.http.request(
                    "POST",
                    path,
                    data=data,
                    headers=headers,
                    timeout=timeout,
                    limit=soap.MAX_ANSWER,
                    authenticate=authenticate,
                    allow_status=_FAULTS,
                )
            except ConnectionClosed:
                if not may_repeat:
                    raise
                may_repeat = False
                self.policies.keep_alive = KeepAlivePolicy.CLOSE
            else:
                self._note_date(response)
                return response

    def _note_date(self, response: Response) -> None:
        """Take the clock from the head of an answer, until the device tells it better."""
        if self.clock_offset is not None and self.policies.clock is not ClockPolicy.DATE_HEADER:
            return
        try:
            told = parsedate_to_datetime(response.headers.get("Date", ""))
        except (TypeError, ValueError, IndexError, OverflowError):
            return
        # The year of a device without a clock is no time that a token could be made with.
        if told.year < 2000:
            return
        self.policies.clock = ClockPolicy.DATE_HEADER
        self.clock_offset = told.timestamp() - self._device.clock.time()

    # --- after refusals -------------------------------------------------------------------------

    def has_moved(self, before: float | None) -> bool:
        """Whether the device's clock is another one since."""
        return abs((self.clock_offset or 0.0) - (before or 0.0)) > _MOVED

    def refusal(self, fault: soap.Fault, *, let_in: bool) -> Exception:
        """Return the error for a refused login; ``let_in``: other requests still are accepted."""
        if let_in:
            return AccessDenied(
                "The account on the camera may not do this.",
                details={"codes": list(fault.codes), "reason": fault.reason},
            )
        if fault.is_expired and self.clock_offset is not None:
            return ClockSkew(offset=self.clock_offset)
        if self._device.credentials is None:
            return InvalidAuth("The camera wants a user name and password.")
        return InvalidAuth("The camera refused the user name or password.")


def _is_refused(answer: soap.Answer | soap.Fault) -> bool:
    return isinstance(answer, soap.Fault) and answer.is_refusal


def operation_of(envelope: _Element) -> str:
    """Return the name of the operation in an envelope."""
    body = envelope.find("{*}Body")
    if body is None or not len(body):
        return ""
    return str(body[0].tag).rpartition("}")[2]
