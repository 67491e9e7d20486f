"""Found devices as REST and WebSocket clients see them."""

from __future__ import annotations

from typing import Any

from ucv.discovery.view import Adoption, DeviceView
from ucv.secrets import Redactor
from ucv_bridge.answers import redacted

#: What devices tell of themselves, in words: one may repeat what it was sent. The rest is the
#: hub's, and comes back as it is: an integration stays "acme", also where that is a password.
_TOLD = ("name", "manufacturer", "model", "serial", "firmware", "problem", "details")


def device_view(device: DeviceView, redactor: Redactor) -> dict[str, Any]:
    """Return a device as plain JSON values, without known secrets."""
    whole = device.to_json()
    told = {name: redacted(whole[name], redactor) for name in _TOLD}
    evidence = [{**one, "text": redactor.redact(one["text"])} for one in whole["evidence"]]
    return {**whole, **told, "evidence": evidence}


def adoption_view(adoption: Adoption, redactor: Redactor) -> dict[str, Any]:
    """Return what came of adding a device as plain JSON values, without known secrets."""
    whole = adoption.to_json()
    return {**whole, "error": redacted(whole["error"], redactor)}
