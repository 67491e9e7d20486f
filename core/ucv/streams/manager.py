"""All live streams of the hub, by camera and profile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from random import Random

from ucv.bus import EventBus
from ucv.clock import Clock, TimerHandle
from ucv.errors import CameraViewerError, InvalidAuth, NotFoundError
from ucv.lockout import Lockout
from ucv.streams.gate import ConnectGate
from ucv.streams.live import REMOVED, LiveStream, OpenSource
from ucv.streams.profile import CameraLike, ProfileLike, shows_jpeg
from ucv.streams.providers import ProviderRegistry
from ucv.streams.settings import StreamSettings
from ucv.streams.source import Credentials, SourceRequest
from ucv.streams.state import Reason, StreamHealth, StreamState, StreamStatus

CredentialsGetter = Callable[[], Awaitable[Credentials | None]]

STOPPED = Reason("HUB_STOPPED", "The hub is stopping.")

#: Seconds between two streams that are kept warm, when many are to start; and for all of them.
_STAGGER, _STAGGER_MAX = 0.05, 5.0


class StreamManager:
    """Makes, finds and removes live streams.

    When a camera refuses the credentials of one stream, the traffic of all streams of its entry
    stops, and ``on_auth_failed`` (if set) is called with the camera's id and the reason.
    """

    def __init__(
        self,
        *,
        bus: EventBus,
        clock: Clock,
        providers: ProviderRegistry,
        settings: StreamSettings | None = None,
        random: Random | None = None,
    ) -> None:
        self.on_auth_failed: Callable[[str, Reason], object] | None = None
        self._bus = bus
        self._clock = clock
        self._providers = providers
        self._settings = settings or StreamSettings()
        self._random = random or Random()  # noqa: S311 - jitter need not be unpredictable
        self._cameras: dict[str, _Streams] = {}
        self._gates: dict[str, ConnectGate] = {}
        self._connects = asyncio.Semaphore(self._settings.parallel_connects)
        self._preloads: dict[LiveStream, TimerHandle] = {}

    async def configure(
        self,
        camera: CameraLike,
        credentials_for: CredentialsGetter,
        lockout: Lockout | None = None,
    ) -> None:
        """Make the camera's streams what it says, keeping what did not change.

        A stream whose address or options changed connects anew under its viewers; one that was
        refused tries again, with what ``credentials_for`` returns then; one that is no longer
        there is closed. ``credentials_for`` is awaited before each attempt to connect. ``lockout``
        is what all share that log in to the device: its streams connect one by one.
        """
        gate = self._gates.setdefault(camera.entry_id, ConnectGate(self._connects))
        gate.lockout = lockout or Lockout()  # the credentials may be others now
        before = self._cameras.get(camera.id)
        old = before.streams if before else {}
        streams: dict[str, LiveStream] = {}
        self._cameras[camera.id] = _Streams(camera, streams)
        for profile in camera.profiles:
            stream = old.get(profile.name)
            if stream is not None and stream.shows_jpeg is not shows_jpeg(profile):
                stream = None  # its viewers cannot go on with the other kind of pictures
            finder = partial(self._find_sources, profile, credentials_for)
            if stream is None:
                stream = LiveStream(
                    camera.id,
                    profile,
                    finder,
                    clock=self._clock,
                    bus=self._bus,
                    settings=self._settings,
                    gate=gate.admit,
                    on_accepted=partial(self._accepted, gate),
                    on_failed=partial(self._failed, gate, camera.entry_id),
                    random=self._random,
                )
            else:
                changed = stream.profile != profile
                stream.profile, stream.find_sources = profile, finder
                if changed or stream.status.state in _FAILING:
                    stream.restart()
            streams[profile.name] = stream
        main = self._profile(self._cameras[camera.id], None)
        for stream in streams.values():
            self._preload(stream, wanted=camera.preload and stream is main)
        gone = [stream for name, stream in old.items() if streams.get(name) is not stream]
        await self._stop(gone, REMOVED)

    async def remove(self, camera_id: str) -> None:
        """Close all streams of the camera, if there are any; returns when it has been told."""
        entry = self._cameras.pop(camera_id, None)
        if entry is None:
            return
        await self._stop(list(entry.streams.values()), REMOVED)
        entry_id = entry.camera.entry_id
        if not any(other.camera.entry_id == entry_id for other in self._cameras.values()):
            self._gates.pop(entry_id, None)

    async def stop(self) -> None:
        """Close all streams of all cameras."""
        streams = list(self.streams())
        self._cameras.clear()
        await self._stop(streams, STOPPED)

    def refuse(self, entry_id: str, reason: Reason) -> None:
        """Stop all traffic of an entry's streams until `configure`: credentials were refused."""
        for entry in self._cameras.values():
            if entry.camera.entry_id == entry_id:
                for stream in entry.streams.values():
                    self._forget_preload(stream)
                    if stream.status.state is not StreamState.AUTH_FAILED:
                        stream.refuse(reason)

    def get(self, camera_id: str, profile: str | None = None) -> LiveStream:
        """Return the stream of that profile name or role; without one, the main one.

        Raises `NotFoundError`.
        """
        entry = self._cameras.get(camera_id)
        if entry is None:
            raise NotFoundError("There is no such camera.")
        stream = self._profile(entry, profile)
        if stream is None:
            raise NotFoundError("The camera has no such stream.")
        return stream

    def streams(self) -> Iterator[LiveStream]:
        """Iterate over all streams there are."""
        for entry in self._cameras.values():
            yield from entry.streams.values()

    def status(self, camera_id: str, profile: str | None = None) -> StreamStatus:
        """Return where that stream stands; raises `NotFoundError`."""
        return self.get(camera_id, profile).status

    def health(self, camera_id: str, profile: str | None = None) -> StreamHealth | None:
        """Return the last measurement of that stream, if any; raises `NotFoundError`."""
        return self.get(camera_id, profile).health

    @staticmethod
    def _profile(entry: _Streams, wanted: str | None) -> LiveStream | None:
        profiles = entry.camera.profiles
        if wanted is None:
            found = next((p for p in profiles if p.role == "main"), next(iter(profiles), None))
        else:
            found = next((p for p in profiles if wanted in (p.name, p.role)), None)
        return entry.streams[found.name] if found else None

    async def _find_sources(
        self, profile: ProfileLike, credentials_for: CredentialsGetter
    ) -> Sequence[OpenSource]:
        request = SourceRequest(profile.url, await credentials_for(), profile.options)
        return [
            partial(provider.open, request, self._clock)
            for provider in self._providers.candidates(request)
        ]

    def _accepted(self, gate: ConnectGate, _stream: LiveStream) -> None:
        gate.lockout.accepted()

    def _failed(
        self, gate: ConnectGate, entry_id: str, stream: LiveStream, error: CameraViewerError
    ) -> None:
        if isinstance(error, InvalidAuth):
            gate.lockout.close()
            reason = Reason(error.code, error.message)
            self.refuse(entry_id, reason)
            if self.on_auth_failed is not None:
                self.on_auth_failed(stream.camera_id, reason)

    # --- keeping warm -------------------------------------------------------------------------

    def _preload(self, stream: LiveStream, *, wanted: bool) -> None:
        self._forget_preload(stream)
        if not wanted or stream.viewers:
            stream.preload = wanted
        elif not stream.preload:
            # The more are waiting, the wider they are spread; one alone starts at once.
            spread = min(_STAGGER_MAX, _STAGGER * len(self._preloads))
            self._preloads[stream] = self._clock.call_later(
                self._random.uniform(0.0, spread), partial(self._preload_now, stream)
            )

    def _preload_now(self, stream: LiveStream) -> None:
        self._preloads.pop(stream, None)
        stream.preload = True

    def _forget_preload(self, stream: LiveStream) -> None:
        timer = self._preloads.pop(stream, None)
        if timer is not None:
            timer.cancel()

    async def _stop(self, streams: list[LiveStream], reason: Reason) -> None:
        for stream in streams:
            self._forget_preload(stream)
        await asyncio.gather(*(stream.stop(reason) for stream in streams))


_FAILING = frozenset({StreamState.AUTH_FAILED, StreamState.RETRYING, StreamState.OFFLINE})


class _Streams:
    """A camera as configured, with its streams by profile name."""

    __slots__ = ("camera", "streams")

    def __init__(self, camera: CameraLike, streams: dict[str, LiveStream]) -> None:
        self.camera = camera
        self.streams = streams
