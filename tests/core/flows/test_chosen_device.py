"""What a step of the integration's own chooses is who the entry is of."""

from __future__ import annotations

from typing import Any

from ucv import CannotConnect, DeviceInfo, Integration, Stream, fields
from ucv.testing import running_hub


class Recorder(Integration):
    """A recorder, of which one channel is chosen in a step."""

    domain = "recorder"
    name = "Recorder"
    schema = {
        **fields.HOST,
        fields.describe("channel", label="Channel", help="Counted from 1."): fields.Integer(1, 8),
    }

    async def probe(self, device):  # type: ignore[no-untyped-def]
        channel = device.config.get("channel")
        if channel == 8:
            raise CannotConnect("Channel 8 is not connected.")
        return DeviceInfo(unique_id=f"R1-{channel or 'recorder'}", model=f"Channel {channel}")

    async def streams(self, device):  # type: ignore[no-untyped-def]
        return [Stream("main", "rtsp://127.0.0.1:1/x")]

    async def steps(self, flow):  # type: ignore[no-untyped-def]
        chosen = await flow.menu("channel", {"2": "Two", "8": "Eight"})
        return {"channel": int(chosen)}


async def add(kit: Any, choice: str) -> dict[str, Any]:
    """Lead a flow to its end, choosing a channel, and return its last page."""
    flows = kit.hub.flows
    flow = await flows.start("recorder")
    await flows.submit(flow.id, {"host": "127.0.0.1"}, wait=5)
    page = (await flows.submit(flow.id, choice=choice, wait=5)).page.to_json()
    if page["kind"] == "form":
        page = (await flows.submit(flow.id, {"name": "Yard"}, wait=5)).page.to_json()
    found: dict[str, Any] = page
    return found


async def test_the_entry_is_of_the_channel_that_was_chosen_and_loads() -> None:
    async with running_hub(Recorder) as kit:
        page = await add(kit, "2")
        assert page["kind"] == "done", page
        entry = await kit.rest(page["entry_id"])
        assert entry.config.unique_id == "R1-2"
        assert entry.status.state == "loaded", entry.status


async def test_a_channel_that_has_an_entry_is_recognised() -> None:
    async with running_hub(Recorder) as kit:
        await add(kit, "2")
        page = await add(kit, "2")
        assert (page["kind"], page["reason"]) == ("abort", "already_configured")


async def test_a_channel_that_does_not_answer_ends_the_flow_with_why() -> None:
    async with running_hub(Recorder) as kit:
        page = await add(kit, "8")
        assert (page["kind"], page["reason"]) == ("abort", "cannot_connect")
        assert "not connected" in page["message"]
        assert kit.hub.entries.list() == []
