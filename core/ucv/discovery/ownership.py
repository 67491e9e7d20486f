"""Which entry a found device is, if it has one."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ucv.cameras.registry import CameraRegistry
from ucv.discovery.merging import FoundDevice
from ucv.entries.entry import EntryConfig
from ucv.entries.manager import EntryManager
from ucv.flows import addresses
from ucv.plugins.identity import normal_mac


class Owners:
    """The entries at one moment, by what their devices can be recognised by."""

    def __init__(self, entries: EntryManager, cameras: CameraRegistry) -> None:
        self._entries = {view.config.id: view.config for view in entries.list()}
        self._by_identity: dict[str, list[str]] = {}
        self._by_host: dict[str, list[str]] = {}
        self._identities: dict[str, set[str]] = {}
        for entry in self._entries.values():
            if entry.unique_id is not None:
                # A distinct id is that of a device which shares its serial number with others.
                shared = entry.unique_id.rpartition("@")[0]
                for unique_id in filter(None, (entry.unique_id, shared)):
                    self._identify(unique_id, entry.id)
            host = addresses.host_of(addresses.current(entry))
            if host is not None:
                self._by_host.setdefault(_plain(host), []).append(entry.id)
        #: Which identities are serial numbers: a unique id may also be an address or a UUID.
        self._serials: set[str] = set()
        for camera in cameras.list():
            if camera.channel is not None or camera.entry_id not in self._entries:
                continue  # what is connected to a recorder is no device of its own here
            if camera.serial is not None:
                self._serials.add(camera.serial.casefold())
            for identity in (camera.serial, normal_mac(camera.mac)):
                if identity is not None:
                    self._identify(identity, camera.entry_id)

    def of(self, device: FoundDevice, domains: Collection[str]) -> EntryConfig | None:
        """Return a device's entry: by what it is, by what it was, and at last by where it is."""
        here = self._by_host.get(_plain(device.host), ())
        # Entries may share a serial number: then it is the one that has the device's place.
        same = list(dict.fromkeys(self._by_what_it_is(device, domains)))
        for entry_id in [*(one for one in same if one in here), device.entry_id, *same]:
            if entry_id in same:
                return self._entries[entry_id]
        if device.entry_id in self._entries:
            entry = self._entries[device.entry_id]
            if not self._is_another(entry, device):
                return entry
        for entry_id in here:
            entry = self._entries[entry_id]
            same_ports = _same_ports(addresses.current(entry), device)
            if same_ports and not self._is_another(entry, device):
                return entry
        return None

    def _by_what_it_is(self, device: FoundDevice, domains: Collection[str]) -> Iterable[str]:
        for domain in domains:
            for unique_id in device.unique_ids(domain):
                for entry_id in self._by_identity.get(unique_id.casefold(), ()):
                    entry = self._entries[entry_id]
                    if entry.integration == domain and not self._is_another(entry, device):
                        yield entry_id
        for kind, identity in sorted(mark for mark in device.marks if len(mark) == 2):
            if kind == "endpoint":
                continue
            for entry_id in self._by_identity.get(identity.casefold(), ()):
                if not self._is_another(self._entries[entry_id], device):
                    yield entry_id

    def _is_another(self, entry: EntryConfig, device: FoundDevice) -> bool:
        """Say whether a device cannot be that of an entry, for both say who they are.

        Serial numbers may be shared: MAC addresses, if both are known, decide. The unique ids of
        integrations that know neither (an address, a UUID) say nothing here.
        """
        known = self._identities.get(entry.id, set())
        macs = {identity for identity in known if normal_mac(identity) == identity}
        told = {mark[1] for mark in device.marks if mark[0] == "mac"}
        if macs and told:
            return macs.isdisjoint(told)
        serials = {identity for identity in known - macs if identity in self._serials}
        told = {mark[1] for mark in device.marks if mark[0] == "serial"}
        if serials and told:
            return not any(a in b or b in a for a in serials for b in told)
        return False

    def _identify(self, identity: str, entry_id: str) -> None:
        identity = identity.casefold()
        ids = self._by_identity.setdefault(identity, [])
        if entry_id not in ids:
            ids.append(entry_id)
        self._identities.setdefault(entry_id, set()).add(identity)


def _same_ports(data: Mapping[str, Any], device: FoundDevice) -> bool:
    """Say whether an entry at a device's address may be of it: ports of one kind must agree."""
    own: dict[str, int | None] = {name: data.get(name) for name in ("http_port", "rtsp_port")}
    url = str(data.get("url", ""))
    if url:
        scheme, port = _port_of(url)
        own["rtsp_port" if scheme.startswith("rtsp") else "http_port"] = port
    elif "port" in data and data.get("http_port") is None:
        own["rtsp_port"] = data["port"]
    return not any(
        own_port is not None and device.ports(name) and own_port not in device.ports(name)
        for name, own_port in own.items()
    )


def _port_of(url: str) -> tuple[str, int]:
    scheme, _, rest = url.partition("://")
    usual = {"http": 80, "https": 443, "rtsps": 322}.get(scheme, 554)
    port = rest.partition("/")[0].rpartition("@")[2].rpartition(":")[2].rstrip("]")
    return scheme, int(port) if port.isdecimal() else usual


def _plain(host: str) -> str:
    """Return an address in one notation; a name as it is."""
    try:
        return str(ipaddress.ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        return host.casefold()
