"""What is said of one device over all protocols is one device; what is said of two is two."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.discovery.merging import MAX_DEVICES, MAX_EVIDENCE, FoundDevice, Merger
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.plugins.sightings import Sighting
from ucv.testing.clock import FakeClock

MAC, OTHER_MAC = "44:19:b6:00:00:01", "44:19:b6:00:00:02"


class World:
    """A merger, and a clock that only this test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rejections = Rejections(FakeClock())
        self.merger = Merger(self.rejections)

    def see(
        self,
        source: str,
        domain: str,
        host: str,
        key: str | None = None,
        *,
        sure: float = 0.8,
        gone: bool = False,
        **told: Any,
    ) -> FoundDevice | None:
        report = Report(source, domain, host, key, Sighting(sure, **told), gone)
        taken = self.merger.take(report, self.now)
        return None if taken is None else taken[0]

    @property
    def count(self) -> int:
        return len(self.merger.devices)


@pytest.fixture
def world() -> World:
    return World()


def test_protocols_that_name_the_same_hardware_address_are_one_device(world: World) -> None:
    first = world.see("sadp", "hikvision", "192.0.2.10", mac=MAC, serial="DS-2CD1-0001")
    again = world.see("ssdp", "hikvision", "192.0.2.10", "u1", mac=MAC, model="DS-2CD1")
    assert first is again
    assert world.count == 1
    assert first is not None
    assert (first.told("model"), first.told("serial")) == ("DS-2CD1", "DS-2CD1-0001")


def test_protocols_that_tell_nothing_stable_are_one_device_at_one_address(world: World) -> None:
    first = world.see("ws-discovery", "onvif", "192.0.2.10", "u1", sure=0.5)
    again = world.see("scan", "rtsp", "192.0.2.10", sure=0.3)
    assert first is again
    assert first is not None
    assert list(first.domains()) == ["onvif", "rtsp"]


def test_what_links_two_devices_makes_them_one(world: World) -> None:
    world.see("ws-discovery", "onvif", "192.0.2.10", "u1", endpoint="u1")
    world.see("mdns", "acme", "192.0.2.11", "Hall", mac=MAC)
    assert world.count == 2
    world.see("ssdp", "acme", "192.0.2.11", "u1", endpoint="u1", mac=MAC)
    assert world.count == 1
    device = next(iter(world.merger.devices.values()))
    assert set(device.addresses) == {"192.0.2.10", "192.0.2.11"}


def test_two_that_share_a_serial_number_are_told_apart_by_their_hardware(world: World) -> None:
    world.see("dhip", "dahua", "192.0.2.10", serial="SHARED-01", mac=MAC)
    world.see("dhip", "dahua", "192.0.2.11", serial="SHARED-01", mac=OTHER_MAC)
    assert world.count == 2


def test_two_behind_one_address_are_told_apart_by_serial_or_by_port(world: World) -> None:
    world.see("ws-discovery", "onvif", "192.0.2.1", "a", endpoint="a", http_port=8001)
    world.see("ws-discovery", "onvif", "192.0.2.1", "b", endpoint="b", http_port=8002)
    world.see("ssdp", "dahua", "192.0.2.1", "c", serial="SERIAL-A", http_port=8001)
    world.see("ssdp", "dahua", "192.0.2.1", "d", serial="SERIAL-B", http_port=8002)
    assert world.count == 2
    by_port = {device.told("http_port"): device for device in world.merger.devices.values()}
    assert by_port[8001].told("serial") == "SERIAL-A"
    assert by_port[8002].told("serial") == "SERIAL-B"


def test_what_stands_between_a_device_and_a_scan_does_not_make_two_of_it(world: World) -> None:
    world.see("scan", "dahua", "192.0.2.10", mac=OTHER_MAC, rtsp_port=554)
    world.see("dhip", "dahua", "192.0.2.10", mac=MAC, serial="SERIAL-A", sure=0.95)
    assert world.count == 1
    device = next(iter(world.merger.devices.values()))
    assert device.told("mac") == MAC


def test_those_behind_one_repeater_are_as_many_as_have_addresses_at_one_time(
    world: World,
) -> None:
    first = world.see("scan", "rtsp", "192.0.2.10", mac=MAC, rtsp_port=554)
    second = world.see("scan", "rtsp", "192.0.2.11", mac=MAC, rtsp_port=554)
    assert first is not second


