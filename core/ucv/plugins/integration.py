"""What an integration is: the class a plugin author writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from ucv.errors import MigrationFailed, NotSupported
from ucv.plugins.device import Device
from ucv.plugins.steps import Flow
from ucv.plugins.values import Channel, DeviceInfo, Stream


class Integration:
    """Base of all integrations: teaches the hub a brand or a protocol.

    A subclass sets ``domain`` (what users write after ``integration:``; lower case, stable),
    ``name`` and ``schema``, and implements `probe` and `streams`. There is one instance for each
    hub; everything about one device is in the `Device` that each method is given.

    What else its devices can do, it has by having the methods of `ucv.plugins.capabilities`.

    Methods raise the errors of `ucv.errors`; their type decides what happens next: `CannotConnect`
    and the like are tried again later, `InvalidAuth` stops all traffic to the device and asks for
    credentials, anything else stops the entry with an error.
    """

    domain: ClassVar[str]
    name: ClassVar[str]
    #: The integration's own version.
    version: ClassVar[str] = "0.0.0"
    #: Versions of the plugin interface it works with.
    api: ClassVar[str] = ">=1,<2"
    #: Fields of its own, as a voluptuous mapping (see `ucv.fields`), or `vol.All` of a mapping and
    #: rules over several fields.
    schema: ClassVar[Any] = {}
    #: Names of the fields of `schema` that are about use and not about reaching the device: they
    #: are asked for apart, and can be changed without asking the device anew.
    options: ClassVar[Collection[str]] = ()
    #: Version of what `schema` describes; one more when stored entries need `migrate`.
    entry_version: ClassVar[int] = 1
    #: What must be installed for it, as in a requirements file ("acme-sdk>=2").
    requirements: ClassVar[Sequence[str]] = ()

    async def probe(self, device: Device) -> DeviceInfo:
        """Ask the device who it is; called before `streams` at each set-up."""
        raise NotSupported(details={"integration": self.domain})

    async def channels(self, device: Device) -> list[Channel] | None:
        """Return the cameras of a recorder, in its order; None for a device that is one camera.

        With channels, `streams`, `capabilities` and the methods of capabilities are called with a
        handle for each of them: `Device.channel` says which, everything else is shared. `events`
        is called once for all, and its events name their ``channel``. Asked again about once a
        minute, and after `Device.channels_changed`, so it should cost one or two requests, whatever
        their number; ask here for what `streams` needs of all, and keep it in ``runtime``.
        """
        return None

    async def streams(self, device: Device) -> list[Stream]:
        """Return what the device (or its channel) offers, the main stream first."""
        raise NotSupported(details={"integration": self.domain})

    async def setup(self, device: Device) -> None:
        """Begin with a device, before anything else is asked; nothing to do by default."""

    async def unload(self, device: Device) -> None:
        """Let go of a device: close what `setup` opened. Also called when set-up failed."""

    async def capabilities(self, device: Device) -> Collection[str] | None:
        """Return which of the capabilities in the code this device really has; None: all of them.

        Names are those of `ucv.plugins.capabilities.CAPABILITIES`. Called after `probe`.
        """
        return None

    async def steps(self, flow: Flow) -> Mapping[str, Any] | None:
        """Ask the person more, after `probe` and before the entry is made or changed.

        Returns fields of `schema` to add to what was given. May raise `Abort`.
        """
        return None

    async def migrate(self, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Return an older entry's data as this version's `schema` has it.

        ``data`` is a copy, as stored by ``version``, without secrets. What is raised leaves the
        stored data as it was.
        """
        raise MigrationFailed(
            f"{self.name} cannot read what its version {version} stored.",
            details={"integration": self.domain, "version": version},
        )

    async def diagnostics(self, device: Device) -> Mapping[str, Any]:
        """Return plain values for a bug report; known secrets are taken out by the core."""
        return {}
