import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media import sdp
from ucv.media.errors import MediaError

DAHUA = b"""v=0\r
o=- 2252310609 2252310609 IN IP4 0.0.0.0\r
s=Media Server\r
c=IN IP4 0.0.0.0\r
t=0 0\r
a=control:*\r
a=packetization-supported:DH\r
a=range:npt=now-\r
m=video 0 RTP/AVP 96\r
a=control:trackID=0\r
a=framerate:25.000000\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1;profile-level-id=4D401F;sprop-parameter-sets=Z01AH6sSyg==,aO48gA==\r
a=recvonly\r
m=audio 0 RTP/AVP 97\r
a=control:trackID=1\r
a=rtpmap:97 MPEG4-GENERIC/16000/2\r
a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13\r
a=recvonly\r
"""


def one(*lines: str) -> sdp.MediaDescription:
    (medium,) = sdp.parse("\n".join(("v=0", *lines)).encode()).media
    return medium


def test_a_camera_s_description_is_read() -> None:
    description = sdp.parse(DAHUA)
    video, audio = description.media
    assert description.name == "Media Server"
    assert description.control == "*"
    assert (video.kind, video.payload_type, video.encoding, video.clock_rate) == (
        "video",
        96,
        "H264",
        90_000,
    )
    assert video.frame_rate == 25.0
    assert video.control == "trackID=0"
    assert video.direction == "recvonly"
    assert video.fmtp["sprop-parameter-sets"] == "Z01AH6sSyg==,aO48gA=="
    assert (audio.encoding, audio.clock_rate, audio.channels) == ("MPEG4-GENERIC", 16_000, 2)
    assert description.of_kind("video") == (video,)


def test_line_ends_spaces_and_case_do_not_matter() -> None:
    medium = one(
        "m=VIDEO 0 rtp/avp 96",
        "a=RTPMAP:96 h264/90000",
        "a=fmtp:96  Packetization-Mode=1 ; SPROP-PARAMETER-SETS=Zw==,aA== ; ",
    )
    assert medium.kind == "video"
    assert medium.encoding == "H264"
    assert medium.fmtp == {"packetization-mode": "1", "sprop-parameter-sets": "Zw==,aA=="}


def test_static_payload_types_need_no_rtpmap() -> None:
    assert one("m=video 0 RTP/AVP 26").encoding == "JPEG"
    assert (one("m=audio 0 RTP/AVP 8").encoding, one("m=audio 0 RTP/AVP 8").clock_rate) == (
        "PCMA",
        8000,
    )


def test_attributes_of_other_formats_of_the_same_medium_are_not_taken() -> None:
    medium = one(
        "m=video 0 RTP/AVP 96 97",
        "a=rtpmap:97 H265/90000",
        "a=fmtp:97 sprop-vps=x",
        "a=rtpmap:96 H264/90000",
    )
    assert (medium.encoding, medium.fmtp) == ("H264", {})


def test_parameters_spread_over_two_lines_are_put_together() -> None:
    medium = one("m=video 0 RTP/AVP 96", "a=fmtp:96 a=1", "a=fmtp:96 b=2")
    assert medium.fmtp == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("line", "rate"),
    [
        ("a=framerate:25", 25.0),
        ("a=framerate: 12.5", 12.5),
        ("a=framerate:29,97", 29.97),
        ("a=x-framerate: 15", 15.0),
        ("a=framerate:30000/1001", pytest.approx(29.97, abs=0.01)),
        ("a=framerate:nan", 0.0),
        ("a=framerate:-1", 0.0),
        ("a=framerate:1e9", 0.0),
        ("a=framerate:1/0", 0.0),
        ("a=framerate:often", 0.0),
    ],
)
def test_the_frame_rate_is_read_where_it_makes_sense(line: str, rate: float) -> None:
    assert one("m=video 0 RTP/AVP 96", line).frame_rate == rate


@pytest.mark.parametrize(
    "line",
    [
        "a=framesize:96 1920-1080",
        "a=x-dimensions:1920,1080",
        "a=x-dimensions: 1920, 1080",
        "a=cliprect:0,0,1080,1920",
    ],
)
def test_the_size_is_read_in_each_of_its_forms(line: str) -> None:
    medium = one("m=video 0 RTP/AVP 96", line)
    assert (medium.width, medium.height) == (1920, 1080)


def test_lines_that_make_no_sense_are_passed_over() -> None:
    medium = one(
        "m=video",
        "nonsense",
        "m=video 0 RTP/AVP",
        "m=application 0 RTP/AVP 300",
        "m=video 0 RTP/AVP 96 \xb2",
        "a=",
        "a=rtpmap",
        "a=rtpmap:96",
        "a=rtpmap:96 H264/0",
        "=x",
    )
    assert (medium.encoding, medium.clock_rate) == ("H264", 90_000)


def test_no_medium_is_an_error() -> None:
    with pytest.raises(MediaError, match="no medium"):
        sdp.parse(b"v=0\r\ns=empty\r\n")


