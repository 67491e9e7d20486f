"""Tables of ``key=value`` lines, from devices and from anywhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv_dahua.keyvalue import MAX_DEPTH, MAX_PLACES, MAX_VALUE, Table, parse

ENCODE = (
    "table.Encode[0].MainFormat[0].Video.Compression=H.265\r\n"
    "table.Encode[0].MainFormat[0].Video.FPS=20\r\n"
    "table.Encode[0].MainFormat[0].AudioEnable=true\r\n"
    "table.Encode[10].MainFormat[0].Video.FPS=12.5\r\n"
    "table.Encode[2].ExtraFormat[0].VideoEnable=false\r\n"
)


def test_a_value_is_found_by_its_path() -> None:
    table = parse(ENCODE)
    assert table.text("table", "Encode", 0, "MainFormat", 0, "Video", "Compression") == "H.265"
    assert table.whole("table", "Encode", 0, "MainFormat", 0, "Video", "FPS") == 20
    assert table.number("table", "Encode", 10, "MainFormat", 0, "Video", "FPS") == 12.5
    assert table.flag("table", "Encode", 0, "MainFormat", 0, "AudioEnable") is True
    assert table.flag("table", "Encode", 2, "ExtraFormat", 0, "VideoEnable") is False


def test_rows_come_in_the_order_of_their_numbers() -> None:
    assert list(parse(ENCODE).rows("table", "Encode")) == [0, 2, 10]


def test_what_is_not_there_is_empty_however_deep() -> None:
    missing = parse(ENCODE).at("table", "Nothing", 3, "At", "All")
    assert not missing
    assert (missing.text(), missing.number(), missing.flag()) == ("", None, None)
    assert missing.rows() == {}


def test_lines_are_split_at_the_first_equals_sign() -> None:
    assert parse("sn=A=B=C").text("sn") == "A=B=C"


def test_keys_with_colons_stay_whole() -> None:
    table = parse("table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.Enable=true\r\n")
    assert list(table.at("table", "RemoteDevice").below) == ["uuid:System_CONFIG_NETCAMERA_INFO_0"]


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"], ids=["crlf", "lf", "cr"])
def test_any_end_of_line_will_do(newline: str) -> None:
    table = parse(f"a=1{newline}b=2{newline}")
    assert (table.text("a"), table.text("b")) == ("1", "2")


def test_what_python_calls_a_line_is_not_one_here() -> None:
    assert parse("a=x\u2028b=2\x85c=3").text("a") == "x\u2028b=2\x85c=3"


def test_a_name_may_hold_a_value_and_more_below_it() -> None:
    table = parse("table.A=1\ntable.A.B=2")
    assert (table.text("table", "A"), table.text("table", "A", "B")) == ("1", "2")


def test_what_is_no_number_is_none() -> None:
    table = parse("a=\nb=nan\nc=1e999\nd=0x10\ne=9999999999999999999999\nf=-3.5")
    assert [table.number(key) for key in "abcde"] == [None] * 5
    assert table.number("f") == -3.5


def test_an_answer_that_is_a_web_page_is_no_table() -> None:
    page = "<!DOCTYPE html>\n<html><head>\n<title>WEB SERVICE</title></head></html>"
    assert not parse(page)


def test_keys_that_are_too_deep_are_passed_over() -> None:
    assert not parse(f"{'a.' * MAX_DEPTH}b=1")
    assert parse(f"{'a.' * (MAX_DEPTH - 1)}b=1")


def test_brackets_count_as_depth_too() -> None:
    assert not parse(f"a{'[0]' * MAX_DEPTH}=1").at("a")
    assert not parse(f"{'a.' * 10}b{'[0]' * 10}=1").at(*"aaaaaaaaaa", "b")
    assert parse(f"{'a.' * 10}b{'[0]' * 5}=1").at(*"aaaaaaaaaa", "b", *"00000").text() == "1"


def test_a_table_that_never_ends_is_cut() -> None:
    table = parse("".join(f"{number}.{number}.{number}=1\n" for number in range(MAX_PLACES)))
    assert 10_000 < len(table.below) < MAX_PLACES // 2


def test_long_values_are_cut() -> None:
    assert len(parse("a=" + "x" * (2 * MAX_VALUE)).text("a")) == MAX_VALUE


LINE = st.text(st.sampled_from("abc.[]0123=: \r\n\x00é\u2028"), max_size=40)


@given(st.lists(LINE, max_size=20).map("\n".join) | st.text(max_size=200))
def test_whatever_comes_is_read_or_passed_over(text: str) -> None:
    def count(table: Table, depth: int) -> int:
        assert depth <= MAX_DEPTH
        for key in table.below:
            assert not set(key) & set(".[]=")
        return 1 + sum(count(row, depth + 1) for row in table.below.values())

    table = parse(text)
    # Nothing is kept that was not sent: at most one place for each character.
    assert count(table, 0) <= 1 + len(text)
    table.rows()
    for key in table.below:
        table.number(key)
        table.flag(key)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_text_are_survived(data: bytes) -> None:
    parse(data.decode("utf-8", "replace"))


@given(st.dictionaries(st.sampled_from(["table.A[0].B", "table.A[1]", "sn"]), st.text("x=.[]1 ")))
def test_what_was_written_is_read(values: dict[str, str]) -> None:
    table = parse("".join(f"{key}={value}\r\n" for key, value in values.items()))
    for key, value in values.items():
        path = key.replace("[", ".").replace("]", "").split(".")
        assert table.at(*path).value == value
