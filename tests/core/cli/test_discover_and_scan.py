"""``ucv discover`` and ``ucv scan`` tell what is on a network, to people and programs alike."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

import pytest

from ucv.testing.dahua import DahuaDevice
from ucv.testing.discovery import announce
from ucv.testing.hikvision import HikvisionDevice

pytestmark = pytest.mark.slow

#: On loopback everybody hears everybody: others' devices have other serial numbers.
SERIAL = f"CLI{os.getpid():08d}A"


async def ucv(*arguments: str, interrupt_after: str | None = None) -> tuple[int, str, str]:
    """Run a command; returns exit status, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from ucv.cli import main; main()", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200", "FORCE_COLOR": "0"},
    )
    try:
        if interrupt_after is not None:
            await asyncio.sleep(float(interrupt_after))
            process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_device_is_discovered_with_brand_model_and_protocols() -> None:
    async with (
        HikvisionDevice("Hall", host="127.0.61.1", serial=SERIAL) as device,
        announce(device),
    ):
        status, out, _ = await ucv("discover", "--for", "4", "--interface", "127.0.0.1")
        assert status == 0
        line = next(line for line in out.splitlines() if SERIAL in line)
        for told in ("127.0.61.1", "Hikvision", device.unit.model, "sadp", "ssdp"):
            assert told in line
        assert device.logins == 0


async def test_programs_get_what_was_discovered_as_json() -> None:
    serial = f"{SERIAL}J"
    async with DahuaDevice("Yard", host="127.0.61.2", serial=serial) as device, announce(device):
        arguments = ("discover", "--for", "3", "--interface", "127.0.0.1", "--json")
        status, out, _ = await ucv(*arguments)
        assert status == 0
        told: dict[str, Any] = json.loads(out)
        (found,) = [one for one in told["devices"] if one["serial"] == serial]
        assert (found["host"], found["manufacturer"]) == ("127.0.61.2", "Dahua")
        assert found["candidates"][0]["integration"] == "dahua"
        assert {one["source"] for one in found["evidence"]} >= {"dhip", "ws-discovery", "ssdp"}
        listening = {one["name"] for one in told["methods"] if one["listening"]}
        assert listening >= {"dhip", "sadp", "mdns"}


async def test_an_interface_that_is_not_there_is_named() -> None:
    status, out, err = await ucv("discover", "--interface", "192.0.2.77")
    assert (status, out) == (1, "")
    assert "192.0.2.77" in err


async def test_a_scan_prints_what_is_at_each_address() -> None:
    async with DahuaDevice("Shed", host="127.0.61.3", http_port=8080) as device:
        status, out, err = await ucv("scan", "127.0.61.0/29", "--ports", "8080,554")
        assert status == 0
        line = next(line for line in out.splitlines() if "127.0.61.3" in line)
        assert "Dahua" in line
        assert "8080" in line
        assert "Finished: 6 of 6 addresses" in err
        assert device.logins == 0


async def test_programs_get_a_scan_as_json() -> None:
    async with DahuaDevice("Shed", host="127.0.61.9", http_port=8080) as device:
        status, out, _ = await ucv("scan", "127.0.61.9", "--ports", "8080", "--json")
        assert status == 0
        told = json.loads(out)
        assert told["scan"]["state"] == "finished"
        assert [one["host"] for one in told["results"]] == [device.host]


@pytest.mark.parametrize(
    ("ranges", "code"),
    [
        ("10.0.0.0/8", "SCAN_TOO_LARGE"),
        ("8.8.8.8", "SCAN_PUBLIC"),
        ("nonsense", "VALIDATION_ERROR"),
    ],
    ids=["large", "public", "nonsense"],
)
async def test_what_is_not_scanned_is_told_with_its_code(ranges: str, code: str) -> None:
    status, out, err = await ucv("scan", ranges)
    assert (status, out) == (1, "")
    assert code in err


async def test_an_interrupted_scan_tells_what_it_found_so_far() -> None:
    status, _, err = await ucv("scan", "127.128.0.0/10", "--yes", interrupt_after="6")
    assert status == 130
    assert "Cancelled" in err
