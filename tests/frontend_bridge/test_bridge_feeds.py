"""Changes as they are gathered and summed up for clients that fall behind."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tests.frontend_bridge.conftest import Stage
from ucv_bridge import camera_feed
from ucv_bridge.camera_feed import CameraFeed, Changes

KEYS = st.sampled_from(["a", "b", "c", "d"])


def apply(cameras: dict[str, object], changes: Changes) -> dict[str, object]:
    """Do what a client does with an event."""
    event = orjson.loads(changes.body())
    kept = {key: value for key, value in cameras.items() if key not in event["removed"]}
    return kept | {view["id"]: view["v"] for view in event["changed"]}


@given(st.lists(st.lists(st.tuples(KEYS, st.integers(0, 9) | st.none()), min_size=1), min_size=1))
def test_the_sum_of_changes_is_what_they_come_to_one_by_one(
    history: list[list[tuple[str, int | None]]],
) -> None:
    one_by_one: dict[str, object] = {"a": 0, "b": 0}
    total: Changes | None = None
    for sequence, step in enumerate(history):
        last = dict(step)
        changes = Changes(
            sequence,
            {key: orjson.dumps({"id": key, "v": v}) for key, v in last.items() if v is not None},
            [key for key, v in last.items() if v is None],
        )
        one_by_one = apply(one_by_one, changes)
        total = changes if total is None else total.followed_by(changes)
    assert total is not None
    assert apply({"a": 0, "b": 0}, total) == one_by_one
    assert total.sequence == len(history) - 1


def test_an_event_is_made_once_for_all() -> None:
    changes = Changes(7, {"a": b'{"id":"a"}'}, ["b"])
    assert changes.body() is changes.body()
    assert orjson.loads(changes.body()) == {
        "kind": "changes",
        "sequence": 7,
        "changed": [{"id": "a"}],
        "removed": ["b"],
    }


async def test_who_was_away_too_long_is_told_everything(stage: Stage, monkeypatch) -> None:  # type: ignore[no-untyped-def]  # a fixture
    monkeypatch.setattr(camera_feed, "_TOMBSTONES", 2)
    feed: CameraFeed = stage.server.context.camera_feed
    begin = feed.sequence
    for number in range(4):
        await stage.add(f"camera-{number}")
        feed._flush()
        await stage.hub.entries.delete(f"camera-{number}")
        feed._flush()
    assert feed.since(begin) is None
    assert feed.since(feed.sequence + 1) is None
    latest = feed.since(feed.sequence - 1)
    assert latest is not None
    assert list(latest.removed) == ["camera-3"]


async def test_what_looks_the_same_is_no_change(stage: Stage) -> None:
    await stage.add()
    feed: CameraFeed = stage.server.context.camera_feed
    feed._flush()
    sequence, snapshot = feed.sequence, feed.snapshot()
    feed._touch("front")
    feed._flush()
    assert feed.sequence == sequence
    assert feed.snapshot() is snapshot
