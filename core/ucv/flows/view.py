"""A flow as others see it, and the event that tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ucv.bus import Event
from ucv.flows.pages import ENDED, Page
from ucv.plugins.steps import FlowSource


@dataclass(frozen=True, slots=True)
class Discovered:
    """A device that was found on the network, for the integration ``domain``.

    ``key`` is what the finder knows it by (the name of its service, a MAC address) and stays the
    same when the address changes; ``unique_id`` is the integration's own, if the device told it.
    ``port`` is that of its HTTP service, None if it is not known; ``rtsp_port`` that of RTSP.
    """

    domain: str
    key: str
    name: str
    host: str
    port: int | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    unique_id: str | None = None
    rtsp_port: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "host": self.host,
            "port": self.port,
            "rtsp_port": self.rtsp_port,
            "properties": dict(self.properties),
        }


@dataclass(frozen=True, slots=True)
class FlowView:
    """A flow at one moment; holds no secret.

    ``started`` and ``expires`` are seconds since the epoch, ``expires`` 0.0 for one that does not.
    """

    id: str
    integration: str
    integration_name: str
    source: FlowSource
    entry_id: str | None
    title: str
    discovered: Discovered | None
    started: float
    expires: float
    page: Page

    @property
    def ended(self) -> bool:
        """Whether the page is its last."""
        return isinstance(self.page, ENDED)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as clients get them."""
        return {
            "id": self.id,
            "integration": self.integration,
            "integration_name": self.integration_name,
            "source": self.source,
            "entry_id": self.entry_id,
            "title": self.title,
            "discovered": None if self.discovered is None else self.discovered.to_json(),
            "started": self.started,
            "expires": self.expires,
            "page": self.page.to_json(),
        }


@dataclass(frozen=True, slots=True)
class FlowChanged(Event):
    """A flow began, shows another page, or ended: then its page is the last one."""

    # Who was away asks for the flows there are.
    kept: ClassVar[bool] = False

    view: FlowView
