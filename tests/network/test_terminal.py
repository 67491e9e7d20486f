"""What the terminal finds on a network of its own, of devices that the terminal runs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.e2e.conftest import UCV
from tests.network.lab import Host, NetworkLab
from tests.network.test_found_devices import NAMES, PROTOCOLS

pytestmark = pytest.mark.slow


async def simulate(lab: NetworkLab, brand: str, number: int) -> Host:
    """Run a device as a person does; returns its host once the device is there."""
    host = await lab.host(brand, f"192.0.2.{number}")
    options = ["--host", host.address, "--port", "80", "--announce"]
    device = await host.run([*UCV, "simulate", brand, *options])
    await device.line(lambda line: "password" in line, limit=60)
    return host


async def ucv(host: Host, *arguments: str) -> Any:
    """Run a command on a host and return the document that it prints."""
    return json.loads(await host.call(*UCV, *arguments, "--json"))


async def test_devices_that_are_simulated_are_found_and_scanned_from_another_host(
    lab: NetworkLab,
) -> None:
    box = await lab.host("box", "192.0.2.2")
    hosts = await asyncio.gather(
        *(simulate(lab, brand, 3 + number) for number, brand in enumerate(PROTOCOLS))
    )
    found, scanned = await asyncio.gather(
        ucv(box, "discover", "--for", "3"), ucv(box, "scan", "192.0.2.0/28")
    )
    sources = {
        one["host"]: {evidence["source"] for evidence in one["evidence"]}
        for one in found["devices"]
    }
    expected = zip(hosts, PROTOCOLS.values(), strict=True)
    assert sources == {host.address: set(protocols) for host, protocols in expected}
    assert all(method["listening"] for method in found["methods"])
    named = {one["host"]: (one["manufacturer"], one["model"]) for one in found["devices"]}
    assert named == dict(zip(sources, NAMES.values(), strict=True))
    best = {one["host"]: one["candidates"][0]["integration"] for one in found["devices"]}
    assert best == dict(zip(sources, PROTOCOLS, strict=True))

    results = {one["host"]: one for one in scanned["results"]}
    assert results.keys() == sources.keys()
    assert {host: one["integration"] for host, one in results.items()} == best
    assert all(80 in one["ports"] for one in results.values())
