"""What alerts mean, whatever form they have."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import (
    CameraEvent,
    DigitalInput,
    FaceDetected,
    Intrusion,
    LineCrossing,
    Motion,
    OtherEvent,
    SoundDetected,
    StorageFailure,
    Tampering,
    VideoLoss,
)
from ucv.testing import FakeClock
from ucv_hikvision.alerts import (
    CONDITION_EXPIRES,
    DETECTION_EXPIRES,
    LOSS_REPEATED,
    MAX_ALERT,
    Alert,
    Translator,
    alert,
)

NOON = datetime(2024, 1, 31, 12, tzinfo=UTC).timestamp()


def xml_alert(
    kind: str, state: str = "active", channel: str = "channelID", extra: str = ""
) -> bytes:
    return (
        '<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">'
        "<ipAddress>192.0.2.64</ipAddress><portNo>80</portNo><protocol>HTTP</protocol>"
        f"<macAddress>44:19:b6:00:00:01</macAddress><{channel}>3</{channel}>"
        "<dateTime>2024-01-31T12:00:00+00:00</dateTime><activePostCount>1</activePostCount>"
        f"<eventType>{kind}</eventType><eventState>{state}</eventState>"
        f"<eventDescription>Yard & gate</eventDescription>{extra}</EventNotificationAlert>"
    ).encode()


def read(body: bytes, content_type: str = 'application/xml; charset="UTF-8"') -> Alert:
    told = alert(content_type, body)
    assert told is not None
    return told


def events(*bodies: bytes, by_channel: bool = True) -> list[CameraEvent]:
    translator = Translator(FakeClock(), by_channel=by_channel)
    return [event for body in bodies for event in translator.translate(read(body))]


DATA = {"description": "Yard & gate"}


@pytest.mark.parametrize(
    ("kind", "extra", "event"),
    [
        ("VMD", "", Motion()),
        ("PIR", "", Motion(source="PIR")),
        ("linedetection", "", LineCrossing()),
        (
            "linedetection",
            "<detectionTarget>human</detectionTarget>",
            LineCrossing(object_type="person"),
        ),
        (
            "fielddetection",
            "<DetectionRegionList><DetectionRegionEntry><regionID>2</regionID>"
            "<targetType>vehicle</targetType></DetectionRegionEntry></DetectionRegionList>",
            Intrusion(source="2", object_type="vehicle"),
        ),
        ("regionEntrance", "", Intrusion(source="regionEntrance")),
        ("regionExiting", "<regionID>1</regionID>", Intrusion(source="regionExiting 1")),
        ("tamperdetection", "", Tampering()),
        ("shelteralarm", "", Tampering()),
        ("scenechangedetection", "", Tampering(source="scenechangedetection")),
        ("facedetection", "", FaceDetected()),
        ("audioexception", "", SoundDetected()),
        ("attendedBaggage", "", OtherEvent(name="attendedBaggage")),
    ],
    ids=[
        "motion",
        "infrared",
        "line",
        "line-human",
        "field-vehicle",
        "entrance",
        "exit",
        "tampering",
        "shelter",
        "scene",
        "face",
        "sound",
        "unknown",
    ],
)
def test_a_detection_becomes_an_event_that_expires(
    kind: str, extra: str, event: CameraEvent
) -> None:
    (told,) = events(xml_alert(kind, extra=extra))
    assert type(told) is type(event)
    assert told.active is True
    assert told.at == NOON
    assert told.channel == "3"
    assert told.source == event.source
    assert told.expires == DETECTION_EXPIRES
    assert told.data == DATA
    assert getattr(told, "object_type", "") == getattr(event, "object_type", "")
    assert getattr(told, "name", "") == getattr(event, "name", "")


@pytest.mark.parametrize(
    ("kind", "extra", "expected"),
    [
        ("videoloss", "", (VideoLoss, "3", "")),
        ("IO", "<inputIOPortID>2</inputIOPortID>", (DigitalInput, "3", "2")),
        ("diskfull", "", (StorageFailure, None, "diskfull")),
        ("diskerror", "", (StorageFailure, None, "diskerror")),
    ],
    ids=["video-loss", "input", "full", "broken"],
)
def test_a_condition_lasts_longer_between_two_alerts(
    kind: str, extra: str, expected: tuple[type, str | None, str]
) -> None:
    (told,) = events(xml_alert(kind, extra=extra))
    assert (type(told), told.channel, told.source) == expected
    assert told.expires == CONDITION_EXPIRES


def test_of_a_camera_no_channel_is_named() -> None:
    (told,) = events(xml_alert("VMD"), by_channel=False)
    assert told.channel is None


def test_a_dynamic_channel_counts_where_there_is_no_other() -> None:
    (told,) = events(xml_alert("VMD", channel="dynChannelID"))
    assert told.channel == "3"


@pytest.mark.parametrize(
    "body",
    [
        xml_alert("videoloss", "inactive"),
        xml_alert("heartBeat"),
        xml_alert("heartBeat", "inactive"),
    ],
    ids=["video-loss-inactive", "heartbeat-active", "heartbeat"],
)
def test_heartbeat_is_no_event(body: bytes) -> None:
    assert read(body).is_heartbeat
    assert events(body, body) == []


async def test_a_video_loss_is_ended_by_a_heartbeat_once_it_is_not_repeated_any_more() -> None:
    clock = FakeClock()
    translator = Translator(clock, by_channel=True)
    lost, heartbeat = read(xml_alert("videoloss")), read(xml_alert("videoloss", "inactive"))
    (began,) = translator.translate(lost)
    assert began.active is True
    await clock.advance(1)
    assert translator.translate(heartbeat) == []
    translator.translate(lost)
    await clock.advance(LOSS_REPEATED)
    (ended,) = translator.translate(heartbeat)
    assert isinstance(ended, VideoLoss)
    assert ended.active is False


def test_an_end_without_target_and_zone_ends_what_began_with_them() -> None:
    human = xml_alert(
        "fielddetection", extra="<regionID>1</regionID><targetType>human</targetType>"
    )
    car = xml_alert(
        "fielddetection", extra="<regionID>2</regionID><targetType>vehicle</targetType>"
    )
    told = events(human, car, xml_alert("fielddetection", "inactive"))
    assert [(e.active, e.source, getattr(e, "object_type")) for e in told] == [  # noqa: B009 - of two types
        (True, "1", "person"),
        (True, "2", "vehicle"),
        (False, "1", "person"),
        (False, "2", "vehicle"),
    ]
    one = xml_alert("fielddetection", "inactive", extra="<regionID>2</regionID>")
    assert [(e.active, e.source) for e in events(human, car, one)][2:] == [(False, "2")]


def test_the_end_of_what_never_began_is_nothing() -> None:
    assert events(xml_alert("VMD", "inactive")) == []


def test_an_alert_in_json_says_the_same() -> None:
    body = (
        b'{"ipAddress": "192.0.2.64", "channelID": 3, "dateTime": "2024-01-31T12:00:00+00:00",'
        b'"eventType": "linedetection", "eventState": "active", "eventDescription": "Yard & gate",'
        b'"DetectionRegionList": [{"regionID": 1, "detectionTarget": "human", "x": null}]}'
    )
    (told,) = events(body)
    assert told == LineCrossing(
        active=True,
        at=NOON,
        channel="3",
        source="1",
        object_type="person",
        expires=DETECTION_EXPIRES,
        data=DATA,
    )
    wrapped = b'{"EventNotificationAlert": ' + body + b"}"
    assert alert("application/json", wrapped) == read(body)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/jpeg", b"\xff\xd8\xff\xe0JFIF\xff\xd9"),
        ("application/xml", b"<EventNotificationAlert><broken"),
        ("application/xml", b"<Other><eventType>VMD</eventType></Other>"),
        ("application/xml", b"<EventNotificationAlert/>"),
        ("application/json", b"7"),
        ("application/json", b"[]"),
        ("application/json", b"[" * 5000),
        ("application/json", b'{"a": 1}'),
        ("", b""),
        ("application/xml", b"<" + b" " * MAX_ALERT),
    ],
    ids=[
        "picture",
        "broken",
        "other",
        "empty",
        "number",
        "list",
        "nested",
        "nothing",
        "no-body",
        "long",
    ],
)
def test_a_part_that_is_no_alert_is_passed_over(content_type: str, body: bytes) -> None:
    assert alert(content_type, body) is None


def test_a_raw_ampersand_does_not_hide_an_alert() -> None:
    assert read(xml_alert("VMD")).description == "Yard & gate"


def test_an_alert_is_known_by_its_beginning_whatever_its_type_says() -> None:
    assert read(b"\r\n" + xml_alert("VMD"), "").kind == "vmd"
    assert read(b'{"eventType": "VMD"}', "text/plain").kind == "vmd"


def test_an_alert_without_state_has_no_duration() -> None:
    (told,) = events(xml_alert("doorbell", ""))
    assert told.active is None
    assert told.expires is None


def test_a_device_that_makes_up_channels_takes_no_memory() -> None:
    translator = Translator(FakeClock(), by_channel=True)
    for number in range(5000):
        body = xml_alert("VMD").replace(b">3<", b">%d<" % number)
        translator.translate(read(body))
    assert len(translator._open) <= 1000


@given(st.sampled_from(["application/xml", "application/json", ""]), st.binary(max_size=300))
def test_any_bytes_are_an_alert_or_none(content_type: str, body: bytes) -> None:
    assert alert(content_type, body) is None or b"ype" in body.lower()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["eventType", "eventState", "channelID", "regionID", "dateTime", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.lists(_VALUES, max_size=5), st.booleans())
def test_any_json_is_translated_without_a_fault(bodies: list[object], by_channel: bool) -> None:
    translator = Translator(FakeClock(), by_channel=by_channel)
    for value in bodies:
        with suppress(TypeError):  # an integer of more than 64 bits
            if (told := alert("application/json", orjson.dumps(value))) is not None:
                for event in translator.translate(told):
                    assert event.channel is None or event.channel.isdigit()
