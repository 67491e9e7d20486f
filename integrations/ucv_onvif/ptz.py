"""Movement: the PTZ service, in the ways that devices take it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ucv import CameraViewerError, NotSupported, Preset, ProtocolError, PtzVector
from ucv.wire import xml_text
from ucv_onvif import soap
from ucv_onvif.profiles import VideoSource
from ucv_onvif.quirks import AxisPolicy, StopPolicy
from ucv_onvif.session import Session
from ucv_onvif.wsdl import Binding

_MAX_PRESETS = 1000
#: From the most to the least that a message may hold.
_FEWER = (AxisPolicy.TOGETHER, AxisPolicy.ZOOM_APART, AxisPolicy.ONE)


@dataclass(frozen=True, slots=True)
class Node:
    """What a PTZ node says of itself; ``presets`` is how many it remembers at most."""

    home: bool
    presets: int
    relative: bool
    absolute: bool


class Mover:
    """Moves the cameras of one device."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._nodes: dict[str, Node] | None = None
        #: Sources that were told to move, by token, and whether that was zooming, too.
        self._moving: dict[str, tuple[VideoSource, bool]] = {}

    async def capabilities(self, source: VideoSource) -> set[str]:
        """Return what a source can do of movement; the first time, the nodes are asked for."""
        profile = source.ptz
        if profile is None or profile.ptz is None or not self._session.has(Binding.PTZ):
            return set()
        if self._nodes is None:
            self._nodes = await self._read_nodes()
        told = profile.ptz
        node = self._nodes.get(told.node)
        if node is None and len(self._nodes) == 1:
            node = next(iter(self._nodes.values()))
        found = {"ptz"} if told.continuous else set()
        if told.relative or (node is not None and node.relative):
            found.add("ptz_relative")
        if told.absolute or (node is not None and node.absolute):
            found.add("ptz_absolute")
        if node is not None and node.presets > 0:
            found.add("ptz_presets")
        if node is not None and node.home:
            found.add("ptz_home")
        return found

    async def _read_nodes(self) -> dict[str, Node]:
        try:
            answer = await self._session.call(Binding.PTZ, "GetNodes")
        except (ProtocolError, NotSupported):
            return {}
        found = {}
        for node in answer.findall("PTZNode")[:1024]:
            spaces = node.find("SupportedPTZSpaces")
            names = set() if spaces is None else {one.tag for one in spaces}
            found[node.get("token", "")] = Node(
                home=soap.flag(xml_text(node, "HomeSupported")) is True,
                presets=int(soap.number_at(node, "MaximumNumberOfPresets")),
                relative=any(name.startswith("Relative") for name in names),
                absolute=any(name.startswith("Absolute") for name in names),
            )
        return found

    # --- movement -------------------------------------------------------------------------------

    async def move(self, source: VideoSource, velocity: PtzVector) -> None:
        """Begin to move, as the device takes it: all axes, or as many as it accepts."""
        zooming = velocity.zoom is not None or self._zooms(source)
        self._moving[source.token] = source, zooming
        await self._along(source, "ContinuousMove", "Velocity", velocity)

    async def relative(self, source: VideoSource, translation: PtzVector) -> None:
        """Move by a part of the range."""
        await self._along(source, "RelativeMove", "Translation", translation)

    async def absolute(self, source: VideoSource, position: PtzVector) -> None:
        """Move to a position."""
        await self._along(source, "AbsoluteMove", "Position", position)

    async def _along(
        self, source: VideoSource, operation: str, name: str, vector: PtzVector
    ) -> None:
        """Send a vector in as few messages as the device accepts; remembers how many that are.

        Of a movement that may have one axis only, the faster of pan and tilt is sent; a way is
        gone one axis after the other; a position cannot be parted.
        """
        policies = self._session.policies
        token = _token(source)
        for policy in _FEWER[_FEWER.index(policies.axes) :]:
            messages = _messages(operation, vector, policy)
            try:
                for message in messages:
                    arguments = {"ProfileToken": token, name: message}
                    await self._session.call(Binding.PTZ, operation, arguments)
            except soap.FaultError:
                if policy is AxisPolicy.ONE or not _splits(operation, vector, policy):
                    raise
            else:
                policies.axes = policy
                return

    async def stop(self, source: VideoSource) -> None:
        """Stop all movement."""
        policies, token = self._session.policies, _token(source)
        self._session.address_of(Binding.PTZ)
        if policies.stop is StopPolicy.STOP:
            arguments = {"ProfileToken": token, "PanTilt": True, "Zoom": True}
            try:
                await self._session.call(Binding.PTZ, "Stop", arguments)
            except (soap.FaultError, NotSupported):
                policies.stop = StopPolicy.ZERO
        if policies.stop is StopPolicy.ZERO:
            # Some cannot zoom, and refuse to be told not to.
            zoom = 0.0 if self._zooms(source) else None
            await self._along(source, "ContinuousMove", "Velocity", PtzVector(0.0, 0.0, zoom))
        self._moving.pop(source.token, None)

    def _zooms(self, source: VideoSource) -> bool:
        """Whether a source was told to zoom since it last stopped, or may be able to."""
        _source, zooming = self._moving.get(source.token, (source, False))
        profile = source.ptz
        return zooming or (profile is not None and profile.ptz is not None and profile.ptz.zoom)

    async def stop_all(self) -> None:
        """Stop what was told to move and not to stop; a device that is gone has stopped, too."""
        for source, _zooming in list(self._moving.values()):
            with suppress(CameraViewerError):
                await self.stop(source)

    # --- positions ------------------------------------------------------------------------------

    async def presets(self, source: VideoSource) -> list[Preset]:
        """Return the positions that were stored; one without a name is called by its token."""
        answer = await self._session.call(
            Binding.PTZ, "GetPresets", {"ProfileToken": _token(source)}
        )
        found = {}
        for preset in answer.findall("Preset")[:_MAX_PRESETS]:
            if token := preset.get("token", "").strip():
                found[token] = Preset(token, xml_text(preset, "Name") or f"Preset {token}")
        return list(found.values())

    async def go_to(self, source: VideoSource, preset: str) -> None:
        """Move to a stored position."""
        await self._on_preset(source, "GotoPreset", preset)

    async def delete_preset(self, source: VideoSource, preset: str) -> None:
        """Forget a stored position."""
        await self._on_preset(source, "RemovePreset", preset)

    async def _on_preset(self, source: VideoSource, operation: str, preset: str) -> None:
        arguments = {"ProfileToken": _token(source), "PresetToken": preset}
        await self._session.call(Binding.PTZ, operation, arguments)

    async def create_preset(self, source: VideoSource, name: str) -> Preset:
        """Store where the camera looks."""
        arguments = {"ProfileToken": _token(source), "PresetName": name}
        answer = await self._session.call(Binding.PTZ, "SetPreset", arguments)
        token = xml_text(answer, "PresetToken")
        if not token:
            raise ProtocolError("The camera does not say which position it stored.")
        return Preset(token, name)

    async def go_home(self, source: VideoSource) -> None:
        """Return to the home position."""
        arguments = {"ProfileToken": _token(source)}
        await self._session.call(Binding.PTZ, "GotoHomePosition", arguments)


