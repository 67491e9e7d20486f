"""What plugin authors write against: integrations, devices, what they return and declare."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import voluptuous as vol

import ucv
from ucv import (
    Credentials,
    Device,
    DeviceInfo,
    Integration,
    NotSupported,
    Snapshot,
    Stream,
    ValidationError,
)
from ucv.clock import SystemClock
from ucv.errors import PluginError
from ucv.plugins.api import API_VERSION, satisfies
from ucv.plugins.capabilities import capabilities_of
from ucv.plugins.descriptors import Command, EventSink
from ucv.plugins.discovery_handlers import MdnsHandler
from ucv.plugins.registrations import Commands, DiscoveryHandlers, EventSinks, Integrations


class Minimal(Integration):
    domain = "minimal"
    name = "Minimal"

    async def probe(self, device: Device) -> DeviceInfo:
        return DeviceInfo(unique_id=device.name)

    async def streams(self, device: Device) -> list[Stream]:
        return [Stream("main", device.url("rtsp", "/live"))]


class WithSnapshot(Minimal):
    async def snapshot(self, device: Device) -> Snapshot:
        return Snapshot(b"jpeg")


def device(**config: Any) -> Device:
    async def remember(facts: dict[str, Any]) -> None:
        remembered.append(facts)

    remembered: list[dict[str, Any]] = []
    made = Device(
        entry_id="front%s",
        name="Front",
        config=config,
        credentials=Credentials("u", "hunter2"),
        clock=SystemClock(),
        remember=remember,
    )
    made.remembered = remembered  # type: ignore[attr-defined]  # for the test alone
    return made


def test_everything_the_package_exports_is_there() -> None:
    for name in ucv.__all__:
        assert getattr(ucv, name) is not None


# --- device -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "arguments", "url"),
    [
        ({"host": "cam"}, ("rtsp", "/live"), "rtsp://cam/live"),
        ({"host": "cam"}, ("rtsp", "live"), "rtsp://cam/live"),
        ({"host": "cam"}, ("rtsp",), "rtsp://cam/"),
        ({"host": "cam", "port": 8554}, ("rtsp", "/a?b=1&c=2"), "rtsp://cam:8554/a?b=1&c=2"),
        ({"host": "cam", "port": 80, "rtsp_port": 8554}, ("rtsp", "/"), "rtsp://cam:8554/"),
        ({"host": "cam", "http_port": 8080}, ("rtsp", "/"), "rtsp://cam/"),
        ({"host": "cam", "port": 8554}, ("rtsp", "/", 554), "rtsp://cam/"),
        ({"host": "cam"}, ("https", "/", 8443), "https://cam:8443/"),
        ({"host": "2001:db8::1"}, ("rtsp", "/"), "rtsp://[2001:db8::1]/"),
        ({"url": "rtsp://[2001:db8::1]:8554/x"}, ("http", "/"), "http://[2001:db8::1]/"),
        ({"host": "cam"}, ("rtsp", "/Straße 1/%20\r\nX: y"),
         "rtsp://cam/Stra%C3%9Fe%201/%20%0D%0AX:%20y"),
    ],
)  # fmt: skip
def test_a_device_makes_addresses(
    config: dict[str, Any], arguments: tuple[Any, ...], url: str
) -> None:
    assert device(**config).url(*arguments) == url


def test_a_device_without_host_says_so() -> None:
    with pytest.raises(ValidationError, match="no host"):
        device().url("rtsp", "/")


def test_a_device_shows_no_credentials() -> None:
    made = device(host="cam")
    assert "hunter2" not in repr(made) + repr(made.credentials) + made.url("rtsp", "/")


def test_the_log_of_a_device_names_its_entry(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    device().log.debug("found %d streams", 2)
    device().log.warning("plain")
    assert [record.getMessage() for record in caplog.records] == [
        "[front%s] found 2 streams",
        "[front%%s] plain",
    ]


def test_the_configuration_of_a_device_is_read_only() -> None:
    with pytest.raises(TypeError):
        device(host="cam").config["host"] = "x"  # type: ignore[index]  # that is the point


async def test_a_device_remembers_plain_facts() -> None:
    made = device(host="cam")
    await made.remember(path="/live", sizes=(1, 2))
    assert made.remembered == [{"path": "/live", "sizes": [1, 2]}]  # type: ignore[attr-defined]
    assert dict(made.config) == {"host": "cam", "path": "/live", "sizes": [1, 2]}
    with pytest.raises(ValidationError):
        await made.remember(path=object())
    assert made.config["path"] == "/live"


# --- integration ------------------------------------------------------------------------------


async def test_an_integration_answers_for_a_device() -> None:
    made = device(host="cam")
    integration = Minimal()
    await integration.setup(made)
    assert (await integration.probe(made)).unique_id == "Front"
    assert (await integration.streams(made))[0].url == "rtsp://cam/live"
    await integration.unload(made)


async def test_what_an_integration_lacks_is_not_supported() -> None:
    class Nothing(Integration):
        domain = "nothing"
        name = "Nothing"

    with pytest.raises(NotSupported):
        await Nothing().probe(device())
    with pytest.raises(NotSupported):
        await Nothing().streams(device())


def test_capabilities_are_what_an_integration_implements() -> None:
    assert capabilities_of(Minimal()) == ()
    assert capabilities_of(WithSnapshot()) == ("snapshot",)


@pytest.mark.parametrize("url", ["rtsp://u:hunter2@cam/x", "rtsp://u@cam/", "cam/x", "", None])
def test_a_stream_takes_no_credentials_and_no_half_address(url: Any) -> None:
    with pytest.raises(ValueError, match="address of a stream") as refused:
        Stream("main", url)
    assert "hunter2" not in str(refused.value)


def test_a_stream_may_have_an_at_sign_in_its_path() -> None:
    assert Stream("main", "rtsp://cam/user@x").role == "main"


def test_the_picture_of_a_snapshot_does_not_fill_the_log() -> None:
    assert repr(Snapshot(b"x" * 1000)) == "Snapshot(content_type='image/jpeg')"


# --- API range --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "version", "fits"),
    [
        (">=1,<2", (1, 0), True),
        (">=1,<2", (1, 9), True),
        (">=1,<2", (2, 0), False),
        (">=1,<2", (0, 9), False),
        ("==1", (1, 0), True),
        ("==1.0.0", (1, 0), True),
        ("!=1.0", (1, 0), False),
        (" >= 1.2 , <= 1.4 ", (1, 3), True),
        (">1", (1, 0), False),
        ("<1.10", (1, 9), True),
    ],
)
def test_an_api_range_is_compared_by_numbers(
    declared: str, version: tuple[int, ...], fits: bool
) -> None:
    assert satisfies(declared, version) is fits


@pytest.mark.parametrize("declared", ["", "1", ">=", ">=1,", "~=1", ">=x", ">=1.0.0.0", "<2;>1"])
def test_what_is_no_api_range_is_refused(declared: str) -> None:
    with pytest.raises(ValueError, match="API range"):
        satisfies(declared)


def test_the_default_range_fits_this_version() -> None:
    assert satisfies(Integration.api, API_VERSION)


# --- registrations ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"domain": "Bad"}, "domain must be"),
        ({"domain": "rt-sp"}, "domain must be"),
        ({"domain": None}, "domain must be"),
        ({"name": ""}, "name is missing"),
        ({"api": "1"}, "api must be a range"),
        ({"api": None}, "api must be a range"),
        ({"api": "<1"}, "needs version <1 of the plugin interface; this is 1.2"),
        ({"probe": Integration.probe}, "does not implement probe"),
        ({"streams": Integration.streams}, "does not implement streams"),
        ({"probe": lambda self, device: None}, "probe must be an async function"),
        ({"unload": lambda self, device: None}, "unload must be an async function"),
        ({"schema": {"x": range(3)}}, "not a voluptuous schema"),
        ({"schema": vol.Any(str, int)}, "must be a mapping"),
        ({"schema": None}, "must be a mapping"),
        ({"schema": {vol.Required("id"): str, "name": str}}, "uses id, name"),
    ],
)
def test_an_integration_that_cannot_work_is_refused(
    attributes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(PluginError, match=reason):
        Integrations().add(type("Broken", (Minimal,), attributes))


def test_an_integration_without_domain_is_refused() -> None:
    class Nameless(Integration):
        pass

    with pytest.raises(PluginError, match="domain must be"):
        Integrations().add(Nameless)


def test_a_taken_domain_names_its_owner() -> None:
    with pytest.raises(PluginError, match="belongs to the plugin x already"):
        Integrations({"minimal": "the plugin x"}).add(Minimal)


async def command(arguments: Any) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        Command("light", command),
        Command("Acme/light", command),
        Command("acme/taken", command),
        Command("acme/light", print),  # type: ignore[arg-type]  # that is the point
    ],
)
def test_a_command_that_cannot_work_is_refused(wrong: Any) -> None:
    with pytest.raises(PluginError):
        Commands({"acme/taken"}).add(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "acme",
        MdnsHandler("other", "_acme._tcp.local."),
        MdnsHandler("acme", "_acme._tcp"),
        MdnsHandler("acme", "acme.local."),
    ],
)
def test_a_discovery_handler_that_cannot_work_is_refused(wrong: Any) -> None:
    with pytest.raises(PluginError):
        DiscoveryHandlers({"acme"}).add(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        print,
        EventSink(str, print),  # type: ignore[arg-type]  # that is the point
        EventSink(ucv.events.Event, command),
        EventSink(ucv.events.Event, None),  # type: ignore[arg-type]  # that is the point
    ],
)
def test_an_event_sink_that_cannot_work_is_refused(wrong: Any) -> None:
    with pytest.raises(PluginError):
        EventSinks().add(wrong)
