"""The cameras of a recorder, followed: who is there, and what has changed."""

from __future__ import annotations

from collections.abc import Mapping

from ucv import Channel, ProtocolError
from ucv_dahua.cgi import Cgi
from ucv_dahua.channel_table import channels, remotes, states, titles
from ucv_dahua.keyvalue import Table


class Roster:
    """Asks a recorder for its cameras: two requests each time, and one more where that differs.

    ``count`` is how many places it has, None if it does not tell. ``online`` are the channels (from
    0) that it told something of, and whether they are connected.
    """

    def __init__(self, cgi: Cgi, count: int | None) -> None:
        self._cgi = cgi
        self._count = count
        self._titles: dict[int, str] | None = None
        self._remotes: dict[int, Table] | None = None
        self._looked = False
        self.online: Mapping[int, bool] = {}

    async def look(self) -> tuple[list[Channel], bool]:
        """Return the cameras, and whether anything is told of them that was not before.

        Raises `ProtocolError` when the recorder refuses what it told before: that is a failure, and
        not the end of its cameras.
        """
        named = await self._cgi.peek_config("ChannelTitle")
        names = None if named is None else titles(named)
        told = await self._cgi.peek(
            "LogicDeviceManager.cgi", "getCameraState", {"uniqueChannels[0]": -1}
        )
        online = None if told is None else states(told)
        if (self._titles and not names) or (self.online and not online):
            raise ProtocolError("The recorder does not tell its cameras at the moment.")
        changed = not self._looked or names != self._titles or (online or {}) != self.online
        if changed or not online:
            await self._read_remotes()
        self._titles, self.online, self._looked = names, online or {}, True
        return channels(self._count, names or {}, online, self._remotes), changed

    async def _read_remotes(self) -> None:
        table = await self._cgi.peek_config("RemoteDevice")
        if table is None and self._remotes:
            raise ProtocolError("The recorder does not tell its cameras at the moment.")
        self._remotes = None if table is None else remotes(table)

    def diagnostics(self) -> dict[str, object]:
        """Return what it tells, without names and addresses."""
        return {
            "places": self._count,
            "titles": None if self._titles is None else len(self._titles),
            "remote": None if self._remotes is None else sorted(self._remotes),
            "online": {str(number): state for number, state in self.online.items()},
        }
