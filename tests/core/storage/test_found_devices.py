"""What was found on the network survives the hub, and does not grow without bound."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from ucv.config.paths import ConfigDirectory
from ucv.discovery.scan.history import ScanRecord
from ucv.discovery.scan.view import ScanResult, ScanState, ScanView
from ucv.discovery.store import DeviceRecord
from ucv.plugins.sightings import HttpAnswer, RtspAnswer
from ucv.storage.database import Database
from ucv.storage.discovery import FoundDeviceRepository, ScanRepository


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    directory = ConfigDirectory(tmp_path)
    directory.prepare()
    opened = await Database.open(directory)
    yield opened
    await opened.close()


async def test_devices_are_saved_replaced_and_deleted_together(database: Database) -> None:
    devices = FoundDeviceRepository(database)
    one, two = DeviceRecord("1", 10.0, {"host": "a"}), DeviceRecord("2", 5.0, {"host": "b"})
    await devices.save([one, two], deleted=())
    assert await devices.list() == [two, one]
    newer = DeviceRecord("2", 20.0, {"host": "c"})
    await devices.save([newer], deleted={"1"})
    assert await devices.list() == [newer]


def scan(number: int) -> ScanRecord:
    view = ScanView(
        id=f"scan-{number}",
        ranges=("192.0.2.0/24",),
        profile="quick",
        ports=(80, 554),
        state=ScanState.FINISHED,
        started=float(number),
        finished=number + 1.0,
    )
    result = ScanResult(
        host="192.0.2.10",
        ports=(554,),
        rtsp=(RtspAnswer(554, 401, "/", realm="Login to X"),),
        http=(HttpAnswer(80, 200, title="WEB SERVICE"),),
    )
    return ScanRecord(view, (result,))


async def test_scans_come_back_as_they_were_the_newest_first(database: Database) -> None:
    scans = ScanRepository(database)
    for number in (1, 3, 2):
        await scans.save(scan(number))
    assert await scans.load_all(2) == [scan(3), scan(2)]
    await scans.delete_oldest(1)
    assert await scans.load_all(10) == [scan(3)]
