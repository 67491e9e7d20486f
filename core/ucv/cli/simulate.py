"""``ucv simulate``: devices made of software, for people to try things with."""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import json
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ucv.cli.console import err, out, report_errors
from ucv.errors import CannotConnect, ValidationError
from ucv.testing.discovery import PROTOCOLS, announce

#: Most devices of one command, and channels of one of them.
_MAX_COUNT, _MAX_CHANNELS = 64, 64
#: What an account is called, and its password, unless told otherwise.
_USER, _PASSWORD = "admin", "camera-secret"


@dataclass(frozen=True, slots=True)
class _Brand:
    """A kind of device: the module with its class and its ``QUIRKS``, and the integration for it.

    ``channels`` says whether it can be a recorder, ``scene`` whether it can see a live scene.
    """

    module: str
    device: str
    integration: str
    channels: bool = False
    scene: bool = False

    def quirks(self) -> Mapping[str, str]:
        """Return what each quirk does."""
        found: Mapping[str, str] = getattr(importlib.import_module(self.module), "QUIRKS", {})
        return found


_BRANDS = {
    "dahua": _Brand("ucv.testing.dahua", "DahuaDevice", "dahua", channels=True, scene=True),
    "hikvision": _Brand(
        "ucv.testing.hikvision", "HikvisionDevice", "hikvision", channels=True, scene=True
    ),
    "onvif": _Brand("ucv.testing.onvif", "OnvifDevice", "onvif", channels=True, scene=True),
    "mjpeg": _Brand("ucv.testing.mjpeg_device", "MjpegDevice", "mjpeg"),
    "rtsp": _Brand("ucv.testing.virtual_camera", "VirtualCamera", "rtsp"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be simulated."""

    brand: str
    quirks: tuple[str, ...] = ()
    count: int = 1
    channels: int = 1
    host: str = "127.0.0.1"
    port: int = 0
    user: str = _USER
    password: str = _PASSWORD
    scene: bool = True
    announced: bool = False


def simulate(  # noqa: PLR0917 - each is an option
    brand: Annotated[
        str, typer.Argument(metavar="BRAND", help=f"One of {', '.join(sorted(_BRANDS))}.")
    ],
    quirk: Annotated[
        list[str] | None,
        typer.Option("--quirk", metavar="NAME", help="What it does differently; may be repeated."),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, max=_MAX_COUNT, help="How many devices.")
    ] = 1,
    channels: Annotated[
        int,
        typer.Option(
            "--channels", metavar="N", min=1, max=_MAX_CHANNELS, help="More than one: a recorder."
        ),
    ] = 1,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="An address of this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="PORT", min=0, max=65535, help="Of the first; 0 takes free ones."
        ),
    ] = 0,
    announced: Annotated[
        bool, typer.Option("--announce", help="Answer to those who look for devices.")
    ] = False,
    list_quirks: Annotated[
        bool, typer.Option("--list-quirks", help="Say what each quirk does, and end.")
    ] = False,
) -> None:
    """Run devices made of software until Ctrl-C, and print what to write into ucv.yaml."""
    with report_errors():
        if list_quirks:
            _list_quirks(_brand(brand))
            return
        wish = Wish(brand, tuple(quirk or ()), count, channels, host, port, announced=announced)
        asyncio.run(_run(wish))


async def _run(wish: Wish) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with AsyncExitStack() as stack:
        entries = []
        for index in range(wish.count):
            device = make(wish, index)
            try:
                await stack.enter_async_context(device)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise CannotConnect(f"{wish.host} cannot be listened on: {reason}.") from None
            if wish.announced:
                announced = announce(device, interface=_interface(wish.host))
                announcement = await stack.enter_async_context(announced)
                stack.push_async_callback(announcement.bye)
            entries.append(entry_of(wish, index, device))
        _tell(wish, entries)
        await ended.wait()
    err.print("Ended.")


def make(wish: Wish, index: int) -> Any:
    """Return one device, not started; raises `ValidationError` for what it cannot be."""
    brand = _brand(wish.brand)
    if unknown := sorted(set(wish.quirks) - set(brand.quirks())):
        raise ValidationError(
            f"{wish.brand} has no quirk {unknown[0]}; ucv simulate {wish.brand} --list-quirks "
            "names those it has."
        )
    if wish.channels > 1 and not brand.channels:
        raise ValidationError(f"{wish.brand} cannot be a recorder.")
    if wish.announced and wish.brand not in PROTOCOLS:
        raise ValidationError(f"{wish.brand} has no protocol by which it can be discovered.")
    if wish.announced and ipaddress.ip_address(wish.host).version != 4:
        raise ValidationError("Only a device with an IPv4 address can be discovered.")
    kind = getattr(importlib.import_module(brand.module), brand.device)
    name = _name(wish, index)
    arguments: dict[str, Any] = {"host": wish.host}
    port = wish.port + index if wish.port else 0
    arguments["port" if wish.brand == "mjpeg" else "http_port"] = port
    if brand.channels:
        arguments["channels"] = wish.channels
    if brand.scene:
        # A recorder's many pictures are clips: each live one costs processor time.
        arguments["scene"] = wish.scene and wish.channels == 1
    if brand.quirks():
        arguments["quirks"] = wish.quirks
    if wish.count > 1 and brand.channels:
        # They are not one device that is found at several addresses.
        arguments["serial"] = f"SIM{index + 1:08d}A"
        arguments["mac"] = f"02:00:00:00:{wish.channels & 255:02x}:{index + 1:02x}"
    if wish.brand == "mjpeg":
        return kind(wish.user, wish.password, name=name, **arguments)
    return kind(name, username=wish.user, password=wish.password, **arguments)


def entry_of(wish: Wish, index: int, device: Any) -> dict[str, Any]:
    """Return a started device as an item of the list of cameras in ``ucv.yaml``."""
    common = {
        "integration": _brand(wish.brand).integration,
        "name": _name(wish, index),
    }
    account = {"username": wish.user, "password": wish.password}
    if wish.brand == "mjpeg":
        return {**common, "url": f"http://{device.host}:{device.port}/video", **account}
    if wish.brand == "rtsp":
        return {
            **common,
            "url": f"rtsp://{device.host}:{device.rtsp_port}/live/main",
            **account,
        }
    return {
        **common,
        "host": device.host,
        "http_port": device.http_port,
        "rtsp_port": device.rtsp_port,
        **account,
    }


def _interface(host: str) -> str:
    """Return the address of the interface by which others reach a device."""
    return "127.0.0.1" if ipaddress.ip_address(host).is_loopback else host


def _brand(name: str) -> _Brand:
    try:
        return _BRANDS[name]
    except KeyError:
        known = ", ".join(sorted(_BRANDS))
        raise ValidationError(f"There is no device {name}; there are {known}.") from None


def _name(wish: Wish, index: int) -> str:
    return wish.brand.capitalize() if wish.count == 1 else f"{wish.brand.capitalize()} {index + 1}"


def _list_quirks(brand: _Brand) -> None:
    table = Table("quirk", "what it does")
    for name, about in sorted(brand.quirks().items()):
        table.add_row(escape(name), escape(about))
    out.print(table)


def _tell(wish: Wish, entries: list[dict[str, Any]]) -> None:
    devices = "device" if len(entries) == 1 else "devices"
    quirks = f", {', '.join(wish.quirks)}" if wish.quirks else ""
    err.print(f"{len(entries)} {escape(wish.brand)} {devices}{escape(quirks)}. Ctrl-C ends them.")
    lines = ["cameras:"]
    for entry in entries:
        first, *others = (f"{key}: {json.dumps(value)}" for key, value in entry.items())
        lines += [f"  - {first}", *(f"    {line}" for line in others)]
    # Plain, so that it can be written into a file.
    out.print("\n".join(lines), markup=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulate)
