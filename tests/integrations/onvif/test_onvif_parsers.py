"""What is read of a device's answers: right ones, wrong ones, and garbage."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import (
    CameraViewerError,
    DigitalInput,
    Doorbell,
    FaceDetected,
    Intrusion,
    LineCrossing,
    Motion,
    ObjectDetected,
    OtherEvent,
    ProtocolError,
    SoundDetected,
    Tampering,
)
from ucv.wire import parse_xml
from ucv_onvif import addresses, dates, profiles, soap
from ucv_onvif.identity import identity, mac_address
from ucv_onvif.soap import Answer, Fault
from ucv_onvif.topics import TOPICS, Notification, Translator, normal_topic, notifications

_HEAD = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
_TAIL = b"</s:Body></s:Envelope>"


# --- SOAP -----------------------------------------------------------------------------------------


@given(st.binary(max_size=2000))
def test_any_bytes_are_an_answer_or_an_error_of_the_hub(data: bytes) -> None:
    for body in (data, _HEAD + data + _TAIL):
        try:
            read = soap.read(body)
        except ProtocolError:
            continue
        assert isinstance(read, (Answer, Fault))


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]>' + _HEAD + b"&x;" + _TAIL,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + _HEAD + _TAIL,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1/">]>' + _HEAD + b"&x;" + _TAIL,
        _HEAD + b" " * soap.MAX_ANSWER + _TAIL,
        b"<html><body>Log in</body></html>",
    ],
    ids=["entity", "external document", "external entity", "too large", "page"],
)
def test_what_is_no_plain_soap_is_refused(document: bytes) -> None:
    with pytest.raises(ProtocolError):
        soap.read(document)


def test_faults_of_both_versions_are_read() -> None:
    old = soap.read(
        _HEAD + b"<s:Fault><faultcode>ter:NotAuthorized</faultcode>"
        b"<faultstring> Who\nare you? </faultstring></s:Fault>" + _TAIL
    )
    assert isinstance(old, Fault)
    assert (old.codes, old.reason, old.is_refusal) == (("notauthorized",), "Who are you?", True)
    new = soap.read(
        _HEAD + b"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>ter:Action"
        b"</s:Value><s:Subcode><s:Value>ter:NoSpace</s:Value></s:Subcode></s:Subcode></s:Code>"
        b"</s:Fault>" + _TAIL
    )
    assert isinstance(new, Fault)
    assert (new.codes, new.is_refusal) == (("receiver", "action", "nospace"), False)
    assert isinstance(soap.error_of(new), soap.FaultError)


# --- dates ----------------------------------------------------------------------------------------

_NOON = 1_723_897_845.0  # 2024-08-17T12:30:45Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-08-17T12:30:45Z", _NOON),
        ("2024-08-17-12:30:45Z", _NOON),
        ("2024-08-17T-12:30:45Z", _NOON),
        ("2024-08-17 12:30:45", _NOON),
        (" 2024-08-17T20:30:45.000+08:00 ", _NOON),
        ("2024-08-17T11:90:45Z", _NOON),
        ("2024-08-17T12:29:105Z", _NOON),
        ("0000-00-00T00:00:00Z", None),
        ("2024-13-01T00:00:00Z", None),
        ("", None),
    ],
    ids=[
        "right", "dash", "both", "blank", "zone", "minutes overflow", "seconds overflow", "zeros",
        "month", "nothing",
    ],
)  # fmt: skip
def test_dates_are_read_as_they_are_meant(text: str, expected: float | None) -> None:
    assert dates.timestamp(text) == expected


@given(st.text(max_size=60))
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert isinstance(dates.timestamp(text), (float, type(None)))
    assert abs(dates.zone_offset(text, summer=True)) <= 15 * 3600


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("CST-8", 8), ("EST5EDT,M3.2.0,M11.1.0", -5), ("<+03>-3", 3), ("GMT+08:00", 8), ("", 0)],
    ids=["east", "west", "numeric", "as people say it", "nothing"],
)
def test_zones_are_read_as_they_are_meant(zone: str, hours: int) -> None:
    assert dates.zone_offset(zone) == hours * 3600


def test_a_clock_whose_fields_overflow_is_read() -> None:
    answer = parse_xml(
        b"<r><SystemDateAndTime><UTCDateTime><Time><Hour>11</Hour><Minute>90</Minute><Second>45"
        b"</Second></Time><Date><Year>2024</Year><Month>8</Month><Day>17</Day></Date>"
        b"</UTCDateTime></SystemDateAndTime></r>"
    )
    assert dates.device_time(answer) == _NOON


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "port", "path"),
    [
        ("http://10.0.0.9/onvif/media", None, "/onvif/media"),
        ("http://host:8106:8106/onvif/media", 8106, "/onvif/media"),
        ("rtsp://0.0.0.0:0/live", None, "/live"),
        ("rtsp://admin:p@ss@10.0.0.9:554/a?b=1&amp;c=2", 554, "/a?b=1&c=2"),
        ("  rtsp://[fe80::1]:8554/x\n", 8554, "/x"),
        ("rtsp://10.0.0.9:99999/x", None, "/x"),
        ("/onvif/ptz", None, "/onvif/ptz"),
        ("http://10.0.0.9", None, "/"),
    ],
    ids=[
        "foreign", "doubled port", "no host", "credentials", "blanks", "impossible port",
        "path alone", "no path",
    ],
)  # fmt: skip
def test_addresses_are_put_right(text: str, port: int | None, path: str) -> None:
    address = addresses.parse(text)
    assert address is not None
    assert (address.port, address.path) == (port, path)


@given(st.text(max_size=200))
def test_any_text_gives_a_path_or_nothing(text: str) -> None:
    address = addresses.parse(text)
    assert address is None or address.path.startswith("/")


# --- profiles and identity ------------------------------------------------------------------------

_TAGS = st.sampled_from(
    [
        "Profiles", "Configurations", "VideoSource", "VideoEncoder", "VideoSourceConfiguration",
        "VideoEncoderConfiguration", "SourceToken", "Encoding", "Resolution", "Width", "PTZ",
        "PTZConfiguration", "RateControl", "FrameRateLimit", "NotificationMessage", "Topic",
        "Message", "Data", "Source", "SimpleItem", "NetworkInterfaces", "Info", "HwAddress",
    ]
)  # fmt: skip


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> Element:
    element = Element(
        draw(_TAGS),
        draw(
            st.dictionaries(
                st.sampled_from(["token", "Name", "Value"]), st.text(max_size=5), max_size=2
            )
        ),
    )
    element.text = draw(st.text(max_size=8))
    if depth < 4:
        for child in draw(st.lists(trees(depth=depth + 1), max_size=3)):
            element.append(child)
    return element


@given(trees())
def test_any_tree_gives_profiles_names_and_events(tree: Element) -> None:
    root = Element("r")
    root.append(tree)
    for read in (profiles.from_media1, profiles.from_media2):
        for source in profiles.sources(read(root)):
            assert source.profiles
            assert source.channel
    assert identity(root).model is None
    mac_address(root)
    for notification in notifications(root):
        Translator({}, everything=True).event(notification)


def test_the_ids_of_channels_stay_the_same_and_are_plain() -> None:
    assert profiles.channel_id("VideoSource_1") == "VideoSource_1"
    odd = profiles.channel_id("vidéo/1")
    assert odd == profiles.channel_id("vidéo/1")
    assert odd != profiles.channel_id("vidéo/2")


def test_a_profile_without_pictures_is_passed_over() -> None:
    root = Element("r")
    SubElement(root, "Profiles", token="audio")
    assert profiles.from_media1(root) == []


# --- topics ---------------------------------------------------------------------------------------


def notify(topic: str, state: str | None = "true", *, operation: str = "Changed") -> Notification:
    data = {} if state is None else {"State": state}
    return Notification(normal_topic(topic), None, operation, {"Rule": "r1"}, data)


@pytest.mark.parametrize(
    ("topic", "kind", "object_type"),
    [
        ("tns1:VideoSource/MotionAlarm", Motion, ""),
        ("tns1:VideoSource/MotionAlarm/.", Motion, ""),
        ("tns1:RuleEngine/CellMotionDetector/Motion", Motion, ""),
        ("tns1:RuleEngine/FieldDetector/ObjectsInside/", Intrusion, ""),
        ("tns1:RuleEngine/LineDetector/Crossed", LineCrossing, ""),
        ("tns1:RuleEngine/TamperDetector/Tamper", Tampering, ""),
        ("tns1:RuleEngine/MyRuleDetector/PeopleDetect", ObjectDetected, "person"),
        ("tns1:RuleEngine/MyRuleDetector/VehicleDetect", ObjectDetected, "vehicle"),
        ("tns1:RuleEngine/MyRuleDetector/DogCatDetect", ObjectDetected, "animal"),
        ("tns1:RuleEngine/MyRuleDetector/FaceDetect", FaceDetected, ""),
        ("tns1:RuleEngine/MyRuleDetector/Visitor", Doorbell, ""),
        ("tns1:RuleEngine/MyRuleDetector/Package", ObjectDetected, "package"),
        ("tns1:RuleEngine/CellMotionDetector/People", ObjectDetected, "person"),
        ("tns1:RuleEngine/CellMotionDetector/Intrusion", Intrusion, ""),
        ("tns1:RuleEngine/CellMotionDetector/LineCross", LineCrossing, ""),
        ("tns1:RuleEngine/CellMotionDetector/TpSmartEvent", ObjectDetected, ""),
        ("tns1:RuleEngine/PeopleDetector/People", ObjectDetected, "person"),
        ("tns1:AudioAnalytics/Audio/DetectedSound", SoundDetected, ""),
        ("tns1:Device/tns1:Trigger/tnsvendor:DigitalInput", DigitalInput, ""),
    ],
    ids=lambda value: (
        value.rpartition(":")[2].strip("/.").replace("/", " ")
        if isinstance(value, str)
        else value.__name__
    ),
)
def test_each_topic_has_its_type(topic: str, kind: type, object_type: str) -> None:
    event = Translator({}, everything=False).event(notify(topic))
    assert type(event) is kind
    assert getattr(event, "object_type", "") == object_type
    assert event is not None
    assert event.source == "r1"


@pytest.mark.parametrize(
    ("word", "active"),
    [("true", True), ("1", True), ("active", True), ("false", False), ("0", False)],
)
def test_each_word_for_yes_is_understood(word: str, active: bool) -> None:
    event = Translator({}, everything=False).event(notify("VideoSource/MotionAlarm", word))
    assert event is not None
    assert event.active is active


def test_a_missing_simple_item_is_an_event_that_ends_by_itself() -> None:
    event = Translator({}, everything=False).event(notify("VideoSource/MotionAlarm", None))
    assert event is not None
    assert (event.active, event.expires) == (True, 5.0)


def test_a_ring_is_not_repeated_at_a_synchronisation_point() -> None:
    translator = Translator({}, everything=False)
    topic = "RuleEngine/MyRuleDetector/Visitor"
    rings = [translator.event(notify(topic, operation=how)) for how in ("Initialized", "Changed")]
    assert rings[0] is None
    assert rings[1] is not None
    assert rings[1].active is None
    assert translator.event(notify(topic, "false")) is None


def test_a_rule_that_is_deleted_ends_its_event() -> None:
    event = Translator({}, everything=False).event(
        notify("VideoSource/MotionAlarm", operation="Deleted")
    )
    assert event is not None
    assert event.active is False


def test_topics_without_a_type_come_only_when_asked_for() -> None:
    relay = notify("tns1:Device/Trigger/Relay", "active")
    assert Translator({}, everything=False).event(relay) is None
    event = Translator({}, everything=True).event(relay)
    assert isinstance(event, OtherEvent)
    assert (event.name, event.active) == ("Device/Trigger/Relay", True)


def test_every_meaning_makes_an_event() -> None:
    for topic in TOPICS:
        assert Translator({}, everything=False).event(notify(topic)) is not None


def test_errors_of_faults_are_of_the_hub() -> None:
    assert isinstance(soap.error_of(Fault(("actionnotsupported",), "")), CameraViewerError)
