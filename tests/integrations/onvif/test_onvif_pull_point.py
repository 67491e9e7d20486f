"""Events by pull point: subscribed, told, renewed, given up, over all that goes wrong."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from ucv import CameraViewerError, Motion, NotSupported
from ucv.testing import FakeClock, until
from ucv.testing.http_message import Answer
from ucv.wire import xml_text


def stamp(ahead: float = 0.0) -> str:
    return datetime.fromtimestamp(time.time() + ahead, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def motion(state: str, *, source: str = "s1", operation: str = "Changed", utc: str = "") -> str:
    return (
        "<NotificationMessage><Topic>tns1:VideoSource/MotionAlarm/</Topic><Message>"
        f"<Message UtcTime='{utc or stamp()}' PropertyOperation='{operation}'>"
        f"<Source><SimpleItem Name='Source' Value='{source}'/></Source>"
        f"<Data><SimpleItem Name='State' Value='{state}'/></Data>"
        "</Message></Message></NotificationMessage>"
    )


class Feed:
    """The events of a scripted device: what is put is in the next answer; else it waits."""

    def __init__(self, script: Any, *, life: float = 600.0) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.life = life
        self.states: list[str] = []
        script.answers["CreatePullPointSubscription"] = self._created
        script.answers["PullMessages"] = self._pulled
        script.answers["SetSynchronizationPoint"] = self._synchronised
        script.answers["Renew"] = lambda _body: self._term("RenewResponse")

    def _term(self, name: str) -> str:
        return (
            f"<{name}><CurrentTime>{stamp()}</CurrentTime>"
            f"<TerminationTime>{stamp(self.life)}</TerminationTime></{name}>"
        )

    def _created(self, _body: Any) -> str:
        return self._term("CreatePullPointSubscriptionResponse").replace(
            "<CurrentTime>",
            "<SubscriptionReference><wsa:Address>http://0.0.0.0:8106:8106/onvif/pull/1"
            "</wsa:Address><wsa:ReferenceParameters><dom0:SubscriptionId "
            "xmlns:dom0='http://www.axis.com/2009/event'>42</dom0:SubscriptionId>"
            "</wsa:ReferenceParameters></SubscriptionReference><CurrentTime>",
        )

    def _synchronised(self, _body: Any) -> str:
        for state in self.states:
            self.queue.put_nowait(motion(state, operation="Initialized"))
        return "<SetSynchronizationPointResponse/>"

    async def _pulled(self, _body: Any) -> Any:
        told = await self.queue.get()
        if isinstance(told, Answer):
            return told
        return f"<PullMessagesResponse>{told}</PullMessagesResponse>"


async def next_of(told: Any) -> Any:
    async with asyncio.timeout(5):
        return await anext(told)


async def test_events_come_as_they_happen_and_the_place_is_given_back(bench: Any) -> None:
    script = await bench.script()
    feed = Feed(script)
    handle = await bench.handle(script)
    feed.states = ["false"]
    async with aclosing(bench.onvif.events(handle)) as told:
        first = await next_of(told)
        assert (type(first), first.active, first.channel) == (Motion, False, None)
        feed.queue.put_nowait(motion("true"))
        started = time.monotonic()
        event = await next_of(told)
        assert event.active is True
        assert event.at == pytest.approx(time.time(), abs=3)
        assert time.monotonic() - started < 1
    assert script.count("Unsubscribe") == 1
    assert xml_text(script.body("PullMessages"), "MessageLimit") == "100"


async def test_reference_parameters_and_to_are_copied_into_each_call(bench: Any) -> None:
    script = await bench.script()
    feed = Feed(script)
    handle = await bench.handle(script)
    feed.queue.put_nowait(motion("true"))
    async with aclosing(bench.onvif.events(handle)) as told:
        await next_of(told)
    calls = [request for request in script.http.requests if request.path == "/onvif/pull/1"]
    assert len(calls) >= 3  # synchronised, pulled, given up
    for request in calls:
        assert b"http://www.axis.com/2009/event" in request.body
        assert b">42</" in request.body
        assert b"http://0.0.0.0:8106:8106/onvif/pull/1</wsa:To>" in request.body


async def test_a_disconnect_during_a_pull_is_normal_and_states_are_asked_anew(bench: Any) -> None:
    script = await bench.script()
    feed = Feed(script)
    handle = await bench.handle(script)
    feed.queue.put_nowait(motion("true"))
    async with aclosing(bench.onvif.events(handle)) as told:
        assert (await next_of(told)).active is True
        waiting = asyncio.create_task(next_of(told))
        await until(lambda: script.count("PullMessages") == 2)
        feed.states = ["false"]
        script.http.drop_connections()
        # What the cut connection asked for takes one; what is asked anew gets the next.
        feed.queue.put_nowait("")
        assert (await waiting).active is False
    assert script.count("CreatePullPointSubscription") == 1
    assert script.count("SetSynchronizationPoint") >= 2


async def test_it_is_renewed_at_four_fifths_and_not_oftener(bench: Any) -> None:
    script = await bench.script()
    clock = FakeClock(epoch=time.time())
    feed = Feed(script, life=100.0)
    handle = await bench.handle(script, clock=clock)
    async with aclosing(bench.onvif.events(handle)) as told:
        for passed, renewals in ((0.0, 0), (79.0, 0), (2.0, 1), (10.0, 1)):
            script.ahead += passed
            await clock.advance(passed)
            feed.queue.put_nowait(motion("true"))
            await next_of(told)
            feed.queue.put_nowait(motion("false"))
            await next_of(told)
            assert script.count("Renew") == renewals


async def test_devices_that_refuse_a_duration_are_given_a_point_in_time(bench: Any) -> None:
    script = await bench.script()
    script.ahead = 5000.0
    feed = Feed(script)

    def created(body: Any) -> Any:
        wish = xml_text(body, "InitialTerminationTime")
        if wish.startswith("P"):
            return bench.fault("InvalidArgVal")
        end = datetime.fromisoformat(wish.replace("Z", "+00:00")).timestamp()
        assert end == pytest.approx(time.time() + 5000 + 600, abs=5)
        return feed._created(body)

    script.answers["CreatePullPointSubscription"] = created
    handle = await bench.handle(script)
    feed.queue.put_nowait(motion("true"))
    async with aclosing(bench.onvif.events(handle)) as told:
        assert (await next_of(told)).active
    assert handle.runtime.session.policies.lifetime == "absolute"


async def test_devices_that_ignore_a_duration_are_given_a_point_in_time(bench: Any) -> None:
    script = await bench.script()
    feed = Feed(script, life=0.0)
    handle = await bench.handle(script)
    feed.queue.put_nowait(motion("true"))
    async with aclosing(bench.onvif.events(handle)) as told:
        assert (await next_of(told)).active
        assert handle.runtime.session.policies.lifetime == "absolute"
    # The one that was over at once was given back, too.
    assert script.count("Unsubscribe") == 2


async def test_without_renew_a_new_one_is_made_and_the_old_one_given_back(bench: Any) -> None:
    script = await bench.script()
    clock = FakeClock(epoch=time.time())
    feed = Feed(script, life=100.0)
    script.answers["Renew"] = bench.fault("ActionNotSupported")
    handle = await bench.handle(script, clock=clock)
    async with aclosing(bench.onvif.events(handle)) as told:
        feed.queue.put_nowait(motion("true"))
        await next_of(told)
        script.ahead += 90.0
        await clock.advance(90.0)
        feed.queue.put_nowait(motion("false"))
        await next_of(told)
        feed.queue.put_nowait(motion("true"))
        await next_of(told)
        assert script.count("CreatePullPointSubscription") == 2
        assert script.count("Unsubscribe") == 1


async def test_a_subscription_that_is_gone_ends_the_events_for_the_core_to_call_again(
    bench: Any,
) -> None:
    script = await bench.script()
    feed = Feed(script)
    handle = await bench.handle(script)
    feed.queue.put_nowait(bench.fault("ResourceUnknownFault"))
    with pytest.raises(CameraViewerError):
        async with aclosing(bench.onvif.events(handle)) as told:
            await next_of(told)
    feed.queue.put_nowait(motion("true"))
    async with aclosing(bench.onvif.events(handle)) as told:
        assert (await next_of(told)).active


async def test_devices_without_events_say_so(bench: Any) -> None:
    script = await bench.script()
    script.answers["CreatePullPointSubscription"] = bench.fault("ActionNotSupported")
    handle = await bench.handle(script)
    with pytest.raises(NotSupported):
        await anext(bench.onvif.events(handle))
    off = await bench.handle(script, event_source="off")
    assert "events" not in await bench.onvif.capabilities(off)


async def test_a_device_that_answers_at_once_is_not_asked_all_the_time(bench: Any) -> None:
    script = await bench.script()
    clock = FakeClock(epoch=time.time())
    Feed(script)
    script.answers["PullMessages"] = "<PullMessagesResponse/>"
    handle = await bench.handle(script, clock=clock)
    async with aclosing(bench.onvif.events(handle)) as told:
        waiting = asyncio.ensure_future(anext(told))
        await until(lambda: script.count("PullMessages") == 1)
        await asyncio.sleep(0.1)
        assert script.count("PullMessages") == 1
        script.ahead += 1.1
        await clock.advance(1.1)
        await until(lambda: script.count("PullMessages") == 2)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


@pytest.mark.parametrize(
    "written",
    ["2024-08-17-12:30:45Z", "0000-00-00T00:00:00Z", "2024-08-17T00:61:16Z", "nonsense"],
    ids=["dash", "zeros", "overflow", "nonsense"],
)
async def test_bad_dates_are_no_reason_to_miss_an_event(bench: Any, written: str) -> None:
    script = await bench.script()
    feed = Feed(script)
    handle = await bench.handle(script)
    feed.queue.put_nowait(motion("true", utc=written))
    async with aclosing(bench.onvif.events(handle)) as told:
        event = await next_of(told)
    assert event.active is True
    assert (event.at is None) is (written.startswith(("0000", "non")))


async def test_events_of_several_sources_name_their_channel(bench: Any) -> None:
    script = await bench.script()
    script.answers["Media2GetProfiles"] = bench.profiles2("s1", "s2")
    feed = Feed(script)
    handle = await bench.handle(script)
    feed.queue.put_nowait(motion("true", source="s2") + motion("true", source="c-s1"))
    async with aclosing(bench.onvif.events(handle)) as told:
        assert [(await next_of(told)).channel for _ in range(2)] == ["s2", "s1"]
    assert script.count("CreatePullPointSubscription") == 1
