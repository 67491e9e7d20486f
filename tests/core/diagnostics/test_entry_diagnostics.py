"""One JSON of an entry, complete for a report of a defect, and without its secrets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from ucv import DeviceInfo, Integration, Stream, fields
from ucv.bus import EventBus
from ucv.cameras.camera import Camera, CameraChanged, CameraRemoved, StreamProfile
from ucv.diagnostics import entry as entry_module
from ucv.diagnostics.history import CHANGES, SAMPLE_EVERY, SAMPLES, History
from ucv.diagnostics.plain import LEFT_OUT, MAX_VALUES, plain
from ucv.entries.entry import EntryState
from ucv.errors import CannotConnect, NotFoundError
from ucv.secrets import Redactor
from ucv.streams.state import (
    StreamHealth,
    StreamHealthMeasured,
    StreamState,
    StreamStateChanged,
    StreamStatus,
)
from ucv.testing import AcmeDevice, FakeClock, running_hub, until

PASSWORD = "p@ss/w:rd +1"
CONFIG = {
    "integration": "talker",
    "id": "door",
    "name": "Door",
    "host": "127.0.0.1",
    "username": "operator-7",
    "password": PASSWORD,
}


class Talker(Integration):
    """Puts its password wherever it can."""

    domain = "talker"
    name = "Talker"
    version = "2.1.0"
    schema = {**fields.HOST, **fields.CREDENTIALS}
    told: Any = None
    fail = False

    async def probe(self, device):  # type: ignore[no-untyped-def]
        password = device.credentials.password
        if self.fail:
            raise CannotConnect(f"nobody at http://operator-7:{quote(password, safe='')}@h/")
        await device.remember(path=f"/x?pw={quote(password, safe='')}")
        return DeviceInfo(
            unique_id="T1", model=f"Model {password}", manufacturer="operator-7's", firmware="1"
        )

    async def streams(self, device):  # type: ignore[no-untyped-def]
        return [Stream("main", "rtsp://127.0.0.1:1/main")]

    async def diagnostics(self, device):  # type: ignore[no-untyped-def]
        return self.told() if callable(self.told) else self.told


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Talker.told, Talker.fail = {}, False


async def of(told: Any = None) -> dict[str, Any]:
    """Return the diagnostics of an entry whose integration tells that."""
    Talker.told = staticmethod(told) if callable(told) else told or {}
    async with running_hub(Talker) as kit:
        await kit.add(CONFIG)
        return await kit.hub.diagnostics.of_entry("door")


def forms_of(secret: str) -> list[str]:
    login = base64.b64encode(f"operator-7:{secret}".encode()).decode()
    return [secret, quote(secret, safe=""), login, base64.b64encode(secret.encode()).decode()]


async def test_it_says_what_a_report_needs() -> None:
    found = await of({"uptime": 12, "nested": {"list": [1, 2.5, None, True]}})
    assert found["plugin"]["name"] == "Talker"
    assert found["plugin"]["version"] == "2.1.0"
    assert found["entry"]["state"] == EntryState.LOADED
    assert found["entry"]["host"] == "127.0.0.1"
    changes = [change["state"] for change in found["entry"]["changes"]]
    assert changes[-2:] == ["setup_in_progress", "loaded"]
    assert found["cameras"][0]["streams"][0]["url"] == "rtsp://127.0.0.1:1/main"
    assert found["cameras"][0]["streams"][0]["status"]["state"] == "idle"
    assert found["integration"] == {"uptime": 12, "nested": {"list": [1, 2.5, None, True]}}
    assert found["entry"]["secrets_kept"] == ["password"]


async def test_no_secret_is_in_it_in_any_form_however_it_got_there() -> None:
    told = {
        "echo": PASSWORD,
        PASSWORD: 1,
        "url": f"rtsp://operator-7:{quote(PASSWORD, safe='')}@h/",
        "header": "Basic " + base64.b64encode(f"operator-7:{PASSWORD}".encode()).decode(),
    }
    text = orjson.dumps(await of(told)).decode()
    for form in forms_of(PASSWORD):
        assert form not in text, form
    assert "operator-7" not in text
    assert "**redacted**" in text


async def test_an_entry_that_is_not_loaded_says_why_and_tells_no_secret() -> None:
    Talker.fail = True
    async with running_hub(Talker) as kit:
        await kit.add(CONFIG)
        found = await kit.hub.diagnostics.of_entry("door")
        text = orjson.dumps(found).decode()
    assert found["entry"]["state"] == "setup_retry"
    assert found["entry"]["reason"]["code"] == "CONN_REFUSED"
    assert found["integration"] == {}
    assert "operator-7" not in text
    assert not any(form in text for form in forms_of(PASSWORD))


async def test_an_integration_that_raises_is_named_and_the_rest_is_there() -> None:
    def told() -> Mapping[str, Any]:
        raise RuntimeError("a defect")

    found = await of(told)
    assert "RuntimeError: a defect" in found["integration"]["error"]
    assert "diagnostics of door" in [fault["what"] for fault in found["plugin"]["faults"]]


async def test_an_integration_that_never_answers_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entry_module, "OWN_LIMIT", 0.05)

    class Silent(Talker):
        domain = "silent"

        async def diagnostics(self, device):  # type: ignore[no-untyped-def]
            await asyncio.sleep(3600)

    async with running_hub(Silent) as kit:
        await kit.add({**CONFIG, "integration": "silent"})
        found = await kit.hub.diagnostics.of_entry("door")
    assert "took longer" in found["integration"]["error"]


async def test_an_integration_whose_answer_cannot_be_read_is_named_and_the_rest_is_there() -> None:
    class Trap(dict[str, int]):
        def items(self) -> Any:
            raise RuntimeError(f"a defect with {PASSWORD}")

    found = await of({"trap": Trap(a=1)})
    assert found["integration"] == {"error": "What the integration tells cannot be read."}
    assert "diagnostics of door" in [fault["what"] for fault in found["plugin"]["faults"]]
    assert PASSWORD not in orjson.dumps(found).decode()


async def test_an_integration_that_tells_too_much_is_cut() -> None:
    endless: dict[str, Any] = {"many": ["x" * 100_000] * 1_000_000}
    endless["itself"] = endless
    found = await of(endless)
    assert len(orjson.dumps(found)) < 20_000_000
    assert LEFT_OUT in orjson.dumps(found).decode()


async def test_there_are_none_of_what_is_not_there() -> None:
    async with running_hub(Talker) as kit:
        with pytest.raises(NotFoundError):
            await kit.hub.diagnostics.of_entry("nobody")


async def test_a_live_camera_s_codec_and_health_are_in_it(acme_plugin: Any) -> None:
    async with AcmeDevice() as camera, running_hub(acme_plugin) as kit:
        await kit.add({"integration": "acme", "id": "door", "preload": True, **camera.config})
        stream = kit.hub.streams.get("door")
        await until(lambda: stream.health is not None, 10)
        found = await kit.hub.diagnostics.of_entry("door")
    main = found["cameras"][0]["streams"][0]
    assert main["negotiated"]["codec"] == "h264"
    assert main["status"]["state"] == "live"
    assert main["health"]["fps"] > 0
    assert main["history"]["health"]["rows"]
    assert [change["state"] for change in main["history"]["changes"]][-1] == "live"
    assert camera.password not in orjson.dumps(found).decode()


@pytest.fixture
def acme_plugin() -> Any:
    from pathlib import Path

    return Path(__file__).parents[3] / "custom_integrations" / "acme.py"


# --- what is kept ---------------------------------------------------------------------------------


async def test_histories_are_bounded_over_a_day_of_a_thousand_streams() -> None:
    bus, clock = EventBus(), FakeClock()
    history = History(bus, clock)
    history.start()
    health = StreamHealth(25, 25, 25, 1e6, 1, 0, 0, 1, 2, 1, 0, 0.1, 100)
    for step in range(300):
        clock._monotonic += SAMPLE_EVERY
        for number in range(1000 if step % 100 == 0 else 10):
            bus.publish(StreamHealthMeasured(f"c{number}", "main", health))
            bus.publish(StreamStateChanged(f"c{number}", "main", StreamStatus(StreamState.LIVE)))
    kept = history.of_stream("c1", "main")
    assert len(kept["health"]["rows"]) == SAMPLES
    assert len(kept["changes"]) == CHANGES
    for number in range(1000):
        bus.publish(CameraRemoved(f"c{number}"))
    assert not history._streams
    history.stop()
    assert bus.listener_count == 0


async def test_streams_that_a_camera_names_anew_each_time_do_not_pile_up() -> None:
    bus = EventBus()
    history = History(bus, FakeClock())
    history.start()
    for number in range(100):
        profile = StreamProfile(f"main-{number}", "main", "rtsp://127.0.0.1/")
        bus.publish(CameraChanged(Camera("c", "c", "C", "talker", profiles=(profile,))))
        bus.publish(StreamStateChanged("c", profile.name, StreamStatus(StreamState.LIVE)))
    assert list(history._streams["c"]) == ["main-99"]
    history.stop()


async def test_health_is_sampled_and_not_kept_each_second() -> None:
    bus, clock = EventBus(), FakeClock()
    history = History(bus, clock)
    history.start()
    health = StreamHealth(25, 25, 25, 1e6, 1, 0, 0, 1, 2, 1, 0, 0.1, 100)
    for _ in range(30):
        bus.publish(StreamHealthMeasured("c", "main", health))
        clock._monotonic += 1
    assert len(history.of_stream("c", "main")["health"]["rows"]) == 3
    history.stop()


def test_foreign_values_become_plain() -> None:
    value = {1: b"12345", "f": float("nan"), "o": object(), "big": 2**80, "deep": [[[]]]}
    assert plain(value, str) == {
        "1": "<5 bytes>", "f": None, "o": "<object>", "big": str(2**80), "deep": [[[]]],
    }  # fmt: skip
    assert len(plain(list(range(MAX_VALUES * 2)), str)) <= MAX_VALUES + 1


@pytest.mark.parametrize("length", [8, 100, 4096])
def test_a_text_that_is_cut_shows_no_part_of_a_secret(length: int) -> None:
    secret = ("Zq7" * length)[:length]
    redactor = Redactor()
    redactor.add(secret)
    for shift in range(0, length, max(1, length // 20)):
        text = plain("." * shift + secret * (60_000 // length), redactor.redact)
        assert "Zq7" not in text
        assert len(text) <= 2001


def test_only_so_many_characters_are_searched_for_secrets_whatever_is_told() -> None:
    searched: list[int] = []

    def redact(text: str) -> str:
        searched.append(len(text))
        return text

    text = "x" * 10**6
    told = plain([{"key": text} for _ in range(MAX_VALUES)], redact)
    assert sum(searched) < 250_000
    assert told[0] == {"key": "x" * 2000 + "…"}
    assert told[-1] == LEFT_OUT


def test_a_long_text_is_cut_and_says_so() -> None:
    assert plain("a" * 2000, str) == "a" * 2000
    for length in (2001, 18_384, 18_385, 10**6):
        assert plain("a" * length, str) == "a" * 2000 + "…"
