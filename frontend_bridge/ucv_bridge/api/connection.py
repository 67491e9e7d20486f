"""One client on ``/api/websocket``.

What it is sent waits in an outbox that is bounded: results in order, and of everything that has a
newest state only that. So a slow client gets fewer, newer messages, and is not cut off.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from ucv.errors import CameraViewerError, Forbidden, RateLimited, Unauthorized, ValidationError
from ucv_bridge.api.commands import COMMANDS
from ucv_bridge.api.feeds import CameraFeed, MetricsFeed
from ucv_bridge.auth.principal import Principal, Role
from ucv_bridge.context import PRINCIPAL, BridgeContext
from ucv_bridge.messages import envelope, language_of

_log = logging.getLogger(__name__)

#: Bytes of a client's message, seconds it has to say who it is, seconds between pings.
MAX_MESSAGE, AUTH_LIMIT, HEARTBEAT = 256 * 1024, 10.0, 30.0
#: Bytes of results a client may leave unread before its commands are refused.
MAX_RESULTS = 4 * 1024 * 1024
#: Subscriptions a client may have.
MAX_SUBSCRIPTIONS = 32


class Connection:
    """Speaks with one client until it leaves."""

    def __init__(
        self,
        request: web.Request,
        context: BridgeContext,
        cameras: CameraFeed,
        metrics: MetricsFeed,
    ) -> None:
        self.context = context
        self.principal: Principal | None = None
        self._request = request
        self._language = language_of(request.headers.get("Accept-Language"))
        self._cameras = cameras
        self._metrics = metrics
        self._socket = web.WebSocketResponse(
            compress=False, heartbeat=HEARTBEAT, max_msg_size=MAX_MESSAGE, timeout=2.0
        )
        self._wake = asyncio.Event()
        self._results: deque[bytes] = deque()
        self._result_bytes = 0
        # Subscriptions by the number of the command that made them.
        self._camera_subscriptions: dict[int, set[str]] = {}
        self._snapshots: set[int] = set()
        self._metric_subscriptions: dict[int, bytes | None] = {}

    async def run(self) -> web.WebSocketResponse:
        """Serve until the client leaves or `close` is called."""
        await self._socket.prepare(self._request)
        if not await self._authenticate():
            return self._socket
        sender = asyncio.create_task(self._send_all(), name="websocket sender")
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(message.data)
        finally:
            self._cameras.remove(self)
            self._metrics.remove(self._note_metrics)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return self._socket

    async def close(self) -> None:
        """Say goodbye, because the hub stops."""
        await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"HUB_STOPPED")

    async def note(self, action: str, target: str) -> None:
        """Write into the audit log what the client did."""
        actor = self.principal.actor if self.principal else ""
        await self.context.accounts.note(actor, action, target, self._request.remote or "")

    # --- who it is ----------------------------------------------------------------------------

    async def _authenticate(self) -> bool:
        version = self.context.hub.version
        try:
            async with asyncio.timeout(AUTH_LIMIT):
                await self._say({"type": "auth_required", "version": version})
                message = await self._socket.receive()
                self.principal = await self._principal(message.data)
        except TimeoutError:
            await self._socket.close(code=WSCloseCode.POLICY_VIOLATION)
            return False
        except CameraViewerError as error:
            await self._say({"type": "auth_invalid", **envelope(error, self._language)})
            await self._socket.close(code=WSCloseCode.POLICY_VIOLATION)
            return False
        user = {"name": self.principal.name, "role": self.principal.role.value}
        await self._say({"type": "auth_ok", "version": version, "user": user})
        return True

    async def _principal(self, data: Any) -> Principal:
        try:
            message = orjson.loads(data)
            if message["type"] != "auth":
                raise ValidationError("Say who you are first.")
            token = message.get("access_token")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ValidationError("Say who you are first.") from None
        if token is None:
            principal: Principal | None = self._request.get(PRINCIPAL)
        else:
            principal = await self.context.accounts.by_token(str(token))
        if principal is None:
            raise Unauthorized("The token or the session is not valid.")
        return principal

    # --- commands -----------------------------------------------------------------------------

    async def _receive(self, text: str) -> None:
        number: int | None = None
        try:
            try:
                message = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                raise ValidationError(f"This is not JSON: {error.msg}.") from None
            if not isinstance(message, dict) or not _is_number(message.get("id")):
                raise ValidationError("A message has an id (a number of yours) and a type.")
            number = message["id"]
            result = await self._do(number, message)
        except CameraViewerError as error:
            self._result(
                {
                    "id": number,
                    "type": "result",
                    "success": False,
                    **envelope(error, self._language),
                }
            )
        except Exception:  # a defect in one command must not end the connection
            _log.exception("A WebSocket command failed")
            failure = CameraViewerError("The hub failed to answer.")
            self._result({"id": number, "type": "result", "success": False, **envelope(failure)})
        else:
            self._result({"id": number, "type": "result", "success": True, "result": result})

    async def _do(self, number: int, message: dict[str, Any]) -> object:
        command = COMMANDS.get(str(message.get("type")))
        if command is None:
            raise ValidationError("There is no such command.", details={"type": "unknown"})
        if command.role is Role.ADMIN and not (self.principal and self.principal.is_admin):
            raise Forbidden
        if self._result_bytes > MAX_RESULTS:
            raise RateLimited("Read the results you have asked for first.")
        return await command.handler(self, number, command.validate(message))

    def subscribe_cameras(self, number: int, since: int | None) -> object:
        """Send a snapshot, or what changed since that event, and then each change."""
        self._check_subscription(number)
        dirty = self._cameras.changed_since(since) if since is not None else None
        self._camera_subscriptions[number] = dirty or set()
        if dirty is None:
            self._snapshots.add(number)
        self._cameras.add(self)
        return {"sequence": self._cameras.sequence}

    def subscribe_metrics(self, number: int) -> object:
        """Send the measurements now and then once a second."""
        self._check_subscription(number)
        self._metric_subscriptions[number] = None
        self._metrics.add(self._note_metrics)
        return None

    def unsubscribe(self, number: int) -> None:
        """End a subscription; raises `ValidationError` if there is none of that number."""
        if number in self._camera_subscriptions:
            del self._camera_subscriptions[number]
            self._snapshots.discard(number)
            if not self._camera_subscriptions:
                self._cameras.remove(self)
        elif number in self._metric_subscriptions:
            del self._metric_subscriptions[number]
            if not self._metric_subscriptions:
                self._metrics.remove(self._note_metrics)
        else:
            raise ValidationError("There is no such subscription.")

    def _check_subscription(self, number: int) -> None:
        used = len(self._camera_subscriptions) + len(self._metric_subscriptions)
        if number in self._camera_subscriptions or number in self._metric_subscriptions:
            raise ValidationError("This id has a subscription already.")
        if used >= MAX_SUBSCRIPTIONS:
            raise RateLimited("There are too many subscriptions.")

    # --- what it is told ----------------------------------------------------------------------

    def cameras_changed(self, camera_ids: Iterable[str]) -> None:
        """See `CameraSubscriber`."""
        for dirty in self._camera_subscriptions.values():
            dirty.update(camera_ids)
        self._wake.set()

    def _note_metrics(self, text: bytes) -> None:
        for number in self._metric_subscriptions:
            self._metric_subscriptions[number] = text
        self._wake.set()

    def _result(self, message: dict[str, Any]) -> None:
        text = orjson.dumps(message)
        self._results.append(text)
        self._result_bytes += len(text)
        self._wake.set()

    async def _say(self, message: dict[str, Any]) -> None:
        await self._socket.send_frame(orjson.dumps(message), WSMsgType.TEXT)

    async def _send_all(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while (text := self._next()) is not None:
                    # Waits while the client does not read; meanwhile what is to be told collapses.
                    await self._socket.send_frame(text, WSMsgType.TEXT)
        except ConnectionError:
            pass  # it has left; the receiving side ends the connection

    def _next(self) -> bytes | None:
        if self._results:
            text = self._results.popleft()
            self._result_bytes -= len(text)
            return text
        for number, dirty in self._camera_subscriptions.items():
            if number in self._snapshots:
                self._snapshots.discard(number)
                dirty.clear()
                return self._snapshot(number)
            if dirty:
                changed = self._changes(number, dirty)
                dirty.clear()
                return changed
        for number, metrics in self._metric_subscriptions.items():
            if metrics is not None:
                self._metric_subscriptions[number] = None
                return _event(number, metrics)
        return None

    def _snapshot(self, number: int) -> bytes:
        cameras = b",".join(self._cameras.all())
        sequence = self._cameras.sequence
        return _event(
            number, b'{"kind":"snapshot","sequence":%d,"cameras":[%b]}' % (sequence, cameras)
        )

    def _changes(self, number: int, dirty: set[str]) -> bytes:
        changed, removed = [], []
        for camera_id in sorted(dirty):
            text = self._cameras.text(camera_id)
            if text is None:
                removed.append(camera_id)
            else:
                changed.append(text)
        return _event(
            number,
            b'{"kind":"changes","sequence":%d,"changed":[%b],"removed":%b}'
            % (self._cameras.sequence, b",".join(changed), orjson.dumps(removed)),
        )


def _event(number: int, event: bytes) -> bytes:
    return b'{"id":%d,"type":"event","event":%b}' % (number, event)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