def test_a_device_that_only_scans_find_is_known_at_its_next_address(world: World) -> None:
    device = world.see("scan", "rtsp", "192.0.2.10", mac=MAC, rtsp_port=554)
    world.now += 3600
    assert world.see("scan", "rtsp", "192.0.2.20", mac=MAC, rtsp_port=554) is device


def test_two_behind_one_address_are_told_apart_by_port_whatever_integrations_they_are_for(
    world: World,
) -> None:
    for _ in range(3):
        for domain, key, port in (("hikvision", "u1", 80), ("dahua", "u2", 8080)):
            for whose in (domain, "onvif"):
                world.see("ws-discovery", whose, "192.0.2.1", key, endpoint=key, http_port=port)
        world.see("sadp", "hikvision", "192.0.2.1", mac=MAC, serial="A1", http_port=80)
        world.see("dhip", "dahua", "192.0.2.1", mac=OTHER_MAC, serial="B2", http_port=8080)
        world.now += 2
    assert world.count == 2
    by_port = {device.told("http_port"): device for device in world.merger.devices.values()}
    assert set(by_port[80].domains()) == {"hikvision", "onvif"}
    assert set(by_port[8080].domains()) == {"dahua", "onvif"}


def test_services_of_one_device_for_two_integrations_are_one_device(world: World) -> None:
    world.see("mdns", "acme", "192.0.2.1", "A", http_port=80)
    world.see("mdns", "rtsp", "192.0.2.1", "B", http_port=554)
    assert world.count == 1


def test_what_two_say_that_share_a_serial_number_is_not_mixed_up(world: World) -> None:
    hosts = {"192.0.2.10": (MAC, "u1"), "192.0.2.11": (OTHER_MAC, "u2")}
    for _ in range(3):
        for host, (mac, endpoint) in hosts.items():
            world.see("ws-discovery", "dahua", host, endpoint, endpoint=endpoint)
            world.see("ssdp", "dahua", host, endpoint, endpoint=endpoint, serial="SHARED-01")
            world.see("dhip", "dahua", host, mac, serial="SHARED-01", mac=mac)
        world.now += 2
    assert world.count == 2
    for device in world.merger.devices.values():
        assert device.told("mac") == hosts[device.host][0]
        said = {one.report.key for one in device.alive()}
        assert said == set(hosts[device.host])


@pytest.mark.parametrize("macs", [(MAC, OTHER_MAC), (None, None)], ids=["told", "unknown"])
def test_addresses_that_are_dealt_anew_do_not_mix_up_devices(
    world: World, macs: tuple[str | None, str | None]
) -> None:
    def speak(host: str, key: str, mac: str | None) -> None:
        world.see("ws-discovery", "onvif", host, key, endpoint=key, http_port=80)
        if mac is not None:
            world.see("sadp", "hikvision", host, mac, mac=mac)

    speak("192.0.2.10", "ours", macs[0])
    ours = next(iter(world.merger.devices.values()))
    world.now += 1
    speak("192.0.2.10", "theirs", macs[1])
    for _ in range(4):
        world.now += 2
        speak("192.0.2.20", "ours", macs[0])
        speak("192.0.2.10", "theirs", macs[1])
    assert ours.host == "192.0.2.20"
    assert world.count == 2
    for device in world.merger.devices.values():
        keys = {one.report.key for one in device.alive() if one.report.source == "ws-discovery"}
        assert keys == ({"ours"} if device is ours else {"theirs"})


def test_a_serial_with_the_model_in_front_is_the_same_serial(world: World) -> None:
    world.see("sadp", "hikvision", "192.0.2.10", serial="DS-2CD2042WD-I20160101AAWR1234")
    world.see("ssdp", "hikvision", "192.0.2.10", "u", serial="AAWR1234")
    assert world.count == 1


def test_a_device_whose_endpoint_changes_with_each_answer_stays_one(world: World) -> None:
    for number in range(100):
        world.see("ws-discovery", "onvif", "192.0.2.10", f"u{number}", endpoint=f"u{number}")
    assert world.count == 1
    device = next(iter(world.merger.devices.values()))
    assert len(device.observations) <= MAX_EVIDENCE


def test_who_gets_the_address_of_one_that_is_gone_is_another_device(world: World) -> None:
    old = world.see("ws-discovery", "onvif", "192.0.2.10", "u1", endpoint="u1")
    assert old is not None
    for one in old.observations.values():
        one.missed = 2
    new = world.see("ws-discovery", "onvif", "192.0.2.10", "u2", endpoint="u2")
    assert new is not old


