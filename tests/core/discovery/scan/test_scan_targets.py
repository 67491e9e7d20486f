"""Ranges of addresses are understood however they are written, and refused where they should be."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.discovery.scan.targets import check_probes, check_targets, parse_targets
from ucv.errors import PublicAddresses, ScanTooLarge, ValidationError

NO_RANGES = {
    "a name": "camera",
    "three numbers": "192.0.2",
    "large number": "192.0.2.300",
    "large end": "192.0.2.1-300",
    "end before beginning": "192.0.2.9-3",
    "long prefix": "192.0.2.0/33",
    "two numbers": "1-2",
    "two kinds": "192.0.2.1-2001:db8::1",
    "link-local without interface": "fe80::1",
    "IPv4 with interface": "192.0.2.1%eth0",
    "interface with slash": "fe80::1%e/h/0",
    "dash": "-",
    "slash": "/",
    "percent": "%",
    "wrong digit": "::g",
}
PUBLIC = {
    "a resolver": "8.8.8.8",
    "past documentation": "192.0.2.1-192.0.3.1",
    "before private": "172.15.255.255-172.16.0.1",
    "after ten": "11.0.0.1",
    "IPv6": "2600::1",
    "carrier grade NAT": "100.64.0.1",
    "before ten": "9.255.255.255-10.0.0.1",
}
PRIVATE = {
    "loopback": "127.0.0.1",
    "ten": "10.1.2.3",
    "one hundred seventy-two": "172.31.0.1",
    "home": "192.168.1.0/24",
    "link-local": "169.254.7.7",
    "first documentation": "192.0.2.0/24",
    "second documentation": "198.51.100.7",
    "third documentation": "203.0.113.7",
    "loopback of IPv6": "::1",
    "unique local": "fd00::1",
    "link-local of IPv6": "fe80::1%eth0",
    "documentation of IPv6": "2001:db8::7",
}
NO_HOSTS = {
    "multicast": "224.0.0.1",
    "discovery group": "239.255.255.250",
    "unspecified": "0.0.0.0",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "multicast of IPv6": "ff02::1",
    "unspecified of IPv6": "::",
    "with loopback inside": "::-::5",
    "mapped": "::ffff:192.0.2.1",
    "into multicast": "223.255.255.0-224.0.0.1",
}


@pytest.mark.parametrize(
    ("text", "normal", "count"),
    [
        pytest.param("192.0.2.0/24", "192.0.2.0/24", 254, id="network"),
        pytest.param("192.0.2.77/24", "192.0.2.0/24", 254, id="network by one of its hosts"),
        pytest.param("192.0.2.1-254", "192.0.2.0/24", 254, id="all hosts of a network"),
        pytest.param("192.0.2.10-20", "192.0.2.10-192.0.2.20", 11, id="short range"),
        pytest.param("192.0.2.10-192.0.2.20", "192.0.2.10-192.0.2.20", 11, id="range"),
        pytest.param("192.0.2.7", "192.0.2.7", 1, id="address"),
        pytest.param("192.0.2.4/31", "192.0.2.4-192.0.2.5", 2, id="two addresses"),
        pytest.param("192.0.2.4/32", "192.0.2.4", 1, id="network of one"),
        pytest.param(
            "192.0.2.9, 192.0.2.8\n192.0.2.10", "192.0.2.8-192.0.2.10", 3, id="neighbours"
        ),
        pytest.param("192.0.2.1-9 192.0.2.5-20", "192.0.2.1-192.0.2.20", 20, id="overlap"),
        pytest.param("10.0.0.0/30;192.0.2.1", "10.0.0.1-10.0.0.2,192.0.2.1", 3, id="two networks"),
        pytest.param("2001:db8::/120", "2001:db8::/120", 256, id="network of IPv6"),
        pytest.param("2001:DB8:0::1", "2001:db8::1", 1, id="address of IPv6"),
        pytest.param("2001:db8::1-2001:db8::3", "2001:db8::1-2001:db8::3", 3, id="range of IPv6"),
        pytest.param("fe80::1%eth0", "fe80::1%eth0", 1, id="link-local address"),
        pytest.param("fe80::%eth0/120", "fe80::/120%eth0", 256, id="link-local network"),
    ],
)
def test_ranges_have_one_normal_form(text: str, normal: str, count: int) -> None:
    targets = parse_targets(text)

    assert (str(targets), targets.count) == (normal, count)
    assert len(list(targets)) == count
    assert parse_targets(normal) == targets


def test_several_texts_are_as_good_as_one() -> None:
    assert parse_targets(["192.0.2.1", "192.0.2.9"]) == parse_targets("192.0.2.9 192.0.2.1")


def test_a_networks_own_and_broadcast_addresses_are_no_hosts() -> None:
    hosts = list(parse_targets("192.0.2.0/29"))

    assert hosts[0] == "192.0.2.1"
    assert hosts[-1] == "192.0.2.6"


def test_link_local_hosts_keep_their_interface() -> None:
    assert list(parse_targets("fe80::1-fe80::2%eth0")) == ["fe80::1%eth0", "fe80::2%eth0"]


@pytest.mark.parametrize("word", NO_RANGES.values(), ids=NO_RANGES)
def test_what_is_no_range_is_named(word: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_targets(f"192.0.2.1,{word}")

    assert word in caught.value.message
    assert caught.value.details["word"] == word


@pytest.mark.parametrize(
    "text", ["", " , ;", "1 " * 2000, "1" * 40_000], ids=["nothing", "separators", "words", "text"]
)
def test_nothing_and_too_much_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_targets(text)


def test_a_network_of_millions_is_not_held_in_memory() -> None:
    targets = parse_targets("10.0.0.0/8")

    assert targets.count == 2**24 - 2
    assert list(islice(targets, 2)) == ["10.0.0.1", "10.0.0.2"]
    assert "10.200.0.7" in targets
    assert "11.0.0.1" not in targets
    assert "nonsense" not in targets


@given(st.text(max_size=60) | st.text("0123456789abcdef.:/-% ,", max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        targets = parse_targets(text)
    except ValidationError:
        return
    assert targets.count >= 1
    assert parse_targets(str(targets)) == targets
    assert len(list(islice(targets, 3))) == min(3, targets.count)


@given(st.lists(st.integers(0, 600), min_size=1, max_size=20))
def test_merged_ranges_are_the_addresses_that_were_listed(numbers: list[int]) -> None:
    listed = {f"192.0.{2 + number // 256}.{number % 256}" for number in numbers}

    targets = parse_targets(sorted(listed))

    assert set(targets) == listed
    assert targets.count == len(listed)
    assert all(address in targets for address in listed)


def test_many_addresses_need_to_be_confirmed() -> None:
    targets = parse_targets("10.0.0.0/16")

    with pytest.raises(ScanTooLarge) as caught:
        check_targets(targets)

    assert caught.value.details == {"count": 65_534, "limit": 4096}
    check_targets(targets, confirmed=True)
    check_targets(targets, limit=65_534)


@pytest.mark.parametrize("text", ["10.0.0.0/7", "2001:db8::/64"], ids=["IPv4", "IPv6"])
def test_what_would_never_end_is_refused_whatever_is_confirmed(text: str) -> None:
    with pytest.raises(ValidationError):
        check_targets(parse_targets(text), confirmed=True, allow_public=True)


def test_ports_and_addresses_together_have_a_bound() -> None:
    targets = parse_targets("10.0.0.0/8")

    check_probes(targets, range(8))
    with pytest.raises(ValidationError, match="connections"):
        check_probes(targets, range(9))


@pytest.mark.parametrize("text", PUBLIC.values(), ids=PUBLIC)
def test_public_addresses_are_refused_unless_they_are_allowed(text: str) -> None:
    targets = parse_targets(text)

    with pytest.raises(PublicAddresses):
        check_targets(targets, confirmed=True)
    check_targets(targets, allow_public=True)


@pytest.mark.parametrize("text", PRIVATE.values(), ids=PRIVATE)
def test_addresses_of_private_networks_are_not_public(text: str) -> None:
    check_targets(parse_targets(text))


@pytest.mark.parametrize("text", NO_HOSTS.values(), ids=NO_HOSTS)
def test_addresses_that_no_device_has_are_always_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="no device"):
        check_targets(parse_targets(text), confirmed=True, allow_public=True)
