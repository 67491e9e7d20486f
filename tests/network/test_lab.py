"""The lab itself: what one host sends, the others get, and nobody else."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.network.lab import Host, NetworkLab, Running
from tests.network.wire import Contact, Wire
from ucv.testing import until

pytestmark = pytest.mark.slow

_LISTEN = """
import socket, struct, sys
group, port, own = sys.argv[1], int(sys.argv[2]), sys.argv[3]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("", port))
if group != "-":
    member = socket.inet_aton(group) + socket.inet_aton(own)
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
print("ready", flush=True)
while True:
    data, source = udp.recvfrom(2000)
    print("got", data.decode(), "from", source[0], flush=True)
    udp.sendto(b"answer", source)
"""
_ASK = """
import socket, sys
group, port, own = sys.argv[1], int(sys.argv[2]), sys.argv[3]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
udp.settimeout(float(sys.argv[4]))
udp.sendto(b"question", (group, port))
try:
    print(*udp.recvfrom(2000), flush=True)
except TimeoutError:
    print("silence")
"""
_FETCH = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).status)
"""


async def python(host: Host, program: str, *arguments: str) -> Running:
    return await host.run([sys.executable, "-IS", "-c", program, *arguments])


async def ask(host: Host, group: str, port: int, limit: float = 5.0) -> str:
    """Send a question to a group and return the answer, with who gave it."""
    command = [sys.executable, "-IS", "-c", _ASK, group, str(port), host.address, str(limit)]
    return await host.call(*command)


