"""Where devices are: which fields say so, and whether two say the same."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ucv.entries.entry import EntryConfig
from ucv.flows.view import Discovered

#: Fields that say where a device is.
ADDRESS_FIELDS = ("host", "port", "http_port", "https_port", "rtsp_port", "url")
#: Ports that are not written down.
_USUAL = (80, 443)
_USUAL_RTSP = 554


def current(entry: EntryConfig) -> dict[str, Any]:
    """Return an entry's fields as in use: its device may have moved since they were set."""
    return {**entry.data, **entry.facts}


def host_of(data: Mapping[str, Any]) -> str | None:
    """Return the host that fields name by ``host`` or ``url``, in lower case."""
    if host := data.get("host"):
        return str(host).casefold()
    try:
        return urlsplit(str(data.get("url", ""))).hostname
    except ValueError:
        return None


def changes(entry: EntryConfig, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the address fields of ``data`` that differ from the entry's.

    Empty when both have the same host and ports, and also when only the path of an address
    differs: that is another stream of the device, not another place.
    """
    now = current(entry)
    common = [name for name in ADDRESS_FIELDS if name in data and name in now]
    if not common or ("url" in common and host_of(now) == host_of(data)):
        return {}
    given = {name: data[name] for name in ADDRESS_FIELDS if name in data}
    return {name: value for name, value in given.items() if now.get(name) != value}


def of_discovered(found: Discovered, names: Collection[str]) -> dict[str, Any]:
    """Return the fields that a discovered device fills; ``names`` are those there are."""
    fields: dict[str, Any] = {}
    if "host" in names:
        fields["host"] = found.host.casefold()
        if "http_port" in names and found.port is not None and found.port not in _USUAL:
            fields["http_port"] = found.port
        if found.rtsp_port is not None and found.rtsp_port != _USUAL_RTSP:
            fields |= dict.fromkeys(_rtsp_ports(names), found.rtsp_port)
    return fields


def _rtsp_ports(names: Collection[str]) -> list[str]:
    """Return the fields that hold the port of RTSP: ``port`` is it where there is no other."""
    alone = "port" in names and "http_port" not in names
    return [name for name in ("rtsp_port", "port") if name in names and (name != "port" or alone)]


def moved(entry: EntryConfig, found: Discovered, names: Collection[str]) -> dict[str, Any]:
    """Return the fields of an entry to change because its device was discovered elsewhere.

    Empty for one that is where it was. A host that is a name is left alone: whoever resolves it
    follows the device. ``names`` are the fields there are.
    """
    now = current(entry)
    if not _is_address(host_of(now) or "") or not _is_address(found.host):
        return {}
    fields: dict[str, Any] = {}
    if host_of(now) != found.host.casefold():
        if "host" not in now:
            return {"url": _at(str(now["url"]), found.host.casefold())}
        fields["host"] = found.host.casefold()
    if "http_port" in names and not _same_port(now, found):
        fields["http_port"] = found.port
    return fields


def _at(url: str, host: str) -> str:
    """Return an address with another host."""
    parts = urlsplit(url)
    host = f"[{host}]" if ":" in host else host
    return urlunsplit(parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}"))


def same_place(entry: EntryConfig, found: Discovered, names: Collection[str]) -> bool:
    """Say whether an entry's device is where one was discovered."""
    now = current(entry)
    if host_of(now) != found.host.casefold():
        return False
    return "http_port" not in names or _same_port(now, found)


def _same_port(now: Mapping[str, Any], found: Discovered) -> bool:
    if found.port is None:
        return True
    port = now.get("http_port")
    return found.port in _USUAL if port is None else port == found.port


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
