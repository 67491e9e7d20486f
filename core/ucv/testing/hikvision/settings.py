"""How settings of a Hikvision device are found and written: as whole documents, now or later."""

from __future__ import annotations

from collections.abc import Callable, Collection
from xml.etree.ElementTree import Element

from ucv.testing.hikvision.documents import BadDocument, read, replaced
from ucv.testing.hikvision.isapi_server import Refusal, Reply
from ucv.testing.hikvision.unit import Channel, Unit

Check = Callable[[Element], object]


def _any(_document: Element) -> None:
    pass


class Settings:
    """Finds channels and writes documents; `rebooted` lets hold what waited for a reboot."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._waiting: list[Callable[[], None]] = []

    @staticmethod
    def missing() -> Refusal:
        """Return the refusal of what the device does not have."""
        return Refusal(4, "invalidOperation", status=404)

    @staticmethod
    def one_of(text: str | None, known: Collection[str]) -> str:
        """Return the text; raises `BadDocument` unless it is one that is known."""
        if text is None or text not in known:
            raise BadDocument(6)
        return text

    def channel(self, number: str) -> Channel:
        """Return a channel by its number in a path; raises `Refusal`."""
        channel = self._unit.channels.get(int(number)) if number.isdecimal() else None
        if channel is None:
            raise self.missing()
        return channel

    def write(
        self, body: bytes, stored: Element, keep: Callable[[Element], None], check: Check = _any
    ) -> Reply:
        """Take a document in place of the stored one, which it must be the whole of.

        ``check`` raises `BadDocument` for values that cannot be. Raises that, too, and `Refusal`
        with code 7 if it holds after a reboot only.
        """
        document = replaced(stored, read(body, stored.tag))
        check(document)
        if "reboot-required" in self._unit.quirks:
            self._waiting.append(lambda: keep(document))
            raise Refusal(7)
        keep(document)
        return None

    def rebooted(self) -> None:
        """Let hold what was written."""
        for keep in self._waiting:
            keep()
        self._waiting.clear()
