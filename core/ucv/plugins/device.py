"""The handle through which an integration reaches one device."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from copy import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson

from ucv.clock import Clock
from ucv.errors import NotSupported, ValidationError
from ucv.lockout import Lockout
from ucv.plugins.tasks import DeviceTasks
from ucv.plugins.values import Channel
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
    `Integration.setup`. ``lockout`` is for code that logs in by other means than `http`, see
    `ucv.lockout.Lockout.turn`.

    ``channel`` is the camera of a recorder that this handle is for, None for the whole device. The
    handles of one device share everything else.
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
        on_channels_changed: Callable[[], object] = lambda: None,
        lockout: Lockout | None = None,
    ) -> None:
        self.entry_id = entry_id
        self.channel: Channel | None = None
        self.lockout = lockout or Lockout()
        self.tasks = DeviceTasks(entry_id, on_task_failure)
        # None for the whole device itself: a cycle would keep it until garbage is collected.
        self._whole_device: Device | None = None
        self._runtime: Any = None
        self._secrets = dict(secrets or {})
        self._make_http = http
        self._http: DeviceHttp | None = None
        self._on_channels_changed = on_channels_changed
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
        channel = "" if self.channel is None else f", channel={self.channel.id!r}"
        return f"Device({self.entry_id!r}{channel})"

    def view(self, channel: Channel) -> Device:
        """Return the handle for one channel of a recorder; for the core."""
        handle = copy(self._whole)
        handle._whole_device = self._whole
        handle.channel = channel
        handle.name = channel.name or f"{self.name} {channel.id}"
        return handle

    @property
    def _whole(self) -> Device:
        return self if self._whole_device is None else self._whole_device

    def is_of(self, other: Device | None) -> bool:
        """Whether this and the other are handles of the same loaded device; for the core."""
        return other is not None and self._whole is other._whole

    def channels_changed(self) -> None:
        """Tell the core that the recorder's channels are others now: it asks for them again."""
        self._on_channels_changed()

    @property
    def runtime(self) -> Any:
        """The integration's own, the same for all handles of the device."""
        return self._whole._runtime

    @runtime.setter
    def runtime(self, value: Any) -> None:
        self._whole._runtime = value

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
        whole = self._whole
        if whole._http is None:
            if whole._make_http is None:
                raise NotSupported("This device cannot be reached over HTTP here.")
            whole._http = whole._make_http(whole)
        return whole._http

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
        self.lockout.close()
        self.tasks.end()

    async def close(self) -> None:
        """End background tasks and connections; for the core. Raises `PluginError`."""
        try:
            await self.tasks.cancel()
        finally:
            if self._whole._http is not None:
                await self._whole._http.close()
