"""Hikvision's interface over HTTP: asks, writes, and says what went wrong in the hub's errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from xml.etree.ElementTree import Element

from ucv import (
    AccessDenied,
    CameraViewerError,
    Device,
    EndpointNotFound,
    InvalidAuth,
    NotSupported,
    ProtocolError,
    RateLimited,
)
from ucv.http import HttpStream, Response
from ucv.media import xml
from ucv.media.errors import MediaError
from ucv_hikvision.documents import document, path_of
from ucv_hikvision.login_state import LoginState, login_state
from ucv_hikvision.quirks import Prefix
from ucv_hikvision.response_status import (
    Code,
    ResponseStatus,
    is_not_activated,
    refusal,
    response_status,
    too_many_listeners,
)

#: Statuses whose body may explain them; a 401 is the login's.
_EXPLAINED = frozenset(range(400, 600)) - {401}
#: Statuses of an answer to a question about the login.
_ANY_ERROR = frozenset(range(400, 600))
#: Bytes of a document, and of a still picture.
MAX_DOCUMENT, MAX_PICTURE = xml.MAX_BYTES, 8 * 1024 * 1024
#: Seconds after which a device that was busy is told once more.
BUSY_PAUSE = 0.3
_XML = {"Content-Type": "application/xml; charset=UTF-8"}
#: What says that a device does not have something, or not for this account.
ABSENT = (NotSupported, EndpointNotFound, AccessDenied)


class Isapi:
    """One device's interface.

    Paths are those of ISAPI without what stands before them (``System/deviceInfo``); ``prefix`` is
    what does, known once `open` has found it. All methods raise what `ucv.http.DeviceHttp` does,
    and what `refusal` makes of the device's explanation. Where the device refuses the login, it is
    asked why, without sending the credentials again.
    """

    def __init__(self, device: Device) -> None:
        self._http = device.http
        self._clock = device.clock
        self._log = device.log
        self.prefix = Prefix.ISAPI
        #: What it said of the login the last time it was asked.
        self.login: LoginState | None = None

    async def open(self) -> Element:
        """Find the interface, and return its ``System/deviceInfo``.

        First the device is asked whether the account is locked, which spends no login: raises
        `AccountLocked` then, and `AccessDenied` for one that has not been activated.
        """
        await self._check_login()
        first: CameraViewerError | None = None
        for prefix in Prefix:
            self.prefix = prefix
            try:
                return await self.get("System/deviceInfo")
            except (*ABSENT, ProtocolError) as error:
                if error.details.get("status", 404) in (500, 502, 503):
                    raise  # it has the path, but fails at the moment
                if is_not_activated(error):
                    raise
                if first is None and isinstance(error, AccessDenied):
                    await self._check_login()
                first = first or error
        self.prefix = Prefix.ISAPI
        raise first or EndpointNotFound()

    async def get(self, path: str) -> Element:
        """Return a document's root."""
        return document(await self.get_bytes(path), self._path(path))

    async def find(self, path: str) -> Element | None:
        """Return a document's root, None if the device does not have it, or not for us."""
        try:
            return await self.get(path)
        except ABSENT:
            return None

    async def peek(self, path: str) -> Element | None:
        """Return a document's root, None whatever the device says instead.

        For what is good to know, and no reason to do without the device.
        """
        try:
            return await self.find(path)
        except (ProtocolError, RateLimited) as error:
            self._log.info("Going on without %s: %s", self._path(path), error.message)
            return None

    async def get_bytes(self, path: str) -> bytes:
        """Return a document as it came; what reports a failure is raised, whatever its status."""
        answer = await self._request("GET", path, limit=MAX_DOCUMENT)
        told = _told(answer)
        if told is not None and not told.done:
            raise refusal(answer.status, told, answer.path)
        return answer.body

    async def picture(self, path: str) -> bytes:
        """Return a still picture; raises `ProtocolError` for what is none."""
        answer = await self._request("GET", path, limit=MAX_PICTURE)
        # Some firmware answers 200 with a document, or calls a picture something else.
        if answer.body.startswith(b"\xff\xd8"):
            return answer.body
        if (told := _told(answer)) is not None:
            raise refusal(answer.status, told, answer.path)
        kind = answer.content_type[:64] or "no content type"
        raise ProtocolError(
            f"The camera's answer to {answer.path} is no picture ({kind}).",
            details={"path": answer.path},
        )

    async def put(self, path: str, body: str | bytes = b"") -> None:
        """Write a document, or carry something out."""
        await self._write("PUT", path, body)

    async def delete(self, path: str) -> None:
        """Delete what is at a path."""
        await self._write("DELETE", path, b"")

    async def change(self, path: str, name: str, value: str) -> None:
        """Set the element of that name (in any case): get the document, change it, put it back.

        Raises `NotSupported` if the document has no such element.
        """
        body = await self.get_bytes(path)
        place = path_of(document(body, self._path(path)), name)
        if place is None:
            raise NotSupported(f"The camera's {self._path(path)} has no {name}.")
        try:
            await self.put(path, xml.with_text(body, place, value))
        except MediaError as error:
            raise ProtocolError(str(error), details={"path": self._path(path)}) from None

    @asynccontextmanager
    async def listen(self, path: str, *, silence: float) -> AsyncIterator[HttpStream]:
        """Open an answer that goes on; it has to send something every ``silence`` seconds.

        Raises `NotSupported` if the device has none, `RateLimited` if it has as many listeners as
        it can bear.
        """
        async with AsyncExitStack() as stack:
            opening = self._http.stream("GET", self._path(path), idle_timeout=silence)
            try:
                stream = await stack.enter_async_context(opening)
            except InvalidAuth as error:
                raise await self.explained(error) from None
            except EndpointNotFound as error:
                raise NotSupported("The camera reports no events.", details=error.details) from None
            except ProtocolError as error:
                # What stands in the body of a stream that is refused is not to be had.
                if error.details.get("status") == 503:
                    raise too_many_listeners(error.details) from None
                raise
            yield stream

    # --- the login ------------------------------------------------------------------------------

    async def ask_login(self) -> LoginState | None:
        """Ask, without credentials, whether the account is locked; None if it does not tell.

        Raises what `ucv.http.DeviceHttp` does for a device that cannot be reached.
        """
        with suppress(ProtocolError, RateLimited, MediaError):
            answer = await self._http.request(
                "GET",
                self._path("Security/userCheck"),
                limit=MAX_DOCUMENT,
                authenticate=False,
                allow_status=_ANY_ERROR,
            )
            self.login = login_state(xml.parse(answer.body))
            return self.login
        return None

    async def _check_login(self) -> None:
        state = await self.ask_login()
        if state is not None and (error := state.error(self._clock.time())) is not None:
            raise error

    async def explained(self, error: InvalidAuth) -> CameraViewerError:
        """Return why the device refused the login, as far as it says."""
        state = None
        with suppress(CameraViewerError):
            state = await self.ask_login()
        if state is None or state.accepted:
            return error
        return state.error(self._clock.time()) or state.refused()

    # --- requests -------------------------------------------------------------------------------

    async def _write(self, method: str, path: str, body: str | bytes) -> None:
        try:
            await self._write_once(method, path, body)
        except RateLimited as error:
            if error.details.get("status_code") != Code.BUSY:
                raise
        else:
            return
        # It is storing what was written before: who moves a camera shall not have to say it twice.
        await self._clock.sleep(BUSY_PAUSE)
        await self._write_once(method, path, body)

    async def _write_once(self, method: str, path: str, body: str | bytes) -> None:
        answer = await self._request(method, path, body)
        told = _told(answer)
        if told is None:
            return
        if not told.done:
            raise refusal(answer.status, told, answer.path)
        if told.code == Code.REBOOT_REQUIRED:
            self._log.warning("%s counts once the camera has been restarted", answer.path)

    async def _request(
        self, method: str, path: str, body: str | bytes = b"", *, limit: int = MAX_DOCUMENT
    ) -> Response:
        """Send a request; raises what the device says of a status from 400 on."""
        data = body.encode() if isinstance(body, str) else body
        writes = method != "GET"
        try:
            answer = await self._http.request(
                method,
                self._path(path),
                data=data if writes else None,
                headers=_XML if writes else None,
                limit=limit,
                allow_status=_EXPLAINED,
            )
        except InvalidAuth as error:
            raise await self.explained(error) from None
        if answer.status >= 400:
            self._raise_lock(answer)
            raise refusal(answer.status, _told(answer), answer.path)
        return answer

    def _raise_lock(self, answer: Response) -> None:
        """Raise what a ``userCheck`` in the body of an error says, as some firmware's 403 has."""
        try:
            state = login_state(xml.parse(answer.body))
        except MediaError:
            return
        if state is not None and (error := state.error(self._clock.time())) is not None:
            raise error

    def _path(self, path: str) -> str:
        return f"{self.prefix.value}/{path}"


def _told(answer: Response) -> ResponseStatus | None:
    """Return the ``ResponseStatus`` of an answer, None if its body is something else."""
    if b"esponseStatus" not in answer.body[:4096]:
        return None
    try:
        return response_status(xml.parse(answer.body))
    except MediaError:
        return None
