"""A device's configuration: values by full names, as configManager.cgi reads and sets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from ucv.testing.dahua.answers import WriteFailed

#: The values that are known of a setting, by its table and the last part of its name.
_CHOICES: Mapping[tuple[str, str], frozenset[str]] = MappingProxyType(
    {
        ("Encode", "Compression"): frozenset(
            {"H.264", "H.264B", "H.264H", "H.265", "MJPG", "AAC", "G.711A", "G.711Mu"}
        ),
        ("Encode", "BitRateControl"): frozenset({"CBR", "VBR"}),
        ("VideoInDayNight", "Mode"): frozenset({"Color", "Brightness", "BlackWhite"}),
        ("Lighting", "Mode"): frozenset({"Manual", "Off", "Auto"}),
        ("Lighting_V2", "Mode"): frozenset({"Manual", "Off", "Auto"}),
        ("Lighting", "Light"): frozenset(str(level) for level in range(101)),
        ("Lighting_V2", "Light"): frozenset(str(level) for level in range(101)),
    }
)
_BOOLEAN = frozenset({"true", "false"})


class ConfigStore:
    """Values by names such as ``Encode[0].MainFormat[0].Video.FPS``, in the order they came.

    ``store[name]`` and ``store[name] = value`` are a test's way past what the device allows;
    ``writes`` counts settings changed over the network.
    """

    def __init__(self) -> None:
        self.writes = 0
        self._values: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __setitem__(self, name: str, value: str | int | bool) -> None:
        if isinstance(value, bool):
            value = "true" if value else "false"
        self._values[name] = str(value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def find(self, name: str, default: str = "") -> str:
        """Return a value, or the default where there is no such name."""
        return self._values.get(name, default)

    def fill(self, prefix: str, values: Mapping[str, str | int | bool]) -> None:
        """Set all values of a row, whose names begin with ``prefix`` and a dot."""
        for name, value in values.items():
            self[f"{prefix}.{name}"] = value

    def remove(self, name: str) -> None:
        """Take a table, a row or a value out; harmless when there is none."""
        for known in list(self._under(name)):
            del self._values[known]

    def read(self, name: str) -> list[str]:
        """Return the lines of a table, a row or a value; none when there is no such thing."""
        return [f"table.{known}={self._values[known]}" for known in self._under(name)]

    def write(self, values: Mapping[str, str]) -> None:
        """Change settings, all or none; raises `WriteFailed` for what does not fit."""
        if not values or not all(self._fits(name, value) for name, value in values.items()):
            raise WriteFailed
        self._values.update(values)
        self.writes += len(values)

    def _under(self, name: str) -> Iterator[str]:
        starts = (f"{name}.", f"{name}[")
        return (known for known in self._values if known == name or known.startswith(starts))

    def _fits(self, name: str, value: str) -> bool:
        now = self._values.get(name)
        if now is None:
            return False
        table, leaf = name.partition("[")[0].partition(".")[0], name.rpartition(".")[2]
        choices = _CHOICES.get((table, leaf.partition("[")[0]))
        if choices is not None:
            return value in choices
        if now in _BOOLEAN:
            return value in _BOOLEAN
        return not now.isdigit() or (value.isascii() and value.isdigit())
