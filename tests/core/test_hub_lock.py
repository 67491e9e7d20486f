"""One hub for each configuration directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ucv.config.paths import ConfigDirectory
from ucv.errors import HubRunning
from ucv.hub import Hub
from ucv.hub_lock import HubLock, running_pid


@pytest.fixture
def directory(tmp_path: Path) -> ConfigDirectory:
    found = ConfigDirectory(tmp_path)
    found.prepare()
    return found


def test_a_second_holder_is_refused_and_told_who_has_it(directory: ConfigDirectory) -> None:
    with HubLock(directory.storage):
        with pytest.raises(HubRunning) as refused:
            HubLock(directory.storage).acquire()
        assert refused.value.details == {"pid": os.getpid()}
        assert running_pid(directory) == os.getpid()
    assert running_pid(directory) is None
    with HubLock(directory.storage):
        pass


def test_it_ends_with_its_process_however_that_ends(directory: ConfigDirectory) -> None:
    code = (
        "import os, sys; from pathlib import Path; from ucv.hub_lock import HubLock; "
        "HubLock(Path(sys.argv[1])).acquire(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(directory.storage)], check=False)
    assert running_pid(directory) is None
    with HubLock(directory.storage):
        pass


def test_without_a_hub_there_is_no_process(tmp_path: Path) -> None:
    assert running_pid(ConfigDirectory(tmp_path)) is None


@pytest.mark.parametrize("content", [b"", b"no number", b"9" * 5000, b"\xff\xfe"])
def test_whatever_stands_in_the_file_does_no_harm(
    directory: ConfigDirectory, content: bytes
) -> None:
    with HubLock(directory.storage):
        (directory.storage / "hub.lock").write_bytes(content)
        running_pid(directory)
        with pytest.raises(HubRunning):
            HubLock(directory.storage).acquire()


async def test_two_hubs_do_not_share_a_directory(tmp_path: Path) -> None:
    first, second = Hub(tmp_path), Hub(tmp_path)
    await first.start()
    try:
        with pytest.raises(HubRunning):
            await second.start()
        assert first.entries.list() == []
    finally:
        await first.stop()
    await second.start()
    await second.stop()
