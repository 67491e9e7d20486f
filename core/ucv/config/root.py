"""The schema of ``ucv.yaml``, apart from what each integration knows of its cameras."""

from __future__ import annotations

from typing import Any

import voluptuous as vol

from ucv.config.fields import Boolean, Host, Port, Seconds, Text, describe
from ucv.streams.settings import StreamSettings

LOG_LEVELS = ("debug", "info", "warning", "error")


def _empty(value: Any) -> Any:
    # "cameras:" with nothing after it, as in a file whose last camera was taken out.
    if value is None:
        return []
    raise vol.Invalid("expected a list")


def _database(value: Any) -> str:
    text = Text()(value)
    if not text.partition("://")[0].startswith(("postgresql", "sqlite")):
        raise vol.Invalid("expected an address that starts with postgresql:// or sqlite://")
    return str(text)


_SERVER = {
    describe(
        "host",
        label="Address",
        help="Address to listen on. One that others can reach needs an account first.",
        assumed="127.0.0.1",
    ): Host(),
    describe("port", label="Port", help="TCP port to listen on.", assumed=8321): Port(),
    describe(
        "allowed_hosts",
        label="Host names",
        help="Further names under which the page may be opened.",
    ): [Host()],
}

_USUAL = StreamSettings()
_STREAMS = {
    describe(
        "linger",
        label="Linger",
        help="How long a stream stays open after its last viewer.",
        assumed=_USUAL.linger,
    ): Seconds(0, 3600),
    describe(
        "retry_cap",
        label="Longest wait",
        help="Longest wait between tries to reach a camera.",
        assumed=_USUAL.retry_cap,
    ): Seconds(1, 3600),
    describe(
        "slow_cap",
        label="Longest wait when away",
        help="Longest wait between tries to reach a camera that has been away for long.",
        assumed=_USUAL.slow_cap,
    ): Seconds(1, 3600),
}

_DISCOVERY = {
    describe(
        "enabled",
        label="Enabled",
        help="Listen for devices on the network and ask for them. The environment variable "
        "UCV_DISCOVERY=off makes false what is assumed.",
        assumed=True,
    ): Boolean(),
    describe(
        "methods",
        label="Methods",
        help="Protocols to use, such as mdns, ws-discovery, ssdp, sadp and dhip; all of them that "
        "an integration knows if not given.",
    ): [vol.All(Text(), vol.Match(r"^[a-z][a-z0-9-]{0,31}$", msg="expected a short word"))],
    describe(
        "interfaces",
        label="Interfaces",
        help="Addresses of this machine to look from; all of them if not given.",
    ): [Host()],
    describe(
        "interval",
        label="Interval",
        help="Time between two rounds of questions to the whole network.",
        assumed=300.0,
    ): Seconds(10, 86400),
    describe(
        "scan_public",
        label="Scan public addresses",
        help="Allow scans of addresses on the Internet. Scan only what is yours.",
        assumed=False,
    ): Boolean(),
}

#: Keys like ``x-…`` are taken out before.
ROOT = {
    describe("cameras", label="Cameras", help="What the hub connects to."): vol.Any(
        [object], _empty
    ),
    describe(
        "plugins",
        label="Plugin folders",
        help="Folders with plugins, relative to this file, beside custom_integrations.",
    ): vol.Any([Text()], _empty),
    describe("server", label="Server", help="Where the page is served."): _SERVER,
    describe("streams", label="Streams", help="How live streams are kept."): _STREAMS,
    describe("discovery", label="Discovery", help="How devices are found."): _DISCOVERY,
    describe(
        "log_level", label="Log level", help="The least that is logged.", assumed="info"
    ): vol.In(LOG_LEVELS),
    describe(
        "database",
        label="Database",
        help="Address of a database instead of the hub's own file (postgresql:// or sqlite://).",
    ): _database,
}
