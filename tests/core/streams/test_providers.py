"""Who can read which address."""

import pytest

from ucv.clock import Clock
from ucv.errors import AlreadyConfiguredError
from ucv.streams.providers import ProviderRegistry, StreamProvider, default_providers
from ucv.streams.source import Source, SourceRequest


def open_nothing(_request: SourceRequest, _clock: Clock) -> Source:
    raise AssertionError("not opened here")


def names(registry: ProviderRegistry, url: str, **options: str) -> list[str]:
    return [p.name for p in registry.candidates(SourceRequest(url, options=options))]


def test_the_native_client_comes_before_pyav_for_rtsp() -> None:
    assert names(default_providers(), "rtsp://192.0.2.1/live") == ["rtsp", "av"]
    assert names(default_providers(), "RTSPS://192.0.2.1/live") == ["rtsp", "av"]


def test_other_protocols_are_read_by_pyav() -> None:
    assert names(default_providers(), "rtmp://192.0.2.1/live") == ["av"]
    assert names(default_providers(), "https://192.0.2.1/live.m3u8") == ["av"]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "concat:a|b", "/etc/passwd", "data:text/plain,x", "pipe:0", ""]
)
def test_nothing_reads_what_is_not_a_camera(url: str) -> None:
    assert names(default_providers(), url) == []


def test_an_option_picks_one_provider() -> None:
    assert names(default_providers(), "rtsp://192.0.2.1/", source="av") == ["av"]
    assert names(default_providers(), "rtsp://192.0.2.1/", source="acme") == []


def test_a_plugins_provider_takes_its_place_by_priority() -> None:
    registry = default_providers()
    registry.add(StreamProvider("acme", frozenset({"acme", "rtsp"}), open_nothing, priority=50))
    assert names(registry, "acme://192.0.2.1/") == ["acme"]
    assert names(registry, "rtsp://192.0.2.1/") == ["rtsp", "acme", "av"]


def test_a_name_is_given_once() -> None:
    registry = default_providers()
    with pytest.raises(AlreadyConfiguredError):
        registry.add(StreamProvider("rtsp", frozenset({"rtsp"}), open_nothing))