def _token(source: VideoSource) -> str:
    if source.ptz is None:
        raise NotSupported("This camera does not move.")
    return source.ptz.token


def _pan_tilt(pan: float | None, tilt: float | None) -> dict[str, Any]:
    return {} if pan is None and tilt is None else {"PanTilt": {"x": pan or 0.0, "y": tilt or 0.0}}


def _zoom(zoom: float | None) -> dict[str, Any]:
    return {} if zoom is None else {"Zoom": {"x": zoom}}


def _messages(operation: str, vector: PtzVector, policy: AxisPolicy) -> list[dict[str, Any]]:
    """Return what is sent for a vector: one message or several, none of them empty."""
    pan_tilt, zoom = _pan_tilt(vector.pan, vector.tilt), _zoom(vector.zoom)
    if policy is AxisPolicy.TOGETHER:
        return [{**pan_tilt, **zoom}]
    parts = [pan_tilt, zoom]
    if policy is AxisPolicy.ONE and vector.pan and vector.tilt:
        pan, tilt = _pan_tilt(vector.pan, None), _pan_tilt(None, vector.tilt)
        if operation == "RelativeMove":
            parts = [pan, tilt, zoom]
        elif operation == "ContinuousMove":
            parts = [pan if abs(vector.pan) >= abs(vector.tilt) else tilt, zoom]
    return [message for message in parts if message]


def _splits(operation: str, vector: PtzVector, policy: AxisPolicy) -> bool:
    """Whether a stricter policy would send something else."""
    now = _messages(operation, vector, policy)
    stricter = _FEWER[_FEWER.index(policy) + 1 :]
    return any(_messages(operation, vector, other) != now for other in stricter)
