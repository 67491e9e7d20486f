"""Network scans as REST and WebSocket clients see them, and what one is started with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from ucv.discovery.scan.manager import ScanManager
from ucv.discovery.scan.ports import PROFILES
from ucv.discovery.scan.targets import MAX_TEXT, MAX_WORDS
from ucv.discovery.scan.view import ScanComparison, ScanResult, ScanView
from ucv.secrets import Redactor
from ucv_bridge.answers import redacted

_RANGE = vol.All(str, vol.Length(min=1, max=MAX_TEXT))
_PORT = vol.All(int, vol.Range(min=1, max=65_535))

#: What `ScanManager.start` takes.
START: Mapping[Any, Any] = {
    vol.Required("ranges"): vol.Any(_RANGE, vol.All([_RANGE], vol.Length(min=1, max=MAX_WORDS))),
    vol.Optional("profile", default="quick"): vol.In(tuple(PROFILES)),
    vol.Optional("ports"): vol.Any(str, vol.All([_PORT], vol.Length(min=1, max=65_535))),
    vol.Optional("confirmed", default=False): bool,
    vol.Optional("force", default=False): bool,
}

#: What devices say, in words: one may repeat what it was sent. The rest is the hub's own.
_TOLD = ("manufacturer", "model", "name", "evidence", "rtsp", "http")


async def start(scans: ScanManager, given: Mapping[str, Any]) -> ScanView:
    """Start a scan by what is valid by `START`; raises what `ScanManager.start` does."""
    return await scans.start(
        given["ranges"],
        profile=given["profile"],
        ports=given.get("ports"),
        confirmed=given["confirmed"],
        force=given["force"],
    )


def scan_view(scan: ScanView, redactor: Redactor) -> dict[str, Any]:
    """Return a scan as plain JSON values."""
    whole = scan.to_json()
    return {**whole, "error": redacted(whole["error"], redactor)}


def result_view(result: ScanResult, redactor: Redactor) -> dict[str, Any]:
    """Return what a scan found at one address as plain JSON values, without known secrets."""
    return _without_secrets(result.to_json(), redactor)


def comparison_view(comparison: ScanComparison, redactor: Redactor) -> dict[str, Any]:
    """Return what differs from another scan as plain JSON values, without known secrets."""
    whole = comparison.to_json()
    return {
        **whole,
        "gone": [_without_secrets(result, redactor) for result in whole["gone"]],
        "changed": [
            {**change, "was": _without_secrets(change["was"], redactor)}
            for change in whole["changed"]
        ],
    }


def _without_secrets(result: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    return {**result, **{name: redacted(result[name], redactor) for name in _TOLD}}
