"""What discovery must bear: floods, two addresses, second tries, changes at the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ucv.discovery.report import Report
from ucv.entries.entry import EntryState
from ucv.flows.view import Discovered
from ucv.plugins.sightings import Sighting
from ucv.testing import AcmeDevice, HubKit, running_hub, until

ACME = Path(__file__).parents[3] / "custom_integrations" / "acme.py"


def report_of(camera: AcmeDevice, host: str | None = None, port: int | None = None) -> Report:
    told = Sighting(
        0.9,
        serial=camera.serial,
        unique_id=camera.serial,
        model=camera.model,
        http_port=port or camera.http.port,
    )
    return Report("acme-udp", "acme", host or camera.http.host, None, told)


async def offered(kit: HubKit) -> Any:
    """Return the only device, once it has a flow."""
    await until(lambda: any(one.flow_id for one in kit.hub.discovery.list()), 15)
    (device,) = kit.hub.discovery.list()
    return device


async def test_several_are_tried_again_with_the_right_password_after_a_wrong_one() -> None:
    async with AcmeDevice() as camera, running_hub(ACME) as kit:
        kit.hub.discovery.report(report_of(camera))
        device = await offered(kit)
        (first,) = await kit.hub.discovery.adopt_many(
            [device.id], username=camera.username, password="not-the-password"
        )
        assert first.problem is not None
        (second,) = await kit.hub.discovery.adopt_many(
            [device.id], username=camera.username, password=camera.password
        )
        assert second.problem is None
        assert second.entry_id is not None


async def test_a_camera_that_answers_at_the_port_it_was_given_keeps_it() -> None:
    async with AcmeDevice() as camera, running_hub(ACME) as kit:
        entry = await kit.add({"integration": "acme", **camera.config})
        await kit.reaches(entry.config.id, EntryState.LOADED)
        kit.hub.discovery.report(report_of(camera, port=1))
        await until(lambda: kit.hub.discovery.list()[0].entry_id == entry.config.id, 15)
        found = Discovered("acme", "key", "A1", "127.0.0.1", 1, unique_id=camera.serial)
        assert not await kit.hub.flows.follow(entry.config.id, found)
        assert kit.hub.entries.get(entry.config.id).config.data["http_port"] == camera.http.port
