"""Carries connections from one network namespace into another: run by `lab.Host.forward`.

It is given the number of a listening socket, made where the connections come from, and the port of
127.0.0.1 that they are for, where it runs itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy what comes until its end, and pass that on."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def relay(listening: int, port: int) -> None:
    """Carry connections for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer))

    server = await asyncio.start_server(serve, sock=socket.socket(fileno=listening))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), int(sys.argv[2])))
