"""The PTZ and imaging services: heads that turn, and the infrared cut filter."""

from __future__ import annotations

from collections.abc import Collection

from ucv.clock import Clock, TimerHandle
from ucv.media.xml import escaped
from ucv.testing.onvif.soap import Call, Operation, SoapFault
from ucv.testing.onvif.views import Identity, Source
from ucv.testing.ptz_model import PtzModel

_MAX_PRESETS = 16
_GENERIC = "http://www.onvif.org/ver10/tptz"
_SPACES = (
    ("AbsolutePanTiltPositionSpace", "PanTiltSpaces/PositionGenericSpace", True),
    ("AbsoluteZoomPositionSpace", "ZoomSpaces/PositionGenericSpace", False),
    ("RelativePanTiltTranslationSpace", "PanTiltSpaces/TranslationGenericSpace", True),
    ("RelativeZoomTranslationSpace", "ZoomSpaces/TranslationGenericSpace", False),
    ("ContinuousPanTiltVelocitySpace", "PanTiltSpaces/VelocityGenericSpace", True),
    ("ContinuousZoomVelocitySpace", "ZoomSpaces/VelocityGenericSpace", False),
)


class PtzService:
    """Moves the heads. ``names`` counts presets, so that tokens are never used again."""

    def __init__(self, identity: Identity, clock: Clock, quirks: Collection[str]) -> None:
        self._identity = identity
        self._clock = clock
        self._quirks = quirks
        self._ends: dict[int, TimerHandle] = {}
        self._tokens = 0

    def operations(self) -> dict[str, Operation]:
        """Return them by name."""
        return {
            "GetNodes": self._nodes,
            "GetNode": self._node,
            "ContinuousMove": self._continuous,
            "RelativeMove": self._relative,
            "AbsoluteMove": self._absolute,
            "Stop": self._stop,
            "GetPresets": self._presets,
            "SetPreset": self._set_preset,
            "GotoPreset": self._go_to,
            "RemovePreset": self._remove,
            "GotoHomePosition": self._go_home,
            "SetHomePosition": self._set_home,
            "GetStatus": self._status,
        }

    def close(self) -> None:
        """End what would end by itself."""
        for timer in self._ends.values():
            timer.cancel()
        self._ends.clear()

    # --- what it can ----------------------------------------------------------------------------

    def _nodes(self, _call: Call) -> str:
        told = "".join(
            self._described(source, "tptz:PTZNode")
            for source in self._identity.sources.values()
            if source.head is not None
        )
        return f"<tptz:GetNodesResponse>{told}</tptz:GetNodesResponse>"

    def _node(self, call: Call) -> str:
        wanted = call.text("NodeToken")
        for source in self._identity.sources.values():
            if source.head is not None and wanted == f"Node_{source.number}":
                told = self._described(source, "tptz:PTZNode")
                return f"<tptz:GetNodeResponse>{told}</tptz:GetNodeResponse>"
        raise SoapFault("InvalidArgVal", "NoEntity")

    def _described(self, source: Source, tag: str) -> str:
        unit = "<tt:Min>-1</tt:Min><tt:Max>1</tt:Max>"
        spaces = ""
        for name, uri, both in _SPACES:
            vertical = f"<tt:YRange>{unit}</tt:YRange>" if both else ""
            spaces += (
                f"<tt:{name}><tt:URI>{_GENERIC}/{uri}</tt:URI><tt:XRange>{unit}</tt:XRange>"
                f"{vertical}</tt:{name}>"
            )
        return (
            f'<{tag} token="Node_{source.number}" FixedHomePosition="false"><tt:Name>Head</tt:Name>'
            f"<tt:SupportedPTZSpaces>{spaces}</tt:SupportedPTZSpaces>"
            f"<tt:MaximumNumberOfPresets>{_MAX_PRESETS}</tt:MaximumNumberOfPresets>"
            f"<tt:HomeSupported>true</tt:HomeSupported></{tag}>"
        )

    # --- moving ---------------------------------------------------------------------------------

    def _head(self, call: Call) -> tuple[Source, PtzModel]:
        found = self._identity.source_of_profile(call.text("ProfileToken"))
        if found is None:
            raise SoapFault("InvalidArgVal", "NoProfile")
        source = found[0]
        if source.head is None:
            raise SoapFault("InvalidArgVal", "NoPTZProfile")
        if (timer := self._ends.pop(source.number, None)) is not None:
            timer.cancel()
        return source, source.head

    def _vector(self, call: Call, name: str) -> tuple[float | None, float | None, float | None]:
        turn, zoom = call.body.find(f"{name}/PanTilt"), call.body.find(f"{name}/Zoom")
        if turn is not None and zoom is not None and "one-axis-at-a-time" in self._quirks:
            raise SoapFault("InvalidArgVal", "InvalidVelocity")
        try:
            pan = None if turn is None else float(turn.get("x", ""))
            tilt = None if turn is None else float(turn.get("y", ""))
            near = None if zoom is None else float(zoom.get("x", ""))
        except ValueError:
            raise SoapFault("InvalidArgVal", "InvalidPosition") from None
        if any(value is not None and not -1 <= value <= 1 for value in (pan, tilt, near)):
            raise SoapFault("InvalidArgVal", "InvalidPosition")
        return pan, tilt, near

    def _continuous(self, call: Call) -> str:
        source, head = self._head(call)
        pan, tilt, zoom = self._vector(call, "Velocity")
        now = head.velocity
        head.move(
            now[0] if pan is None else pan,
            now[1] if tilt is None else tilt,
            now[2] if zoom is None else zoom,
        )
        if head.moving:
            self._ends[source.number] = self._clock.call_later(_seconds(call), head.stop)
        return "<tptz:ContinuousMoveResponse/>"

    def _relative(self, call: Call) -> str:
        _, head = self._head(call)
        pan, tilt, zoom = self._vector(call, "Translation")
        head.relative(pan or 0.0, tilt or 0.0, zoom or 0.0)
        return "<tptz:RelativeMoveResponse/>"

    def _absolute(self, call: Call) -> str:
        _, head = self._head(call)
        head.absolute(*self._vector(call, "Position"))
        return "<tptz:AbsoluteMoveResponse/>"

    def _stop(self, call: Call) -> str:
        if "stop-refused" in self._quirks:
            raise SoapFault("InvalidArgVal", "InvalidProfile")
        self._head(call)[1].stop()
        return "<tptz:StopResponse/>"

    # --- positions ------------------------------------------------------------------------------

    def _presets(self, call: Call) -> str:
        _, head = self._head(call)
        told = "".join(
            f'<tptz:Preset token="{token}"><tt:Name>{escaped(name)}</tt:Name></tptz:Preset>'
            for token, (name, _) in head.presets.items()
        )
        return f"<tptz:GetPresetsResponse>{told}</tptz:GetPresetsResponse>"

    def _set_preset(self, call: Call) -> str:
        _, head = self._head(call)
        token = call.text("PresetToken")
        if token and token not in head.presets:
            raise SoapFault("InvalidArgVal", "NoToken")
        if not token:
            if len(head.presets) >= _MAX_PRESETS:
                raise SoapFault("Action", "TooManyPresets")
            self._tokens += 1
            token = f"Preset_{self._tokens}"
        head.presets[token] = (call.text("PresetName") or token, head.position)
        return (
            f"<tptz:SetPresetResponse><tptz:PresetToken>{token}</tptz:PresetToken>"
            "</tptz:SetPresetResponse>"
        )

    def _known(self, call: Call) -> tuple[PtzModel, str]:
        _, head = self._head(call)
        token = call.text("PresetToken")
        if token not in head.presets:
            raise SoapFault("InvalidArgVal", "NoToken")
        return head, token

    def _go_to(self, call: Call) -> str:
        head, token = self._known(call)
        head.goto(token)
        return "<tptz:GotoPresetResponse/>"

    def _remove(self, call: Call) -> str:
        head, token = self._known(call)
        del head.presets[token]
        return "<tptz:RemovePresetResponse/>"

    def _go_home(self, call: Call) -> str:
        self._head(call)[1].go_home()
        return "<tptz:GotoHomePositionResponse/>"

    def _set_home(self, call: Call) -> str:
        _, head = self._head(call)
        head.home = head.position
        return "<tptz:SetHomePositionResponse/>"

    def _status(self, call: Call) -> str:
        _, head = self._head(call)
        position = head.position
        state = "MOVING" if head.moving else "IDLE"
        return (
            "<tptz:GetStatusResponse><tptz:PTZStatus><tt:Position>"
            f'<tt:PanTilt x="{position.pan:g}" y="{position.tilt:g}"/>'
            f'<tt:Zoom x="{position.zoom:g}"/></tt:Position><tt:MoveStatus><tt:PanTilt>{state}'
            f"</tt:PanTilt><tt:Zoom>{state}</tt:Zoom></tt:MoveStatus>"
            "<tt:UtcTime>2024-01-01T00:00:00Z</tt:UtcTime></tptz:PTZStatus>"
            "</tptz:GetStatusResponse>"
        )


