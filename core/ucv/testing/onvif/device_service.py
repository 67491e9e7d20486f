"""The device service: time, services, information, reboot (ONVIF Core Specification)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from ucv.media.xml import escaped
from ucv.testing.onvif.soap import Call, Operation, SoapFault
from ucv.testing.onvif.views import Identity

#: The services, by the name in `GetCapabilities`: namespace and path.
SERVICES = {
    "Device": ("http://www.onvif.org/ver10/device/wsdl", "/onvif/device_service"),
    "Media": ("http://www.onvif.org/ver10/media/wsdl", "/onvif/media_service"),
    "Media2": ("http://www.onvif.org/ver20/media/wsdl", "/onvif/media2_service"),
    "PTZ": ("http://www.onvif.org/ver20/ptz/wsdl", "/onvif/ptz_service"),
    "Imaging": ("http://www.onvif.org/ver20/imaging/wsdl", "/onvif/imaging_service"),
    "Events": ("http://www.onvif.org/ver10/events/wsdl", "/onvif/event_service"),
}


class DeviceService:
    """Answers what every client asks first."""

    def __init__(
        self,
        identity: Identity,
        now: Callable[[], float],
        reboot: Callable[[], None],
        quirks: Collection[str],
    ) -> None:
        self._identity = identity
        self._now = now
        self._reboot = reboot
        self._quirks = quirks

    def operations(self) -> dict[str, Operation]:
        """Return them by name."""
        return {
            "GetSystemDateAndTime": self._time,
            "GetServices": self._services,
            "GetCapabilities": self._capabilities,
            "GetDeviceInformation": self._information,
            "GetNetworkInterfaces": self._interfaces,
            "SystemReboot": self._restart,
        }

    def _time(self, _call: Call) -> str:
        now = time.gmtime(self._now())
        minute, second, hour = now.tm_min, now.tm_sec, now.tm_hour
        if "overflowing-time" in self._quirks and hour:
            # The same moment, as firmware writes it that does not carry.
            hour, minute = hour - 1, minute + 60
        clock = (
            f"<tt:Time><tt:Hour>{hour}</tt:Hour><tt:Minute>{minute}</tt:Minute>"
            f"<tt:Second>{second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.tm_year}</tt:Year>"
            f"<tt:Month>{now.tm_mon}</tt:Month><tt:Day>{now.tm_mday}</tt:Day></tt:Date>"
        )
        zone = "<tt:TimeZone><tt:TZ>UTC0</tt:TZ></tt:TimeZone>"
        told = f"<tt:UTCDateTime>{clock}</tt:UTCDateTime>"
        if "no-utc-time" in self._quirks:
            told = f"<tt:LocalDateTime>{clock}</tt:LocalDateTime>"
        return (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
            "<tt:DateTimeType>Manual</tt:DateTimeType>"
            f"<tt:DaylightSavings>false</tt:DaylightSavings>{zone}{told}"
            "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _offered(self) -> dict[str, tuple[str, str]]:
        left_out = set()
        if "no-media2" in self._quirks:
            left_out.add("Media2")
        if not any(source.head for source in self._identity.sources.values()):
            left_out.add("PTZ")
        return {name: told for name, told in SERVICES.items() if name not in left_out}

    def _services(self, _call: Call) -> str:
        if "no-get-services" in self._quirks:
            raise SoapFault("ActionNotSupported")
        services = "".join(
            f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace>"
            f"<tds:XAddr>{escaped(self._identity.address('http', path))}</tds:XAddr>"
            "<tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
            for namespace, path in self._offered().values()
        )
        if "broken-get-services" in self._quirks:
            services = ""
        return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"

    def _capabilities(self, _call: Call) -> str:
        told = ""
        for name, (_, path) in self._offered().items():
            if name == "Media2":
                continue
            address = f"<tt:XAddr>{escaped(self._identity.address('http', path))}</tt:XAddr>"
            more = ""
            if name == "Events":
                # Some say false, and have it.
                more = "".join(
                    f"<tt:{flag}>false</tt:{flag}>"
                    for flag in (
                        "WSSubscriptionPolicySupport",
                        "WSPullPointSupport",
                        "WSPausableSubscriptionManagerInterfaceSupport",
                    )
                )
            elif name == "Media":
                more = "<tt:StreamingCapabilities/>"
            told += f"<tt:{name}>{address}{more}</tt:{name}>"
        return (
            "<tds:GetCapabilitiesResponse><tds:Capabilities>"
            f"{told}</tds:Capabilities></tds:GetCapabilitiesResponse>"
        )

    def _information(self, _call: Call) -> str:
        one = self._identity
        serial = "00000000" if "no-serial" in self._quirks else one.serial
        told = {
            "Manufacturer": one.manufacturer,
            "Model": one.model,
            "FirmwareVersion": one.firmware,
            "SerialNumber": serial,
            "HardwareId": "1.0",
        }
        fields = "".join(f"<tds:{name}>{escaped(v)}</tds:{name}>" for name, v in told.items())
        return f"<tds:GetDeviceInformationResponse>{fields}</tds:GetDeviceInformationResponse>"

    def _interfaces(self, _call: Call) -> str:
        return (
            '<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0">'
            "<tt:Enabled>true</tt:Enabled><tt:Info><tt:Name>eth0</tt:Name>"
            f"<tt:HwAddress>{self._identity.mac}</tt:HwAddress><tt:MTU>1500</tt:MTU></tt:Info>"
            "</tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>"
        )

    def _restart(self, _call: Call) -> str:
        self._reboot()
        return (
            "<tds:SystemRebootResponse><tds:Message>Rebooting in 1 seconds</tds:Message>"
            "</tds:SystemRebootResponse>"
        )
