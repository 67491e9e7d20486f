"""The virtual cameras there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ucv.testing.clip import ClipRequest


@dataclass(frozen=True, slots=True)
class VirtualCamera:
    """One camera: its clips by role, who may see it, and whether it drops out now and then.

    ``drops_out``: seconds it is there and seconds it is away, in turn; None: it is always there.
    """

    name: str
    clips: Mapping[str, ClipRequest]
    username: str = ""
    password: str = field(default="", repr=False)
    drops_out: tuple[float, float] | None = None


def _clip(name: str, width: int, height: int, rate: int, variant: int) -> ClipRequest:
    return ClipRequest(name.upper(), width, height, rate, variant=variant)


#: By variant. The Digest camera's password is no secret: it guards a picture that we drew.
CAMERAS: Mapping[str, VirtualCamera] = {
    "harbour": VirtualCamera(
        "Harbour",
        {
            "main": _clip("Harbour", 1920, 1080, 25, 0),
            "sub": _clip("Harbour", 640, 360, 15, 0),
        },
    ),
    "lighthouse": VirtualCamera("Lighthouse", {"main": _clip("Lighthouse", 1280, 720, 25, 1)}),
    "night-pier": VirtualCamera("Night pier", {"main": _clip("Night pier", 960, 540, 20, 2)}),
    "fog-bank": VirtualCamera("Fog bank", {"main": _clip("Fog bank", 640, 480, 15, 3)}),
    "boathouse": VirtualCamera(
        "Boathouse (password)",
        {"main": _clip("Boathouse", 1280, 720, 20, 3)},
        username="viewer",
        password="p@ss/w:rd",  # noqa: S106 - see above
    ),
    "old-buoy": VirtualCamera(
        "Old buoy (drops out)",
        {"main": _clip("Old buoy", 854, 480, 12, 1)},
        drops_out=(45.0, 8.0),
    ),
}
