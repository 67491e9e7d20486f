"""The cameras of a recorder: network cameras, their state, and analogue inputs."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from ucv import Channel
from ucv_hikvision.documents import elements, number_at, text, truth_at

#: Channels of one recorder that are taken; the largest have 256.
MAX_CHANNELS = 1024


def proxy_channels(root: Element, online: Mapping[int, bool]) -> list[Channel]:
    """Return the network cameras of ``ContentMgmt/InputProxy/channels``, in its order.

    ``online`` is what ``…/channels/status`` said.
    """
    found: dict[int, Channel] = {}
    for element in elements(root, "InputProxyChannel"):
        number = _number(element)
        if number is None or number in found or len(found) >= MAX_CHANNELS:
            continue
        port = "sourceInputPortDescriptor"
        found[number] = Channel(
            id=str(number),
            name=text(element, "name") or None,
            online=online.get(number),
            model=text(element, f"{port}/model") or None,
            serial=text(element, f"{port}/serialNumber") or None,
            mac=text(element, f"{port}/macAddress") or None,
            firmware=text(element, f"{port}/firmwareVersion") or None,
        )
    return list(found.values())


def proxy_states(root: Element) -> dict[int, bool]:
    """Return which network cameras a recorder reaches (``InputProxy/channels/status``)."""
    states: dict[int, bool] = {}
    for element in elements(root, "InputProxyChannelStatus"):
        number, online = _number(element), truth_at(element, "online")
        if number is not None and online is not None:
            states.setdefault(number, online)
    return states


def input_channels(root: Element) -> list[Channel]:
    """Return the analogue inputs, or the sensors, of ``System/Video/inputs/channels``."""
    found: dict[int, Channel] = {}
    for element in elements(root, "VideoInputChannel"):
        number = _number(element)
        if number is None or truth_at(element, "videoInputEnabled") is False:
            continue
        if number not in found and len(found) < MAX_CHANNELS:
            picture = text(element, "resDesc").casefold()
            found[number] = Channel(
                id=str(number),
                name=text(element, "name") or None,
                online=picture != "no video" if picture else None,
            )
    return list(found.values())


def _number(element: Element) -> int | None:
    number = number_at(element, "id")
    return number if number is not None and 1 <= number <= 9999 else None