def runs(pid: int) -> bool:
    """Say whether a process runs: one that has ended is there until its new parent looks."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def serve_http(host: Host, folder: Path, address: str, port: int = 8080) -> None:
    (folder / "index.html").write_text(host.name)
    command = ["-m", "http.server", str(port), "--bind", address, "--directory", str(folder)]
    server = await host.run([sys.executable, *command])
    await server.line(lambda line: "Serving HTTP" in line, limit=10)


@pytest.mark.parametrize(
    ("group", "port"),
    [("239.255.255.250", 3702), ("255.255.255.255", 37810), ("192.0.2.255", 37810)],
    ids=["multicast", "broadcast", "broadcast of the network"],
)
async def test_hosts_hear_what_is_sent_to_all(lab: NetworkLab, group: str, port: int) -> None:
    camera = await lab.host("camera", "192.0.2.9")
    hub = await lab.host("hub", "192.0.2.2")
    member = group if group.startswith("239.") else "-"
    listening = await python(camera, _LISTEN, member, str(port), camera.address)
    await listening.line("ready".__eq__, limit=5)
    assert await ask(hub, group, port) == f"b'answer' ('192.0.2.9', {port})"
    assert "got question from 192.0.2.2" in listening.lines


async def test_hosts_connect_to_each_other_over_both_kinds_of_addresses(
    lab: NetworkLab, tmp_path: Path
) -> None:
    camera = await lab.host("camera", "192.0.2.9")
    hub = await lab.host("hub", "192.0.2.2")
    await serve_http(camera, tmp_path, "::")
    command = [sys.executable, "-IS", "-c", _FETCH]
    assert await hub.call(*command, "http://192.0.2.9:8080/", "5") == "200"
    assert await hub.call(*command, "http://[2001:db8::9]:8080/", "5") == "200"


async def test_a_host_that_is_unplugged_is_silent_until_it_is_plugged_in(lab: NetworkLab) -> None:
    camera = await lab.host("camera", "192.0.2.9")
    hub = await lab.host("hub", "192.0.2.2")
    listening = await python(camera, _LISTEN, "239.255.255.250", "3702", camera.address)
    await listening.line("ready".__eq__, limit=5)
    await camera.unplug()
    assert await ask(hub, "239.255.255.250", 3702, 0.2) == "silence"
    await camera.plug()
    assert "192.0.2.9" in await ask(hub, "239.255.255.250", 3702)


async def test_a_host_has_the_address_it_is_given_anew(lab: NetworkLab, tmp_path: Path) -> None:
    camera = await lab.host("camera", "192.0.2.9")
    hub = await lab.host("hub", "192.0.2.2")
    listening = await python(camera, _LISTEN, "239.255.255.250", "3702", camera.address)
    await listening.line("ready".__eq__, limit=5)
    await serve_http(camera, tmp_path, "0.0.0.0")
    await camera.change_address("192.0.2.77")
    assert "192.0.2.77" in await ask(hub, "239.255.255.250", 3702)
    command = [sys.executable, "-IS", "-c", _FETCH]
    assert await hub.call(*command, "http://192.0.2.77:8080/", "5") == "200"
    with pytest.raises(AssertionError, match=r"No route to host|timed out"):
        await hub.call(*command, "http://192.0.2.9:8080/", "0.3")


async def test_labs_do_not_hear_each_other(lab: NetworkLab) -> None:
    camera = await lab.host("camera", "192.0.2.9")
    listening = await python(camera, _LISTEN, "239.255.255.250", "3702", camera.address)
    await listening.line("ready".__eq__, limit=5)
    async with NetworkLab() as other:
        stranger = await other.host("hub", "192.0.2.2")
        assert await ask(stranger, "239.255.255.250", 3702, 0.3) == "silence"
    assert listening.lines == ["ready"]


async def test_a_test_reaches_what_listens_on_a_host_alone(lab: NetworkLab, tmp_path: Path) -> None:
    hub = await lab.host("hub", "192.0.2.2")
    await serve_http(hub, tmp_path, "127.0.0.1", 8123)
    async with hub.forward(8123) as port, aiohttp.ClientSession() as client:
        for _ in range(3):
            async with client.get(f"http://127.0.0.1:{port}/") as answer:
                assert await answer.text() == "hub"


async def test_the_wire_shows_who_connects_to_whom_and_who_logs_in(
    lab: NetworkLab, tmp_path: Path
) -> None:
    camera = await lab.host("camera", "192.0.2.9")
    hub = await lab.host("hub", "192.0.2.2")
    await serve_http(camera, tmp_path, "::")
    wire = Wire(lab)
    await wire.begin()
    command = [sys.executable, "-IS", "-c", _FETCH]
    await hub.call(*command, "http://192.0.2.9:8080/", "5")
    await hub.call(*command, "http://[2001:db8::9]:8080/?usr=me", "5")
    plain = Contact("192.0.2.2", "192.0.2.9", 8080)
    second = Contact("2001:db8::2", "2001:db8::9", 8080)
    await until(lambda: len(wire.contacts()) == 3)
    assert wire.contacts() == [plain, second, replace(second, login="usr=")]
    assert wire.logins() == wire.contacts()[2:]


async def test_nothing_is_left_of_a_lab() -> None:
    async with NetworkLab() as lab:
        camera = await lab.host("camera", "192.0.2.9")
        sleeping = await camera.run(["sleep", "1000"])
        held = [camera._holder.process, sleeping.process]
    assert all(process.returncode is not None for process in held)


async def test_processes_on_hosts_end_with_the_one_that_started_them() -> None:
    program = (
        "import asyncio, os\n"
        "from tests.network.lab import NetworkLab\n"
        "async def main():\n"
        "    lab = await NetworkLab().__aenter__()\n"
        "    host = await lab.host('camera', '192.0.2.9')\n"
        "    sleeping = await host.run(['sh', '-c', 'echo up; exec sleep 1000'])\n"
        "    await sleeping.line('up'.__eq__, limit=10)\n"
        "    print(host._holder.process.pid, sleeping.process.pid, flush=True)\n"
        "    os._exit(1)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    pids = out.split()
    assert len(pids) == 2
    async with asyncio.timeout(5):
        while any(runs(int(pid)) for pid in pids):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.02)
