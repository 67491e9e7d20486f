"""Which source can read which address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ucv.clock import Clock
from ucv.errors import AlreadyConfiguredError
from ucv.streams.mjpeg_source import MjpegSource
from ucv.streams.profile import MJPEG
from ucv.streams.rtsp_source import RtspSource
from ucv.streams.source import Source, SourceRequest

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StreamProvider:
    """Opens sources for some URL schemes (lower case).

    ``open`` makes a source and does no I/O yet. Providers of a scheme are tried from the highest
    ``priority`` down: the next when one raises `UnsupportedCodec` or `NotSupported`. One that is
    ``only_by_name`` is tried for streams alone whose option ``source`` names it.
    """

    name: str
    schemes: frozenset[str]
    open: Callable[[SourceRequest, Clock], Source]
    priority: int = 50
    only_by_name: bool = False


class ProviderRegistry:
    """The providers there are: the built-in ones and those of plugins."""

    def __init__(self, providers: Iterable[StreamProvider] = ()) -> None:
        self._providers: dict[str, StreamProvider] = {}
        for provider in providers:
            self.add(provider)

    def add(self, provider: StreamProvider) -> None:
        """Register; raises `AlreadyConfiguredError` when the name is taken."""
        if provider.name in self._providers:
            raise AlreadyConfiguredError(f"There is a stream provider {provider.name!r} already.")
        self._providers[provider.name] = provider

    def remove(self, name: str) -> None:
        """Forget a provider; what it has open stays open."""
        self._providers.pop(name, None)

    @property
    def names(self) -> frozenset[str]:
        """The names that are taken."""
        return frozenset(self._providers)

    def candidates(self, request: SourceRequest) -> list[StreamProvider]:
        """Return who can read the address, the best first.

        The option ``source`` names one provider and excludes the others.
        """
        scheme = urlsplit(request.url).scheme.lower()
        wanted = request.options.get("source")
        found = sorted(
            (
                provider
                for provider in self._providers.values()
                if scheme in provider.schemes
                and wanted in ((provider.name,) if provider.only_by_name else (None, provider.name))
            ),
            key=lambda provider: (-provider.priority, provider.name),
        )
        _log.debug(
            "Providers for %s: %s",
            scheme,
            ", ".join(f"{provider.name} ({provider.priority})" for provider in found) or "none",
        )
        return found


def _open_av(request: SourceRequest, clock: Clock) -> Source:
    from ucv.streams.av_source import AvSource  # noqa: PLC0415 - maps 60 MB of FFmpeg

    return AvSource(request, clock)


def default_providers() -> ProviderRegistry:
    """Return a registry with the built-in providers."""
    return ProviderRegistry(
        (
            StreamProvider("rtsp", frozenset({"rtsp", "rtsps"}), RtspSource, priority=100),
            StreamProvider(
                "av",
                frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "srt", "http", "https"}),
                _open_av,
                priority=10,
            ),
            StreamProvider(
                MJPEG, frozenset({"http", "https"}), MjpegSource, priority=100, only_by_name=True
            ),
        )
    )
