"""The reference for plugin authors, made from the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import FunctionType

import ucv
from scripts.code_markdown import (
    attribute_notes,
    class_section,
    doc_of,
    item,
    member_item,
    members,
    prose,
    signature,
    summary_of,
    table,
)
from ucv import errors, events, wire
from ucv.cameras import camera_event
from ucv.entries import control, event_pump, supervisor
from ucv.entries.entry import EntryState
from ucv.flows import own_steps
from ucv.http import DeviceHttp, HttpStream, Response, client
from ucv.lockout import Lockout
from ucv.plugins import api, calls, discovery_handlers, hookspecs, tasks
from ucv.plugins.capabilities import CAPABILITIES, methods_of
from ucv.plugins.faults import PluginFaults
from ucv.testing import plugin as fixtures
from ucv.testing.account_lock import AccountLock
from ucv.testing.acme import AcmeDevice
from ucv.testing.clock import FakeClock, until
from ucv.testing.contract import (
    ContractDevice,
    ContractReport,
    assert_integration_contract,
    check_integration_contract,
)
from ucv.testing.contract_rules import RULES, Level
from ucv.testing.dahua import DahuaDevice
from ucv.testing.faults import HttpCounters, HttpFaults
from ucv.testing.hikvision import HikvisionDevice
from ucv.testing.http_device import VirtualDevice
from ucv.testing.http_message import Answer, Request
from ucv.testing.hub import HubKit, running_hub
from ucv.testing.mjpeg_device import MjpegDevice
from ucv.testing.onvif import OnvifDevice
from ucv.testing.rtsp_server import Counters, Faults, RtspServer
from ucv.testing.virtual_camera import VirtualCamera, jpeg
from ucv_bridge.messages import SPANISH

_HEAD = f"""# Reference for plugin authors

Everything a plugin imports is in `ucv` and `ucv.wire`, and what its tests import in `ucv.testing`.
The version of the interface is {".".join(map(str, api.API_VERSION))}. New here? The
[tutorial](tutorial.md) comes first; the [rules](rules.md) say what holds for every plugin.

