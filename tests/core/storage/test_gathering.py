from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from ucv.cameras.camera import Camera
from ucv.config.paths import ConfigDirectory
from ucv.entries.entry import EntryConfig
from ucv.errors import StorageError
from ucv.storage.cameras import CameraRepository
from ucv.storage.database import Database
from ucv.storage.entries import EntryRepository
from ucv.storage.gathering import MOST, Gathering
from ucv.storage.secrets import SecretRepository


class Doubles:
    """Work that doubles numbers, refuses odd ones, and waits until it may."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may = asyncio.Event()
        self.may.set()

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        await self.may.wait()
        self.batches.append(list(numbers))
        if odd := [number for number in numbers if number % 2]:
            raise ValueError(f"odd: {odd[0]}")
        return [number * 2 for number in numbers]


async def test_what_is_asked_at_the_same_time_is_done_together() -> None:
    work = Doubles()
    gathering = Gathering(work)
    assert await asyncio.gather(*map(gathering, range(0, 20, 2))) == list(range(0, 40, 4))
    assert len(work.batches) == 1


async def test_what_is_asked_meanwhile_is_done_next() -> None:
    work = Doubles()
    gathering = Gathering(work)
    work.may.clear()
    first = asyncio.create_task(gathering(2))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(gathering(number)) for number in (4, 6)]
    await asyncio.sleep(0.01)
    work.may.set()
    assert await asyncio.gather(first, *others) == [4, 8, 12]
    assert work.batches == [[2], [4, 6]]


async def test_one_that_fails_keeps_nobody_else_from_an_answer() -> None:
    gathering = Gathering(Doubles())
    answers = await asyncio.gather(*map(gathering, (2, 3, 4, 5)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["4", "odd: 3", "8", "odd: 5"]


async def test_what_is_cancelled_before_it_began_is_not_done() -> None:
    work = Doubles()
    gathering = Gathering(work)
    work.may.clear()
    first, second = (asyncio.create_task(gathering(number)) for number in (2, 4))
    await asyncio.sleep(0)
    third = asyncio.create_task(gathering(6))
    await asyncio.sleep(0.01)
    first.cancel()
    third.cancel()
    await asyncio.sleep(0)
    work.may.set()
    assert await second == 8
    await gathering.finish()
    assert work.batches == [[2, 4]]


async def test_no_more_than_so_many_are_done_at_once() -> None:
    work = Doubles()
    gathering = Gathering(work)
    await asyncio.gather(*(gathering(0) for _ in range(MOST + 1)))
    assert [len(batch) for batch in work.batches] == [MOST, 1]


@pytest.fixture
def directory(tmp_path: Path) -> ConfigDirectory:
    directory = ConfigDirectory(tmp_path / "config")
    directory.prepare()
    return directory


def entry(number: int) -> EntryConfig:
    return EntryConfig(id=f"entry{number}", integration="rtsp", name=f"Entry {number}")


def camera(number: int, entry_number: int | None = None) -> Camera:
    owner = f"entry{number if entry_number is None else entry_number}"
    return Camera(id=f"camera{number}", entry_id=owner, name="Camera", integration="rtsp")


async def test_a_row_that_the_database_refuses_keeps_out_no_other(
    directory: ConfigDirectory,
) -> None:
    database = await Database.open(directory)
    entries, cameras = EntryRepository(database), CameraRepository(database)
    await asyncio.gather(*(entries.save(entry(number)) for number in range(5)))
    saved = (cameras.save(camera(number)) for number in range(5))
    outcomes = await asyncio.gather(*saved, cameras.save(camera(9)), return_exceptions=True)
    assert outcomes[:5] == [None] * 5
    assert isinstance(outcomes[5], StorageError)
    assert len(await cameras.list()) == 5
    await database.close()


async def test_of_changes_to_the_same_the_last_one_counts(directory: ConfigDirectory) -> None:
    database = await Database.open(directory)
    entries, cameras = EntryRepository(database), CameraRepository(database)
    await asyncio.gather(
        entries.save(entry(1)), entries.delete("entry1"), entries.save(entry(2), entry(3))
    )
    assert [found.id for found in await entries.list()] == ["entry2", "entry3"]
    moved = camera(2, entry_number=3)
    await asyncio.gather(cameras.save(camera(2)), cameras.save(moved))
    assert await cameras.list() == [moved]
    # Deleted and made anew: its cameras are gone with the first one.
    await asyncio.gather(entries.delete("entry3"), entries.save(entry(3)))
    assert await cameras.list() == []
    assert len(await entries.list()) == 2
    await database.close()


async def test_a_change_that_nobody_waits_for_is_done_before_the_database_is_closed(
    directory: ConfigDirectory,
) -> None:
    database = await Database.open(directory)
    saving = asyncio.create_task(EntryRepository(database).save(entry(1)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    saving.cancel()
    await asyncio.wait({saving})
    await database.close()
    database = await Database.open(directory)
    assert [found.id for found in await EntryRepository(database).list()] == ["entry1"]
    await database.close()


async def test_secrets_changed_together_are_as_if_changed_one_after_the_other(
    directory: ConfigDirectory,
) -> None:
    database = await Database.open(directory)
    rows = SecretRepository(database)
    await rows.set({("one", "password"): b"1", ("one", "token"): b"1", ("two", "password"): b"2"})
    await asyncio.gather(
        rows.set({("two", "password"): b"22", ("three", "password"): b"3"}),
        rows.delete("one"),
        rows.set({("one", "password"): b"11"}),
        rows.delete("three", "password"),
    )
    assert await rows.all() == {("two", "password"): b"22", ("one", "password"): b"11"}
    both = await asyncio.gather(rows.get("one", "password"), rows.get("one", "token"))
    assert [*both] == [b"11", None]
    await database.close()
