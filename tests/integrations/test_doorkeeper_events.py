"""The example for authors takes whatever a device may send as events, cut anywhere."""

from __future__ import annotations

import importlib
import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ucv import CameraEvent, ProtocolError

# An example stands where no type checker looks for it.
api: Any = importlib.import_module("doorkeeper.api")

VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LINES = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["ring", "motion", "alive", "other"])},
        optional={"number": VALUES, "active": VALUES, "at": VALUES, "zone": VALUES},
    ).map(lambda told: json.dumps(told).encode() + b"\n")
    | st.binary(max_size=40)
).map(b"".join)


def fed(pieces: list[bytes]) -> tuple[list[tuple[int, CameraEvent]], bool]:
    """Return the events of a stream that comes in pieces, and whether all of it was good."""
    reader, told = api.EventReader(), []
    for piece in pieces:
        try:
            told += reader.feed(piece)
        except ProtocolError:
            return told, False
    return told, True


@given(LINES, st.lists(st.integers(0, 400), max_size=8))
def test_bytes_are_events_or_the_devices_fault(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, *(min(cut, len(stream)) for cut in cuts), len(stream)})
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    told, good = fed(pieces)
    assert all(isinstance(event, CameraEvent) and type(number) is int for number, event in told)
    whole, whole_is_good = fed([stream])
    assert good == whole_is_good
    if good:
        assert repr(told) == repr(whole)
