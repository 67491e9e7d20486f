"""The handle through which an integration reaches one device."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson

from ucv.clock import Clock
from ucv.errors import NotSupported, ValidationError
from ucv.plugins.tasks import DeviceTasks
from ucv.streams.source import Credentials

if TYPE_CHECKING:
    from ucv.http import DeviceHttp

_log = logging.getLogger("ucv.device")

#: Ports that are not written into an address.
_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935}
#: What stays as it is in a path with query; a "%" does, because the path is encoded already.
_PATH_SAFE = "/?&=+:;,@!$'()*~%[]#"


class _EntryLog(logging.LoggerAdapter[logging.Logger]):
    """Puts the entry's id before each message."""

    def __init__(self, entry_id: str) -> None:
        super().__init__(_log, {"entry_id": entry_id})
        # The message is a format string for the logger.
        self._prefix = entry_id.replace("%", "%%")

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        return f"[{self._prefix}] {msg}", kwargs


class Device:
    """One configured device: its configuration, its credentials, and what goes with them.

    ``config`` is read-only and holds what was configured and what was remembered, but no secret.
    ``credentials`` is what the device is to be logged in with, or None; hand it on, never put it
    into an address or a message. ``log`` names the entry in each line. ``tasks`` runs background
    work until the device is unloaded. ``runtime`` is the integration's own, for what it opened in
    `Integration.setup`.
    """

    def __init__(
        self,
        *,
        entry_id: str,
        name: str,
        config: Mapping[str, Any],
        credentials: Credentials | None,
        clock: Clock,
        remember: Callable[[dict[str, Any]], Awaitable[None]],
        secrets: Mapping[str, str] | None = None,
        http: Callable[[Device], DeviceHttp] | None = None,
        on_task_failure: Callable[[BaseException], object] = lambda _error: None,
    ) -> None:
        self.entry_id = entry_id
        self.runtime: Any = None
        self.tasks = DeviceTasks(entry_id, on_task_failure)
        self._secrets = dict(secrets or {})
        self._make_http = http
        self._http: DeviceHttp | None = None
        self._refused = False
        self.name = name
        self.credentials = credentials
        self.clock = clock
        #: What was remembered through this handle.
        self.facts: dict[str, Any] = {}
        self._config = dict(config)
        self._remember = remember
        self.config: Mapping[str, Any] = MappingProxyType(self._config)
        self.log = _EntryLog(entry_id)

    def __repr__(self) -> str:
        return f"Device({self.entry_id!r})"

    @property
    def host(self) -> str:
        """The device's name or address, without brackets.

        From ``host`` of the configuration, or else from its ``url``. Raises `ValidationError` if
        there is neither.
        """
        if host := self._config.get("host"):
            return str(host)
        if host := urlsplit(str(self._config.get("url", ""))).hostname:
            return host
        raise ValidationError("There is no host in the configuration.", details={"key": "host"})

    def secret(self, name: str) -> str | None:
        """Return the value of a `Secret` field, such as a token; None if it has none.

        Hand it on to the device, and to nothing else.
        """
        return self._secrets.get(name)

    @property
    def http(self) -> DeviceHttp:
        """The device over HTTP: logged in, bounded in time and size, with the hub's errors.

        Speaks HTTPS when the configuration's ``tls`` says so.
        """
        if self._http is None:
            if self._make_http is None:
                raise NotSupported("This device cannot be reached over HTTP here.")
            self._http = self._make_http(self)
            if self._refused:
                self._http.lockout.close()
        return self._http

    def url(self, scheme: str, path: str = "/", port: int | None = None) -> str:
        """Return an address on the device, without credentials.

        ``path`` may have a query and is percent-encoded where it needs to be. Without ``port``, the
        configuration's ``<scheme>_port`` or ``port`` is used, or the scheme's own.
        """
        if port is None:
            # A device has one port for its web interface, whether or not that is encrypted.
            name = "http_port" if scheme == "https" else f"{scheme}_port"
            port = self._config.get(name, self._config.get("port"))
        host = self.host
        netloc = f"[{host}]" if ":" in host else host
        if port is not None and port != _DEFAULT_PORTS.get(scheme):
            netloc = f"{netloc}:{port}"
        path = quote(path, safe=_PATH_SAFE)
        return f"{scheme}://{netloc}{'' if path.startswith('/') else '/'}{path}"

    async def remember(self, **facts: Any) -> None:
        """Keep plain facts (text, numbers, lists …) that were found out, until the entry changes.

        They are in ``config`` from now on, also after a restart. Raises `ValidationError` for what
        is not plain. Never for secrets.
        """
        try:
            plain = orjson.loads(orjson.dumps(facts))
        except (TypeError, orjson.JSONDecodeError) as error:
            raise ValidationError("Only plain values can be remembered.") from error
        await self._remember(plain)
        self._config.update(plain)
        self.facts.update(plain)

    def refuse(self) -> None:
        """Leave the device alone: for the core, when credentials were refused.

        Background tasks end, and nobody logs in over HTTP any more.
        """
        self._refused = True
        self.tasks.end()
        if self._http is not None:
            self._http.lockout.close()

    async def close(self) -> None:
        """End background tasks and connections; for the core. Raises `PluginError`."""
        try:
            await self.tasks.cancel()
        finally:
            if self._http is not None:
                await self._http.close()
