"""What the integration asks of a device, and what it tells the core, route by route."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from xml.etree.ElementTree import Element

import pytest

from ucv import Channel, DayNight, NotSupported, Preset, ProtocolError, PtzVector, Stream
from ucv.media import xml
from ucv.plugins.device import Device
from ucv.testing import Answer, FakeClock, VirtualDevice
from ucv.testing.http_device import Request
from ucv_hikvision import Hikvision
from ucv_hikvision.quirks import PictureSource

Connect = Callable[..., Device]

JPEG = b"\xff\xd8 picture \xff\xd9"
OK = "<ResponseStatus><statusCode>1</statusCode><statusString>OK</statusString></ResponseStatus>"


def said(code: int, sub: str = "", status: int = 200) -> Answer:
    body = (
        f"<ResponseStatus><statusCode>{code}</statusCode>"
        f"<subStatusCode>{sub}</subStatusCode></ResponseStatus>"
    )
    return Answer(status, {"Content-Type": "application/xml"}, body.encode())


def info(kind: str, **values: str) -> str:
    told = {"model": "DS-7608NI", "serialNumber": "0820210101CCRR1", "deviceType": kind, **values}
    return f"<DeviceInfo>{''.join(f'<{k}>{v}</{k}>' for k, v in told.items())}</DeviceInfo>"


def caps(video: int, proxy: int) -> str:
    return (
        f"<DeviceCap><SysCap><VideoCap><videoInputPortNums>{video}</videoInputPortNums></VideoCap>"
        f"</SysCap><RacmCap><inputProxyNums>{proxy}</inputProxyNums></RacmCap></DeviceCap>"
    )


def streaming(*numbers: int, codec: str = "H.264") -> str:
    row = (
        "<StreamingChannel><id>{}</id><enabled>true</enabled><Video>"
        "<videoCodecType>{}</videoCodecType></Video></StreamingChannel>"
    )
    rows = "".join(row.format(number, codec) for number in numbers)
    return f"<StreamingChannelList>{rows}</StreamingChannelList>"


def proxies(count: int) -> str:
    row = "<InputProxyChannel><id>{0}</id><name>Camera {0}</name></InputProxyChannel>"
    rows = "".join(row.format(number) for number in range(1, count + 1))
    return f"<InputProxyChannelList>{rows}</InputProxyChannelList>"


def states(count: int, offline: frozenset[int] = frozenset()) -> str:
    row = "<InputProxyChannelStatus><id>{}</id><online>{}</online></InputProxyChannelStatus>"
    rows = "".join(
        row.format(number, str(number not in offline).lower()) for number in range(1, count + 1)
    )
    return f"<InputProxyChannelStatusList>{rows}</InputProxyChannelStatusList>"


@pytest.fixture
async def device() -> AsyncIterator[VirtualDevice]:
    async with VirtualDevice("admin", "camera-secret") as made:
        yield made


def serve(device: VirtualDevice, **documents: str | Answer | bytes) -> None:
    """Route documents by path below /ISAPI, with ``__`` for a slash."""
    for name, content in documents.items():
        device.route(f"/ISAPI/{name.replace('__', '/')}", content, content_type="application/xml")


def camera(device: VirtualDevice, **documents: str | Answer | bytes) -> None:
    usual = {
        "System__deviceInfo": info("IPCamera"),
        "System__capabilities": caps(1, 0),
        "Streaming__channels": streaming(101, 102),
    }
    serve(device, **{**usual, **documents})


def recorder(device: VirtualDevice, count: int, **documents: str | Answer | bytes) -> None:
    table = streaming(*(100 * n + s for n in range(1, count + 1) for s in (1, 2)))
    usual = {
        "System__deviceInfo": info("NVR"),
        "System__capabilities": caps(0, count),
        "Streaming__channels": table,
        "ContentMgmt__InputProxy__channels": proxies(count),
        "ContentMgmt__InputProxy__channels__status": states(count),
        "PTZCtrl__channels": "<PTZChannelList/>",
    }
    serve(device, **{**usual, **documents})


async def begun(handle: Device) -> Hikvision:
    integration = Hikvision()
    await integration.setup(handle)
    await integration.probe(handle)
    return integration


def writes(device: VirtualDevice) -> list[tuple[str, str, Element | None]]:
    return [
        (
            r.method,
            r.path.removeprefix("/ISAPI/"),
            xml.parse(r.body) if r.body else None,
        )
        for r in device.requests
        if r.method != "GET" and "authorization" in r.headers
    ]


# --- set-up ---------------------------------------------------------------------------------------


async def test_a_camera_without_a_usable_serial_is_known_by_its_mac(
    device: VirtualDevice, connect: Connect
) -> None:
    camera(
        device,
        System__deviceInfo=info("IPCamera", serialNumber="000000", macAddress="44-19-B6-00-00-01"),
        System__time="<Time><localTime>2023-11-14T22:13:30+00:00</localTime></Time>",
    )
    handle = connect(device, clock=FakeClock())
    integration = Hikvision()
    await integration.setup(handle)
    told = await integration.probe(handle)
    assert told.unique_id == "44:19:b6:00:00:01"
    assert told.serial is None
    assert told.clock_offset == 10
    assert await integration.channels(handle) is None


async def test_streams_take_the_port_that_the_device_tells(
    device: VirtualDevice, connect: Connect
) -> None:
    access = (
        "<AdminAccessProtocolList><AdminAccessProtocol><protocol>RTSP</protocol>"
        "<portNo>1554</portNo></AdminAccessProtocol></AdminAccessProtocolList>"
    )
    camera(device, Security__adminAccesses=access)
    handle = connect(device)
    integration = await begun(handle)
    main, sub = await integration.streams(handle)
    assert main.url == "rtsp://127.0.0.1:1554/Streaming/Channels/101"
    assert (sub.role, sub.codec) == ("sub", "h264")
    given = connect(device, rtsp_port=8554, rtsp_path="h264", transport="udp")
    integration = await begun(given)
    main, _ = await integration.streams(given)
    assert main.url == "rtsp://127.0.0.1:8554/h264/ch1/main/av_stream"
    assert main.options == {"transport": "udp", "source": "av"}


async def test_a_substream_in_mjpeg_is_fetched_over_http(
    device: VirtualDevice, connect: Connect
) -> None:
    row = "<StreamingChannel><id>{}</id><Video><videoCodecType>{}</videoCodecType></Video>"
    rows = row.format(101, "H.265") + "</StreamingChannel>"
    rows += row.format(102, "MJPEG") + "</StreamingChannel>"
    camera(device, Streaming__channels=f"<StreamingChannelList>{rows}</StreamingChannelList>")
    handle = connect(device, transport="tcp")
    integration = await begun(handle)
    main, sub = await integration.streams(handle)
    assert (main.codec, sub.codec) == ("h265", "mjpeg")
    assert sub.url == f"http://127.0.0.1:{device.port}/Streaming/channels/102/httpPreview"
    assert sub.options == {"source": "mjpeg"}


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_a_missing_table_of_streams_leaves_the_usual_ones(
    status: int, device: VirtualDevice, connect: Connect
) -> None:
    camera(device, Streaming__channels=Answer(status))
    handle = connect(device)
    integration = await begun(handle)
    assert await integration.streams(handle) == [
        Stream("main", "rtsp://127.0.0.1/Streaming/Channels/101"),
        Stream("sub", "rtsp://127.0.0.1/Streaming/Channels/102"),
    ]


async def test_nothing_but_the_device_information_is_needed(
    device: VirtualDevice, connect: Connect
) -> None:
    serve(device, System__deviceInfo=info("IPCamera"))
    handle = connect(device)
    integration = await begun(handle)
    assert await integration.channels(handle) is None
    assert len(await integration.streams(handle)) == 2
    assert set(await integration.capabilities(handle)) == {"snapshot", "reboot"}
    assert handle.runtime.clock_offset is None


# --- recorders ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [8, 64])
async def test_setting_up_a_recorder_takes_as_many_requests_for_any_number_of_channels(
    count: int, device: VirtualDevice, connect: Connect
) -> None:
    recorder(device, count)
    handle = connect(device)
    integration = await begun(handle)
    channels = await integration.channels(handle)
    assert channels is not None
    assert [channel.name for channel in channels] == [f"Camera {n}" for n in range(1, count + 1)]
    for channel in channels:
        view = handle.view(channel)
        main, sub = await integration.streams(view)
        assert main.url.endswith(f"/Streaming/Channels/{channel.id}01")
        assert sub.role == "sub"
        assert set(await integration.capabilities(view)) == {"snapshot"}
    # The login state, the challenge, and one for each table.
    assert device.counters.total == 10

    assert await integration.channels(handle) == channels
    assert device.counters.total == 12


async def test_channels_that_come_and_go_bring_their_streams_with_them(
    device: VirtualDevice, connect: Connect
) -> None:
    recorder(device, 2, ContentMgmt__InputProxy__channels__status=states(2, frozenset({2})))
    handle = connect(device)
    integration = await begun(handle)
    channels = await integration.channels(handle)
    assert [(c.id, c.online) for c in channels or ()] == [("1", True), ("2", False)]
    serve(
        device,
        ContentMgmt__InputProxy__channels=proxies(3),
        ContentMgmt__InputProxy__channels__status=states(3),
        Streaming__channels=streaming(101, 201, 301, 302, codec="H.265"),
    )
    channels = await integration.channels(handle)
    assert channels is not None
    assert [(c.id, c.online) for c in channels] == [("1", True), ("2", True), ("3", True)]
    streams = await integration.streams(handle.view(channels[2]))
    assert [(s.role, s.codec) for s in streams] == [("main", "h265"), ("sub", "h265")]


async def test_a_recorder_that_fails_for_a_moment_does_not_lose_its_channels(
    device: VirtualDevice, connect: Connect
) -> None:
    recorder(device, 2)
    handle = connect(device)
    integration = await begun(handle)
    await integration.channels(handle)
    serve(device, ContentMgmt__InputProxy__channels=Answer(500))
    with pytest.raises(ProtocolError):
        await integration.channels(handle)


async def test_a_hybrid_recorder_has_cables_and_network_cameras(
    device: VirtualDevice, connect: Connect
) -> None:
    row = "<VideoInputChannel><id>{0}</id><name>Cable {0}</name></VideoInputChannel>"
    network = "<InputProxyChannel><id>3</id><name>Network</name></InputProxyChannel>"
    recorder(
        device,
        2,
        System__deviceInfo=info("DVR"),
        System__capabilities=caps(2, 1),
        System__Video__inputs__channels=f"<L>{row.format(1)}{row.format(2)}</L>",
        ContentMgmt__InputProxy__channels=f"<L>{network}</L>",
        ContentMgmt__InputProxy__channels__status=Answer(403),
    )
    handle = connect(device)
    integration = await begun(handle)
    assert await integration.channels(handle) == [
        Channel(id="1", name="Cable 1"),
        Channel(id="2", name="Cable 2"),
        Channel(id="3", name="Network"),
    ]


async def test_a_recorder_that_hides_its_inputs_is_known_by_its_streams(
    device: VirtualDevice, connect: Connect
) -> None:
    hidden = said(4, "lowPrivilege", 403)
    recorder(
        device,
        4,
        ContentMgmt__InputProxy__channels=hidden,
        ContentMgmt__InputProxy__channels__status=hidden,
    )
    handle = connect(device)
    integration = await begun(handle)
    assert [c.id for c in await integration.channels(handle) or ()] == ["1", "2", "3", "4"]


async def test_a_plain_camera_that_answers_403_for_inputproxy_is_one_camera(
    device: VirtualDevice, connect: Connect
) -> None:
    camera(
        device,
        System__capabilities=Answer(403),
        ContentMgmt__InputProxy__channels=said(4, "notSupport", 403),
    )
    handle = connect(device)
    integration = await begun(handle)
    assert await integration.channels(handle) is None
    assert "/ISAPI/ContentMgmt/InputProxy/channels" not in device.counters.requests


async def test_only_channels_that_the_recorder_lists_are_asked_whether_they_move(
    device: VirtualDevice, connect: Connect
) -> None:
    recorder(
        device,
        3,
        PTZCtrl__channels="<L><PTZChannel><id>2</id><enabled>true</enabled></PTZChannel></L>",
        PTZCtrl__channels__2__capabilities=MOVES,
    )
    handle = connect(device)
    integration = await begun(handle)
    channels = await integration.channels(handle)
    able = [set(await integration.capabilities(handle.view(c))) for c in channels or ()]
    assert able[0] == able[2] == {"snapshot"}
    assert "ptz" in able[1]
    assert "/ISAPI/PTZCtrl/channels/1/capabilities" not in device.counters.requests


# --- pictures -------------------------------------------------------------------------------------


async def test_a_still_picture_is_that_of_the_main_stream(
    device: VirtualDevice, connect: Connect
) -> None:
    camera(device, Streaming__channels__101__picture=JPEG)
    handle = connect(device)
    integration = await begun(handle)
    assert (await integration.snapshot(handle)).data == JPEG


@pytest.mark.parametrize(
    "answer",
    [said(6, "badXmlContent"), said(6, "badXmlContent", 400), Answer(403)],
    ids=["200", "400", "403"],
)
async def test_bad_xml_content_leads_to_the_picture_of_the_streaming_proxy(
    answer: Answer, device: VirtualDevice, connect: Connect
) -> None:
    recorder(
        device,
        8,
        Streaming__channels__301__picture=answer,
        ContentMgmt__StreamingProxy__channels__301__picture=JPEG,
    )
    handle = connect(device, channel=Channel(id="3"))
    integration = await begun(handle)
    assert (await integration.snapshot(handle)).data == JPEG
    assert (await integration.snapshot(handle)).data == JPEG
    assert device.counters.requests["/ISAPI/Streaming/channels/301/picture"] == 1
    assert handle.runtime.picture_sources == {3: PictureSource.PROXY}


async def test_a_device_error_is_asked_for_the_picture_once_more(
    device: VirtualDevice, connect: Connect
) -> None:
    answers: Iterator[Answer | bytes] = iter([said(3, "deviceError", 500), JPEG, said(3), said(3)])
    camera(device)
    device.route("/ISAPI/Streaming/channels/101/picture", lambda _: next(answers))
    handle = connect(device)
    integration = await begun(handle)
    assert (await integration.snapshot(handle)).data == JPEG
    with pytest.raises(ProtocolError):
        await integration.snapshot(handle)


# --- movement -------------------------------------------------------------------------------------

MOVES = (
    "<PTZChanelCap><AbsolutePanTiltPositionSpace><XRange><Min>0</Min><Max>3600</Max></XRange>"
    "<YRange><Min>-900</Min><Max>900</Max></YRange></AbsolutePanTiltPositionSpace>"
    "<AbsoluteZoomPositionSpace><ZRange><Min>10</Min><Max>210</Max></ZRange>"
    "</AbsoluteZoomPositionSpace><ContinuousPanTiltSpace/><maxPresetNum>300</maxPresetNum>"
    "<homePostionSupport>true</homePostionSupport></PTZChanelCap>"
)
AT = (
    "<PTZStatus><AbsoluteHigh><elevation>0</elevation><azimuth>900</azimuth>"
    "<absoluteZoom>10</absoluteZoom></AbsoluteHigh></PTZStatus>"
)


async def mover(device: VirtualDevice, connect: Connect) -> tuple[Hikvision, Device]:
    camera(
        device,
        PTZCtrl__channels__1__capabilities=MOVES,
        PTZCtrl__channels__1__status=AT,
        PTZCtrl__channels__1__presets="<L><PTZPreset><id>1</id><presetName>Gate</presetName>"
        "</PTZPreset><PTZPreset><id>94</id><presetName>Reboot</presetName></PTZPreset></L>",
    )
    for path in ("continuous", "absolute", "homeposition/goto", "presets/1/goto", "presets/2"):
        device.route(f"/ISAPI/PTZCtrl/channels/1/{path}", OK, method="PUT")
    device.route("/ISAPI/PTZCtrl/channels/1/presets/1", OK, method="DELETE")
    handle = connect(device)
    return await begun(handle), handle


def values(root: Element | None) -> dict[str, str]:
    return {} if root is None else {e.tag: e.text or "" for e in root.iter() if not len(e)}


async def test_it_moves_and_stops(device: VirtualDevice, connect: Connect) -> None:
    integration, handle = await mover(device, connect)
    assert set(await integration.capabilities(handle)) >= {"ptz", "ptz_home", "ptz_presets"}
    await integration.ptz_move(handle, PtzVector(pan=0.6, tilt=-1.0))
    await integration.ptz_stop(handle)
    await integration.ptz_home(handle)
    assert [(m, p, values(root)) for m, p, root in writes(device)] == [
        ("PUT", "PTZCtrl/channels/1/continuous", {"pan": "60", "tilt": "-100", "zoom": "0"}),
        ("PUT", "PTZCtrl/channels/1/continuous", {"pan": "0", "tilt": "0", "zoom": "0"}),
        ("PUT", "PTZCtrl/channels/1/homeposition/goto", {}),
    ]


async def test_what_moves_is_stopped_before_it_is_let_go_of(
    device: VirtualDevice, connect: Connect
) -> None:
    integration, handle = await mover(device, connect)
    await integration.ptz_move(handle, PtzVector(pan=0.6))
    await integration.unload(handle)
    assert values(writes(device)[-1][2]) == {"pan": "0", "tilt": "0", "zoom": "0"}
    before = len(writes(device))
    await integration.ptz_stop(handle)
    await integration.unload(handle)
    assert len(writes(device)) == before + 1


async def test_positions_and_ways_are_within_the_range_it_tells(
    device: VirtualDevice, connect: Connect
) -> None:
    integration, handle = await mover(device, connect)
    await integration.ptz_absolute(handle, PtzVector(pan=0.0, zoom=1.0))
    await integration.ptz_relative(handle, PtzVector(pan=-0.5))
    assert [values(root) for _, _, root in writes(device)] == [
        {"elevation": "0", "azimuth": "1800", "absoluteZoom": "210"},
        {"elevation": "0", "azimuth": "2700", "absoluteZoom": "10"},
    ]


async def test_presets_are_listed_recalled_created_and_deleted_without_the_commands(
    device: VirtualDevice, connect: Connect
) -> None:
    integration, handle = await mover(device, connect)
    assert await integration.ptz_presets(handle) == [Preset("1", "Gate")]
    await integration.ptz_goto_preset(handle, "1")
    assert await integration.ptz_create_preset(handle, "Yard & door") == Preset("2", "Yard & door")
    await integration.ptz_delete_preset(handle, "1")
    told = [(m, p.removeprefix("PTZCtrl/channels/1/"), values(r)) for m, p, r in writes(device)]
    assert told == [
        ("PUT", "presets/1/goto", {}),
        ("PUT", "presets/2", {"enabled": "true", "id": "2", "presetName": "Yard & door"}),
        ("DELETE", "presets/1", {}),
    ]
    for number in ("94", "33", "../../../System/reboot"):
        with pytest.raises(NotSupported):
            await integration.ptz_goto_preset(handle, number)
        with pytest.raises(NotSupported):
            await integration.ptz_delete_preset(handle, number)
    assert len(writes(device)) == len(told)


# --- light and the rest ---------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["ircutFilter", "IrcutFilter"])
async def test_day_and_night_are_set_however_the_path_is_spelled(
    spelling: str, device: VirtualDevice, connect: Connect
) -> None:
    path = f"/ISAPI/Image/channels/1/{spelling}"
    document = "<F><IrcutFilterType>schedule</IrcutFilterType></F>"
    camera(device)
    device.route(path, document)
    device.route(path, OK, method="PUT")
    handle = connect(device)
    integration = await begun(handle)
    assert "day_night" in await integration.capabilities(handle)
    assert await integration.day_night(handle) is DayNight.AUTO
    await integration.set_day_night(handle, DayNight.NIGHT)
    ((method, written, root),) = writes(device)
    assert (method, written) == ("PUT", path.removeprefix("/ISAPI/"))
    assert values(root) == {"IrcutFilterType": "night"}
    asked = device.counters.requests.get("/ISAPI/Image/channels/1/ircutFilter", 0)
    assert asked == (1 if spelling == "IrcutFilter" else device.counters.requests[path])


async def test_a_lamp_is_switched_off_and_on_in_the_mode_it_had(
    device: VirtualDevice, connect: Connect
) -> None:
    mode = ["colorVuWhiteLight"]

    def put(request: Request) -> str:
        mode[0] = xml.text_at(xml.parse(request.body), "supplementLightMode")
        return OK

    camera(device)
    path = "/ISAPI/Image/channels/1/supplementLight"
    lamp = "<L><supplementLightMode>{}</supplementLightMode><x>1</x></L>"
    device.route(path, lambda _: lamp.format(mode[0]))
    device.route(path, put, method="PUT")
    handle = connect(device)
    integration = await begun(handle)
    assert "light" in await integration.capabilities(handle)
    assert await integration.light(handle) is True
    await integration.set_light(handle, on=False)
    assert (mode[0], await integration.light(handle)) == ("close", False)
    await integration.set_light(handle, on=True)
    assert mode[0] == "colorVuWhiteLight"


async def test_a_lamp_at_an_alarm_output_is_switched_instead(
    device: VirtualDevice, connect: Connect
) -> None:
    camera(
        device,
        System__IO__outputs__2__status="<IOPortStatus><ioState>active</ioState></IOPortStatus>",
    )
    device.route("/ISAPI/System/IO/outputs/2/trigger", OK, method="PUT")
    handle = connect(device, light_output=2)
    integration = await begun(handle)
    assert "light" in await integration.capabilities(handle)
    await integration.set_light(handle, on=True)
    await integration.set_light(handle, on=False)
    assert await integration.light(handle) is True
    assert [values(root) for _, _, root in writes(device)] == [
        {"outputState": "high"},
        {"outputState": "low"},
    ]


async def test_a_camera_without_lamp_or_filter_says_so(
    device: VirtualDevice, connect: Connect
) -> None:
    camera(device)
    handle = connect(device)
    integration = await begun(handle)
    for asked in (
        integration.light(handle),
        integration.set_light(handle, on=True),
        integration.day_night(handle),
        integration.set_day_night(handle, DayNight.DAY),
        integration.ptz_absolute(handle, PtzVector(pan=1.0)),
    ):
        with pytest.raises(NotSupported):
            await asked


async def test_a_restart_is_asked_for_once(device: VirtualDevice, connect: Connect) -> None:
    camera(device)
    device.route("/ISAPI/System/reboot", said(7, "rebootRequired"), method="PUT")
    handle = connect(device)
    integration = await begun(handle)
    await integration.reboot(handle)
    assert [(m, p) for m, p, _ in writes(device)] == [("PUT", "System/reboot")]


async def test_diagnostics_say_which_events_reach_the_stream(
    device: VirtualDevice, connect: Connect
) -> None:
    row = (
        "<EventTrigger><eventType>{}</eventType><L><EventTriggerNotification>"
        "<notificationMethod>{}</notificationMethod></EventTriggerNotification></L></EventTrigger>"
    )
    camera(device, Event__triggers=f"<L>{row.format('VMD', 'center')}{row.format('PIR', '')}</L>")
    handle = connect(device)
    integration = await begun(handle)
    assert "events" in await integration.capabilities(handle)
    told = await integration.diagnostics(handle)
    assert told["events"] == [
        {"type": "VMD", "channel": None, "reaches_the_stream": True},
        {"type": "PIR", "channel": None, "reaches_the_stream": False},
    ]
    assert told["prefix"] == "/ISAPI"


async def test_events_are_not_claimed_when_they_are_switched_off_or_not_to_be_had(
    device: VirtualDevice, connect: Connect
) -> None:
    camera(device)
    handle = connect(device)
    integration = await begun(handle)
    assert "events" not in await integration.capabilities(handle)
    device.route("/ISAPI/Event/notification/alertStream", "…")
    assert "events" in await integration.capabilities(handle)
    off = connect(device, event_source="none")
    integration = await begun(off)
    assert "events" not in await integration.capabilities(off)
    with pytest.raises(NotSupported):
        await anext(aiter(integration.events(off)))
