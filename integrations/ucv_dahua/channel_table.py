"""Which cameras a recorder has: their names, where they come from, and whether they are there."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ucv import Channel
from ucv.wire import normal_mac, usable_serial
from ucv_dahua.keyvalue import Table

_REMOTE = re.compile(r".*_(\d{1,4})")
#: Channels of one recorder at most; the largest have 256.
MAX_CHANNELS = 1024


def titles(table: Table) -> dict[int, str]:
    """Return the names of channels (from 0) in ``ChannelTitle``, also empty ones."""
    return {number: row.text("Name") for number, row in table.rows().items()}


def states(table: Table) -> dict[int, bool]:
    """Return which channels (from 0) ``getCameraState`` says are connected."""
    found = {}
    for number, row in table.rows("states").items():
        channel = row.whole("channel")
        state = row.text("connectionState").casefold()
        if state:
            found[number if channel is None else channel] = state == "connected"
    return found


def remotes(table: Table) -> dict[int, Table]:
    """Return the network cameras of ``RemoteDevice``, by channel (from 0).

    Their keys end in the channel: ``uuid:System_CONFIG_NETCAMERA_INFO_0``.
    """
    found = {}
    for key, row in table.below.items():
        if match := _REMOTE.fullmatch(key):
            found[int(match[1])] = row
    return found


def channels(
    count: int | None,
    names: Mapping[int, str],
    online: Mapping[int, bool] | None,
    remote: Mapping[int, Table] | None,
) -> list[Channel]:
    """Return the cameras of a recorder with ``count`` places, in their order.

    ``online`` and ``remote`` are None where the device does not show them. A place is taken where a
    camera is connected, whatever its entry says (``Enable`` can be stale), and where one is entered
    that is switched off or away.
    """
    places = {*names, *(online or ()), *(remote or ())}
    if count is not None:
        places = {number for number in places if number < count} | set(
            range(min(count, MAX_CHANNELS))
        )
    found = []
    for number in sorted(places):
        connected = None if online is None else online.get(number)
        entry = None if remote is None else remote.get(number)
        if number < MAX_CHANNELS and _taken(connected, entry, remote):
            found.append(_channel(number, names.get(number, ""), connected, entry or Table()))
    return found


def _taken(connected: bool | None, entry: Table | None, remote: Mapping[int, Table] | None) -> bool:
    if connected:
        return True
    if entry is not None:
        return entry.flag("Enable") is not False
    # A place of which nothing is said is an analogue input; one that is empty says so.
    return connected is None or not remote


def _channel(number: int, name: str, online: bool | None, entry: Table) -> Channel:
    return Channel(
        id=str(number + 1),
        name=name or None,
        online=online,
        model=entry.text("DeviceType") or None,
        serial=usable_serial(entry.text("SerialNo")),
        mac=normal_mac(entry.text("Mac")),
        firmware=entry.text("Version") or None,
    )
