"""Plugins that cannot be loaded, for every reason: the hub starts, names each, and works."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import pytest

from ucv.entries.entry import EntryState
from ucv.hub import Hub

HubWith: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Hub]]

_DIVIDES = "ZeroDivisionError: division by zero"


def _hook(hook: str, argument: str) -> tuple[str, str]:
    return _DIVIDES, f"@hookimpl\ndef {hook}({argument}):\n    1 / 0  # here"


_ADD = """
@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Broken)  # here
"""

BROKEN = {
    "syntax_error": (
        "SyntaxError: invalid syntax",
        "import ucv\nclass Broken:\n    domain = = 3  # here",
    ),
    "indentation_error": ("IndentationError", "import ucv\n  domain = 3  # here"),
    "no_hook": ("It implements no hook", "import ucv"),
    "misspelt_hook": (
        "There is no hook ucv_register_integration; did you mean ucv_register_integrations",
        "@hookimpl  # here\ndef ucv_register_integration(integrations): pass",
    ),
    "unmarked_hook": (
        "ucv_register_integrations is not marked with @hookimpl",
        "def ucv_register_integrations(integrations): pass  # here",
    ),
    "hook_with_wrong_arguments": (
        r"The signature must be ucv_register_integrations\(integrations\)",
        "@hookimpl  # here\ndef ucv_register_integrations(hub, cameras): pass",
    ),
    "async_hook": (
        "ucv_register_integrations must not be async",
        "@hookimpl  # here\nasync def ucv_register_integrations(integrations): pass",
    ),
    "import_raises": (_DIVIDES, "def f():\n    1 / 0  # here\nf()"),
    "import_exits": ("SystemExit: 3", "import sys\nsys.exit(3)  # here"),
    "import_cancels": ("CancelledError", "import asyncio\nraise asyncio.CancelledError  # here"),
    "import_without_end": ("RecursionError", "def f():\n    f()  # here\nf()"),
    "import_of_nothing": ("ModuleNotFoundError", "import ucv\nimport acme_sdk_7  # here"),
    "import_changes_the_search_path": (
        "It changes sys.path",
        "import sys\nsys.path.insert(0, '/acme')  # here",
    ),
    "error_that_cannot_be_told": (
        "Odd",
        "class Odd(BaseException):\n    def __str__(self): raise ValueError\nraise Odd  # here",
    ),
    "integrations_hook_raises": _hook("ucv_register_integrations", "integrations"),
    "discovery_hook_raises": _hook("ucv_register_discovery", "handlers"),
    "providers_hook_raises": _hook("ucv_register_stream_providers", "providers"),
    "commands_hook_raises": _hook("ucv_register_commands", "commands"),
    "sinks_hook_raises": _hook("ucv_register_event_sinks", "sinks"),
    "wrappers_hook_raises": _hook("ucv_register_wrappers", "wrappers"),
    "not_a_class": (
        "integrations.add takes a subclass of ucv.Integration",
        "@hookimpl\ndef ucv_register_integrations(integrations):\n    integrations.add(3)  # here",
    ),
    "domain_of_a_built_in": (
        "The domain 'rtsp' belongs to the plugin rtsp already",
        f"class Broken(Integration):\n    domain = 'rtsp'\n{_ADD}",
    ),
    "same_domain_as_the_good_one": (
        "The domain 'good' belongs to the plugin good already",
        f"class Broken(Integration):\n    domain = 'good'\n{_ADD}",
    ),
    "unmet_api": (
        "Broken needs version >=7 of the plugin interface; this is",
        f"class Broken(Integration):\n    api = '>=7'\n{_ADD}",
    ),
    "unmet_requirement": (
        "Broken needs acme-sdk-7>=2, which is not installed",
        f"class Broken(Integration):\n    requirements = ['acme-sdk-7>=2']\n{_ADD}",
    ),
    "constructor_raises": (
        _DIVIDES,
        "class Broken(Integration):\n    def __init__(self): 1 / 0  # here",
    ),
    "method_with_wrong_arguments": (
        r"Broken\.probe must take \(self, device\)",
        f"class Broken(Integration):\n    async def probe(self): return DeviceInfo()\n{_ADD}",
    ),
    "method_that_is_not_async": (
        "Broken.probe must be an async function",
        f"class Broken(Integration):\n    def probe(self, device): return DeviceInfo()\n{_ADD}",
    ),
    "schema_that_is_none": (
        "Broken.schema must be a mapping",
        f"class Broken(Integration):\n    schema = 5\n{_ADD}",
    ),
}


async def test_plugins_that_cannot_be_loaded_are_named_with_file_and_line_and_disturb_nobody(
    hub_with: HubWith,
    good_camera: Callable[[Hub], AbstractAsyncContextManager[None]],
    unnamed: Callable[[Hub, Any], dict[str, list[str]]],
) -> None:
    search_path = list(sys.path)
    async with hub_with(BROKEN) as hub, good_camera(hub):
        assert not unnamed(hub, BROKEN)
        assert {fault.name for fault in hub.plugins.quarantined} == set(BROKEN)
        for name in BROKEN:
            assert hub.entries.status(name).state is EntryState.SETUP_ERROR
    assert sys.path == search_path


_SET_LIGHT = f"class Broken(Integration):\n    {{}}\n{_ADD}"


@pytest.mark.parametrize(
    ("method", "accepted"),
    [
        ("async def set_light(self, device, *, on): pass", True),
        ("async def set_light(self, device, on): pass", True),
        ("async def set_light(self, camera, /, on=False, brightness=5): pass", True),
        ("async def set_light(self, *anything, **more): pass", True),
        ("@staticmethod\n    async def set_light(device, *, on): pass", True),
        ("async def set_light(self, device): pass", False),
        ("async def set_light(self, device, *, on, brightness): pass", False),
        ("async def set_light(self, device, *, is_on): pass", False),
        ("@staticmethod\n    async def set_light(self, device, *, on): pass", False),
    ],
)
async def test_a_method_must_take_what_it_is_called_with(
    hub_with: HubWith, method: str, accepted: bool
) -> None:
    async with hub_with({"light": ("", _SET_LIGHT.format(method))}) as hub:
        said = [fault.reason for fault in hub.plugins.quarantined]
        assert said == ([] if accepted else ["Broken.set_light must take (self, device, *, on)."])
