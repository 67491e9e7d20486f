"""One client of the WebSocket interface, from its first message to its last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from ucv.errors import CameraViewerError, Forbidden, RateLimited, Unauthorized, ValidationError
from ucv_bridge.answers import envelope, parse_object, validated
from ucv_bridge.api.command import MAX_NUMBER, Call
from ucv_bridge.api.commands import CommandTable
from ucv_bridge.api.outbox import Outbox, Topic
from ucv_bridge.auth.principal import Principal
from ucv_bridge.context import BridgeContext
from ucv_bridge.errors import UnknownCommand

_log = logging.getLogger(__name__)

#: Seconds a client has to say who it is.
_AUTH_LIMIT = 10.0
#: Commands of one client that are done at the same time, and what it may subscribe to.
_MAX_COMMANDS, _MAX_SUBSCRIPTIONS = 16, 64


class Connection:
    """Takes commands, and sends results and events."""

    def __init__(
        self,
        context: BridgeContext,
        commands: CommandTable,
        request: web.Request,
        socket: web.WebSocketResponse,
    ) -> None:
        self.principal: Principal
        self._context = context
        self._commands = commands
        self._request = request
        self._socket = socket
        self._language = context.language(request)
        self._outbox = Outbox()
        self._running = asyncio.Semaphore(_MAX_COMMANDS)
        self._subscriptions: dict[int, Callable[[], object]] = {}
        self._on_close: dict[str, Callable[[], object]] = {}

    async def run(self) -> None:
        """Serve the client until it leaves."""
        if not await self._authenticate():
            return
        with self._context.connections.opened(self.principal, self._abort):
            sender = asyncio.create_task(self._send_all())
            try:
                # What was begun is brought to its end, also when the client has left.
                async with asyncio.TaskGroup() as commands:
                    await self._receive_all(commands)
            finally:
                sender.cancel()
                for done in self._on_close.values():
                    done()
                for unsubscribe in self._subscriptions.values():
                    unsubscribe()
                self._subscriptions.clear()
                await asyncio.gather(sender, return_exceptions=True)

    # --- logging in ---------------------------------------------------------------------------

    async def _authenticate(self) -> bool:
        await self._send({"type": "auth_required", "version": self._context.hub.version})
        try:
            async with asyncio.timeout(_AUTH_LIMIT):
                message = await self._socket.receive()
            if message.type is not WSMsgType.TEXT:
                return False
            self.principal = await self._principal(parse_object(message.data))
        except TimeoutError:
            await self._refuse(Unauthorized("No log-in came in time."))
            return False
        except (Unauthorized, ValidationError, RateLimited) as error:
            await self._refuse(error)
            return False
        await self._send(
            {
                "type": "auth_ok",
                "version": self._context.hub.version,
                "user": self.principal.public(),
            }
        )
        return True

    async def _principal(self, message: Mapping[str, Any]) -> Principal:
        if message.get("type") != "auth":
            raise Unauthorized
        token = message.get("access_token")
        if token is None:
            return self._context.authorize(self._request)
        if not isinstance(token, str):
            raise Unauthorized("The token is not valid.")
        return await self._context.accounts.by_token(token)

    async def _refuse(self, error: CameraViewerError) -> None:
        body = envelope(error, self._language, self._context.hub.redactor)
        await self._send({"type": "auth_invalid", **body})
        await self._socket.close(code=WSCloseCode.POLICY_VIOLATION)

    # --- commands -----------------------------------------------------------------------------

    async def _receive_all(self, commands: asyncio.TaskGroup) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                await self._socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
                return
            await self._outbox.room()
            await self._running.acquire()
            task = commands.create_task(self._run_command(message.data))
            task.add_done_callback(lambda _task: self._running.release())

    async def _run_command(self, text: str) -> None:
        number: int | None = None
        try:
            message = parse_object(text)
            number = _number(message)
            kind = message.pop("type", None)
            if kind == "ping":
                self._answer({"id": number, "type": "pong"})
                return
            result = await self._call(number, kind, message)
            answer = {"id": number, "type": "result", "success": True, "result": result}
        except CameraViewerError as error:
            answer = self._failure(number, error)
        except TimeoutError:
            answer = self._failure(number, CameraViewerError("It took too long."))
        except Exception:  # a defect, ours or a plugin's: the client's other commands go on
            _log.exception("A WebSocket command failed")
            answer = self._failure(number, CameraViewerError("The hub failed at this."))
        self._answer(answer)

    async def _call(self, number: int, kind: Any, arguments: dict[str, Any]) -> Any:
        command = self._commands.get(kind) if isinstance(kind, str) else None
        if command is None:
            raise UnknownCommand
        if command.role == "admin" and not self.principal.is_admin:
            raise Forbidden
        checked = validated(arguments, command.schema)
        return await command.handler(Call(number, checked, self, self._context))

    def _failure(self, number: int | None, error: CameraViewerError) -> dict[str, Any]:
        body = envelope(error, self._language, self._context.hub.redactor)
        return {"id": number, "type": "result", "success": False, **body}

    # --- what commands need (`Caller`) --------------------------------------------------------

    def wake(self) -> None:
        """See `Caller.wake`."""
        self._outbox.wake()

    def subscribe(self, subscription: int, topic: Topic, unsubscribe: Callable[[], object]) -> None:
        """See `Caller.subscribe`."""
        taken = subscription in self._subscriptions
        if taken or len(self._subscriptions) >= _MAX_SUBSCRIPTIONS:
            unsubscribe()
            raise ValidationError(
                "The id is that of a subscription already." if taken else "Too many subscriptions."
            )
        self._subscriptions[subscription] = unsubscribe
        self._outbox.add(subscription, topic)

    def unsubscribe(self, subscription: int) -> bool:
        """See `Caller.unsubscribe`."""
        end = self._subscriptions.pop(subscription, None)
        if end is None:
            return False
        end()
        self._outbox.remove(subscription)
        return True

    def on_close(self, key: str, done: Callable[[], object]) -> None:
        """See `Caller.on_close`."""
        self._on_close[key] = done

    async def audit(self, action: str, target: str) -> None:
        """See `Caller.audit`."""
        await self._context.accounts.audit(
            self.principal.name, action, target, address=self._request.remote or ""
        )

    # --- sending ------------------------------------------------------------------------------

    def _answer(self, message: Mapping[str, Any]) -> None:
        try:
            body = orjson.dumps(message)
        except TypeError:  # a plugin's result
            _log.error("The result of a command is no JSON")
            error = CameraViewerError("The hub failed at this.")
            body = orjson.dumps(self._failure(message.get("id"), error))
        self._outbox.answer(body)

    async def _send(self, message: Mapping[str, Any]) -> None:
        with suppress(ConnectionError):
            await self._socket.send_frame(orjson.dumps(message), WSMsgType.TEXT)

    async def _send_all(self) -> None:
        async def send(message: bytes) -> None:
            await self._socket.send_frame(message, WSMsgType.TEXT)

        try:
            await self._outbox.run(send)
        except ConnectionError:
            pass  # it left; `run` learns of it too
        except Exception:  # a defect of ours: better a new connection than a silent one
            _log.exception("Sending to a WebSocket client failed")
            self._abort()

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


def _number(message: dict[str, Any]) -> int:
    number = message.pop("id", None)
    if type(number) is not int or not 0 < number <= MAX_NUMBER:
        raise ValidationError("Each command has an id, a positive integer.")
    return number
