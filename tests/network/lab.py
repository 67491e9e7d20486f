"""Networks of hosts on one machine: Linux network namespaces on a bridge, made by the test itself.

Nothing of the machine's own network is touched: the bridge and all links are inside namespaces,
which have no name and are gone when the processes that hold them have ended. Works as root, or as
anybody where the kernel lets users make namespaces (user_namespaces(7)).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

#: Seconds that a command of iproute2 gets, and a process that is told to end.
COMMAND_LIMIT, END_LIMIT = 10.0, 5.0
#: The address that hosts have as their router; nobody has it.
GATEWAY = "192.0.2.1"
#: What has a process end with the one that started it.
_BOUND = ("setpriv", "--pdeathsig", "KILL", "--")
#: Says that it has its namespaces, and ends when the test's process does: with its input.
_HOLD = "echo held; exec cat >/dev/null"
_ADDRESS = ("ip", "address", "add")
#: Where Debian has iproute2 is not always on the path of who is not root.
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
#: What is added to the environment of processes. Compiling everything anew for each would take
#: most of the time, so what they compile is kept, outside of the source tree.
ENVIRONMENT = {
    "PATH": _PATH,
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir(), "ucv-bytecode")),
}
_RELAY = Path(__file__).with_name("relay.py")


def unusable() -> str | None:
    """Return why there can be no lab on this machine, or None if there can."""
    for command in ("ip", "nsenter", "unshare", "setpriv"):
        if shutil.which(command, path=_PATH) is None:
            return f"{command} is not installed"
    tried = subprocess.run(
        [*_unshare(own_user=os.geteuid() != 0), "true"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else f"no namespaces: {tried.stderr.decode().strip()}"


@dataclass
class Running:
    """A process on a host; ``lines`` is what it has written, on either output."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def log(self) -> str:
        """Everything it has written so far."""
        return "\n".join(self.lines)

    def send(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def line(self, wanted: Callable[[str], object], *, after: int = 0, limit: float) -> str:
        """Return the first line that is as wanted, of those from number ``after`` on."""
        async with asyncio.timeout(limit):
            while True:
                for line in self.lines[after:]:
                    if wanted(line):
                        return line
                assert self.process.returncode is None, f"it ended:\n{self.log}"
                self._news.clear()
                await self._news.wait()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by that signal, and by force when it takes its time; returns its status."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        try:
            async with asyncio.timeout(END_LIMIT):
                status = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            status = await self.process.wait()
        if self._reader is not None:
            await self._reader
        return status

    async def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            async for line in self.process.stdout:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._news.set()
        finally:
            await self.process.wait()
            self._news.set()


class Host:
    """A machine in the lab, with one network card ``eth0``.

    ``address`` is its IPv4 address of 192.0.2.0/24, ``address6`` the one of 2001:db8::/64 that ends
    in the same number.
    """

    def __init__(self, lab: NetworkLab, name: str, address: str, holder: Running) -> None:
        self.lab = lab
        self.name = name
        self.address = address
        self._holder = holder
        self._running: list[Running] = []

    @property
    def address6(self) -> str:
        """Its global IPv6 address."""
        return _address6(self.address)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return what runs a command on this host, and ends it with the test's process."""
        return [*_enter(self._holder), *_BOUND, *arguments]

    async def run(self, arguments: Sequence[str]) -> Running:
        """Start a process; it ends with the lab."""
        running = await _start(self.command(arguments))
        self._running.append(running)
        return running

    async def call(self, *arguments: str) -> str:
        """Run a command to its end and return what it wrote; fails when it fails."""
        return await _call(_enter(self._holder), arguments)

    async def change_address(self, address: str) -> None:
        """Give it another address, as a DHCP server does; what it runs is told nothing."""
        await self.call("ip", "address", "flush", "dev", "eth0", "scope", "global")
        await self.call(*_ADDRESS, f"{address}/24", "brd", "+", "dev", "eth0")
        await self.call(*_ADDRESS, _net6(address), "dev", "eth0", "nodad")
        # It went with the address.
        await self.call("ip", "route", "add", "default", "via", GATEWAY, "dev", "eth0")
        self.address = address

    async def unplug(self) -> None:
        """Pull the cable."""
        await self.lab.call("ip", "link", "set", "dev", self.name, "down")

    async def plug(self) -> None:
        """Put the cable back."""
        await self.lab.call("ip", "link", "set", "dev", self.name, "up")

    @asynccontextmanager
    async def forward(self, port: int) -> AsyncIterator[int]:
        """Let the test reach a TCP port of its 127.0.0.1; yields the port of the test's own."""
        with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
            # A socket stays in the namespace that it was made in.
            number = server.fileno()
            arguments = self.command([sys.executable, "-IS", str(_RELAY), str(number), str(port)])
            relay = await _start(arguments, pass_fds=(number,))
            outside: int = server.getsockname()[1]
        try:
            yield outside
        finally:
            await relay.stop(signal.SIGKILL)

    def browser(self, folder: Path, program: str = "/usr/bin/chromium") -> Path:
        """Write a script that starts a browser on this host, and return it."""
        script = folder / f"browser-on-{self.name}"
        script.write_text(f'#!/bin/sh\nexec {" ".join(_enter(self._holder))} {program} "$@"\n')
        script.chmod(0o700)
        return script

    async def stop(self) -> None:
        """End everything that runs on it."""
        await asyncio.gather(*(one.stop() for one in self._running))
        await self._holder.stop(signal.SIGKILL)


class NetworkLab:
    """A switch; ``async with NetworkLab() as lab: camera = await lab.host("camera", "192.0.2.9")``.

    Hosts hear each other's multicasts and broadcasts. Labs know nothing of each other: each has its
    own switch, so that tests may run at the same time with the same addresses.
    """

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._switch: Running | None = None
        self.hosts: dict[str, Host] = {}

    async def __aenter__(self) -> NetworkLab:
        command = _unshare(own_user=os.geteuid() != 0)
        self._switch = await _start([*command, "sh", "-c", _HOLD])
        self._stack.push_async_callback(self._switch.stop, signal.SIGKILL)
        try:
            await self._switch.line("held".__eq__, limit=COMMAND_LIMIT)
            await self.call("ip", "link", "add", "name", "switch", "type", "bridge")
            await self.call("ip", "link", "set", "switch", "up")
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def host(self, name: str, address: str, mac: str | None = None) -> Host:
        """Add a machine and plug it in; ``name`` has at most 15 characters.

        ``mac`` is the hardware address of its network card, made up if not given.
        """
        assert self._switch is not None
        inside = [] if os.geteuid() == 0 else _enter(self._switch)
        holder = await _start([*inside, *_unshare(), "sh", "-c", _HOLD])
        host = Host(self, name, address, holder)
        self._stack.push_async_callback(host.stop)
        await holder.line("held".__eq__, limit=COMMAND_LIMIT)
        peer = ["peer", "name", "eth0", "netns", str(holder.process.pid)]
        peer += [] if mac is None else ["address", mac]
        await self.call("ip", "link", "add", "name", name, "type", "veth", *peer)
        await self.call("ip", "link", "set", "dev", name, "master", "switch", "up")
        await host.call("ip", "link", "set", "lo", "up")
        await host.call("ip", "link", "set", "eth0", "up")
        await host.change_address(address)
        self.hosts[name] = host
        return host

    async def call(self, *arguments: str) -> str:
        """Run a command on the switch, as `Host.call` does."""
        assert self._switch is not None
        return await _call(_enter(self._switch), arguments)

    async def run(self, arguments: Sequence[str]) -> Running:
        """Start a process on the switch; it ends with the lab."""
        assert self._switch is not None
        running = await _start([*_enter(self._switch), *_BOUND, *arguments])
        self._stack.push_async_callback(running.stop)
        return running


async def _start(command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> Running:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        pass_fds=pass_fds,
        env={**os.environ, **ENVIRONMENT},
    )
    running = Running(process)
    running._reader = asyncio.create_task(running._read())
    return running


async def _call(enter: Sequence[str], arguments: Sequence[str]) -> str:
    running = await _start([*enter, *arguments])
    try:
        async with asyncio.timeout(COMMAND_LIMIT):
            status = await running.process.wait()
    finally:
        await running.stop(signal.SIGKILL)
    assert status == 0, f"{' '.join(arguments)} failed: {running.log}"
    return running.log


def _unshare(*, own_user: bool = False) -> list[str]:
    """Return what runs a command in a network namespace of its own."""
    return ["unshare", *(["--user", "--map-root-user"] if own_user else []), "--net", "--"]


def _enter(holder: Running) -> list[str]:
    """Return what runs a command in the namespaces of a process."""
    pid = str(holder.process.pid)
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    return ["nsenter", "--target", pid, *user, "--net", "--"]


def _address6(address: str) -> str:
    return f"2001:db8::{IPv4Address(address).packed[3]:x}"


def _net6(address: str) -> str:
    return f"{_address6(address)}/64"