This page is made from the code by `python -m scripts.generate_docs`.
"""


def reference_page() -> str:
    """Return the page."""
    sections: list[tuple[str, Callable[[], str]]] = [
        ("Hooks", _hooks),
        ("What hooks register", _registered),
        ("How devices are found", _discovery),
        ("Integration", _integration),
        ("Device", lambda: _bare(ucv.Device)),
        ("Background tasks", _tasks),
        ("HTTP", _http),
        ("Values", _values),
        ("Logging in by other means", _lockout),
        ("Reading what devices send", _wire),
        ("Capabilities", _capabilities),
        ("Camera events", _camera_events),
        ("Movement, imaging, sound", _camera_values),
        ("Steps of a flow", _flow),
        ("Sources of pictures", _sources),
        ("Events of the hub", _hub_events),
        ("Errors", _errors),
        ("Limits", _limits),
        ("Test kit", _test_kit),
        ("Virtual devices", _virtual_devices),
        ("The contract", _contract),
    ]
    contents = "\n".join(f"- [{title}](#{_anchor(title)})" for title, _ in sections)
    pages = [f"## {title}\n\n{write()}\n" for title, write in sections]
    return "\n".join([_HEAD, contents + "\n", *pages])


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9_\- ]", "", title.lower()).replace(" ", "-")


def _tasks() -> str:
    create = member_item("create", tasks.DeviceTasks.create)
    return f"`device.tasks`: {summary_of(tasks.DeviceTasks)}\n\n{create}"


def _bare(kind: type) -> str:
    """Return a class without heading and constructor: the hub makes it."""
    return class_section(kind, call=False).partition("\n\n")[2]


# --- what plugins are made of ---------------------------------------------------------------------


def _hooks() -> str:
    rows = []
    for name, value in vars(hookspecs).items():
        if isinstance(value, FunctionType) and value.__module__ == hookspecs.__name__:
            arguments = ", ".join(inspect.signature(value).parameters)
            anchor = _anchor(f"{name}({arguments})")
            rows.append((f"[`{name}({arguments})`](hooks.md#{anchor})", summary_of(value)))
    return f"{prose(hookspecs.__doc__ or '')}\n\n" + table(("Hook", ""), rows)


def _registered() -> str:
    kinds = (ucv.StreamProvider, ucv.Command, ucv.EventSink, ucv.Wrapper)
    return "\n\n".join(class_section(kind) for kind in kinds)


def _discovery() -> str:
    kinds = (
        *(ucv.MdnsHandler, ucv.WsDiscoveryHandler, ucv.SsdpHandler),
        *(ucv.DatagramHandler, ucv.ScanHandler, ucv.Sighting),
        *(ucv.MdnsService, ucv.WsDiscoveryTarget, ucv.SsdpDevice, ucv.Datagram),
        *(ucv.Fingerprint, ucv.RtspAnswer, ucv.HttpAnswer, ucv.OnvifAnswer),
    )
    about = prose(discovery_handlers.__doc__ or "")
    return "\n\n".join([about, *(class_section(kind) for kind in kinds)])


def _integration() -> str:
    kind = ucv.Integration
    rows = []
    for name, (annotation, note) in attribute_notes(kind).items():
        default = f"`{getattr(kind, name)!r}`" if hasattr(kind, name) else "required"
        declared = annotation.removeprefix("ClassVar[").removesuffix("]")
        rows.append((f"`{name}`", f"`{declared}`", default, note))
    methods = "\n".join(member_item(*member) for member in members(kind))
    return "\n\n".join([doc_of(kind), table(("Attribute", "Type", "Default", ""), rows), methods])


def _http() -> str:
    about = "`device.http` is a `DeviceHttp`: it is made by the hub, for one device."
    # The core counts refusals and closes connections.
    parts = [about, class_section(DeviceHttp, call=False, without=("lockout", "close"))]
    parts += [class_section(kind, call=False) for kind in (Response, HttpStream)]
    return "\n\n".join(parts)


def _values() -> str:
    kinds = (ucv.DeviceInfo, ucv.Channel, ucv.Stream, ucv.Snapshot, ucv.Credentials)
    return "\n\n".join(class_section(kind) for kind in kinds)


def _lockout() -> str:
    about = (
        "`device.http` and the streams count refused logins by themselves. Code that logs in by "
        "other means does so within `async with device.lockout.turn() as turn:`, and then says "
        "`turn.accepted()` or `turn.refused()`."
    )
    without = ("on_change", "refusals", "reset", "close", "budget")
    return f"{about}\n\n{class_section(Lockout, call=False, without=without)}"


def _wire() -> str:
    functions = [wire.parse_xml, wire.xml_text, wire.xml_with_text, wire.escape_xml]
    functions += [wire.boundary_of, ucv.stable_id, wire.normal_mac, wire.usable_serial]
    names = {getattr(wire, name): name for name in wire.__all__}
    rows = [
        (f"`{signature(one, name=names.get(one, one.__name__))}`", summary_of(one))
        for one in functions
    ]
    kinds = [class_section(kind) for kind in (wire.MultipartParser, wire.Part)]
    return "\n\n".join([prose(wire.__doc__ or ""), table(("Function", ""), rows), *kinds])


def _capabilities() -> str:
    parts = [
        "A capability is a protocol of methods. An integration has it by having them, with these "
        "names and arguments; `Integration.capabilities` says which of them a device really has. "
        "Every camera with a stream can be asked for a still picture, whether or not it has "
        "`snapshot` of its own."
    ]
    for name, kind in CAPABILITIES.items():
        methods = [(one, getattr(kind, one)) for one in vars(kind) if one in methods_of(kind)]
        parts.append(f"### `{name}`\n\n{doc_of(kind)}")
        parts.append("\n".join(member_item(*method) for method in methods))
    return "\n\n".join(parts)


def _camera_events() -> str:
    kinds = [
        kind
        for kind in vars(camera_event).values()
        if isinstance(kind, type)
        and issubclass(kind, ucv.CameraEvent)
        and kind is not ucv.CameraEvent
    ]
    own = [
        ", ".join(f"`{name}`" for name in kind.__annotations__ if name != "kind") for kind in kinds
    ]
    rows = [
        (f"`{kind.__name__}`", f"`{kind.kind}`", fields, doc_of(kind))
        for kind, fields in zip(kinds, own, strict=True)
    ]
    base = class_section(ucv.CameraEvent)
    current = class_section(ucv.CurrentEvents)
    types = table(("Type", "`kind`", "Fields of its own", ""), rows)
    return f"{base}\n\n{types}\n\n{current}"


def _camera_values() -> str:
    notes = attribute_notes(ucv.DayNight)
    modes = "\n".join(item(f"`DayNight.{name}`", note) for name, (_, note) in notes.items())
    parts = [class_section(kind) for kind in (ucv.PtzVector, ucv.Preset)]
    parts += [class_section(ucv.DayNight, call=False), modes, class_section(ucv.TalkDescriptor)]
    return "\n\n".join(parts)


def _flow() -> str:
    silence = (
        f"Steps that ask nothing and tell of no progress for {own_steps.SILENCE_LIMIT:g} s are "
        "ended."
    )
    attributes = table(
        ("Attribute", "Type"),
        [(f"`{name}`", f"`{kind}`") for name, kind in ucv.Flow.__annotations__.items()],
    )
    methods = "\n".join(member_item(*member) for member in members(ucv.Flow))
    flow = [f"### Flow\n\n{doc_of(ucv.Flow)} {silence}", attributes, methods]
    return "\n\n".join([*flow, class_section(ucv.Abort)])


def _sources() -> str:
    kinds = (ucv.SourceRequest, ucv.Source, ucv.SourceSink)
    return "\n\n".join(class_section(kind) for kind in kinds)


def _hub_events() -> str:
    rows = []
    for name in events.__all__:
        kind = getattr(events, name)
        fields = ", ".join(f"`{one}`" for one in kind.__annotations__ if one != "kept")
        rows.append((f"`events.{name}`", fields, summary_of(kind)))
    about = "What an event sink can listen to: `from ucv import events`."
    return f"{about}\n\n" + table(("Event", "Fields", ""), rows)


# --- errors ---------------------------------------------------------------------------------------


def _errors() -> str:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.CameraViewerError)
    ]
    first, cap = supervisor.RETRY_FIRST, supervisor.RETRY_CAP
    about = (
        "What a method raises decides what becomes of the entry while it is set up, and what "
        "whoever asked is told. Programs rely on the code. The English sentence is what an error "
        "says if it is raised without one of its own; give it a more exact one where there is one. "
        "Anything else that is raised is a fault of the plugin.\n\n"
        f"*Tried again* means: after at most {first:g} s, then twice as long each time, up to "
        f"{cap:g} s, at a random moment within; `RateLimited` waits for as long as the device "
        "said. `auth_failed` stops all traffic to the device until a person has logged in again. "
        "The other states wait until the entry is changed or reloaded."
    )
    told = [kind for kind in kinds if kind.__name__ in ucv.__all__]
    rest = [kind for kind in kinds if kind not in told]
    parts = [about, class_section(errors.CameraViewerError, call=False), "### In `ucv`"]
    parts += [_error_table(told), _arguments(told)]
    parts += ["### The hub's own\n\nIn `ucv.errors`; a plugin has little reason to raise them."]
    parts.append(_error_table(rest))
    return "\n\n".join(parts)


def _error_table(kinds: list[type[errors.CameraViewerError]]) -> str:
    rows = [
        (
            f"`{kind.__name__}`",
            f"`{kind.code}`",
            *_consequence(kind),
            (kind.__doc__ or "").splitlines()[0],
            SPANISH[kind.code],
        )
        for kind in kinds
    ]
    return table(("Error", "Code", "Entry", "Tried again", "English", "Spanish"), rows)


def _arguments(kinds: list[type[errors.CameraViewerError]]) -> str:
    """Return what errors with arguments of their own are given."""
    found = []
    for kind in kinds:
        if "__init__" not in vars(kind) or kind is errors.CameraViewerError:
            continue
        source = inspect.getsource(kind.__init__)
        notes = re.findall(r"#: (.+)\n\s+self\.(\w+) =", source)
        found += [item(f"`{kind.__name__}(…, {name}=…)`", note) for note, name in notes]
    return "\n".join(found)


def _consequence(kind: type[errors.CameraViewerError]) -> tuple[str, str]:
    # Some need arguments to be made; where they lead to depends on the type alone.
    state = supervisor._final_state(kind.__new__(kind))
    return f"`{state or EntryState.SETUP_RETRY}`", "no" if state else "yes"


def _limits() -> str:
    faults = inspect.signature(PluginFaults).parameters
    rows = [
        (
            "setting up: `setup`, `probe`, `streams`, `capabilities` together",
            supervisor.SETUP_LIMIT,
        ),
        ("any other call of a method", calls.LIMIT),
        ("`unload`", supervisor.UNLOAD_LIMIT),
        ("a cancelled call or task, to end", calls.CANCEL_LIMIT),
        ("steps of a flow, without a sign of life", own_steps.SILENCE_LIMIT),
        ("a request of `device.http`, unless `timeout` says otherwise", client.REQUEST_TIMEOUT),
        ("`device.http.stream`, without a byte, unless told otherwise", client.IDLE_TIMEOUT),
        ("a movement that nobody renews or stops", control.MOVE_LIMIT),
        ("longest wait before `events` is called again", event_pump.RETRY_CAP),
    ]
    seconds = table(("Seconds", ""), [(f"{value:g}", what) for what, value in rows])
    counted = [
        (f"{tasks.MAX_TASKS}", "background tasks of one device"),
        (f"{client.MAX_BODY // 2**20} MiB", "an answer of `device.http`, unless `limit` says less"),
        (f"{control.MAX_SNAPSHOT // 2**20} MiB", "a still picture"),
        (
            f"{faults['limit'].default} in {faults['span'].default:g} s",
            "faults, after which a plugin is quarantined",
        ),
    ]
    return f"{seconds}\n\n" + table(("At most", ""), counted)


# --- testing --------------------------------------------------------------------------------------


def _test_kit() -> str:
    about = (
        "Installed with `universal-camera-viewer[testing]`, which also loads the fixtures into "
        "pytest. Tests are async functions; put `asyncio_mode = auto` into pytest's configuration "
        "(`ucv plugin check` does so by itself)."
    )
    found = [
        (name, value)
        for name, value in vars(fixtures).items()
        if name.startswith("ucv_") and hasattr(value, "_get_wrapped_function")
    ]
    rows = [(f"`{name}`", summary_of(value._get_wrapped_function())) for name, value in found]
    functions = (
        running_hub,
        assert_integration_contract,
        check_integration_contract,
        until,
        jpeg,
    )
    calls_of_kit = "\n".join(
        item(f"`{signature(function)}`", doc_of(function)) for function in functions
    )
    parts = [about, "### Fixtures", table(("Fixture", ""), rows), "### Functions", calls_of_kit]
    parts += [class_section(HubKit, call=False), class_section(FakeClock)]
    parts += [class_section(ContractReport, call=False), class_section(ContractDevice, call=False)]
    return "\n\n".join(parts)


def _virtual_devices() -> str:
    about = (
        "Devices made of software, on this machine's own addresses. They answer as a real one "
        "does, count what they are asked, and can be told to misbehave at any time: "
        "`device.http.faults.delay = 3`."
    )
    parts = [about, class_section(VirtualCamera)]
    parts += [class_section(VirtualDevice, without=("guard", "faults_for", "answer"))]
    parts += [class_section(kind) for kind in (Answer, Request)]
    for kind, name in (
        (HttpFaults, "HttpFaults: a device's `faults`"),
        (HttpCounters, "HttpCounters: a device's `counters`"),
        (RtspServer, "RtspServer"),
        (Faults, "Faults: those of RTSP"),
        (Counters, "Counters: those of RTSP"),
    ):
        # What the device itself does with them is no test's business.
        own = ("over", "count", "answered", "refused", "accepted")
        parts.append(class_section(kind, call=kind is RtspServer, name=name, without=own))
    parts += [class_section(AccountLock, without=own)]
    parts += [
        class_section(kind)
        for kind in (MjpegDevice, AcmeDevice, DahuaDevice, HikvisionDevice, OnvifDevice)
    ]
    return "\n\n".join(parts)


def _contract() -> str:
    levels = attribute_notes(Level)
    listed = "\n".join(item(f"`{name.lower()}`", note) for name, (_, note) in levels.items())
    about = (
        "`assert_integration_contract(Acme, AcmeDevice())` checks these rules, each with a hub and "
        "the device started anew, and `ucv plugin check` prints the grade: the highest level of "
        f"which, and below which, every rule is kept.\n\n{listed}"
    )
    rows = [
        (
            f'<a id="contract-{rule.id}"></a>`{rule.id}`',
            rule.level.value,
            f"It {rule.title}",
            "yes" if rule.needs_device else "no",
        )
        for rule in RULES
    ]
    return f"{about}\n\n" + table(("Rule", "Level", "", "Needs a device"), rows)
