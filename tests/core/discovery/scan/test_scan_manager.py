"""Scans run one after the other, can be paused and ended, and are remembered and compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio

from tests.core.discovery.scan.conftest import LightNetwork
from ucv.bus import EventBus
from ucv.clock import Clock, SystemClock
from ucv.discovery.report import Report
from ucv.discovery.scan.cache import TTL, ScanCache
from ucv.discovery.scan.history import MAX_SCANS, MemoryScanStore, ScanRecord
from ucv.discovery.scan.limits import ConnectLimits
from ucv.discovery.scan.manager import MAX_QUEUED, ScanManager
from ucv.discovery.scan.results import compare, result_of
from ucv.discovery.scan.view import (
    ScanChanged,
    ScanProgress,
    ScanResult,
    ScanResultFound,
    ScanState,
    ScanView,
)
from ucv.errors import (
    NotFoundError,
    PublicAddresses,
    RateLimited,
    ScanTooLarge,
    StorageError,
    ValidationError,
)
from ucv.plugins.discovery_handlers import ScanHandler
from ucv.plugins.sightings import Fingerprint, HttpAnswer, OnvifAnswer, RtspAnswer, Sighting
from ucv.testing import FakeClock, until


def dahua(told: Fingerprint) -> Sighting | None:
    realms = [answer.realm for answer in told.rtsp if answer.realm.startswith("Login to ")]
    if not realms:
        return None
    serial = realms[0].removeprefix("Login to ")
    return Sighting(0.8, manufacturer="Dahua", serial=serial, rtsp_port=told.rtsp[0].port)


def any_rtsp(told: Fingerprint) -> Sighting | None:
    return Sighting(0.3, name="Some camera") if told.rtsp else None


def broken(_told: Fingerprint) -> Sighting | None:
    raise RuntimeError("of the plugin")


@dataclass
class Stage:
    """A manager, and what it tells."""

    clock: Clock = field(default_factory=SystemClock)
    store: MemoryScanStore = field(default_factory=MemoryScanStore)
    limits: ConnectLimits | None = None
    handlers: list[ScanHandler] = field(
        default_factory=lambda: [ScanHandler("rtsp", any_rtsp), ScanHandler("dahua", dahua)]
    )

    def __post_init__(self) -> None:
        self.bus = EventBus()
        self.reports: list[Report] = []
        self.faults: list[tuple[str, str]] = []
        self.changes: list[ScanView] = []
        self.found: list[ScanResultFound] = []
        self.bus.subscribe(ScanChanged, lambda event: self.changes.append(event.view))
        self.bus.subscribe(ScanResultFound, self.found.append)
        self.manager = ScanManager(
            clock=self.clock,
            handlers=lambda: self.handlers,
            bus=self.bus,
            store=self.store,
            on_report=self.reports.append,
            on_fault=lambda domain, what, _error: self.faults.append((domain, what)),
            limits=self.limits,
        )

    async def over(self, view: ScanView) -> ScanView:
        """Wait until a scan is over."""
        await until(lambda: self.manager.get(view.id).state.over, 10)
        return self.manager.get(view.id)

    async def whole(self, ranges: str, ports: str, *, force: bool = True) -> ScanView:
        """Make a scan, and wait until it is over."""
        return await self.over(await self.manager.start(ranges, ports=ports, force=force))


Make = Callable[..., Stage]


@pytest_asyncio.fixture
async def make() -> AsyncIterator[Make]:
    stages: list[Stage] = []

    def made(**options: object) -> Stage:
        stages.append(Stage(**options))  # type: ignore[arg-type] # of a test
        return stages[-1]

    yield made
    for stage in stages:
        await stage.manager.stop()


PORTS = "20080,20554,28000"
EMPTY = "HTTP/1.1 200 OK\nContent-Length: 0\n\n"


async def test_a_scan_tells_what_devices_are_as_it_finds_them(
    network: LightNetwork, make: Make
) -> None:
    stage = make()
    await network.camera(7)
    await network.listen(9, 28000, GET="HTTP/1.1 200 OK\nServer: nginx\nContent-Length: 0\n\n")

    view = await stage.whole(network.range, PORTS)

    assert (view.state, view.error, view.profile) == (ScanState.FINISHED, None, "custom")
    assert view.ranges == (network.range,)
    assert view.finished is not None
    assert view.finished >= view.started
    progress = view.progress
    assert (progress.addresses, progress.addresses_done) == (254, 254)
    assert (progress.probes, progress.probes_done) == (762, 762)
    assert (progress.hosts, progress.open_ports, progress.fingerprinted) == (254, 3, 2)
    assert (progress.remaining, progress.sockets) == (0.0, 0)
    camera, server = sorted(stage.manager.results(view.id), key=lambda result: len(result.host))
    assert (camera.host, camera.ports) == (network.host(7), (20080, 20554))
    assert (camera.manufacturer, camera.integration, camera.confidence) == ("Dahua", "dahua", 0.8)
    assert camera.name == "Some camera"
    assert 'RTSP realm "Login to 4F0007" on port 20554' in camera.evidence
    assert 'HTTP title "WEB SERVICE" on port 20080' in camera.evidence
    assert (server.host, server.integration, server.confidence) == (network.host(9), None, 0.0)
    assert [(event.scan_id, event.result.host) for event in stage.found].count(
        (view.id, network.host(7))
    ) == 2
    assert stage.found[-1].result in (camera, server)
    assert {(one.source, one.domain, one.host) for one in stage.reports} == {
        ("scan", "dahua", network.host(7)),
        ("scan", "rtsp", network.host(7)),
    }


async def test_a_handler_that_fails_is_told_of_and_keeps_no_result_back(
    network: LightNetwork, make: Make
) -> None:
    stage = make(handlers=[ScanHandler("acme", broken), ScanHandler("dahua", dahua)])
    await network.camera(1)
    await network.camera(2)

    view = await stage.whole(network.range, PORTS)

    assert view.state is ScanState.FINISHED
    assert [result.integration for result in stage.manager.results(view.id)] == ["dahua"] * 2
    assert stage.faults == [("acme", "scan handler")]


async def test_a_port_that_is_merely_open_is_no_reason_to_ask_a_handler(
    network: LightNetwork, make: Make
) -> None:
    stage = make(handlers=[ScanHandler("acme", broken)])
    await network.listen(1, 37777)

    view = await stage.whole(network.host(1), "37777")

    assert stage.faults == []
    (result,) = stage.manager.results(view.id)
    assert (result.manufacturer, result.integration) == (None, None)
    assert result.evidence == ("Open, without an answer: port 37777",)


async def test_states_are_told_as_they_change_and_progress_five_times_a_second(
    network: LightNetwork, make: Make
) -> None:
    stage = make(limits=ConnectLimits(rate=1000))
    began = asyncio.get_running_loop().time()

    view = await stage.whole(network.range, "20080-20083")

    seconds = asyncio.get_running_loop().time() - began
    states = [change.state for change in stage.changes]
    assert states[0] is ScanState.RUNNING
    assert states[-1] is ScanState.FINISHED
    assert stage.changes[-1] == view
    assert 3 <= len(states) <= 5 * seconds + 3
    done = [change.progress.probes_done for change in stage.changes]
    assert done == sorted(done)
    middle = stage.changes[len(states) // 2].progress
    assert middle.remaining is not None
    assert middle.rate > 0


async def test_scans_wait_for_each_other_and_too_many_are_refused(
    network: LightNetwork, make: Make
) -> None:
    stage = make()
    first = await stage.manager.start(network.wide, ports=[20080], confirmed=True)
    waiting = [
        await stage.manager.start(network.host(n + 1), ports=PORTS) for n in range(MAX_QUEUED)
    ]

    assert first.state is ScanState.RUNNING
    assert {view.state for view in waiting} == {ScanState.QUEUED}
    with pytest.raises(RateLimited):
        await stage.manager.start(network.host(99), ports=PORTS)
    assert [view.id for view in stage.manager.list()][-1] == first.id

    dropped = await stage.manager.cancel(waiting[3].id)
    assert dropped.state is ScanState.CANCELLED
    await stage.manager.cancel(first.id)
    for view in waiting:
        await stage.over(view)
    states = [stage.manager.get(view.id).state for view in waiting]
    assert states.count(ScanState.FINISHED) == MAX_QUEUED - 1


async def test_a_scan_is_paused_and_goes_on(network: LightNetwork, make: Make) -> None:
    stage = make()
    await network.camera(1)
    view = await stage.manager.start(network.range, ports=PORTS)
    assert stage.manager.pause(view.id).state is ScanState.PAUSED
    await asyncio.sleep(0.05)
    done = stage.manager.get(view.id).progress
    await asyncio.sleep(0.1)
    assert stage.manager.get(view.id).progress == done
    assert stage.manager.resume(view.id).state is ScanState.RUNNING

    assert (await stage.over(view)).state is ScanState.FINISHED
    assert len(stage.manager.results(view.id)) == 1
    assert stage.manager.pause(view.id).state is ScanState.FINISHED
    assert stage.manager.resume(view.id).state is ScanState.FINISHED


async def test_a_cancelled_scan_keeps_what_it_found(network: LightNetwork, make: Make) -> None:
    stage = make(limits=ConnectLimits(sockets=64))
    await network.camera(1)
    view = await stage.manager.start(network.wide, ports=PORTS, confirmed=True, force=True)
    start = await stage.manager.start(network.range, ports=PORTS)
    await until(lambda: stage.manager.get(view.id).progress.probes_done > 500)

    cancelled = await stage.manager.cancel(view.id)

    assert cancelled.state is ScanState.CANCELLED
    assert cancelled.finished is not None
    assert (await stage.manager.cancel(view.id)).state is ScanState.CANCELLED
    assert (await stage.over(start)).state is ScanState.FINISHED
    assert len(stage.manager.results(start.id)) == 1


async def test_a_scan_cancelled_before_its_first_step_is_over(
    network: LightNetwork, make: Make
) -> None:
    stage = make()
    view = await stage.manager.start(network.range, ports=PORTS)

    assert (await stage.manager.cancel(view.id)).state is ScanState.CANCELLED
    assert stage.manager.results(view.id) == []


async def test_the_same_scan_is_not_made_twice_within_minutes(
    network: LightNetwork, make: Make
) -> None:
    stage = make()
    await network.camera(1)
    first = await stage.manager.start(network.range, ports=PORTS)
    assert (await stage.manager.start(network.range, ports=PORTS)).id == first.id
    await stage.over(first)

    again = await stage.manager.start(f"{network.prefix}.1-254", ports="28000,20080,20554")
    once_more = await stage.manager.start(network.range, ports=PORTS)
    forced = await stage.whole(network.range, PORTS)

    assert (again.id, again.cached, again.hits, once_more.hits) == (first.id, True, 1, 2)
    assert again.age < 5
    assert again.state is ScanState.FINISHED
    assert forced.id != first.id
    assert not forced.cached
    assert (stage.manager.cache.hits, stage.manager.cache.misses) == (2, 1)


async def test_a_cancelled_scan_is_no_answer_to_the_next_question(
    network: LightNetwork, make: Make
) -> None:
    stage = make()
    first = await stage.manager.start(network.range, ports=PORTS)
    await stage.manager.cancel(first.id)

    again = await stage.manager.start(network.range, ports=PORTS)

    assert again.id != first.id
    assert not again.cached


def test_the_cache_forgets_after_its_time_and_beyond_its_size() -> None:
    clock = FakeClock()
    cache = ScanCache(clock)
    cache.put(["192.0.2.0/24"], [80], ["connect"], "one")
    assert cache.find(["192.0.2.0/24"], [81], ["connect"]) is None
    assert cache.find(["192.0.2.0/24"], [80], ["connect", "rtsp"]) is None

    clock._monotonic += TTL - 1
    hit = cache.find(["192.0.2.0/24"], [80], ["connect"])
    assert hit is not None
    assert (hit.scan_id, hit.age, hit.hits) == ("one", TTL - 1, 1)
    clock._monotonic += 2
    assert cache.find(["192.0.2.0/24"], [80], ["connect"]) is None

    for number in range(1000):
        cache.put([str(number)], [80], [], str(number))
    assert cache.find(["1"], [80], []) is None
    assert cache.find(["999"], [80], []) is not None


async def test_scans_of_earlier_runs_are_remembered_and_compared(
    network: LightNetwork, make: Make
) -> None:
    store = MemoryScanStore()
    await network.camera(1)
    await network.listen(2, 28000, GET=EMPTY)
    await network.camera(3)
    early = make(store=store)
    before = await early.whole(network.range, PORTS)
    await early.manager.stop()
    await network.close()
    await network.camera(1)
    await network.listen(1, 28000, GET=EMPTY)
    await network.camera(4)
    later = make(store=store)

    after = await later.whole(network.range, PORTS)
    difference = await later.manager.compare(after.id)

    assert [view.id for view in await later.manager.history()] == [after.id, before.id]
    assert [view.id for view in await later.manager.history(1)] == [after.id]
    assert later.manager.get(before.id) == before
    assert difference.before == before.id
    assert difference.new == (network.host(4),)
    assert {result.host for result in difference.gone} == {network.host(2), network.host(3)}
    (change,) = difference.changed
    assert (change.host, change.opened, change.closed) == (network.host(1), (28000,), ())
    assert change.was.ports == (20080, 20554)
    assert (await later.manager.compare(before.id)).before is None


async def test_only_what_both_scans_looked_at_is_compared(
    network: LightNetwork, make: Make
) -> None:
    stage = make()
    await network.camera(1)
    await network.camera(200)
    wide = await stage.whole(network.range, PORTS)
    narrow = await stage.whole(f"{network.prefix}.1-100", "20080")

    difference = await stage.manager.compare(narrow.id, wide.id)

    assert (difference.new, difference.gone, difference.changed) == ((), (), ())


async def test_a_host_is_not_gone_because_the_scan_was_not_finished(
    network: LightNetwork, make: Make
) -> None:
    stage = make()
    await network.camera(250)
    before = await stage.whole(network.range, PORTS)
    after = await stage.manager.start(network.range, ports=PORTS, force=True)
    await stage.manager.cancel(after.id)

    assert (await stage.manager.compare(after.id)).gone == ()
    assert (await stage.manager.compare(before.id, after.id)).new == ()


async def test_only_the_newest_scans_are_kept(make: Make) -> None:
    store = MemoryScanStore()
    stage = make(store=store)
    for number in range(MAX_SCANS + 3):
        await stage.whole("127.0.0.1", str(40_000 + number))

    assert len(store.records) == MAX_SCANS
    assert len(await stage.manager.history(1000)) == MAX_SCANS


async def test_a_store_that_fails_is_no_reason_not_to_scan(
    network: LightNetwork, make: Make
) -> None:
    class Failing(MemoryScanStore):
        async def load_all(self, limit: int) -> list[ScanRecord]:
            raise StorageError

        async def save(self, record: ScanRecord) -> None:
            raise StorageError

    stage = make(store=Failing())

    view = await stage.whole(network.range, PORTS)

    assert view.state is ScanState.FINISHED
    assert await stage.manager.history() == [view]


async def test_a_scan_that_fails_says_why(
    network: LightNetwork, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_args: object, **_options: object) -> Fingerprint:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("ucv.discovery.scan.scan.fingerprint", failing)
    stage = make()
    await network.camera(1)

    view = await stage.whole(network.range, PORTS)

    assert view.state is ScanState.FAILED
    assert view.error is not None
    assert (view.error.code, view.error.message) == (
        "SERVICE_ERROR",
        "The scan failed: Too many open files.",
    )
    assert len(stage.manager.results(view.id)) == 1
    assert (await stage.whole(network.host(2), PORTS)).state is ScanState.FINISHED


async def test_what_must_not_be_scanned_is_refused_before_anything_is_sent(make: Make) -> None:
    manager = make().manager

    with pytest.raises(ScanTooLarge):
        await manager.start("10.0.0.0/16")
    with pytest.raises(PublicAddresses):
        await manager.start("8.8.8.8")
    with pytest.raises(ValidationError, match="no device"):
        await manager.start("239.255.255.250")
    with pytest.raises(ValidationError, match="neither ports"):
        await manager.start("192.0.2.1", profile="slow")
    with pytest.raises(ValidationError, match="no address"):
        await manager.start("nothing")
    assert manager.list() == []


async def test_a_scan_that_there_is_not_is_not_found(make: Make) -> None:
    manager = make().manager

    for ask in (manager.get, manager.pause, manager.resume, manager.results):
        with pytest.raises(NotFoundError):
            ask("nonesuch")
    with pytest.raises(NotFoundError):
        await manager.cancel("nonesuch")
    with pytest.raises(NotFoundError):
        await manager.compare("nonesuch")


async def test_a_manager_that_is_stopped_leaves_nothing_and_starts_nothing(
    network: LightNetwork, make: Make
) -> None:
    stage = make()
    running = await stage.manager.start(network.wide, ports=PORTS, confirmed=True)
    queued = await stage.manager.start(network.range, ports=PORTS)

    await stage.manager.stop()

    assert stage.manager.get(running.id).state is ScanState.CANCELLED
    assert stage.manager.get(queued.id).state is ScanState.CANCELLED
    assert queued.id in stage.store.records
    with pytest.raises(RateLimited):
        await stage.manager.start(network.range, ports="80")


async def test_hosts_with_many_open_ports_hold_up_the_search_until_they_are_asked(
    network: LightNetwork, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.discovery.scan.scan._MANY_WAITING", 4)
    monkeypatch.setattr("ucv.discovery.scan.scan._FEW_WAITING", 1)
    monkeypatch.setattr("ucv.discovery.scan.scan.MAX_ASKED_HOSTS", 2)
    stage = make(limits=ConnectLimits(sockets=4))
    for number in range(1, 31):
        await network.camera(number)

    view = await stage.whole(f"{network.prefix}.1-40", PORTS)

    assert view.progress.fingerprinted == 30
    assert len(stage.reports) == 60


async def test_a_hardware_address_that_hosts_share_is_told_of_the_first_only(
    network: LightNetwork, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ucv.discovery.scan.fingerprint.mac_of", lambda _host, _table: "44:19:b6:00:00:01"
    )
    stage = make()
    await network.camera(1)
    await network.camera(2)

    view = await stage.whole(f"{network.prefix}.1-2", PORTS)

    macs = [result.mac for result in stage.manager.results(view.id)]
    assert sorted(macs, key=str) == ["44:19:b6:00:00:01", None]


def test_what_is_told_to_programs_can_be_read_back() -> None:
    told = Fingerprint(
        "192.0.2.7",
        (80, 554),
        rtsp=(RtspAnswer(554, 200, "/live"), RtspAnswer(555, 200, ""), RtspAnswer(556, 404, "/")),
        http=(HttpAnswer(80, 200), HttpAnswer(443, 401, True, realm="R")),
        onvif=(OnvifAnswer(80),),
        mac="44:19:b6:00:00:01",
    )
    result = result_of(told, [("onvif", Sighting(0.5, model="M"))])
    view = ScanView("1", ("192.0.2.7",), "quick", (80,), ScanState.FINISHED, 1.0, finished=2.0)
    record = ScanRecord(view, (result,))

    assert ScanRecord.from_json(record.to_json()) == record
    assert [answer["open"] for answer in result.to_json()["rtsp"]] == [True, False, False]
    assert result.evidence == (
        "RTSP on port 554 shows /live to anyone",
        "RTSP answers on port 555",
        "RTSP answers on port 556",
        "HTTP answers on port 80",
        'HTTPS realm "R" on port 443',
        "ONVIF device service on port 80",
        "Hardware address 44:19:b6:00:00:01",
    )
    failed = replace(view, error=None, progress=ScanProgress(remaining=None))
    assert ScanView.from_json(failed.to_json()) == failed


@pytest.mark.parametrize(
    "damage",
    [
        {"rtsp": ["x"]},
        {"rtsp": [{}]},
        {"http": [{"port": 1}]},
        {"ports": None},
        {"confidence": "x"},
    ],
    ids=["text", "nothing", "half an answer", "no ports", "no number"],
)
def test_what_cannot_be_read_back_says_so(damage: dict[str, object]) -> None:
    stored = {**ScanResult("192.0.2.7", (80,)).to_json(), **damage}

    with pytest.raises((KeyError, TypeError, ValueError)):
        ScanResult.from_json(stored)


def test_two_scans_with_the_same_results_do_not_differ() -> None:
    results = [ScanResult("192.0.2.7", (80,)), ScanResult("192.0.2.8", (81,))]

    difference = compare(results, results, before_id="1")

    assert difference.to_json() == {"before": "1", "new": [], "gone": [], "changed": []}
    changed = compare(results, [ScanResult("192.0.2.7", (554,))]).to_json()
    assert changed["changed"][0]["opened"] == [554]
    assert changed["gone"] == [results[1].to_json()]