def test_a_device_that_moves_is_at_its_new_address_once_the_old_one_is_silent(
    world: World,
) -> None:
    device = world.see("sadp", "hikvision", "192.0.2.10", mac=MAC)
    assert device is not None
    world.now += 2
    world.see("sadp", "hikvision", "192.0.2.20", mac=MAC)
    assert device.host == "192.0.2.10"  # it may have two
    world.now += 6
    world.see("sadp", "hikvision", "192.0.2.20", mac=MAC)
    assert device.host == "192.0.2.20"
    assert list(device.addresses) == ["192.0.2.10", "192.0.2.20"]


def test_an_address_that_a_device_gave_itself_is_the_last_choice(world: World) -> None:
    device = world.see("mdns", "axis", "169.254.7.7", "A", mac=MAC)
    assert device is not None
    world.see("mdns", "axis", "192.0.2.10", "A", mac=MAC)
    assert device.host == "192.0.2.10"
    world.now += 60
    world.see("mdns", "axis", "169.254.7.7", "A", mac=MAC)
    assert device.host == "192.0.2.10"


def test_sources_that_agree_make_an_integration_surer(world: World) -> None:
    device = world.see("scan", "dahua", "192.0.2.10", sure=0.5)
    assert device is not None
    assert device.domains() == {"dahua": 0.5}
    world.see("ssdp", "dahua", "192.0.2.10", "u", sure=0.5)
    assert device.domains() == {"dahua": 0.75}
    # The same protocol twice is one voice.
    world.see("ssdp", "dahua", "192.0.2.10", "other", sure=0.5)
    assert device.domains() == {"dahua": 0.75}


def test_a_good_bye_takes_back_what_that_protocol_said(world: World) -> None:
    device = world.see("ws-discovery", "onvif", "192.0.2.10", "u1", endpoint="u1", mac=MAC)
    world.see("sadp", "hikvision", "192.0.2.10", mac=MAC)
    world.see("ws-discovery", "onvif", "192.0.2.10", "u1", gone=True)
    assert device is not None
    assert [key[0] for key in device.observations] == ["sadp"]


def test_a_good_bye_from_another_address_is_not_believed(world: World) -> None:
    device = world.see("ws-discovery", "onvif", "192.0.2.10", "u1", endpoint="u1")
    assert world.see("ws-discovery", "onvif", "192.0.2.66", "u1", gone=True) is None
    assert device is not None
    assert len(device.observations) == 1


def test_a_good_bye_of_nobody_makes_no_device(world: World) -> None:
    assert world.see("ws-discovery", "onvif", "192.0.2.10", "u1", gone=True) is None
    assert world.count == 0


def test_a_flood_of_devices_is_bounded_and_named_and_takes_nothing_from_those_known(
    world: World,
) -> None:
    known = world.see("sadp", "hikvision", "192.0.2.10", mac=MAC)
    for number in range(MAX_DEVICES + 500):
        host = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
        world.see("dhip", "dahua", host, serial=f"FLOOD-{number}")
    assert world.count == MAX_DEVICES
    assert known is not None
    assert world.merger.devices[known.id] is known
    assert world.rejections.count("dhip") == 501


hosts = st.sampled_from([f"192.0.2.{n}" for n in range(1, 6)])
texts = st.sampled_from(["A", "B", "C", None])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["sadp", "mdns", "ws-discovery", "scan"]),
            st.sampled_from(["hikvision", "onvif"]),
            hosts,
            texts,
            st.sampled_from([MAC, OTHER_MAC, None]),
            st.sampled_from(["SERIAL-1", "SERIAL-2", None]),
            st.sampled_from([80, 8000, None]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_the_index_and_the_devices_agree_whatever_is_reported(
    reports: list[tuple[str, str, str, str | None, str | None, str | None, int | None, bool]],
) -> None:
    world = World()
    for source, domain, host, key, mac, serial, port, gone in reports:
        world.now += 1
        world.see(source, domain, host, key, mac=mac, serial=serial, http_port=port, gone=gone)
        merger = world.merger
        for mark, devices in merger._by_mark.items():
            assert devices
            assert all(mark in d.marks and merger.devices[d.id] is d for d in devices)
        for at, devices in merger._by_host.items():
            assert all(at in d.addresses and merger.devices[d.id] is d for d in devices)
        for device in merger.devices.values():
            assert device.host in device.addresses
