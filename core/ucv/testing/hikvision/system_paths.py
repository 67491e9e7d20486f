"""What a Hikvision device says of itself: System and Security, inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from ucv.testing.hikvision.documents import Content, element, read
from ucv.testing.hikvision.isapi_server import Reply, Rule
from ucv.testing.hikvision.settings import Settings
from ucv.testing.hikvision.unit import Channel, Unit
from ucv.testing.http_message import Request


class SystemPaths:
    """Answers under ``/System`` and ``/Security``; ``login_state`` is the server's."""

    def __init__(
        self,
        unit: Unit,
        settings: Settings,
        *,
        login_state: Callable[[int], Element],
        reboot: Callable[[], None],
    ) -> None:
        self._unit = unit
        self._settings = settings
        self._login_state = login_state
        self._reboot_soon = reboot

    def rules(self) -> list[Rule]:
        """Return what it answers."""
        inputs, output = "/System/Video/inputs/channels", "/System/IO/outputs/{}"
        return [
            Rule("GET", "/System/deviceInfo", self._info),
            Rule("GET", "/System/capabilities", self._capabilities),
            Rule("GET", "/System/status", self._status),
            Rule("GET", "/System/time", self._time),
            Rule("PUT", "/System/reboot", self._reboot),
            Rule("GET", "/Security/adminAccesses", self._accesses),
            Rule("GET", "/Security/userCheck", lambda _: self._login_state(200)),
            Rule("GET", inputs, self._video_inputs),
            Rule("GET", f"{inputs}/{{}}", lambda _, number: self._video_input(number)),
            Rule("PUT", f"{inputs}/{{}}", self._set_video_input),
            Rule("GET", "/System/IO/inputs", self._inputs),
            Rule("GET", "/System/IO/outputs", self._outputs),
            Rule("GET", f"{output}/status", self._output),
            Rule("PUT", f"{output}/trigger", self._trigger),
        ]

    def _info(self, _request: Request) -> Reply:
        unit = self._unit
        return element(
            "DeviceInfo",
            {
                "deviceName": unit.name,
                "deviceID": "48443030-3131-3132-3333-" + unit.mac.replace(":", ""),
                "model": unit.model,
                "serialNumber": unit.serial,
                "subSerialNumber": unit.serial[-9:],
                "macAddress": unit.mac,
                "firmwareVersion": unit.firmware,
                "firmwareReleasedDate": "build 240201",
                "deviceType": unit.kind,
                "manufacturer": "hikvision",
            },
        )

    def _capabilities(self, _request: Request) -> Reply:
        channels = self._unit.channels.values()
        own = sum(not self._unit.recorder or channel.analogue for channel in channels)
        return element(
            "DeviceCap",
            {
                "SysCap": {
                    "isSupportDst": True,
                    "VideoCap": {"videoInputPortNums": own, "videoOutputPortNums": 0},
                    "IOCap": {
                        "IOInputPortNums": self._unit.inputs,
                        "IOOutputPortNums": len(self._unit.outputs),
                    },
                },
                "RacmCap": {"inputProxyNums": len(channels) - own},
                "isSupportPTZCtrl": bool(self._unit.ptz),
            },
        )

    def _status(self, _request: Request) -> Reply:
        uptime = round(self._unit.clock.monotonic())
        return element(
            "DeviceStatus", {"currentDeviceTime": self._local_time(), "deviceUpTime": uptime}
        )

    def _time(self, _request: Request) -> Reply:
        return element(
            "Time",
            {"timeMode": "manual", "localTime": self._local_time(), "timeZone": "CST-0:00:00"},
        )

    def _local_time(self) -> str:
        return datetime.fromtimestamp(self._unit.time(), UTC).isoformat(timespec="seconds")

    def _reboot(self, _request: Request) -> Reply:
        self._reboot_soon()
        return None

    def _accesses(self, _request: Request) -> Reply:
        ports = self._unit.ports().items()
        protocols: list[Content] = [
            {"id": number, "enabled": True, "protocol": protocol, "portNo": port}
            for number, (protocol, port) in enumerate(ports, 1)
        ]
        return element("AdminAccessProtocolList", {"AdminAccessProtocol": protocols})

    # --- video inputs ---------------------------------------------------------------------------

    def _video_inputs(self, _request: Request) -> Reply:
        listed = Element("VideoInputChannelList")
        for number in sorted(self._unit.channels):
            channel = self._unit.channels[number]
            if channel.analogue or not self._unit.recorder:
                listed.append(self._input_document(channel))
        return listed

    def _video_input(self, number: str) -> Element:
        channel = self._settings.channel(number)
        if self._unit.recorder and not channel.analogue:
            raise Settings.missing()
        return self._input_document(channel)

    def _input_document(self, channel: Channel) -> Element:
        return element(
            "VideoInputChannel",
            {
                "id": channel.number,
                "inputPort": channel.number,
                "videoInputEnabled": True,
                "name": channel.name,
                "videoFormat": "PAL",
                "resDesc": "1080P25" if channel.online else "NO VIDEO",
            },
        )

    def _set_video_input(self, request: Request, number: str) -> Reply:
        channel = self._settings.channel(number)

        def keep(document: Element) -> None:
            channel.name = document.findtext("name") or ""

        return self._settings.write(request.body, self._video_input(number), keep)

    # --- alarm inputs and outputs ---------------------------------------------------------------

    def _inputs(self, _request: Request) -> Reply:
        ports = [{"id": port, "enabled": True} for port in range(1, self._unit.inputs + 1)]
        return element("IOInputPortList", {"IOInputPort": ports})

    def _outputs(self, _request: Request) -> Reply:
        ports = [{"id": port} for port in range(1, len(self._unit.outputs) + 1)]
        return element("IOOutputPortList", {"IOOutputPort": ports})

    def _output(self, _request: Request, port: str) -> Reply:
        state = "active" if self._unit.outputs[self._port(port)] else "inactive"
        return element("IOPortStatus", {"ioPortID": port, "ioPortType": "output", "ioState": state})

    def _trigger(self, request: Request, port: str) -> Reply:
        index = self._port(port)
        state = read(request.body, "IOPortData").findtext("outputState")
        self._unit.outputs[index] = Settings.one_of(state, ("high", "low")) == "high"
        return None

    def _port(self, port: str) -> int:
        if port.isdecimal() and 1 <= int(port) <= len(self._unit.outputs):
            return int(port) - 1
        raise Settings.missing()