def test_too_long_a_description_is_an_error() -> None:
    with pytest.raises(MediaError, match="at most"):
        sdp.parse(b"m=video 0 RTP/AVP 96\n" + b"a=x\n" * 20_000)


def test_many_media_are_cut_off() -> None:
    assert len(sdp.parse(b"m=video 0 RTP/AVP 96\n" * 1000).media) == sdp.MAX_MEDIA


@given(st.binary(max_size=2000))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    try:
        description = sdp.parse(data)
    except MediaError:
        return
    assert description.media


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=12)), max_size=12))
def test_no_damage_to_a_real_description_breaks_the_parser(edits: list[tuple[int, bytes]]) -> None:
    lines = DAHUA.splitlines()
    for at, junk in edits:
        line = lines[at % len(lines)]
        cut = (at * 7) % (len(line) + 1)
        lines[at % len(lines)] = line[:cut] + junk + line[cut + 1 :]
    try:
        description = sdp.parse(b"\n".join(lines))
    except MediaError:
        return
    for medium in description.media:
        assert 0 <= medium.payload_type < 128
        assert medium.clock_rate > 0


@pytest.mark.parametrize(
    ("base", "control", "url"),
    [
        ("rtsp://h/live/", "trackID=0", "rtsp://h/live/trackID=0"),
        ("rtsp://h/live", "trackID=0", "rtsp://h/live/trackID=0"),
        ("rtsp://h/a?b=1&c=2", "trackID=0", "rtsp://h/a?b=1&c=2/trackID=0"),
        ("rtsp://h/live", "/track1", "rtsp://h/live/track1"),
        ("rtsp://h/live", "*", "rtsp://h/live"),
        ("rtsp://h/live", "", "rtsp://h/live"),
        ("rtsp://h/live", "rtsp://h/other/track1", "rtsp://h/other/track1"),
        ("rtsp://h/live", "RTSP://h/other", "RTSP://h/other"),
    ],
)
def test_a_control_is_appended_to_its_base(base: str, control: str, url: str) -> None:
    assert sdp.resolve_control(base, control) == url


# Descriptions in the manner of devices, gathered from public reports: each bends another rule.
ODD = {
    "H.265 with parameter sets, AAC and metadata": (
        "v=0\r\no=- 2251938191 2251938191 IN IP4 0.0.0.0\r\ns=RTSP Session/2.0\r\n"
        "c=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\na=packetization-supported:DH\r\n"
        "m=video 0 RTP/AVP 98\r\na=control:trackID=0\r\na=framerate:25.000000\r\n"
        "a=rtpmap:98 H265/90000\r\na=fmtp:98 profile-id=1;sprop-sps=QgEB;sprop-pps=RAHA;"
        "sprop-vps=QAEM\r\na=recvonly\r\nm=audio 0 RTP/AVP 97\r\na=control:trackID=1\r\n"
        "a=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 streamtype=5;mode=AAC-hbr;config=1408\r\n"
        "m=application 0 RTP/AVP 107\r\na=control:trackID=4\r\n"
        "a=rtpmap:107 vnd.onvif.metadata/90000\r\n",
        [("video", "H265"), ("audio", "MPEG4-GENERIC"), ("application", "VND.ONVIF.METADATA")],
    ),
    "absolute controls, a tool and an x attribute": (
        "v=0\r\ns=Media Presentation\r\ne=NONE\r\nb=AS:5100\r\nt=0 0\r\n"
        "a=control:rtsp://192.0.2.64:554/Streaming/Channels/101/\r\n"
        "m=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\nb=AS:5000\r\na=recvonly\r\n"
        "a=x-dimensions:2560,1440\r\n"
        "a=control:rtsp://192.0.2.64:554/Streaming/Channels/101/trackID=1\r\n"
        "a=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=420029; packetization-mode=1; "
        "sprop-parameter-sets=Z0IAKQ==,aM48gA==\r\na=Media_header:MEDIAINFO=494D;\r\n"
        "a=appversion:1.0\r\n",
        [("video", "H264")],
    ),
    "no line ends but LF, no version, no times": (
        "s=x\nm=video 0 RTP/AVP 96\na=rtpmap:96 h264/90000\nm=audio 0 RTP/AVP 0\n",
        [("video", "H264"), ("audio", "PCMU")],
    ),
    "several formats in one medium": (
        "v=0\r\ns=-\r\nm=video 0 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000\r\n"
        "a=rtpmap:97 H265/90000\r\n",
        [("video", "H264")],
    ),
    "a back channel for speech": (
        "v=0\r\ns=-\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=recvonly\r\n"
        "m=audio 0 RTP/AVP 8\r\na=sendonly\r\n",
        [("video", "H264"), ("audio", "PCMA")],
    ),
    "bytes that are no text in the name": (
        "v=0\r\ns=\xc4\xe3\xba\xc3\r\nm=video 0 RTP/AVP 26\r\n",
        [("video", "JPEG")],
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_descriptions_of_odd_cameras_are_read(odd: str) -> None:
    text, media = ODD[odd]
    described = sdp.parse(text.encode("latin-1"))
    assert [(medium.kind, medium.encoding) for medium in described.media] == media
