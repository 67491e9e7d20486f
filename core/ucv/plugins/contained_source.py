"""Sources of pictures that plugins bring, so that what they raise stays the plugin's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ucv.clock import Clock
from ucv.errors import CameraViewerError
from ucv.plugins.quarantine import fault_in
from ucv.plugins.tasks import is_cancelled
from ucv.streams.providers import StreamProvider
from ucv.streams.source import Source, SourceRequest, SourceSink

#: Takes note of a plugin's fault (its name, where, the error) and returns what to raise instead.
MakeFault = Callable[[str, str, BaseException], CameraViewerError]


def contained_provider(plugin: str, provider: StreamProvider, fault: MakeFault) -> StreamProvider:
    """Return the provider of a plugin so that it raises only errors of `ucv.errors`."""
    what = f"stream provider {provider.name}"

    def open_contained(request: SourceRequest, clock: Clock) -> Source:
        try:
            source = provider.open(request, clock)
        except CameraViewerError:
            raise
        except BaseException as error:  # nothing else is raised where nothing is awaited
            raise fault(plugin, what, error) from error
        if not callable(getattr(source, "run", None)):
            wrong = f"it must return a source, not {type(source).__name__}"
            raise fault(plugin, what, fault_in(provider.open, wrong))
        return _ContainedSource(source, plugin, what, fault)

    return replace(provider, open=open_contained)


class _ContainedSource:
    def __init__(self, source: Source, plugin: str, what: str, fault: MakeFault) -> None:
        self._source = source
        self._plugin = plugin
        self._what = what
        self._fault = fault

    async def run(self, sink: SourceSink) -> None:
        """See `Source.run`."""
        try:
            await self._source.run(sink)
        except CameraViewerError:
            raise
        except BaseException as error:  # also SystemExit, which would end the hub
            if is_cancelled(error):
                raise
            raise self._fault(self._plugin, self._what, error) from error
