"""Where a virtual camera looks: moved like a motor, by the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ucv.clock import Clock, SystemClock

#: At full speed, how much of a range from -1 to 1 is passed in a second: all of it in four.
FULL_SPEED = 0.5


@dataclass(frozen=True, slots=True)
class Position:
    """Pan, tilt and zoom, each from -1 to 1: left to right, down to up, wide to near."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = -1.0


class PtzModel:
    """The head of one camera. It turns until it is stopped, or stands at the end of its range.

    ``presets`` are names and positions by the vendor's own id; ``home`` is where `go_home` goes.
    ``moves`` and ``stops`` count what it was told. ``on_change`` is called whenever it is told to
    move, to stop or to go somewhere.
    """

    def __init__(
        self, clock: Clock | None = None, *, on_change: Callable[[], object] = lambda: None
    ) -> None:
        self._clock: Clock = clock or SystemClock()
        self.on_change = on_change
        self.presets: dict[str, tuple[str, Position]] = {}
        self.home = Position()
        self.moves = self.stops = 0
        self._from = Position()
        self._since = self._clock.monotonic()
        self._velocity = (0.0, 0.0, 0.0)

    @property
    def velocity(self) -> tuple[float, float, float]:
        """The parts of full speed of pan, tilt and zoom that it was told, from -1 to 1."""
        return self._velocity

    @property
    def moving(self) -> bool:
        """Whether it was told to move and not to stop."""
        return any(self._velocity)

    @property
    def position(self) -> Position:
        """Where it looks now."""
        way = (self._clock.monotonic() - self._since) * FULL_SPEED
        pan, tilt, zoom = self._velocity
        begin = self._from
        return Position(
            _bounded(begin.pan + pan * way),
            _bounded(begin.tilt + tilt * way),
            _bounded(begin.zoom + zoom * way),
        )

    def move(self, pan: float = 0.0, tilt: float = 0.0, zoom: float = 0.0) -> None:
        """Begin to move at these parts of full speed; an axis at 0 stands still."""
        self.moves += 1
        self._set(self.position, (_bounded(pan), _bounded(tilt), _bounded(zoom)))

    def stop(self) -> None:
        """Stand still."""
        self.stops += 1
        self._set(self.position)

    def relative(self, pan: float = 0.0, tilt: float = 0.0, zoom: float = 0.0) -> None:
        """Go by that part of the range, at once; 1 is from the middle to the end."""
        now = self.position
        self.absolute(now.pan + pan, now.tilt + tilt, now.zoom + zoom)

    def absolute(
        self, pan: float | None = None, tilt: float | None = None, zoom: float | None = None
    ) -> None:
        """Go to a position, at once; None leaves an axis where it is."""
        now = self.position
        self.moves += 1
        self._set(
            Position(
                now.pan if pan is None else _bounded(pan),
                now.tilt if tilt is None else _bounded(tilt),
                now.zoom if zoom is None else _bounded(zoom),
            )
        )

    def goto(self, preset: str) -> None:
        """Go to a preset; raises `KeyError`."""
        position = self.presets[preset][1]
        self.absolute(position.pan, position.tilt, position.zoom)

    def go_home(self) -> None:
        """Go to ``home``."""
        self.absolute(self.home.pan, self.home.tilt, self.home.zoom)

    def _set(
        self, position: Position, velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> None:
        self._from, self._since = position, self._clock.monotonic()
        self._velocity = velocity
        self.on_change()


def _bounded(value: float) -> float:
    return min(1.0, max(-1.0, value))
