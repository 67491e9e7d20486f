"""What goes over the wire of a lab: who connects to whom, and what looks like a log-in.

Run as a program on the switch, it writes a line of JSON for each new connection and each log-in.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.network.lab import NetworkLab, Running

#: How requests with credentials look: HTTP and RTSP alike, ONVIF's tokens, Dahua's other login, and
#: accounts in addresses.
LOGINS = (b"\nauthorization:", b"usernametoken", b"global.login", b"usr=", b"password=", b"pwd=")
_ALL, _PACKET_ADD_MEMBERSHIP, _PROMISCUOUS = 0x0003, 1, 1
_SYN, _ACK = 0x02, 0x10


@dataclass(frozen=True, slots=True)
class Contact:
    """One host sent another one something by TCP; ``login`` is what looked like a log-in in it."""

    source: str
    target: str
    port: int
    login: str | None = None


class Wire:
    """Listens to everything that crosses the switch of a lab, from `begin` on."""

    def __init__(self, lab: NetworkLab) -> None:
        self._lab = lab
        self._running: Running | None = None

    async def begin(self) -> None:
        """Listen until the lab ends."""
        program = [sys.executable, "-IS", "-c", _PROGRAM, str(Path(__file__).parents[2])]
        self._running = await self._lab.run(program)
        await self._running.line("listening".__eq__, limit=10)

    def contacts(self) -> list[Contact]:
        """Return what was seen so far, in order."""
        assert self._running is not None
        assert self._running.process.returncode is None, self._running.log
        return [Contact(**json.loads(line)) for line in self._running.lines[1:]]

    def logins(self) -> list[Contact]:
        """Return what looked like log-ins."""
        return [contact for contact in self.contacts() if contact.login is not None]


_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from tests.network import wire; wire.main()"
)


def contact_of(frame: bytes) -> Contact | None:
    """Return what an Ethernet frame shows, or None: most show nothing new."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == 0x0800 and frame[23] == socket.IPPROTO_TCP:
        source, target = (socket.inet_ntoa(frame[at : at + 4]) for at in (26, 30))
        tcp = frame[14 + (frame[14] & 15) * 4 : 14 + int.from_bytes(frame[16:18], "big")]
    elif kind == 0x86DD and frame[20] == socket.IPPROTO_TCP:
        pair = frame[22:38], frame[38:54]
        source, target = (socket.inet_ntop(socket.AF_INET6, one) for one in pair)
        tcp = frame[54 : 54 + int.from_bytes(frame[18:20], "big")]
    else:
        return None
    port, flags = int.from_bytes(tcp[2:4], "big"), tcp[13]
    if flags & _SYN:
        return None if flags & _ACK else Contact(source, target, port)
    payload = tcp[(tcp[12] >> 4) * 4 :].lower()
    login = next((mark for mark in LOGINS if mark in payload), None)
    return None if login is None else Contact(source, target, port, login.decode().strip())


def main() -> None:
    """Listen on the switch, and write what is seen."""
    listening = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    listening.bind(("switch", 0))
    member = struct.pack("iHH8s", socket.if_nametoindex("switch"), _PROMISCUOUS, 0, b"")
    listening.setsockopt(263, _PACKET_ADD_MEMBERSHIP, member)  # SOL_PACKET
    sys.stdout.write("listening\n")
    while True:
        sys.stdout.flush()
        contact = contact_of(listening.recv(65536))
        if contact is not None:
            told = {name: getattr(contact, name) for name in Contact.__slots__}
            sys.stdout.write(json.dumps(told) + "\n")
