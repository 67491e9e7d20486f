"""What an integration's own steps in a config flow are written with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from ucv.plugins.device import Device
from ucv.plugins.values import DeviceInfo

#: What a flow was started by.
FlowSource = Literal["user", "discovery", "reauth", "reconfigure", "options"]


class Abort(Exception):
    """Ends a flow, with a reason for programs (``no_cameras``) and a sentence for people."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.message = message


class Flow(Protocol):
    """A config flow, as an integration's `Integration.steps` sees it.

    ``data`` is what the person gave so far, without secrets; ``device`` can be asked, with the
    credentials given; ``info`` is what `Integration.probe` returned.
    """

    source: FlowSource
    data: Mapping[str, Any]
    device: Device
    info: DeviceInfo

    async def form(
        self,
        step: str,
        schema: Any,
        *,
        title: str = "",
        text: str = "",
        values: Mapping[str, Any] | None = None,
        error: str = "",
    ) -> dict[str, Any]:
        """Show a form and return what was filled in, validated by the schema.

        ``step`` names it for programs; ``values`` fill fields beforehand; ``error`` is shown above.
        """

    async def menu(
        self, step: str, options: Mapping[str, str], *, title: str = "", text: str = ""
    ) -> str:
        """Let the person choose; ``options`` are labels by key, the key is returned."""

    def progress(self, text: str, percent: float | None = None) -> None:
        """Tell how far slow work is; shown until the next form, menu or progress."""
