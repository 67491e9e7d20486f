"""The HTTP interface of Doorkeeper stations: what is sent, and what comes back, checked."""

import json

from ucv import CameraEvent, Doorbell, Motion, OtherEvent, Preset, ProtocolError

#: A line of the event stream that is longer than this (bytes) is none.
MAX_LINE = 16 * 1024
#: The station says that it is alive every 10 s; after three times that it is not.
SILENCE = 30.0


class Station:
    """One door station, over the device's HTTP client.

    ``features`` is what it said it has; ``last_event`` the number of the newest event that was
    seen, by which it is asked for those that were missed.
    """

    def __init__(self, device):
        self._http = device.http
        self._token = device.secret("token")
        self.features = frozenset()
        self.last_event = None
        self.moves = False

    @property
    def has_token(self):
        return self._token is not None

    async def describe(self):
        """Return who it says it is: ``serial``, ``model``, ``firmware``."""
        told = await self._http.get_json("/api/station")
        self.features = frozenset(map(str, _value(told, "features", list)))
        return {name: _value(told, name, str) for name in ("serial", "model", "firmware")}

    async def picture(self):
        return await self._http.get_bytes("/picture.jpg")

    # --- pairing --------------------------------------------------------------------------------

    async def is_paired(self):
        """Say whether the station knows this hub's token."""
        if not self.has_token:
            return False
        answer = await self._http.request("GET", "/api/pairing", headers=self._headers)
        return _value(answer.json(), "paired", bool)

    async def show_code(self):
        """Let the station show a code on its display; the one before no longer counts."""
        await self._http.post("/api/pairing")

    async def pair(self, code):
        """Return the token that the station gives for the code; None if it is the wrong code."""
        # A 403 means the code here, and not the account.
        answer = await self._http.put("/api/pairing", json={"code": code}, allow_status=(403,))
        return None if answer.status == 403 else _value(answer.json(), "token", str)

    @property
    def _headers(self):
        return {"X-Doorkeeper-Token": self._token} if self.has_token else {}

    # --- events ---------------------------------------------------------------------------------

    def listen(self):
        """Open the stream of events, those that were missed first."""
        after = {} if self.last_event is None else {"after": self.last_event}
        return self._http.stream(
            "GET", "/api/events", params=after, headers=self._headers, idle_timeout=SILENCE
        )

    # --- movement and light ---------------------------------------------------------------------

    async def move(self, pan, tilt, zoom):
        self.moves = True
        await self._http.post("/api/move", json={"pan": pan, "tilt": tilt, "zoom": zoom})

    async def halt(self):
        await self._http.post("/api/stop")
        self.moves = False

    async def go_home(self):
        await self._http.post("/api/home")

    async def positions(self):
        told = await self._http.get_json("/api/positions")
        if not isinstance(told, list):
            raise ProtocolError("The station's positions are no list.")
        return [_preset(one) for one in told]

    async def go_to(self, position):
        await self._http.post(f"/api/positions/{_number(position)}/go")

    async def remember_position(self, name):
        return _preset((await self._http.post("/api/positions", json={"name": name})).json())

    async def forget_position(self, position):
        await self._http.delete(f"/api/positions/{_number(position)}")

    async def is_lit(self):
        return _value(await self._http.get_json("/api/light"), "on", bool)

    async def switch_light(self, on):
        await self._http.put("/api/light", json={"on": on})


class EventReader:
    """Makes events of the bytes of one connection: a line of JSON each, cut anywhere."""

    def __init__(self):
        self._rest = b""

    def feed(self, chunk):
        """Return what the lines say that are complete now, as pairs: number, `CameraEvent`.

        Raises `ProtocolError` for what is no such line.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE or any(len(line) > MAX_LINE for line in lines):
            raise ProtocolError("A line of the station's events is too long.")
        told = [_parsed(line) for line in lines if line.strip()]
        return [(_value(one, "number", int), _event(one)) for one in told if not _is_alive(one)]


def _parsed(line):
    try:
        return json.loads(line)
    # A line may also be nested deeper than the parser goes.
    except (ValueError, RecursionError) as error:
        raise ProtocolError("A line of the station's events is not JSON.") from error


def _is_alive(told):
    return _value(told, "type", str) == "alive"


def _event(told) -> CameraEvent:
    at = told.get("at")
    common = {
        "at": float(at) if _is(at, (int, float)) and abs(at) < 1e12 else None,
        "source": str(told.get("zone", "")),
    }
    match told["type"]:
        case "ring":
            return Doorbell(**common)  # it has no duration
        case "motion":
            return Motion(active=_value(told, "active", bool), **common)
        case other:
            return OtherEvent(name=other, **common)


def _preset(told):
    return Preset(str(_value(told, "id", int)), _value(told, "name", str))


def _number(position):
    """Return a preset's id as part of a path; only what the station itself gave is one."""
    if not (position.isascii() and position.isdigit()):
        raise ProtocolError("The station has no such position.")
    return position


def _value(told, name, kind):
    """Return what the station told under a name; raises `ProtocolError` if it is not that kind."""
    value = told.get(name) if isinstance(told, dict) else None
    if not _is(value, kind):
        raise ProtocolError(f"The station's answer lacks {name}.")
    return value


def _is(value, kind):
    # In Python, True is a number, too.
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
