"""Ports come from profiles, lists and plugins; printers are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.discovery.scan.ports import DEEP, MUTE, NORMAL, QUICK, ports_of, profile_of, speaks_rtsp
from ucv.errors import ValidationError
from ucv.plugins.discovery_handlers import ScanHandler


def test_profiles_grow() -> None:
    assert len(QUICK) == 8
    assert len(NORMAL) == 25
    assert len(DEEP) > 100
    assert set(QUICK) < set(NORMAL) < set(DEEP)


def test_no_profile_has_the_port_where_printers_print_whatever_comes() -> None:
    assert 9100 not in DEEP
    assert 9100 in MUTE


def test_plugins_add_ports_to_all_but_the_quick_profile() -> None:
    handlers = [ScanHandler("acme", lambda _told: None, ports=(7, 0, 70_000))]

    assert ports_of("quick", handlers) == QUICK
    assert ports_of("normal", handlers) == (7, *NORMAL)
    assert ports_of("deep", handlers) == (7, *DEEP)
    assert ports_of("80", handlers) == (80,)


@pytest.mark.parametrize(
    "wanted", ["554, 80;8000-8002 80", [8002, 80, 554, 8001, 8000, 80]], ids=["text", "list"]
)
def test_listed_ports_are_sorted_and_each_comes_once(wanted: str | list[int]) -> None:
    assert ports_of(wanted) == (80, 554, 8000, 8001, 8002)
    assert profile_of(wanted) == "custom"


@pytest.mark.parametrize(
    "text",
    ["", "0", "65536", "80-", "9-8", "http", "1" * 5000],
    ids=["nothing", "zero", "large", "half a range", "backwards", "word", "endless"],
)
def test_text_that_is_no_port_is_named(text: str) -> None:
    with pytest.raises(ValidationError):
        ports_of(text)


@pytest.mark.parametrize(
    "ports", [[], [0], [65_536], [True]], ids=["none", "zero", "large", "truth"]
)
def test_numbers_that_are_no_ports_are_refused(ports: list[int]) -> None:
    with pytest.raises(ValidationError):
        ports_of(ports)


@given(st.text(max_size=40) | st.text("0123456789-, ", max_size=40))
def test_any_text_gives_ports_or_is_refused(text: str) -> None:
    try:
        ports = ports_of(text)
    except ValidationError:
        return
    assert ports
    assert all(0 < port < 65_536 for port in ports)


def test_rtsp_is_tried_first_where_people_put_it() -> None:
    assert all(map(speaks_rtsp, (554, 8554, 10554, 558, 1554)))
    assert not any(map(speaks_rtsp, (80, 443, 8000, 37777)))