def _seconds(call: Call) -> float:
    """Return how long a movement may last: what was asked for, or ten seconds."""
    text = call.text("Timeout")
    digits = text.removeprefix("PT").rstrip("SM")
    try:
        value = float(digits)
    except ValueError:
        return 10.0
    return value * 60 if text.endswith("M") else value


class ImagingService:
    """Keeps the infrared cut filter of each source."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def operations(self) -> dict[str, Operation]:
        """Return them by name."""
        return {
            "GetImagingSettings": self._settings,
            "SetImagingSettings": self._set,
            "GetOptions": self._options,
        }

    def _source(self, call: Call) -> Source:
        source = self._identity.source_of_token(call.text("VideoSourceToken"))
        if source is None:
            raise SoapFault("InvalidArgVal", "NoSource")
        return source

    def _settings(self, call: Call) -> str:
        one = self._source(call)
        return (
            "<timg:GetImagingSettingsResponse><timg:ImagingSettings><tt:Brightness>50"
            f"</tt:Brightness><tt:IrCutFilter>{one.filter}</tt:IrCutFilter></timg:ImagingSettings>"
            "</timg:GetImagingSettingsResponse>"
        )

    def _set(self, call: Call) -> str:
        source = self._source(call)
        wanted = call.text("ImagingSettings/IrCutFilter")
        if wanted not in ("ON", "OFF", "AUTO"):
            raise SoapFault("InvalidArgVal", "SettingsInvalid")
        source.filter = wanted
        return "<timg:SetImagingSettingsResponse/>"

    def _options(self, call: Call) -> str:
        self._source(call)
        modes = "".join(
            f"<tt:IrCutFilterModes>{mode}</tt:IrCutFilterModes>" for mode in ("ON", "OFF", "AUTO")
        )
        return (
            f"<timg:GetOptionsResponse><timg:ImagingOptions>{modes}</timg:ImagingOptions>"
            "</timg:GetOptionsResponse>"
        )
