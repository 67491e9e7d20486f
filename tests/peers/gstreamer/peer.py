"""Starts GStreamer's RTSP server, and counts what a client asks of it, from outside."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ucv.testing.clip import Clip

SCRIPT = Path(__file__).with_name("rtsp_peer.py")
#: Debian's Python, which has the gi bindings.
PYTHON = "/usr/bin/python3"

USER, PASSWORD = "viewer", "p@ss/w:rd"


def write_clip(clip: Clip, path: Path) -> None:
    """Write a clip as the peer reads it."""
    with path.open("wb") as file:
        for picture in clip.pictures:
            units = (
                (clip.sps, clip.pps, *picture.nal_units) if picture.keyframe else picture.nal_units
            )
            unit = b"".join(b"\0\0\0\1" + nal for nal in units)
            file.write(struct.pack(">I", len(unit)) + unit)


@dataclass
class Tally:
    """What has passed the proxy."""

    connections: int = 0
    credentialed: int = 0
    refused: int = 0


class GStreamerPeer:
    """The server's process, with a proxy before it that counts. Everything on loopback."""

    def __init__(self, clip_file: Path, rate: int, kind: str) -> None:
        self.tally = Tally()
        self._arguments = [str(clip_file), str(rate), kind, USER, PASSWORD]
        self._port = _free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._proxy: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port to connect to."""
        assert self._proxy is not None
        return int(self._proxy.sockets[0].getsockname()[1])

    def url(self, *, credentials: bool = False, password: str = PASSWORD) -> str:
        """Return the stream's address."""
        userinfo = f"{USER}:{quote(password, safe='')}@" if credentials else ""
        return f"rtsp://{userinfo}127.0.0.1:{self.port}/stream1"

    async def start(self) -> None:
        """Start the process; returns when it serves."""
        self._process = await asyncio.create_subprocess_exec(
            PYTHON,
            str(SCRIPT),
            str(self._port),
            *self._arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=sys.stderr,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            said = await self._process.stdout.readline()
        if said != b"ready\n":
            await self.stop()
            raise RuntimeError("GStreamer's RTSP server did not start; its error is above")

    async def stop(self) -> None:
        """End the process, as when a camera loses its power."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def __aenter__(self) -> GStreamerPeer:
        await self.start()
        self._proxy = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._proxy is not None
        self._proxy.close()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        try:
            self.tally.connections += 1
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
            asked = asyncio.Queue[bool]()
            pumps = [
                asyncio.create_task(self._requests(reader, back, asked)),
                asyncio.create_task(self._answers(there, writer, asked)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                back.transport.abort()
        except OSError:
            pass  # the server is away: so is the camera
        finally:
            # Cut, not closed: a client that does not read would hold up the end for ever.
            writer.transport.abort()
            self._pumps.discard(task)

    async def _requests(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, asked: asyncio.Queue[bool]
    ) -> None:
        while data := await reader.read(65536):
            # The client sends each request in one piece.
            if data[:1] != b"$" and b"RTSP/1.0\r\n" in data:
                credentialed = b"\r\nAuthorization:" in data
                self.tally.credentialed += credentialed
                asked.put_nowait(credentialed)
            back.write(data)

    async def _answers(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Queue[bool]
    ) -> None:
        while data := await there.read(65536):
            if data.startswith(b"RTSP/1.0 "):
                credentialed = await asked.get()
                self.tally.refused += credentialed and data.startswith(b"RTSP/1.0 401")
            writer.write(data)
            await writer.drain()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
