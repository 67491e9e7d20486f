"""What the parts of the event stream say, and what that means."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import (
    CameraEvent,
    DigitalInput,
    Doorbell,
    FaceDetected,
    Intrusion,
    LineCrossing,
    Motion,
    ObjectDetected,
    OtherEvent,
    SoundDetected,
    StorageFailure,
    Tampering,
    VideoLoss,
)
from ucv_dahua.event_kinds import CODES, MOMENT, POLLED, Translator
from ucv_dahua.event_report import MAX_DATA, Action, Report, reports
from ucv_dahua.keyvalue import parse

LINE = b"""Code=CrossLineDetection;action=Start;index=2;data={
   "Name" : "gate; a=b",
   "Object" : {
      "ObjectType" : "Human",
      "Text" : "Code=VideoMotion;action=Stop"
   }
}
"""


def test_a_report_says_what_begins_and_where() -> None:
    assert reports(b"Code=VideoMotion;action=Start;index=0\r\n") == [
        Report("VideoMotion", Action.START, 0)
    ]


def test_data_is_json_of_several_lines_with_any_signs() -> None:
    (report,) = reports(LINE)
    assert (report.code, report.action, report.index) == (
        "CrossLineDetection",
        Action.START,
        2,
    )
    assert report.data["Name"] == "gate; a=b"
    assert report.data["Object"]["ObjectType"] == "Human"


def test_a_heartbeat_is_nothing() -> None:
    assert reports(b"Heartbeat") == []
    assert reports(b"") == []


def test_a_part_that_is_too_long_holds_several_reports() -> None:
    body = b"Code=VideoMotion;action=Start;index=0\r\nCode=VideoLoss;action=Stop;index=1\r\n"
    assert [report.code for report in reports(body)] == ["VideoMotion", "VideoLoss"]


@pytest.mark.parametrize(
    "body",
    [
        b"Code=VideoMotion",
        b"Code=;action=Start",
        b"Code=VideoMotion;action=Dance",
        b"Code=Video\x07Motion;action=Start",
        b"Code=" + b"x" * 100 + b";action=Start",
    ],
    ids=["no_action", "no_code", "strange_action", "control_sign", "long_code"],
)
def test_what_is_no_report_is_passed_over(body: bytes) -> None:
    assert reports(body) == []


@pytest.mark.parametrize(
    "data",
    [b"{", b"[1]", b"nonsense", b"[" * 5000, b'{"a":"' + b"x" * MAX_DATA + b'"}'],
    ids=["half", "list", "words", "deep", "long"],
)
def test_data_that_cannot_be_used_leaves_the_report(data: bytes) -> None:
    (report,) = reports(b"Code=VideoMotion;action=Start;index=0;data=" + data)
    assert report == Report("VideoMotion", Action.START, 0)


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(body: bytes) -> None:
    assert len(reports(body)) <= len(body)


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20),
    st.sampled_from(Action),
    st.integers(-1, 300),
    st.dictionaries(
        st.text(max_size=8), st.text(max_size=8) | st.booleans() | st.none(), max_size=4
    ),
)
def test_what_was_reported_is_read(
    code: str, action: Action, index: int, data: dict[str, object]
) -> None:
    body = f"Code={code};action={action.value.title()};index={index};data="
    written = body + json.dumps(data, indent=3)
    assert reports(written.encode()) == [Report(code, action, index, data)]


# --- meaning --------------------------------------------------------------------------------------


def told(
    code: str, action: Action = Action.START, *, index: int | None = 0, **data: object
) -> CameraEvent | None:
    return Translator(by_channel=False).event(Report(code, action, index, data))


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("VideoMotion", Motion(active=True)),
        ("VideoLoss", VideoLoss(active=True)),
        ("VideoBlind", Tampering(active=True)),
        ("AlarmLocal", DigitalInput(active=True, source="1")),
        ("SmartMotionHuman", ObjectDetected(active=True, object_type="person", expires=MOMENT)),
        ("SmartMotionVehicle", ObjectDetected(active=True, object_type="vehicle", expires=MOMENT)),
        ("CrossLineDetection", LineCrossing(active=True, expires=MOMENT)),
        ("CrossRegionDetection", Intrusion(active=True, expires=MOMENT)),
        ("AudioMutation", SoundDetected(active=True, expires=MOMENT)),
        ("FaceDetection", FaceDetected(active=True, expires=MOMENT)),
        ("LeftDetection", OtherEvent(name="LeftDetection", active=True, expires=MOMENT)),
        ("TakenAwayDetection", OtherEvent(name="TakenAwayDetection", active=True, expires=MOMENT)),
        ("StorageFailure", StorageFailure(active=True, source="StorageFailure")),
        ("StorageNotExist", StorageFailure(active=True, source="StorageNotExist")),
        ("StorageLowSpace", StorageFailure(active=True, source="StorageLowSpace")),
    ],
)
def test_each_code_has_its_event(code: str, event: CameraEvent) -> None:
    assert code in CODES
    assert told(code) == event


def test_a_door_station_rings() -> None:
    ring = told("_DoTalkAction_", Action.PULSE, Action="Invite", CallID="8001")
    assert isinstance(ring, Doorbell)
    assert ring.active is None
    ended = told("_DoTalkAction_", Action.PULSE, Action="Hangup")
    assert isinstance(ended, OtherEvent)
    assert ended.name == "_DoTalkAction_ Hangup"


def test_a_pulse_has_no_duration() -> None:
    crossed = told("CrossLineDetection", Action.PULSE, Object={"ObjectType": "Vehicle"})
    assert isinstance(crossed, LineCrossing)
    assert (crossed.active, crossed.expires, crossed.object_type) == (None, None, "vehicle")


def test_what_was_seen_in_a_moment_expires() -> None:
    begun = told("CrossRegionDetection", Name="lawn", Object={"ObjectType": "Human"})
    assert isinstance(begun, Intrusion)
    assert (begun.source, begun.object_type, begun.expires) == ("lawn", "person", MOMENT)


def test_an_end_is_that_of_what_began_whatever_it_leaves_out() -> None:
    translator = Translator(by_channel=True)
    begun = translator.event(
        Report(
            "CrossLineDetection", Action.START, 1, {"Name": "a", "Object": {"ObjectType": "Human"}}
        )
    )
    ended = translator.event(Report("CrossLineDetection", Action.STOP, 1, {"Name": "a"}))
    assert isinstance(begun, LineCrossing)
    assert isinstance(ended, LineCrossing)
    assert (ended.active, ended.object_type, ended.source) == (False, "person", "a")
    assert (begun.channel, ended.channel) == ("2", "2")


def test_events_of_a_recorder_name_their_channel() -> None:
    recorder = Translator(by_channel=True)
    motion = recorder.event(Report("VideoMotion", Action.START, 7))
    assert motion == Motion(active=True, channel="8")
    # An input belongs to the recorder, not to the camera of the same number.
    assert recorder.event(Report("AlarmLocal", Action.STOP, 2)) == DigitalInput(
        active=False, source="3"
    )


def test_codes_without_meaning_are_told_only_to_those_who_want_them() -> None:
    report = Report("NTPAdjustTime", Action.PULSE, 0)
    assert Translator(by_channel=False).event(report) is None
    everything = Translator(by_channel=False, everything=True)
    assert everything.event(report) == OtherEvent(name="NTPAdjustTime")


def test_what_goes_on_is_told_for_all_channels_at_once() -> None:
    recorder = Translator(by_channel=True)
    told = parse("channels[0]=0\r\nchannels[1]=5\r\nchannels[2]=5\r\nchannels[3]=\r\n")
    assert recorder.current("VideoMotion", told) == [
        Motion(active=True, channel="1"),
        Motion(active=True, channel="6"),
    ]


def test_what_can_be_asked_about_has_a_kind_that_no_other_code_has() -> None:
    for code, kind in POLLED.items():
        others = [told(other) for other in CODES if other != code]
        assert isinstance(told(code), kind)
        assert not any(isinstance(other, kind) for other in others)


@given(st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(Action), st.integers(-2, 3))))
def test_translation_survives_any_order(steps: list[tuple[str, Action, int]]) -> None:
    translator = Translator(by_channel=True, everything=True)
    for code, action, index in steps:
        assert translator.event(Report(code, action, index)) is not None
