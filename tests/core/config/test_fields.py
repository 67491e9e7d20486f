"""The building blocks of schemas: what they accept, and that they never repeat a value."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import quote

import pytest
import voluptuous as vol
from hypothesis import given, settings
from hypothesis import strategies as st

from ucv import fields
from ucv.config.fields import UrlText, is_host

RTSP = fields.Url("rtsp", "rtsps")


@pytest.mark.parametrize(
    ("written", "url", "username", "password"),
    [
        ("rtsp://192.0.2.1/live", "rtsp://192.0.2.1/live", None, None),
        ("RTSP://u:p@cam.example:8554/a?b=c", "rtsp://cam.example:8554/a?b=c", "u", "p"),
        ("rtsp://u:p%40ss%2Fw%3Ard@cam/x", "rtsp://cam/x", "u", "p@ss/w:rd"),
        ("rtsp://u:p@ss@cam/x", "rtsp://cam/x", "u", "p@ss"),
        ("rtsp://u:a:b@cam/x", "rtsp://cam/x", "u", "a:b"),
        ("rtsp://u@cam/x", "rtsp://cam/x", "u", None),
        ("rtsp://u:@cam/x", "rtsp://cam/x", "u", ""),
        ("rtsp://:p@cam/x", "rtsp://cam/x", None, "p"),
        ("rtsps://u:p@[2001:db8::1]:322/x", "rtsps://[2001:db8::1]:322/x", "u", "p"),
    ],
)
def test_credentials_are_taken_out_of_an_address(
    written: str, url: str, username: str | None, password: str | None
) -> None:
    value = RTSP(written)
    assert (str(value), value.username, value.password) == (url, username, password)


@pytest.mark.parametrize(
    "written",
    [
        "rtsp://admin:hun/ter2@cam/x",
        "rtsp://admin:12/hunter2@cam/x",
        "rtsp://admin:hun#ter2@cam/x",
        "rtsp://admin:hun?ter2@cam/x",
        "rtsp://admin:hunter 2@cam/x",
        "http://admin:hunter2@cam/x",
        "admin:hunter2@cam/x",
        "rtsp://admin:hunter2@/x",
        "rtsp://admin:hunter2@cam:99999/x",
        "rtsp://admin:hunter2@cam:0/x",
        "rtsp://admin:hunter2@[::1/x",
        "rtsp://admin:hunter2@192.0.2.300/x",
        "rtsp://admin:hunter2\\@cam/x",
        "rtsp://admin:hunter2\x00@cam/x",
    ],
)
def test_an_ambiguous_or_broken_address_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(vol.Invalid) as refused:
        RTSP(written)
    assert "ter2" not in str(refused.value)


@given(st.text(min_size=1), st.text(min_size=1))
def test_encoded_credentials_of_any_characters_come_back(username: str, password: str) -> None:
    try:
        written = f"rtsp://{quote(username, safe='')}:{quote(password, safe='')}@cam/x"
    except UnicodeEncodeError:  # half of a surrogate pair is no text
        return
    if len(written) > fields.MAX_URL:
        return
    value = RTSP(written)
    assert (str(value), value.username, value.password) == ("rtsp://cam/x", username, password)


@given(st.text())
def test_no_text_makes_the_address_field_fail_or_keep_an_at_sign(text: str) -> None:
    try:
        value = RTSP(f"rtsp://{text}")
    except vol.Invalid:
        return
    assert "@" not in value


@pytest.mark.parametrize("value", [0, 65536, True, "abc", "", "-1", "123456", 80.0, None, "٣"])
def test_what_is_no_port_is_refused(value: Any) -> None:
    with pytest.raises(vol.Invalid):
        fields.Port()(value)


def test_a_port_may_be_digits_in_text() -> None:
    assert fields.Port()("554") == fields.Port()(554) == 554


@pytest.mark.parametrize(
    "host",
    ["cam", "cam.local", "CAM-1.example.org.", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "küche"],
)
def test_hosts_are_accepted(host: str) -> None:
    assert fields.Host()(host) == host.lower()


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "http://cam",
        "cam:80",
        "[::1]",
        "-a",
        "a-",
        "a..b",
        "1.2.3",
        "256.1.1.1",
        "a/b",
        "a" * 64,
        "a@b",
        7,
        None,
    ],
)
def test_what_is_no_host_is_refused(host: Any) -> None:
    with pytest.raises(vol.Invalid):
        fields.Host()(host)


@given(st.text(max_size=300))
def test_any_text_is_a_host_or_not(text: str) -> None:
    assert is_host(text) in (True, False)


def test_a_number_as_password_is_refused_because_yaml_may_have_changed_it() -> None:
    with pytest.raises(vol.Invalid, match="quotes"):
        fields.Secret()(123)


def test_a_secret_does_not_show_in_a_repr() -> None:
    secret = fields.Secret()("hunter2")
    assert secret == "hunter2"
    assert "hunter2" not in repr(secret)
    assert "hunter2" not in repr({"password": secret})


@pytest.mark.parametrize("value", ["", "two\nlines", "a\x00b", "x" * 1025, None, [], b"x"])
def test_what_is_no_line_of_text_is_refused(value: Any) -> None:
    with pytest.raises(vol.Invalid):
        fields.Text()(value)


@pytest.mark.parametrize(
    ("value", "meant"), [(True, True), ("yes", True), ("ON", True), (False, False), ("off", False)]
)
def test_truth_can_be_written_in_several_ways(value: Any, meant: bool) -> None:
    assert fields.Boolean()(value) is meant


@pytest.mark.parametrize("value", [1, 0, "maybe", None, []])
def test_what_is_neither_true_nor_false_is_refused(value: Any) -> None:
    with pytest.raises(vol.Invalid):
        fields.Boolean()(value)


@pytest.mark.parametrize("value", [-1, 11, True, "5", None, float("nan")])
def test_seconds_out_of_bounds_are_refused(value: Any) -> None:
    with pytest.raises(vol.Invalid, match="from 0 to 10"):
        fields.Seconds(0, 10)(value)


def test_seconds_are_a_float() -> None:
    assert fields.Seconds(0, 10)(5) == 5.0


def test_a_role_is_a_short_word() -> None:
    assert fields.Role()("sub") == "sub"
    for value in ("", "Main", "a b", 1, "x" * 33):
        with pytest.raises(vol.Invalid):
            fields.Role()(value)


def test_the_blocks_make_one_schema() -> None:
    schema = vol.Schema({**fields.HOST, **fields.CREDENTIALS, **fields.TRANSPORT})
    valid = schema({"host": "CAM", "rtsp_port": 8554, "username": "u", "transport": "udp"})
    assert valid == {"host": "cam", "rtsp_port": 8554, "username": "u", "transport": "udp"}


def test_an_address_is_text() -> None:
    assert isinstance(RTSP("rtsp://cam/"), UrlText)
    with pytest.raises(vol.Invalid):
        RTSP(5)


@pytest.mark.parametrize(("value", "meant"), [(1, 1), (64, 64), ("7", 7), ("064", 64)])
def test_a_whole_number_may_come_as_text(value: Any, meant: int) -> None:
    assert fields.Integer(1, 64)(value) == meant


@pytest.mark.parametrize("value", [0, 65, "0", "-5", "1.0", 1.0, True, None, "", "²", "9" * 21])
def test_what_is_no_whole_number_within_bounds_is_refused(value: Any) -> None:
    with pytest.raises(vol.Invalid, match="expected a whole number from 1 to 64"):
        fields.Integer(1, 64)(value)


@pytest.mark.parametrize(("value", "meant"), [(1, 1.0), (0.5, 0.5), ("-2.25", -2.25)])
def test_a_number_is_a_float(value: Any, meant: float) -> None:
    number = fields.Number(-5, 5)(value)
    assert (number, type(number)) == (meant, float)


@pytest.mark.parametrize(
    "value", [6, "1e3", "1_0", "nan", " 1", True, None, float("nan"), float("inf"), 10**400]
)
def test_what_is_no_number_within_bounds_is_refused(value: Any) -> None:
    with pytest.raises(vol.Invalid, match="expected a number from -5 to 5"):
        fields.Number(-5, 5)(value)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [((None, None), "number$"), ((2, None), "of at least 2"), ((None, 9), "of at most 9")],
)
def test_bounds_are_told_as_far_as_there_are_any(
    bounds: tuple[int | None, int | None], said: str
) -> None:
    with pytest.raises(vol.Invalid, match=said):
        fields.Integer(*bounds)("x")


def test_without_bounds_every_number_will_do() -> None:
    assert fields.Integer()(-(10**30)) == -(10**30)
    assert fields.Number()(1e200) == 1e200


@pytest.mark.parametrize(("value", "meant"), [("tcp", "tcp"), (720, 720), ("720", 720)])
def test_a_choice_is_given_back_as_it_was_declared(value: Any, meant: str | int) -> None:
    assert fields.Select(["tcp", 720])(value) == meant


@pytest.mark.parametrize("value", ["TCP", 721, True, 720.0, None, ["tcp"], {"tcp": 1}])
def test_what_is_no_choice_is_refused_with_the_choices(value: Any) -> None:
    with pytest.raises(vol.Invalid, match="expected one of tcp, 720"):
        fields.Select({"tcp": "TCP", 720: "HD"})(value)


def test_a_fingerprint_may_have_colons_and_capitals() -> None:
    digits = "0123456789abcdef" * 4
    with_colons = ":".join(digits[at : at + 2] for at in range(0, 64, 2)).upper()
    assert fields.Fingerprint()(with_colons) == fields.Fingerprint()(digits) == digits


@pytest.mark.parametrize("value", ["", "ab" * 31, "ab" * 33, "zz" * 32, "ab" * 20, None, 12])
def test_what_is_no_sha_256_fingerprint_is_refused(value: Any) -> None:
    with pytest.raises(vol.Invalid, match="SHA-256"):
        fields.Fingerprint()(value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    "validator",
    [
        fields.Integer(1, 64),
        fields.Number(0, 1),
        fields.Select(["tcp", 720]),
        fields.Fingerprint(),
        fields.Host(),
        fields.Url("rtsp"),
        fields.Port(),
    ],
    ids=lambda validator: type(validator).__name__,
)
@settings(max_examples=40)
@given(value=ANYTHING)
def test_anything_is_taken_or_refused_as_invalid(validator: Any, value: Any) -> None:
    with contextlib.suppress(vol.Invalid):
        assert validator(value) == validator(validator(value))
