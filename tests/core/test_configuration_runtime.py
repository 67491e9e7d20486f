"""A changed configuration is applied as a difference; a broken one changes nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ucv import DeviceInfo, Integration, Stream, fields
from ucv.config.events import ConfigurationChanged
from ucv.entries.entry import EntryState
from ucv.hub import Hub
from ucv.testing.clock import until
from ucv.testing.hub import candidate_of


class Toy(Integration):
    """Counts what is done to its devices."""

    domain = "toy"
    name = "Toy"
    schema = {**fields.HOST, **fields.CREDENTIALS}
    set_up: list[str] = []
    passwords: dict[str, str | None] = {}

    async def setup(self, device):  # type: ignore[no-untyped-def]
        self.set_up.append(device.entry_id)
        self.passwords[device.entry_id] = device.secret("password")

    async def probe(self, device):  # type: ignore[no-untyped-def]
        return DeviceInfo(unique_id=device.entry_id)

    async def streams(self, device):  # type: ignore[no-untyped-def]
        return [Stream("main", "rtsp://127.0.0.1:1/x")]


TWO = """
cameras:
  - {id: front, name: Front, integration: toy, host: 127.0.0.1}
  - {id: back, name: Back, integration: toy, host: 127.0.0.2, password: !secret back}
"""


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    Toy.set_up, Toy.passwords = [], {}
    (tmp_path / "ucv.yaml").write_text(TWO)
    (tmp_path / "secrets.yaml").write_text("back: first-password\n")
    hub = Hub(tmp_path, plugins=[candidate_of(Toy)])
    # The plugin is brought by the test, so the file cannot be checked before it is there.
    await hub.start()
    await until(lambda: all(view.status.state == "loaded" for view in hub.entries.list()))
    assert sorted(Toy.set_up) == ["back", "front"]
    yield hub
    await hub.stop()


def write(hub: Hub, text: str) -> None:
    hub.directory.yaml.write_text(text)


async def test_only_what_changed_is_set_up_again(hub: Hub) -> None:
    write(hub, TWO.replace("127.0.0.2", "127.0.0.3"))
    event = await hub.configuration_runtime.reload()
    assert event.entries == ("back",)
    await until(lambda: Toy.set_up.count("back") == 2)
    assert Toy.set_up.count("front") == 1


async def test_what_is_not_changed_is_left_alone(hub: Hub) -> None:
    write(hub, f"# a comment\n{TWO}")
    event = await hub.configuration_runtime.reload()
    assert event == ConfigurationChanged()
    assert sorted(Toy.set_up) == ["back", "front"]


async def test_a_changed_secret_is_a_change(hub: Hub) -> None:
    (hub.directory.path / "secrets.yaml").write_text("back: second-password\n")
    event = await hub.configuration_runtime.reload()
    assert event.entries == ("back",)
    await until(lambda: Toy.passwords["back"] == "second-password")


async def test_cameras_are_added_and_removed(hub: Hub) -> None:
    third = "  - {id: side, name: Side, integration: toy, host: 127.0.0.4}\n"
    lines = TWO.strip().splitlines()
    write(hub, "\n".join([lines[0], lines[1], third]))
    event = await hub.configuration_runtime.reload()
    assert event.entries == ("back", "side")
    assert {view.config.id for view in hub.entries.list()} == {"front", "side"}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("cameras: [\n", "ucv.yaml, line 1"),
        (TWO.replace("host", "hots"), "did you mean host"),
        (TWO.replace("integration: toy", "integration: tay", 1), "no such integration"),
        (TWO.replace("!secret back", "!secret bcak"), "no such name"),
        ("cameras: !include missing.yaml\n", "cannot be read"),
    ],
)
async def test_a_broken_file_changes_nothing_and_says_why(
    hub: Hub, broken: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(hub, broken)
    event = await hub.configuration_runtime.reload()
    assert any(words in str(problem) for problem in event.problems), event.problems
    assert hub.configuration_runtime.problems == event.problems
    assert "the last good one goes on" in caplog.text
    assert [view.status.state for view in hub.entries.list()] == [EntryState.LOADED] * 2
    assert sorted(Toy.set_up) == ["back", "front"]
    write(hub, TWO)
    assert (await hub.configuration_runtime.reload()).problems == ()
    assert hub.configuration_runtime.problems == ()


async def test_what_counts_from_the_next_start_on_is_named(hub: Hub) -> None:
    write(hub, f"{TWO}server: {{port: 9999}}\nlog_level: info\n")
    event = await hub.configuration_runtime.reload()
    assert event.restart_needed == ("server",)
    write(hub, TWO)
    assert (await hub.configuration_runtime.reload()).restart_needed == ()


async def test_the_log_level_counts_at_once(hub: Hub) -> None:
    before = logging.getLogger().level
    try:
        write(hub, f"{TWO}log_level: error\n")
        await hub.configuration_runtime.reload()
        assert logging.getLogger().level == logging.ERROR
    finally:
        logging.getLogger().setLevel(before)


async def test_a_saved_file_is_noticed(hub: Hub) -> None:
    seen: list[ConfigurationChanged] = []
    hub.bus.subscribe(ConfigurationChanged, seen.append)
    new = hub.directory.path / "ucv.yaml.new"
    # As editors do: a new file in the old one's place.
    new.write_text(TWO.replace("127.0.0.2", "127.0.0.5"))
    new.replace(hub.directory.yaml)
    await until(lambda: seen, 10)
    assert seen[0].entries == ("back",)
    (hub.directory.path / "secrets.yaml").write_text("back: third-password\n")
    await until(lambda: len(seen) > 1, 10)
    assert seen[1].entries == ("back",)


async def test_an_included_file_is_noticed_also_after_it_was_missing(hub: Hub) -> None:
    seen: list[ConfigurationChanged] = []
    hub.bus.subscribe(ConfigurationChanged, seen.append)
    write(hub, "cameras: !include more/cameras.yaml\n")
    await until(lambda: seen, 10)
    assert seen[0].problems
    folder = hub.directory.path / "more"
    folder.mkdir()
    (folder / "cameras.yaml").write_text("- {id: new, name: New, integration: toy, host: h}\n")
    await until(lambda: len(seen) > 1, 10)
    assert "new" in seen[-1].entries


async def test_what_is_written_while_the_hub_starts_is_applied(tmp_path: Path) -> None:
    (tmp_path / "ucv.yaml").write_text(TWO)
    (tmp_path / "secrets.yaml").write_text("back: first-password\n")
    hub = Hub(tmp_path, plugins=[candidate_of(Toy)])
    (tmp_path / "ucv.yaml").write_text(TWO.replace("127.0.0.1", "127.0.0.5"))
    await hub.start()
    try:
        await until(lambda: hub.entries.get("front").config.data["host"] == "127.0.0.5")
    finally:
        await hub.stop()
