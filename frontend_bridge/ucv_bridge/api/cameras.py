"""Commands about cameras: what there is, and what they measure."""

from __future__ import annotations

from typing import Any

import voluptuous as vol

from ucv.errors import NotFoundError
from ucv_bridge.api.command import NUMBER, Call, Command
from ucv_bridge.api.outbox import CameraTopic, LatestTopic


async def _cameras_list(call: Call) -> Any:
    may_view = call.caller.principal.may_view
    return {"cameras": [view for view in call.context.views.all() if may_view(view["id"])]}


async def _cameras_subscribe(call: Call) -> Any:
    feed = call.context.camera_feed
    feed.flush()
    topic = CameraTopic(feed, call.caller.wake, call.arguments.get("since"))
    call.caller.subscribe(call.id, topic, feed.subscribe(topic.push))
    return {"sequence": feed.sequence}


async def _metrics_subscribe(call: Call) -> Any:
    topic = LatestTopic(call.caller.wake)
    call.caller.subscribe(call.id, topic, call.context.metrics_feed.subscribe(topic.push))
    return None


async def _unsubscribe(call: Call) -> Any:
    if not call.caller.unsubscribe(call.arguments["subscription"]):
        raise NotFoundError("There is no such subscription.")
    return None


COMMANDS = (
    Command("cameras/list", _cameras_list),
    Command("cameras/subscribe", _cameras_subscribe, {vol.Optional("since"): NUMBER}),
    Command("streams/metrics/subscribe", _metrics_subscribe),
    Command("unsubscribe", _unsubscribe, {vol.Required("subscription"): NUMBER}),
)
