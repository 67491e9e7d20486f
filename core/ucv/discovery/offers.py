"""The flows that add found devices."""

from __future__ import annotations

from ucv.discovery.merging import FoundDevice
from ucv.flows.manager import FlowManager
from ucv.flows.view import Discovered, FlowView

#: Devices that are offered at once without anybody asking for it; others are when they are chosen.
MAX_OFFERS = 50


class Offers:
    """Knows the flows of found devices: their key is the device's id."""

    def __init__(self, flows: FlowManager) -> None:
        self._flows = flows

    def of(self, device: FoundDevice) -> list[FlowView]:
        """Return a device's open flows."""
        return self._flows.of_discovered(device.id)

    def is_full(self) -> bool:
        """Say whether so many devices are offered that no other one is by itself."""
        return len(self._flows.of_discovered()) >= MAX_OFFERS

    def make_room(self) -> None:
        """Take back what was offered first and nobody has answered: a person wants another one."""
        for flow in self._flows.of_discovered():
            if self._flows.withdraw(flow.id, "Another one comes.", chosen=False):
                return

    def withdraw(
        self,
        device: FoundDevice,
        sentence: str,
        *,
        but: str | None = None,
        chosen: bool = True,
    ) -> None:
        """End a device's flows that nobody has answered yet, except those of one integration.

        ``chosen`` is whether to end also those that a person has before them.
        """
        for flow in self.of(device):
            if flow.integration != but:
                self._flows.withdraw(flow.id, sentence, chosen=chosen)


def discovered(device: FoundDevice, domain: str) -> Discovered:
    """Return a device as the flow of an integration has it."""
    mine = [one.report.sighting for one in device.alive() if one.report.domain == domain]
    # The port that another integration's protocol told may be that of another interface.
    ports = (sighting.http_port for sighting in mine)
    return Discovered(
        domain=domain,
        key=device.id,
        name=_title(device) or device.host,
        host=device.host,
        port=next((port for port in ports if port is not None), None),
        properties=device.details(),
        unique_id=next(iter(device.unique_ids(domain)), None),
        rtsp_port=device.told("rtsp_port"),
    )


def _title(device: FoundDevice) -> str | None:
    manufacturer, model = device.told("manufacturer"), device.told("model")
    if manufacturer and model:
        return f"{manufacturer} {model}"
    name: str | None = device.told("name")
    return name or manufacturer or model
