"""What documents of devices say, whatever they look like."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import (
    AccessDenied,
    AccountLocked,
    DayNight,
    EndpointNotFound,
    InvalidAuth,
    NotSupported,
    Preset,
    ProtocolError,
    PtzVector,
    RateLimited,
)
from ucv.media import xml
from ucv.media.errors import MediaError
from ucv_hikvision import imaging, ptz
from ucv_hikvision.alert_stream import Trigger, triggers
from ucv_hikvision.channel_table import input_channels, proxy_channels, proxy_states
from ucv_hikvision.documents import document, path_of, plain, seconds_of
from ucv_hikvision.identity import Inputs, clock_offset, identity, inputs, ports
from ucv_hikvision.login_state import login_state
from ucv_hikvision.quirks import RtspPath, rtsp_path
from ucv_hikvision.response_status import refusal, response_status
from ucv_hikvision.stream_table import stream_table

NOON = datetime(2024, 1, 31, 12, tzinfo=UTC).timestamp()


def root(text: str) -> Element:
    return document(text.encode(), "a document")


# --- who it is ------------------------------------------------------------------------------------

DEVICE_INFO = """<?xml version="1.0" encoding="UTF-8"?>
<DeviceInfo version="2.0" xmlns="{namespace}">
<deviceName>Yard & gate</deviceName><deviceID>x</deviceID>
<model>DS-2CD2386G2-IU</model><serialNumber>DS-2CD2386G2-IU20210101AAWRF12345678</serialNumber>
<macAddress>44:19:b6:00:00:01</macAddress><firmwareVersion>V5.7.15</firmwareVersion>
<firmwareReleasedDate>build 240201</firmwareReleasedDate><deviceType>IPCamera</deviceType>
</DeviceInfo>"""


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.hikvision.com/ver20/XMLSchema",
        "http://www.hikvision.com/ver10/XMLSchema",
        "http://www.isapi.org/ver20/XMLSchema",
        "http://www.std-cgi.com/ver20/XMLSchema",
        "urn:psialliance-org",
        "",
    ],
    ids=["ver20", "ver10", "isapi", "std-cgi", "psia", "none"],
)
def test_a_camera_says_who_it_is_in_any_namespace(namespace: str) -> None:
    known = identity(root(DEVICE_INFO.format(namespace=namespace)))
    assert known.manufacturer == "Hikvision"
    assert known.model == "DS-2CD2386G2-IU"
    assert known.serial == "DS-2CD2386G2-IU20210101AAWRF12345678"
    assert known.mac == "44:19:b6:00:00:01"
    assert known.firmware == "V5.7.15 build 240201"
    assert not known.says_recorder


def test_a_name_of_the_seller_s_own_is_kept() -> None:
    told = "<DeviceInfo><model>C800</model><manufacturer>{}</manufacturer></DeviceInfo>"
    assert identity(root(told.format("Annke"))).manufacturer == "Annke"
    assert identity(root(told.format("HIKVISION"))).manufacturer == "Hikvision"


@pytest.mark.parametrize(
    "text",
    ["<DeviceInfo/>", "<html><body>Login</body></html>", "<ResponseStatus/>"],
    ids=["empty", "page", "status"],
)
def test_what_is_no_device_information_is_the_device_s_fault(text: str) -> None:
    with pytest.raises(ProtocolError):
        identity(root(text))


@pytest.mark.parametrize("kind", ["NVR", "DVR", "HVR", "XVR", "nvr"])
def test_a_recorder_is_known_by_its_type(kind: str) -> None:
    told = f"<DeviceInfo><model>x</model><deviceType>{kind}</deviceType></DeviceInfo>"
    assert identity(root(told)).says_recorder


@pytest.mark.parametrize(
    ("text", "expected", "recorder"),
    [
        ("<VideoCap><videoInputPortNums>1</videoInputPortNums></VideoCap>", Inputs(1, 0), False),
        ("<RacmCap><inputProxyNums>8</inputProxyNums></RacmCap>", Inputs(0, 8), True),
        (
            "<VideoCap><videoInputPortNums>8</videoInputPortNums></VideoCap>"
            "<RacmCap><inputProxyNums>2</inputProxyNums></RacmCap>",
            Inputs(8, 2),
            True,
        ),
        ("<VideoCap><videoInputPortNums>-9</videoInputPortNums></VideoCap>", Inputs(0, 0), False),
        ("<VideoCap><videoInputPortNums>many</videoInputPortNums></VideoCap>", Inputs(0, 0), False),
    ],
    ids=["camera", "recorder", "hybrid", "negative", "word"],
)
def test_capabilities_say_how_many_pictures_there_are(
    text: str, expected: Inputs, recorder: bool
) -> None:
    told = inputs(root(f"<DeviceCap><SysCap>{text}</SysCap></DeviceCap>"))
    assert told == expected
    assert told.makes_recorder is recorder


def test_ports_of_services_that_are_off_or_impossible_are_left_out() -> None:
    access = "<AdminAccessProtocol><id>{}</id>{}</AdminAccessProtocol>"
    rows = [
        "<enabled>true</enabled><protocol>RTSP</protocol><portNo>1554</portNo>",
        "<enabled>false</enabled><protocol>HTTPS</protocol><portNo>443</portNo>",
        "<protocol>DEV_MANAGE</protocol><portNo>8000</portNo>",
        "<protocol>HTTP</protocol><portNo>99999</portNo>",
    ]
    text = "".join(access.format(i, row) for i, row in enumerate(rows))
    told = ports(root(f"<AdminAccessProtocolList>{text}</AdminAccessProtocolList>"))
    assert told == {"rtsp": 1554, "dev_manage": 8000}


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "zone", "seconds"),
    [
        ("2024-01-31T12:00:00+00:00", "", [0]),
        ("2024-01-31T12:00:00Z", "", [0]),
        ("2024-01-31T20:00:00+08:00", "", [0]),
        ("2024-01-31T20:00:00+8:00", "", [0]),
        ("2024-01-31T07:00:00-0500", "", [0]),
        ("2024-01-31 12:00:00.250Z", "", [0]),
        ("2024-01-31T20:00:00", "CST-8:00:00", [0]),
        ("2024-01-31T07:00:00", "EST5:00:00", [0]),
        ("2024-01-31T13:00:00", "CET-1:00:00DST01:00:00,M3.5.0/02,M10.5.0/03", [0, -3600]),
        ("2024-01-31T12:00:00", "", []),
        ("2024-01-31T12:00:00", "nowhere", []),
        ("2024-01-31T12:00:00+99:00", "", []),
        ("2024-02-31T12:00:00Z", "", []),
        ("0000-00-00T00:00:00Z", "", []),
        ("noon", "", []),
        ("", "", []),
    ],
    ids=[
        "offset",
        "zulu",
        "east",
        "one-digit",
        "without-colon",
        "blank-and-fraction",
        "zone-east",
        "zone-west",
        "zone-with-summer",
        "no-zone",
        "no-such-zone",
        "offset-too-large",
        "no-such-day",
        "zeros",
        "word",
        "nothing",
    ],
)
def test_a_time_is_read_with_the_zone_it_has(words: str, zone: str, seconds: list[int]) -> None:
    assert seconds_of(words, zone) == tuple(NOON + s for s in seconds)


def test_a_clock_is_compared_with_ours() -> None:
    told = "<Time><localTime>2024-01-31T12:01:00+00:00</localTime></Time>"
    assert clock_offset(root(told), NOON) == 60
    summer = (
        "<Time><localTime>2024-01-31T14:00:07</localTime>"
        "<timeZone>CET-1:00:00DST01:00:00,M3.5.0/02,M10.5.0/03</timeZone></Time>"
    )
    assert clock_offset(root(summer), NOON) == 7
    assert clock_offset(root("<Time/>"), NOON) is None


# --- the login ------------------------------------------------------------------------------------

USER_CHECK = """<userCheck version="1.0" xmlns="urn:x"><statusValue>401</statusValue>
<statusString>Unauthorized</statusString><isActivated>{activated}</isActivated>
<lockStatus>{lock}</lockStatus><unlockTime>{unlock}</unlockTime>
<retryLoginTime>{tries}</retryLoginTime></userCheck>"""


def check(**values: object) -> str:
    return USER_CHECK.format(
        **{"activated": "true", "lock": "unlock", "unlock": 0, "tries": 5, **values}
    )


def test_a_locked_account_says_for_how_long() -> None:
    state = login_state(root(check(lock="lock", unlock=1600)))
    assert state is not None
    error = state.error(NOON)
    assert isinstance(error, AccountLocked)
    assert error.until == NOON + 1600
    assert "27 min" in error.message


@pytest.mark.parametrize("unlock", [0, -5, "soon", 10**9])
def test_a_lock_without_a_sensible_time_is_still_one(unlock: object) -> None:
    state = login_state(root(check(lock="lock", unlock=unlock)))
    assert state is not None
    error = state.error(NOON)
    assert isinstance(error, AccountLocked)
    assert error.until is None


def test_a_device_that_was_never_activated_is_explained() -> None:
    state = login_state(root(check(activated="false", lock="lock")))
    assert state is not None
    error = state.error(NOON)
    assert isinstance(error, AccessDenied)
    assert "SADP" in error.message
    assert error.details["reason"] == "not_activated"


def test_refused_credentials_say_how_many_tries_are_left() -> None:
    state = login_state(root(check(tries=1)))
    assert state is not None
    assert state.error(NOON) is None
    refused = state.refused()
    assert type(refused) is InvalidAuth
    assert "1 more wrong one it" in refused.message
    silent = login_state(root("<userCheck><statusValue>401</statusValue></userCheck>"))
    assert silent is not None
    assert silent.refused().message == InvalidAuth().message


def test_a_login_state_is_found_inside_another_document() -> None:
    assert login_state(root("<html/>")) is None
    assert login_state(root(f"<a>{check(lock='lock')}</a>")) is not None
    accepted = login_state(root("<userCheck><statusValue>200</statusValue></userCheck>"))
    assert accepted is not None
    assert accepted.accepted


# --- errors ---------------------------------------------------------------------------------------

STATUS = """<ResponseStatus version="2.0" xmlns="urn:x"><requestURL>/ISAPI/x</requestURL>
<statusCode>{code}</statusCode><statusString>{words}</statusString>
<subStatusCode>{sub}</subStatusCode></ResponseStatus>"""


@pytest.mark.parametrize(
    ("status", "code", "sub", "kind"),
    [
        (200, 4, "notSupport", NotSupported),
        (403, 4, "notSupport", NotSupported),
        (403, 4, "lowPrivilege", AccessDenied),
        (403, 4, "notActivated", AccessDenied),
        (403, 4, "invalidOperation", AccessDenied),
        (403, 4, "methodNotAllowed", NotSupported),
        (200, 4, "invalidOperation", NotSupported),
        (404, 4, "notFound", EndpointNotFound),
        (503, 2, "deployExceedMax", RateLimited),
        (503, 2, "deviceBusy", RateLimited),
        (200, 2, "", RateLimited),
        (500, 3, "deviceError", ProtocolError),
        (400, 5, "badXmlFormat", ProtocolError),
        (200, 6, "badXmlContent", ProtocolError),
    ],
)
def test_a_refusal_becomes_the_error_that_says_what_to_do(
    status: int, code: int, sub: str, kind: type[Exception]
) -> None:
    told = response_status(root(STATUS.format(code=code, words="Some Words", sub=sub)))
    error = refusal(status, told, "/ISAPI/x")
    assert type(error) is kind
    assert error.details["status_code"] == code
    assert error.details["sub_status"] == sub


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, AccessDenied),
        (404, EndpointNotFound),
        (405, EndpointNotFound),
        (429, RateLimited),
        (500, ProtocolError),
        (503, RateLimited),
    ],
)
def test_a_refusal_without_words_goes_by_its_status(status: int, kind: type[Exception]) -> None:
    assert type(refusal(status, None, "/x")) is kind


def test_a_device_s_words_are_shown_in_one_short_line() -> None:
    told = response_status(root(STATUS.format(code=3, words="a\nb" + "x" * 5000, sub="s")))
    assert told is not None
    message = refusal(500, told, "/x").message
    assert "\n" not in message
    assert len(message) < 500


@pytest.mark.parametrize(("code", "done"), [(1, True), (7, True), (0, False), (2, False)])
def test_only_done_and_done_after_a_restart_count_as_done(code: int, done: bool) -> None:
    told = response_status(root(STATUS.format(code=code, words="", sub="")))
    assert told is not None
    assert told.done is done


# --- streams and channels -------------------------------------------------------------------------


def streaming(number: object, **values: object) -> str:
    fields = {
        "enabled": "true",
        "codec": "H.265",
        "width": 3840,
        "height": 2160,
        "rate": 2500,
        "control": "VBR",
        "audio": "<Audio><enabled>true</enabled>"
        "<audioCompressionType>G.711ulaw</audioCompressionType></Audio>",
        **values,
    }
    return (
        f"<StreamingChannel><id>{number}</id><channelName>Yard</channelName>"
        "<enabled>{enabled}</enabled><Video><videoInputChannelID>1</videoInputChannelID>"
        "<videoCodecType>{codec}</videoCodecType>"
        "<videoResolutionWidth>{width}</videoResolutionWidth>"
        "<videoResolutionHeight>{height}</videoResolutionHeight>"
        "<videoQualityControlType>{control}</videoQualityControlType>"
        "<constantBitRate>2048</constantBitRate><vbrUpperCap>8192</vbrUpperCap>"
        "<maxFrameRate>{rate}</maxFrameRate></Video>{audio}</StreamingChannel>"
    ).format(**fields)


def table(*rows: str) -> dict[int, list[tuple[object, ...]]]:
    told = stream_table(root(f"<StreamingChannelList>{''.join(rows)}</StreamingChannelList>"))
    return {
        channel: [
            (e.role, e.codec, e.width, e.height, e.frame_rate, e.bit_rate, e.audio) for e in entries
        ]
        for channel, entries in told.items()
    }


def test_streams_are_described_as_they_are_configured() -> None:
    small = {"codec": "H.264", "width": 640, "height": 360, "rate": 1250, "control": "CBR"}
    assert table(streaming(102, **small, audio=""), streaming(101)) == {
        1: [
            ("main", "h265", 3840, 2160, 25.0, 8_192_000, "g711u"),
            ("sub", "h264", 640, 360, 12.5, 2_048_000, None),
        ]
    }


@pytest.mark.parametrize(
    ("told", "codec"),
    [("H.264", "h264"), ("H.265", "h265"), ("MJPEG", "mjpeg"), ("MPEG4", "mpeg4"), ("VP9", "vp9")],
)
def test_a_codec_has_one_name_here(told: str, codec: str) -> None:
    assert table(streaming(101, codec=told))[1][0][1] == codec


@pytest.mark.parametrize(
    ("told", "audio"),
    [
        ("AAC", "aac"),
        ("G.711alaw", "g711a"),
        ("G.726", "g726"),
        ("MP2L2", "mp2"),
        ("G.722.1", "g722"),
    ],
)
def test_sound_has_one_name_here(told: str, audio: str) -> None:
    row = "<Audio><enabled>{}</enabled><audioCompressionType>{}</audioCompressionType></Audio>"
    assert table(streaming(101, audio=row.format("true", told)))[1][0][6] == audio
    assert table(streaming(101, audio=row.format("false", told)))[1][0][6] is None


def test_streams_that_are_off_twice_there_or_no_such_thing_are_left_out() -> None:
    told = table(
        streaming(101),
        streaming(101, codec="H.264"),
        streaming(102, enabled="false"),
        streaming(3201),
        streaming(105),
        streaming("x"),
        streaming(-1),
        streaming(101_01_01_01),
    )
    assert {channel: [row[:2] for row in rows] for channel, rows in told.items()} == {
        1: [("main", "h265")],
        32: [("main", "h265")],
    }


def test_numbers_that_cannot_be_are_unknown() -> None:
    told = table(streaming(101, width=10**9, height=-1, rate=0))
    assert told[1][0] == ("main", "h265", 0, 0, 0.0, 8_192_000, "g711u")


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        (RtspPath.STREAMING, "/Streaming/Channels/302"),
        (RtspPath.ISAPI, "/ISAPI/Streaming/Channels/302"),
        (RtspPath.PSIA, "/PSIA/streaming/channels/302"),
        (RtspPath.H264, "/h264/ch3/sub/av_stream"),
    ],
)
def test_the_path_of_a_stream_has_one_of_four_forms(policy: RtspPath, path: str) -> None:
    assert rtsp_path(policy, 3, 2) == path


def test_a_recorder_names_its_cameras_and_says_which_it_reaches() -> None:
    states = proxy_states(
        root(
            "<InputProxyChannelStatusList>"
            "<InputProxyChannelStatus><id>1</id><online>true</online></InputProxyChannelStatus>"
            "<InputProxyChannelStatus><id>2</id><online>false</online></InputProxyChannelStatus>"
            "</InputProxyChannelStatusList>"
        )
    )
    assert states == {1: True, 2: False}
    port = (
        "<sourceInputPortDescriptor><proxyProtocol>HIKVISION</proxyProtocol>"
        "<ipAddress>192.0.2.20</ipAddress><managePortNo>8000</managePortNo>"
        "<model>DS-2CD2143</model><serialNumber>AAW1</serialNumber></sourceInputPortDescriptor>"
    )
    rows = f"<InputProxyChannel><id>1</id><name>Yard</name>{port}</InputProxyChannel>"
    rows += "<InputProxyChannel><id>2</id><name></name></InputProxyChannel>"
    rows += "<InputProxyChannel><id>2</id><name>Again</name></InputProxyChannel>"
    rows += "<InputProxyChannel><id>nothing</id></InputProxyChannel><InputProxyChannel/>"
    found = proxy_channels(root(f"<InputProxyChannelList>{rows}</InputProxyChannelList>"), states)
    assert [(c.id, c.name, c.online, c.model, c.serial) for c in found] == [
        ("1", "Yard", True, "DS-2CD2143", "AAW1"),
        ("2", None, False, None, None),
    ]


def test_analogue_inputs_without_a_picture_are_offline_and_disabled_ones_not_there() -> None:
    row = "<VideoInputChannel><id>{}</id>{}<name>Cam {}</name></VideoInputChannel>"
    rows = [
        row.format(1, "<resDesc>1080P25</resDesc>", 1),
        row.format(2, "<resDesc>NO VIDEO</resDesc>", 2),
        row.format(3, "<videoInputEnabled>false</videoInputEnabled>", 3),
        row.format(4, "", 4),
    ]
    found = input_channels(root(f"<VideoInputChannelList>{''.join(rows)}</VideoInputChannelList>"))
    assert [(c.id, c.name, c.online) for c in found] == [
        ("1", "Cam 1", True),
        ("2", "Cam 2", False),
        ("4", "Cam 4", None),
    ]


# --- movement -------------------------------------------------------------------------------------

SPACES = (
    "<AbsolutePanTiltPositionSpace><XRange><Min>0</Min><Max>{turn}</Max></XRange>"
    "<YRange><Min>0</Min><Max>{down}</Max></YRange></AbsolutePanTiltPositionSpace>"
    "<AbsoluteZoomPositionSpace><ZRange><Min>{near}</Min><Max>{far}</Max></ZRange>"
    "</AbsoluteZoomPositionSpace><ContinuousPanTiltSpace><XRange><Min>-100</Min><Max>100</Max>"
    "</XRange></ContinuousPanTiltSpace>"
)


@pytest.mark.parametrize("tag", ["PTZChanelCap", "PTZChannelCap"])
@pytest.mark.parametrize("home", ["homePostionSupport", "homePositionSupport"])
def test_movement_is_read_whatever_is_misspelt(tag: str, home: str) -> None:
    spaces = SPACES.format(turn=3600, down=900, near=10, far=250)
    text = f"<{tag}>{spaces}<maxPresetNum>300</maxPresetNum><{home}>true</{home}></{tag}>"
    told = ptz.movement(root(text))
    assert told is not None
    assert told.presets == 300
    assert told.space == ptz.Space((0, 3600), (0, 900), (10, 250))
    assert told.capabilities == {
        "ptz",
        "ptz_absolute",
        "ptz_relative",
        "ptz_presets",
        "ptz_home",
    }


def test_a_range_in_degrees_is_counted_in_tenths() -> None:
    spaces = SPACES.format(turn=360, down=90, near=1, far=25)
    told = ptz.movement(root(f"<PTZChanelCap>{spaces}</PTZChanelCap>"))
    assert told is not None
    assert told.space == ptz.Space((0, 3600), (0, 900), (10, 250))


def test_a_camera_that_cannot_move_claims_nothing() -> None:
    fixed = "<PTZChanelCap><maxPresetNum>0</maxPresetNum></PTZChanelCap>"
    told = ptz.movement(root(fixed))
    assert told is not None
    assert told.capabilities == set()
    assert ptz.movement(root("<ResponseStatus/>")) is None


PRESETS = "".join(
    f"<PTZPreset><enabled>{enabled}</enabled><id>{number}</id><presetName>{name}</presetName>"
    "</PTZPreset>"
    for number, name, enabled in [
        (2, "Gate", "true"),
        (1, "", "true"),
        (3, "Nothing here", "false"),
        (33, "Auto-flip", "true"),
        (94, "Remote reboot", "true"),
        (105, "Patrol 8", "true"),
        (106, "Door", "true"),
        ("x", "No number", "true"),
    ]
)


def test_presets_without_the_built_in_ones() -> None:
    found = ptz.presets(root(f"<PTZPresetList>{PRESETS}</PTZPresetList>"))
    assert found == [Preset("1", "Preset 1"), Preset("2", "Gate"), Preset("106", "Door")]
    assert ptz.free_preset(found, 300) == 3
    full = [Preset(str(n), "") for n in range(1, 33)]
    assert ptz.free_preset(full, 32) is None
    assert ptz.free_preset(full, 300) == 106


@pytest.mark.parametrize("given", ["94", "33", "105", "0", "-1", "1/../94", "", "٣", "99999999999"])
def test_a_number_that_is_no_position_is_no_preset(given: str) -> None:
    assert ptz.preset_number(given) is None


SPACE = ptz.Space((0, 3600), (-900, 900), (10, 250))
HERE = ptz.Position(1800, 0, 10)


def test_a_velocity_is_a_percentage_and_zeros_stop() -> None:
    document = ptz.velocity_document(PtzVector(pan=-0.6, zoom=1.0))
    assert document == "<PTZData><pan>-60</pan><tilt>0</tilt><zoom>100</zoom></PTZData>"


def test_a_position_covers_the_range_and_leaves_other_axes_alone() -> None:
    assert SPACE.at(PtzVector(pan=-1.0), HERE) == ptz.Position(0, 0, 10)
    assert SPACE.at(PtzVector(pan=1.0, zoom=1.0), HERE) == ptz.Position(3600, 0, 250)
    assert SPACE.at(PtzVector(zoom=0.0), HERE) == ptz.Position(1800, 0, 130)
    assert SPACE.at(PtzVector(tilt=1.0), HERE) == ptz.Position(1800, -900, 10)
    assert SPACE.beyond(PtzVector(tilt=0.25), HERE) == ptz.Position(1800, -450, 10)
    assert ptz.position_document(HERE) == (
        "<PTZData><AbsoluteHigh><elevation>0</elevation><azimuth>1800</azimuth>"
        "<absoluteZoom>10</absoluteZoom></AbsoluteHigh></PTZData>"
    )


def test_a_way_goes_round_where_the_camera_does_and_else_ends_at_the_stop() -> None:
    assert SPACE.beyond(PtzVector(pan=0.75), HERE).azimuth == 900
    assert SPACE.beyond(PtzVector(zoom=1.0), HERE).zoom == 250
    half = ptz.Space((0, 1800), (0, 900), None)
    assert half.beyond(PtzVector(pan=1.0, zoom=1.0), HERE) == ptz.Position(1800, 0, 10)


def test_a_position_is_read_and_none_where_there_is_none() -> None:
    told = (
        "<PTZStatus><AbsoluteHigh><elevation>-51</elevation><azimuth>70</azimuth>"
        "<absoluteZoom>58</absoluteZoom></AbsoluteHigh></PTZStatus>"
    )
    assert ptz.position(root(told)) == ptz.Position(70, -51, 58)
    assert ptz.position(root("<PTZStatus/>")) is None
    assert ptz.position(root("<PTZStatus><AbsoluteHigh/></PTZStatus>")) is None


def test_a_name_of_a_preset_cannot_become_markup() -> None:
    document = ptz.preset_document(7, "<gate> & yard" + "x" * 50)
    read = root(document)
    assert xml.text_at(read, "presetName") == ptz.preset_name("<gate> & yard" + "x" * 50)
    assert len(xml.text_at(read, "presetName")) == 32
    assert xml.text_at(read, "id") == "7"


def test_ptz_channels_that_are_off_do_not_count() -> None:
    rows = "<PTZChannel><id>1</id><enabled>true</enabled></PTZChannel><PTZChannel><id>4</id>"
    rows += "</PTZChannel><PTZChannel><id>5</id><enabled>false</enabled></PTZChannel>"
    assert ptz.ptz_channels(root(f"<PTZChannelList>{rows}</PTZChannelList>")) == {1, 4}


# --- light ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "mode"),
    [
        ("auto", DayNight.AUTO),
        ("day", DayNight.DAY),
        ("Night", DayNight.NIGHT),
        ("schedule", DayNight.AUTO),
        ("eventTrigger", DayNight.AUTO),
        ("", None),
    ],
    ids=["auto", "day", "night", "schedule", "event", "nothing"],
)
def test_a_filter_has_one_of_three_modes(told: str, mode: DayNight | None) -> None:
    text = f"<IrcutFilter><IrcutFilterType>{told}</IrcutFilterType></IrcutFilter>"
    assert imaging.filter_mode(root(text)) == mode
    text = f"<IrcutFilter><ircutFilterType>{told}</ircutFilterType></IrcutFilter>"
    assert imaging.filter_mode(root(text)) == mode


def test_a_lamp_goes_on_in_the_mode_it_had_or_the_most_visible_one() -> None:
    text = (
        '<SupplementLight><supplementLightMode opt="eventIntelligence,irLight,close">close'
        "</supplementLightMode></SupplementLight>"
    )
    lamp = imaging.lamp("x", root(text))
    assert lamp is not None
    assert not lamp.is_on
    offered = lamp.offered
    assert offered == ["eventIntelligence", "irLight", "close"]
    assert imaging.mode_when_on(None, offered) == "irLight"
    assert imaging.mode_when_on("eventIntelligence", offered) == "eventIntelligence"
    assert imaging.mode_when_on("close", ["close", "colorVuWhiteLight"]) == "colorVuWhiteLight"
    assert imaging.mode_when_on(None, ["close", "newLight"]) == "newLight"
    assert imaging.mode_when_on(None, ()) == "irLight"


# --- what reaches the stream ----------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", ["EventTriggerList", "EventNotification"])
def test_only_events_with_the_method_center_reach_the_stream(wrapper: str) -> None:
    row = (
        "<EventTrigger><id>VMD-1</id><eventType>{}</eventType>"
        "<videoInputChannelID>{}</videoInputChannelID><EventTriggerNotificationList>"
        "<EventTriggerNotification><notificationMethod>{}</notificationMethod>"
        "</EventTriggerNotification></EventTriggerNotificationList></EventTrigger>"
    )
    rows = row.format("VMD", 1, "center") + row.format("PIR", 2, "email")
    rows += "<EventTrigger><eventType>diskfull</eventType></EventTrigger><EventTrigger/>"
    inner = f"<EventTriggerList>{rows}</EventTriggerList>"
    text = inner if wrapper == "EventTriggerList" else f"<{wrapper}>{inner}</{wrapper}>"
    assert triggers(root(text)) == [
        Trigger("VMD", 1, True),
        Trigger("PIR", 2, False),
        Trigger("diskfull", None, False),
    ]


# --- anything at all ------------------------------------------------------------------------------

_TAGS = st.sampled_from(
    [
        "DeviceInfo",
        "model",
        "serialNumber",
        "macAddress",
        "StreamingChannelList",
        "StreamingChannel",
        "id",
        "enabled",
        "Video",
        "videoCodecType",
        "maxFrameRate",
        "vbrUpperCap",
        "Audio",
        "audioCompressionType",
        "InputProxyChannel",
        "name",
        "sourceInputPortDescriptor",
        "online",
        "InputProxyChannelStatus",
        "VideoInputChannel",
        "resDesc",
        "userCheck",
        "statusValue",
        "lockStatus",
        "unlockTime",
        "isActivated",
        "retryLoginTime",
        "ResponseStatus",
        "statusCode",
        "statusString",
        "subStatusCode",
        "PTZChanelCap",
        "AbsolutePanTiltPositionSpace",
        "XRange",
        "YRange",
        "Min",
        "Max",
        "maxPresetNum",
        "PTZPreset",
        "presetName",
        "AbsoluteHigh",
        "azimuth",
        "elevation",
        "IrcutFilterType",
        "EventTrigger",
        "eventType",
        "videoInputPortNums",
        "VideoCap",
        "RacmCap",
        "inputProxyNums",
        "AdminAccessProtocol",
        "portNo",
        "protocol",
        "localTime",
        "timeZone",
        "supplementLightMode",
        "PTZChannel",
        "ioState",
    ]
)
_WORDS = st.one_of(
    st.integers().map(str),
    st.text(max_size=20),
    st.sampled_from(["true", "false", "lock", "2024-01-31T12:00:00", "CST-8:00:00", "1", "101"]),
)


@st.composite
def _elements(draw: st.DrawFn, depth: int = 4) -> str:
    tag = draw(_TAGS)
    inner = xml.escaped(draw(_WORDS))
    if depth:
        inner += "".join(draw(st.lists(_elements(depth=depth - 1), max_size=3)))
    return f"<{tag}>{inner}</{tag}>"


READERS: list[Callable[[Element], object]] = [
    identity,
    inputs,
    ports,
    lambda e: clock_offset(e, NOON),
    login_state,
    response_status,
    stream_table,
    lambda e: proxy_channels(e, proxy_states(e)),
    input_channels,
    ptz.movement,
    ptz.presets,
    ptz.position,
    ptz.ptz_channels,
    imaging.filter_mode,
    lambda e: imaging.lamp("x", e),
    imaging.light_modes,
    imaging.output_is_on,
    triggers,
    lambda e: path_of(e, "Min"),
]


@given(_elements())
def test_any_document_is_read_or_a_protocol_error(text: str) -> None:
    read = root(text)
    for reader in READERS:
        with suppress(ProtocolError):
            reader(read)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_a_protocol_error(body: bytes) -> None:
    with suppress(ProtocolError):
        document(body, "x")
    with suppress(MediaError):
        xml.parse(body)


@given(st.text(), st.text())
def test_any_text_is_a_time_or_none_and_one_line(words: str, zone: str) -> None:
    assert len(seconds_of(words, zone)) <= 2
    line = plain(words)
    assert line.isprintable()
    assert len(line) <= 200
