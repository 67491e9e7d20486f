"""What Dahua's tables say of devices, streams, channels, movement and light."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import Channel, DayNight, Preset, ProtocolError, PtzVector
from ucv_dahua.channel_table import channels, remotes, states, titles
from ucv_dahua.encode import Encoding, depends_on_standard, encodings
from ucv_dahua.identity import (
    Identity,
    clock_offset,
    firmware,
    identity,
    mac_address,
    names_itself,
)
from ucv_dahua.imaging import (
    coaxial_light,
    day_night,
    day_night_settings,
    lamp_of,
    places,
)
from ucv_dahua.keyvalue import Table, parse
from ucv_dahua.ptz import (
    MAX_PRESETS,
    Movement,
    Order,
    free_preset,
    movement,
    movements,
    preset_name,
    preset_number,
    presets,
)
from ucv_dahua.quirks import Lamp


def lines(*told: str) -> Table:
    return parse("".join(f"{line}\r\n" for line in told))


# --- who it is ------------------------------------------------------------------------------------

SYSTEM = lines(
    "appAutoStart=true",
    "deviceType=IPC-HDW5831R-ZE",
    "hardwareVersion=1.00",
    "processor=S3LM",
    "serialNumber=4X7C5A1ZAG21L3F",
    "updateSerial=IPC-HDW5830R-Z",
)


def who(system: Table = SYSTEM, **told: str) -> Identity:
    return identity(system, **{"version": "", "vendor": "Dahua", "kind": "IPC", **told})


def test_a_device_is_who_it_says() -> None:
    assert names_itself(SYSTEM)
    assert who(version="2.800.0000016.0.R,build:2020-06-05") == Identity(
        manufacturer="Dahua",
        model="IPC-HDW5831R-ZE",
        serial="4X7C5A1ZAG21L3F",
        firmware="2.800.0000016.0.R, build 2020-06-05",
        kind="IPC",
    )


@pytest.mark.parametrize("generic", ["IP Camera", "31", ""], ids=["words", "number", "nothing"])
def test_a_generic_model_is_told_by_update_serial(generic: str) -> None:
    system = lines(f"deviceType={generic}", "updateSerial=IPC-HFW1230S", "serialNumber=AB12345")
    assert names_itself(system)
    assert who(system).model == "IPC-HFW1230S"


def test_without_system_info_its_own_actions_tell() -> None:
    assert not names_itself(Table())
    known = who(Table(), device_type="IPC-K15", serial="1J0123A", vendor="General")
    assert (known.model, known.serial, known.manufacturer) == ("IPC-K15", "1J0123A", "Dahua")


def test_a_generic_model_is_better_than_none() -> None:
    assert who(lines("deviceType=IP Camera", "serialNumber=A1B2C3")).model == "IP Camera"


def test_an_answer_that_says_nothing_is_no_dahua_device() -> None:
    with pytest.raises(ProtocolError, match="does not say what it is"):
        who(parse("<html><body>WEB SERVICE</body></html>"))


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("2.800.0000016.0.R,build:2020-06-05", "2.800.0000016.0.R, build 2020-06-05"),
        ("2.420.AC00.17.R build:2017-12-06", "2.420.AC00.17.R, build 2017-12-06"),
        ("V1.0", "V1.0"),
        ("", ""),
    ],
    ids=["comma", "space", "plain", "nothing"],
)
def test_firmware_is_one_text_however_it_is_separated(version: str, shown: str) -> None:
    assert firmware(version) == shown


@pytest.mark.parametrize("kind", ["NVR", "HCVR", "XVR", "DVR"])
def test_recorders_call_themselves_so(kind: str) -> None:
    assert who(kind=kind).says_recorder
    assert not who(kind="IPC").says_recorder


def test_a_recorder_is_known_by_its_model_where_it_has_no_class() -> None:
    assert who(lines("deviceType=DHI-NVR4108", "serialNumber=A1B2C3"), kind="").says_recorder


def test_the_mac_address_is_that_of_the_usual_interface() -> None:
    table = lines(
        "DefaultInterface=eth2",
        "eth0.PhysicalAddress=00:11:22:33:44:55",
        "eth2.PhysicalAddress=3c:ef:8c:00:00:01",
    )
    assert mac_address(table) == "3c:ef:8c:00:00:01"
    assert mac_address(Table()) is None


NOW = datetime(2024, 1, 31, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("told", "offset"),
    [
        ("2024-01-31 12:00:00", 0.0),
        ("2024-01-31 12:01:30", 90.0),
        ("2024-01-31 20:00:07", 7.0),
        ("2024-01-31 07:59:00", -60.0),
        ("2024-01-31 17:29:58", -2.0),
        ("2024-1-31 12:10:0", 600.0),
    ],
    ids=["right", "ahead", "far_east", "america", "india", "short_fields"],
)
def test_a_clock_is_compared_whatever_its_zone(told: str, offset: float) -> None:
    assert clock_offset(told, NOW) == pytest.approx(offset)


def test_a_clock_that_was_never_set_is_as_wrong_as_it_looks() -> None:
    offset = clock_offset("2000-01-01 00:00:00", NOW)
    assert offset is not None
    assert offset < -20 * 365 * 86_400


@pytest.mark.parametrize("told", ["", "noon", "2024-13-41 25:61:61", "0000-00-00 00:00:00"])
def test_a_time_that_is_none_is_not_told(told: str) -> None:
    assert clock_offset(told, NOW) is None


# --- streams --------------------------------------------------------------------------------------


def encode_table(*told: str) -> Table:
    return lines(*(f"table.Encode{line}" for line in told)).at("table", "Encode")


MAIN = (
    "[0].MainFormat[0].Video.Compression=H.265",
    "[0].MainFormat[0].Video.Width=3840",
    "[0].MainFormat[0].Video.Height=2160",
    "[0].MainFormat[0].Video.resolution=3840x2160",
    "[0].MainFormat[0].Video.FPS=20",
    "[0].MainFormat[0].Video.BitRate=8192",
    "[0].MainFormat[0].Audio.Compression=AAC",
    "[0].MainFormat[0].AudioEnable=true",
    "[0].MainFormat[1].Video.Compression=H.264",
    "[0].ExtraFormat[0].VideoEnable=true",
    "[0].ExtraFormat[0].Video.Compression=MJPG",
    "[0].ExtraFormat[0].Video.resolution=CIF",
    "[0].ExtraFormat[0].Audio.Compression=G.711Mu",
    "[0].ExtraFormat[0].AudioEnable=false",
    "[0].ExtraFormat[1].VideoEnable=false",
    "[0].ExtraFormat[2].Video.Compression=H.264H",
)


def test_streams_are_described_as_they_are_encoded() -> None:
    table = encode_table(*MAIN)
    assert encodings(table, extra=3, ntsc=False)[0] == [
        Encoding(0, "h265", 3840, 2160, 20.0, 8_192_000, "aac"),
        Encoding(1, "mjpeg", 352, 288, 0.0, 0, None),
        Encoding(3, "h264", 0, 0, 0.0, 0, None),
    ]
    assert [one.role for one in encodings(table, extra=3, ntsc=False)[0]] == [
        "main",
        "sub",
        "fourth",
    ]


def test_there_are_no_more_streams_than_the_product_has() -> None:
    assert [one.subtype for one in encodings(encode_table(*MAIN), extra=1, ntsc=False)[0]] == [0, 1]


def test_without_their_number_only_those_that_are_switched_on_are_streams() -> None:
    found = encodings(encode_table(*MAIN), extra=None, ntsc=False)
    assert [one.subtype for one in found[0]] == [0, 1]


def test_names_of_pictures_mean_what_the_standard_says() -> None:
    table = encode_table("[0].MainFormat[0].Video.resolution=D1")
    assert depends_on_standard(table)
    pal, ntsc = (encodings(table, extra=0, ntsc=it)[0][0] for it in (False, True))
    assert ((pal.width, pal.height), (ntsc.width, ntsc.height)) == ((704, 576), (704, 480))
    assert not depends_on_standard(encode_table("[0].MainFormat[0].Video.resolution=1080P"))
    assert not depends_on_standard(encode_table(*MAIN[:4]))


@pytest.mark.parametrize(
    ("told", "codec"),
    [
        ("H.264", "h264"),
        ("H.264B", "h264"),
        ("H.264H", "h264"),
        ("H.265", "h265"),
        ("MJPG", "mjpeg"),
        ("MPEG4", "mpeg4"),
        ("Unheard", None),
    ],
    ids=["avc", "baseline", "high", "hevc", "jpeg", "mpeg", "unknown"],
)
def test_codecs_have_their_usual_names(told: str, codec: str | None) -> None:
    table = encode_table(f"[0].MainFormat[0].Video.Compression={told}")
    assert encodings(table, extra=0, ntsc=False)[0][0].codec == codec


@pytest.mark.parametrize(
    ("told", "audio"),
    [
        ("AAC", "aac"),
        ("G.711A", "g711a"),
        ("G.711Mu", "g711u"),
        ("G.726", "g726"),
        ("MPEG2-Layer2", "mp2"),
        ("", None),
    ],
    ids=["aac", "a_law", "mu_law", "adpcm", "layer_two", "none"],
)
def test_sound_has_its_usual_names(told: str, audio: str | None) -> None:
    table = encode_table(f"[0].MainFormat[0].Audio.Compression={told}")
    assert encodings(table, extra=0, ntsc=False)[0][0].audio == audio


# --- channels -------------------------------------------------------------------------------------

REMOTE = "table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_"


def recorder(
    *names: str, online: dict[int, str] | None = None, enabled: dict[int, str] | None = None
) -> list[Channel]:
    titled = lines(*(f"[{n}].Name={name}" for n, name in enumerate(names)))
    told = None
    if online is not None:
        pairs = enumerate(online.items())
        told = states(
            lines(
                *(
                    line
                    for row, (channel, state) in pairs
                    for line in (
                        f"states[{row}].channel={channel}",
                        f"states[{row}].connectionState={state}",
                    )
                )
            )
        )
    entries = None
    if enabled is not None:
        table = lines(*(f"{REMOTE}{n}.Enable={flag}" for n, flag in enabled.items()))
        entries = remotes(table.at("table", "RemoteDevice"))
    return channels(len(names), titles(titled), told, entries)


def test_a_recorder_has_its_cameras_by_name() -> None:
    found = recorder(
        "Gate",
        "Yard",
        "",
        online={0: "Connected", 1: "Unconnect", 2: "Connected"},
        enabled={0: "true", 1: "true", 2: "true"},
    )
    assert found == [
        Channel(id="1", name="Gate", online=True),
        Channel(id="2", name="Yard", online=False),
        Channel(id="3", name=None, online=True),
    ]


def test_places_without_a_camera_are_none() -> None:
    found = recorder(
        "Gate",
        "Channel2",
        "Channel3",
        online={0: "Connected", 1: "Unconnect", 2: "Unconnect"},
        enabled={0: "true", 1: "false"},
    )
    assert [channel.id for channel in found] == ["1"]


def test_enable_can_be_stale() -> None:
    found = recorder("Gate", online={0: "Connected"}, enabled={0: "false"})
    assert [channel.id for channel in found] == ["1"]


def test_without_states_the_entries_tell() -> None:
    found = recorder("Gate", "Yard", enabled={0: "true", 1: "false"})
    assert found == [Channel(id="1", name="Gate", online=None)]


def test_without_entries_every_place_is_an_input() -> None:
    assert [channel.id for channel in recorder("Gate", "Yard")] == ["1", "2"]


def test_what_a_recorder_tells_of_the_camera_behind_a_channel_is_told() -> None:
    entry = lines(
        f"{REMOTE}0.Enable=true",
        f"{REMOTE}0.DeviceType=IPC-K15",
        f"{REMOTE}0.SerialNo=4A01B2C",
        f"{REMOTE}0.Mac=3c:ef:8c:00:00:01",
        f"{REMOTE}0.Password=hunter2",
    )
    found = channels(1, {0: "Gate"}, None, remotes(entry.at("table", "RemoteDevice")))
    assert found == [
        Channel(id="1", name="Gate", model="IPC-K15", serial="4A01B2C", mac="3c:ef:8c:00:00:01")
    ]


@given(
    st.integers(-5, 10**9) | st.none(),
    st.dictionaries(st.integers(0, 99_999), st.text(max_size=3), max_size=5),
    st.dictionaries(st.integers(-9, 10**9), st.booleans(), max_size=5) | st.none(),
)
def test_no_recorder_has_more_channels_than_there_can_be(
    count: int | None, names: dict[int, str], online: dict[int, bool] | None
) -> None:
    found = channels(count, names, online, None)
    assert len(found) <= 1024
    assert len({channel.id for channel in found}) == len(found)


# --- movement -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("velocity", "orders"),
    [
        (PtzVector(pan=-1.0), [Order("Left", 0, 8)]),
        (PtzVector(pan=0.5), [Order("Right", 0, 4)]),
        (PtzVector(tilt=0.01), [Order("Up", 0, 1)]),
        (PtzVector(tilt=-1.0), [Order("Down", 0, 8)]),
        (PtzVector(pan=-1.0, tilt=0.5), [Order("LeftUp", 4, 8)]),
        (PtzVector(pan=0.25, tilt=-1.0), [Order("RightDown", 8, 2)]),
        (PtzVector(zoom=1.0), [Order("ZoomTele", 0, 8)]),
        (PtzVector(pan=1.0, zoom=-0.5), [Order("Right", 0, 8), Order("ZoomWide", 0, 4)]),
        (PtzVector(pan=0.0, tilt=0.0, zoom=0.0), []),
    ],
    ids=["left", "right", "up", "down", "left_up", "right_down", "tele", "right_wide", "nothing"],
)
def test_movements_are_orders(velocity: PtzVector, orders: list[Order]) -> None:
    assert list(movements(velocity)) == orders


AXIS = st.floats(-1, 1)


@given(AXIS, AXIS, AXIS, st.integers(1, 8))
def test_speeds_stay_within_what_was_allowed(
    pan: float, tilt: float, zoom: float, top: int
) -> None:
    for order in movements(PtzVector(pan=pan, tilt=tilt, zoom=zoom), top):
        assert 0 <= order.arg1 <= top
        assert 1 <= order.arg2 <= top


def test_tilt_is_spelled_tile() -> None:
    caps = lines("caps.Pan=false", "caps.Tile=true", "caps.Zoom=false", "caps.PresetMax=80")
    assert movement(caps) == Movement(pan_tilt=True, zoom=False, presets=80)


def test_a_camera_without_motors_does_not_move() -> None:
    assert movement(lines("caps.Pan=false", "caps.Tile=false", "caps.Zoom=false")) is None
    assert movement(Table()) is None


def test_a_lens_with_a_motor_zooms() -> None:
    assert movement(lines("caps.Zoom=true")) == Movement(False, True, None)


@pytest.mark.parametrize(
    ("told", "presets"),
    [
        ("caps.PresetMax=80", 80),
        ("caps.Preset=true", MAX_PRESETS),
        ("caps.Preset=false", 0),
        ("caps.Flip=true", None),
    ],
    ids=["number", "yes", "no", "nothing"],
)
def test_the_number_of_presets_is_told_or_not(told: str, presets: int | None) -> None:
    caps = movement(lines("caps.Pan=true", told))
    assert caps is not None
    assert caps.presets == presets


def test_presets_are_those_that_have_an_index() -> None:
    table = lines(
        "presets[0].Index=3",
        "presets[0].Name=Gate",
        "presets[1].Index=1",
        "presets[2].Name=nowhere",
    )
    assert presets(table) == [Preset("1", "Preset 1"), Preset("3", "Gate")]


def test_the_lowest_free_number_is_taken() -> None:
    taken = [Preset("1", "a"), Preset("3", "b")]
    assert free_preset(taken, 255) == 2
    assert free_preset([Preset("1", "a")], 1) is None


@pytest.mark.parametrize("given", ["", "-1", "1&code=Reboot", "٣", "1" * 20])
def test_what_is_no_preset_number_is_none(given: str) -> None:
    assert preset_number(given) is None


def test_names_of_presets_are_one_short_line() -> None:
    assert preset_name(" Gate\r\nEnable=false ") == "Gate  Enable=false"
    assert len(preset_name("x" * 100)) == 31


# --- light ----------------------------------------------------------------------------------------


def test_the_general_profile_says_what_holds() -> None:
    row = lines("[0].Mode=Color", "[1].Mode=BlackWhite", "[2].Mode=Brightness")
    assert day_night(row) is DayNight.AUTO
    assert day_night(lines("[0].Mode=Color")) is DayNight.DAY
    assert day_night(lines("[2].Mode=BlackWhite")) is DayNight.NIGHT
    assert day_night(Table()) is None


def test_a_mode_is_set_in_every_profile() -> None:
    row = lines("[0].Mode=Color", "[1].Mode=BlackWhite", "[2].Mode=Brightness")
    assert day_night_settings(3, row, DayNight.NIGHT) == {
        "VideoInDayNight[3][0].Mode": "BlackWhite",
        "VideoInDayNight[3][1].Mode": "BlackWhite",
        "VideoInDayNight[3][2].Mode": "BlackWhite",
    }


V2 = lines(
    "[0][0].LightType=InfraredLight",
    "[0][0].Mode=Auto",
    "[0][1].LightType=WhiteLight",
    "[0][1].Mode=Off",
    "[0][1].MiddleLight[0].Light=0",
    "[1][1].LightType=WhiteLight",
    "[1][1].Mode=Manual",
    "[1][1].MiddleLight[0].Light=40",
)


def test_a_white_light_goes_before_all_others() -> None:
    assert lamp_of(V2, Table(), coaxial=True) is Lamp.WHITE_V2
    infrared = lines("[0][0].LightType=InfraredLight", "[0][0].Mode=Auto")
    assert lamp_of(infrared, Table(), coaxial=True) is Lamp.COAXIAL
    assert lamp_of(infrared, Table(), coaxial=False) is Lamp.INFRARED_V2
    assert lamp_of(Table(), lines("[0].Mode=Auto"), coaxial=False) is Lamp.INFRARED
    assert lamp_of(Table(), Table(), coaxial=False) is None


def test_a_lamp_is_switched_in_every_profile_and_shines() -> None:
    day, night = places(Lamp.WHITE_V2, 2, V2)
    assert (day.is_on, night.is_on) == (False, True)
    assert day.settings(on=True) == {
        "Lighting_V2[2][0][1].Mode": "Manual",
        "Lighting_V2[2][0][1].MiddleLight[0].Light": 100,
    }
    assert night.settings(on=True) == {"Lighting_V2[2][1][1].Mode": "Manual"}
    assert night.settings(on=False) == {"Lighting_V2[2][1][1].Mode": "Off"}


def test_the_old_table_has_one_place() -> None:
    row = lines("[0].Mode=Manual", "[0].MiddleLight[0].Light=0")
    (place,) = places(Lamp.INFRARED, 0, row)
    assert place.path == "Lighting[0][0]"
    assert not place.is_on


def test_the_white_light_that_deters_tells_whether_it_is_on() -> None:
    assert coaxial_light(lines("status.status.Speaker=Off", "status.status.WhiteLight=On")) is True
    assert coaxial_light(lines("status.WhiteLight=Off")) is False
    assert coaxial_light(lines("status.status.Speaker=Off")) is None


# --- anything -------------------------------------------------------------------------------------

KEY = st.sampled_from(
    [
        "[0].MainFormat[0].Video.Compression",
        "[0].MainFormat[0].Video.Width",
        "[0].MainFormat[0].Video.FPS",
        "[0].ExtraFormat[7].VideoEnable",
        "[0].ExtraFormat[0].Video.resolution",
        "[99999].Name",
        "states[0].channel",
        "states[0].connectionState",
        "caps.Pan",
        "caps.PresetMax",
        "presets[0].Index",
        "[0][0].Mode",
        "[0][1].LightType",
        "x_12.Enable",
        "deviceType",
    ]
)
VALUE = st.one_of(
    st.sampled_from(["true", "false", "-1", "0", "1e9", "99999999999999", "Connected", "H.264"]),
    st.text(max_size=8),
)


@given(st.lists(st.tuples(KEY, VALUE), max_size=12))
def test_whatever_tables_say_is_survived(told: list[tuple[str, str]]) -> None:
    table = parse("".join(f"{key}={value}\n" for key, value in told))
    for found in encodings(table, extra=None, ntsc=True).values():
        for one in found:
            assert one.width >= 0
            assert one.bit_rate >= 0
            assert one.role
    depends_on_standard(table)
    channels(None, titles(table), states(table), remotes(table))
    presets(table)
    movement(table)
    day_night(table.at(0))
    lamp_of(table, table, coaxial=False)
