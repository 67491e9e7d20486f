"""One device's services: its clock, where they are, and calls to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from ucv import Device, NotSupported, ProtocolError
from ucv.wire import xml_text
from ucv_onvif import soap, wsdl
from ucv_onvif.addresses import path_of
from ucv_onvif.dates import device_time
from ucv_onvif.quirks import AuthPolicy, ClockPolicy, Policies, ServicesPolicy
from ucv_onvif.transport import TIMEOUT, Soap
from ucv_onvif.wsdl import Binding

DEVICE_SERVICE = "/onvif/device_service"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
_MEDIA1 = Binding.MEDIA.namespace
#: Names of services in the answer to `GetCapabilities`, which knows no Media2.
_CAPABILITIES = {
    "Media": _MEDIA1,
    "PTZ": Binding.PTZ.namespace,
    "Imaging": Binding.IMAGING.namespace,
    "Events": Binding.EVENTS.namespace,
}
#: Services that have one version only, by the word in their namespace: some servers (the Rust
#: library onvif-server) name PTZ by version 1.0, which does not exist.
_ONE_VERSION = {
    "ptz": Binding.PTZ.namespace,
    "imaging": Binding.IMAGING.namespace,
    "events": Binding.EVENTS.namespace,
}
_MOST_SERVICES = 100


class Session:
    """Calls services by the standard's documents, and answers in `Element`s without namespaces.

    ``services`` are addresses as the device gave them, by namespace; only their paths are used.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self.policies = Policies()
        chosen = device.config.get("login", "auto")
        found = device.config.get("found_login") if chosen == "auto" else chosen
        if found in (AuthPolicy.TOKEN, AuthPolicy.DIGEST):
            self.policies.auth = AuthPolicy(found)
        self.soap = Soap(device, self.policies)
        self.services: dict[str, str] = {}
        self.device_path = str(device.config.get("path", DEVICE_SERVICE))

    # --- calls ----------------------------------------------------------------------------------

    async def call(
        self, binding: Binding, operation: str, arguments: Mapping[str, Any] | None = None
    ) -> Element:
        """Return what a service answers.

        ``arguments`` are those of the standard's document. Raises `NotSupported` for what the
        device does not have, `soap.FaultError` (a `ProtocolError`) for other faults, `AccessDenied`
        for what the account may not do, and what `DeviceHttp` raises.
        """
        address = self.address_of(binding)
        envelope = await self.envelope(binding, operation, arguments, address=address)
        return (await self.send(address, envelope)).body

    def address_of(self, binding: Binding) -> str:
        """Return a service's address as the device gave it; raises `NotSupported` without one."""
        if binding is Binding.DEVICE:
            return self.device_path
        address = self.services.get(binding.namespace)
        if address is None:
            raise NotSupported("The camera does not have this service.")
        return address

    def has(self, binding: Binding) -> bool:
        """Whether the device has a service."""
        return binding is Binding.DEVICE or binding.namespace in self.services

    async def envelope(
        self,
        binding: Binding,
        operation: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        address: str,
        headers: Sequence[Any] = (),
    ) -> Any:
        """Return a message (of lxml) made by the standard's document, addressed where it says."""
        document = await wsdl.document(binding)
        # Known to be there: the document was made by it.
        from onvif.client import ZeepAsyncClient  # noqa: PLC0415
        from onvif.wsa import WsAddressingIfMissingPlugin  # noqa: PLC0415

        client = ZeepAsyncClient(
            wsdl=document,
            transport=_Taker(),
            settings=document.settings,
            plugins=[WsAddressingIfMissingPlugin()],
        )
        service = client.create_service(binding.qname, address)
        extra = {"_soapheaders": list(headers)} if headers else {}
        with client.settings(raw_response=True):
            return await service[operation](**(arguments or {}), **extra)

    async def send(
        self,
        address: str,
        envelope: Any,
        *,
        timeout: float = TIMEOUT,  # noqa: ASYNC109
    ) -> soap.Answer:
        """Send a message to a service by the address that the device gave."""
        path = path_of(address, self.device_path)
        offset = self.soap.clock_offset
        answer = await self.soap.ask(path, envelope, timeout=timeout)
        if isinstance(answer, soap.Fault) and answer.is_refusal:
            answer = await self._after_refusal(path, envelope, answer, offset, timeout)
        if isinstance(answer, soap.Fault):
            raise soap.error_of(answer)
        return answer

    async def _after_refusal(
        self,
        path: str,
        envelope: Any,
        fault: soap.Fault,
        offset: float | None,
        timeout: float,  # noqa: ASYNC109
    ) -> soap.Answer | soap.Fault:
        """Find out what a refusal means; raises for all but a clock that was set.

        Devices say the same of a wrong password, of a time that is not theirs, and of what an
        account may not do. The clock can be asked openly, and one more login is left.
        """
        chances = self._device.lockout.budget
        if self.soap.accepted and chances:
            await self.read_clock()
            moved = self.soap.has_moved(offset)
            if moved:
                answer = await self.soap.ask(path, envelope, timeout=timeout)
                if not (isinstance(answer, soap.Fault) and answer.is_refusal):
                    return answer
            else:
                who = await self.envelope(
                    Binding.DEVICE, "GetDeviceInformation", address=self.device_path
                )
                told = await self.soap.ask(self.device_path, who)
                if not (isinstance(told, soap.Fault) and told.is_refusal):
                    raise self.soap.refusal(fault, let_in=True)
        raise self.soap.refusal(fault, let_in=False)

    # --- the clock ------------------------------------------------------------------------------

    async def read_clock(self) -> float | None:
        """Ask for the device's time and keep how far it is ahead of ours, in seconds.

        None if it does not tell, not even in the head of its answers. Costs no login. Raises what
        says that nobody is there.
        """
        soap_, policies = self.soap, self.policies
        envelope = await self.envelope(
            Binding.DEVICE, "GetSystemDateAndTime", address=self.device_path
        )
        soap_.clock_offset, policies.clock = None, None
        answer: soap.Answer | soap.Fault | None = None
        try:
            answer = await soap_.ask_openly(self.device_path, envelope)
        except ProtocolError as error:
            if error.code == "ENDPOINT_NOT_FOUND":
                raise
        now = self._device.clock.time()
        told = device_time(answer.body) if isinstance(answer, soap.Answer) else None
        if told is not None:
            soap_.clock_offset, policies.clock = told - now, ClockPolicy.DEVICE
        elif soap_.clock_offset is None:
            policies.clock = ClockPolicy.OURS
        return soap_.clock_offset

    # --- services -------------------------------------------------------------------------------

    async def find_services(self) -> None:
        """Ask which services there are, in the ways that devices answer."""
        policies = self.policies
        self.services = await self._listed()
        policies.services = ServicesPolicy.SERVICES
        if _MEDIA1 in self.services or MEDIA2 in self.services:
            return
        found = await self._capabilities()
        policies.services = ServicesPolicy.CAPABILITIES
        self.services = {**found, **self.services}
        if _MEDIA1 not in self.services:
            policies.services = ServicesPolicy.DEVICE_SERVICE
            for namespace in _CAPABILITIES.values():
                self.services.setdefault(namespace, self.device_path)

    async def _listed(self) -> dict[str, str]:
        try:
            answer = await self.call(Binding.DEVICE, "GetServices", {"IncludeCapability": False})
        except (ProtocolError, NotSupported):
            return {}
        found: dict[str, str] = {}
        for service in answer.findall("Service")[:_MOST_SERVICES]:
            namespace = xml_text(service, "Namespace").rstrip("/")
            address = xml_text(service, "XAddr")
            word = namespace.removesuffix("/wsdl").rpartition("/")[2].casefold()
            namespace = _ONE_VERSION.get(word, namespace)
            if namespace and address:
                found.setdefault(namespace, address)
        return found

    async def _capabilities(self) -> dict[str, str]:
        try:
            answer = await self.call(Binding.DEVICE, "GetCapabilities", {"Category": ["All"]})
        except (ProtocolError, NotSupported):
            return {}
        found: dict[str, str] = {}
        for name, namespace in _CAPABILITIES.items():
            if address := xml_text(answer, f"Capabilities/{name}/XAddr"):
                found[namespace] = address
        return found

    async def keep_login(self) -> None:
        """Remember how the device is logged in to, so that the other way is not tried again."""
        auth = self.policies.auth
        if auth is None or self._device.config.get("login", "auto") != "auto":
            return
        if self._device.config.get("found_login") != auth.value:
            await self._device.remember(found_login=auth.value)


class _Taker:
    """What zeep has for a transport while a message is made: gives it back instead of sending."""

    async def post_xml(self, _address: str, envelope: Any, _headers: Any) -> Any:
        """Return the message."""
        return envelope
