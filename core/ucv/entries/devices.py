"""The handles through which integrations reach devices, and who may reach one at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Protocol
from urllib.parse import urlsplit

from ucv.clock import Clock
from ucv.entries.entry import EntryConfig
from ucv.errors import InvalidAuth
from ucv.http import DeviceHttp, HttpPool
from ucv.lockout import Lockout, Lockouts
from ucv.plugins.device import Device
from ucv.streams.source import Credentials

#: How many devices are set up at the same time; of one device it is always one entry.
CONCURRENT_SETUPS = 32
#: Seconds after which one that is still being set up no longer counts among them: it waits for a
#: device that is slow or gone, and those that answer shall not wait for that.
SLOW_AFTER = 2.0


class EntrySecrets(Protocol):
    """Where secret fields are kept, by entry id."""

    async def get(self, owner: str, name: str) -> str | None:
        """Return the value, or None."""

    async def all_values(self) -> Mapping[tuple[str, str], str]:
        """Return all values by (owner, name)."""

    async def set(self, owner: str, name: str, value: str) -> object:
        """Store a value, encrypted."""

    async def set_all(self, values: Mapping[tuple[str, str], str]) -> object:
        """Store values by (owner, name), all or none."""

    async def delete(self, owner: str, name: str) -> object:
        """Forget one value."""

    async def delete_owner(self, owner: str) -> object:
        """Forget all values of an entry."""


#: Returns a device's HTTP client, not yet connected.
MakeHttp = Callable[[Device], DeviceHttp]


class Devices:
    """Makes device handles for entries, stored or on trial.

    ``on_fault`` is told of background tasks that fail: the integration's domain, what it was, and
    the error.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        secrets: EntrySecrets,
        make_http: MakeHttp | None,
        on_fault: Callable[[str, str, BaseException], object],
        lockouts: Lockouts | None = None,
    ) -> None:
        self._clock = clock
        self._secrets = secrets
        self._make_http = make_http
        self._on_fault = on_fault
        self._lockouts = lockouts or Lockouts()
        self._setups = asyncio.Semaphore(CONCURRENT_SETUPS)
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    async def make(
        self,
        config: EntryConfig,
        remember: Callable[[dict[str, Any]], Awaitable[None]],
        given: Mapping[str, str] | None = None,
        on_refused: Callable[[InvalidAuth], object] | None = None,
        on_channels_changed: Callable[[], object] = lambda: None,
    ) -> Device:
        """Return a handle; secrets in ``given`` go before those that are stored.

        ``on_refused`` is called when a background task ends because the device refused the
        credentials; that is nobody's fault.
        """
        secrets = await self._secret_values(config, given)

        def on_task_failure(error: BaseException) -> None:
            if on_refused is not None and isinstance(error, InvalidAuth):
                on_refused(error)
            else:
                self._on_fault(config.integration, f"background task of {config.id}", error)

        credentials = _credentials(config, secrets.get("password"))
        return Device(
            entry_id=config.id,
            name=config.name,
            config={**config.data, **config.facts},
            credentials=credentials,
            clock=self._clock,
            remember=remember,
            secrets=secrets,
            http=self._make_http,
            on_task_failure=on_task_failure,
            on_channels_changed=on_channels_changed,
            lockout=self._lockout(config, credentials),
        )

    async def forgive(self, config: EntryConfig, given: Mapping[str, str] | None = None) -> None:
        """Let an entry's credentials be tried again, although they were refused: a person asks."""
        password = (await self._secret_values(config, given)).get("password")
        self._lockout(config, _credentials(config, password)).reset()

    def _lockout(self, config: EntryConfig, credentials: Credentials | None) -> Lockout:
        return self._lockouts.of(device_key(config), credentials)

    async def credentials(self, config: EntryConfig) -> Credentials | None:
        """Return what an entry's device is logged in with, or None."""
        password = None
        if "password" in config.secrets:
            password = await self._secrets.get(config.id, "password")
        return _credentials(config, password)

    async def _secret_values(
        self, config: EntryConfig, given: Mapping[str, str] | None
    ) -> dict[str, str]:
        values = dict(given or {})
        for name in config.secrets - values.keys():
            if (value := await self._secrets.get(config.id, name)) is not None:
                values[name] = value
        return values

    @asynccontextmanager
    async def gate(self, config: EntryConfig, *, hurried: bool = False) -> AsyncIterator[None]:
        """Hold while asking a device: of one device one at a time, and of all not too many.

        Those that take longer than `SLOW_AFTER` are not counted, nor those that are ``hurried``
        because a person waits.
        """
        key = device_key(config)
        lock, waiting = self._locks.get(key, (None, 0))
        lock = lock or asyncio.Lock()
        self._locks[key] = (lock, waiting + 1)
        try:
            async with lock, nullcontext() if hurried else self._slot():
                yield
        finally:
            lock, waiting = self._locks[key]
            if waiting == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, waiting - 1)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        await self._setups.acquire()
        held = [self._setups]

        def let_go() -> None:
            while held:
                held.pop().release()

        timer = self._clock.call_later(SLOW_AFTER, let_go)
        try:
            yield
        finally:
            timer.cancel()
            let_go()


def http_client(pool: HttpPool, device: Device) -> DeviceHttp:
    """Return a device's HTTP client, as its configuration says: ``http_port``, ``tls`` …."""
    config = device.config
    return pool.client(
        device.host,
        port=config.get("http_port"),
        tls=bool(config.get("tls", False)),
        fingerprint=config.get("fingerprint"),
        credentials=device.credentials,
        lockout=device.lockout,
    )


def _credentials(config: EntryConfig, password: str | None) -> Credentials | None:
    username = config.data.get("username")
    if not username and password is None:
        return None
    return Credentials(str(username or ""), password or "")


def device_key(config: EntryConfig) -> str:
    """Return what entries of one device share: its host, or the entry's own id.

    They share its connections and its account lock, whatever their paths.
    """
    known = {**config.data, **config.facts}
    if host := known.get("host"):
        return str(host).casefold()
    if url := known.get("url"):
        return urlsplit(str(url)).hostname or config.id
    return config.id
