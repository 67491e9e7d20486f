"""Each rule of the contract catches what it is there for, and nothing else is blamed for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

import pytest
import voluptuous as vol

from ucv import (
    Abort,
    CannotConnect,
    DeviceInfo,
    Integration,
    InvalidAuth,
    ProtocolError,
    Snapshot,
    Stream,
    ValidationError,
    fields,
)
from ucv.testing import AcmeDevice, assert_integration_contract, check_integration_contract
from ucv.testing.contract import Outcome
from ucv.testing.contract_rules import RULES, Level

SERIAL = "ACME-0042"


class Good(Integration):
    """Breaks no rule."""

    domain = "tried"
    name = "Tried"
    version = "1.0.0"
    schema: ClassVar[Any] = {**fields.HOST, **fields.CREDENTIALS}

    async def probe(self, device: Any) -> DeviceInfo:
        info = await device.http.get_json("/api/info")
        return DeviceInfo(unique_id=info["serial"], model=info["model"])

    async def streams(self, device: Any) -> list[Stream]:
        return [
            Stream("main", device.url("rtsp", "/live/main")),
            Stream("sub", device.url("rtsp", "/live/sub")),
        ]

    async def snapshot(self, device: Any) -> Snapshot:
        return Snapshot(await device.http.get_bytes("/snap.jpg"))


# --- what shows without a device ------------------------------------------------------------------


class Declares(Good):
    def snapshot(self, device: Any) -> Snapshot:  # type: ignore[override]  # that is its fault
        return Snapshot(b"")


class Form(Good):
    schema: ClassVar[Any] = {
        **Good.schema,
        fields.describe(vol.Optional(str), label="Anything"): fields.Text(),
    }


class Editor(Good):
    name = "Tried \udcff"


class Secrets(Good):
    schema: ClassVar[Any] = {
        **Good.schema,
        fields.describe("api_token", label="Token"): fields.Text(),
    }


class Version(Good):
    version = Integration.version


class Labels(Good):
    schema: ClassVar[Any] = {**Good.schema, "speed": fields.Integer(1, 8)}


class Migrates(Good):
    entry_version = 2


# --- what shows with a device ---------------------------------------------------------------------


class Loads(Good):
    """Has no main stream."""

    async def streams(self, device: Any) -> list[Stream]:
        return [Stream("sub", device.url("rtsp", "/live/sub"))]


class Faultless(Good):
    """Raises in the background, the second time."""

    async def setup(self, device: Any) -> None:
        async def work() -> None:
            raise KeyError("forgotten")

        if device.config.get("seen"):
            device.tasks.create(work())
        await device.remember(seen=True)


class Unloads(Good):
    """Begins something that nobody ends."""

    async def setup(self, device: Any) -> None:
        async def poll() -> None:
            await asyncio.Event().wait()

        device.runtime = asyncio.create_task(poll())


class Refused(Good):
    """Tries again what was refused."""

    async def probe(self, device: Any) -> DeviceInfo:
        for _ in range(2):
            with suppress(InvalidAuth):
                return await super().probe(device)
            device.http.lockout.reset()
        return await super().probe(device)


class Unique(Good):
    """Knows a device by where it is."""

    async def probe(self, device: Any) -> DeviceInfo:
        await super().probe(device)
        return DeviceInfo(unique_id=f"tried-{device.host}")


class Returns(Good):
    """Gives up a device that is switched off."""

    async def probe(self, device: Any) -> DeviceInfo:
        try:
            return await super().probe(device)
        except CannotConnect:
            raise ValidationError("There is no such device.") from None


class Garbage(Good):
    """Believes that an answer has everything that it should have."""

    async def probe(self, device: Any) -> DeviceInfo:
        try:
            return await super().probe(device)
        except ProtocolError as error:
            return DeviceInfo(unique_id=error.details["serial"])


class SilentDiagnostics(Good):
    async def diagnostics(self, device: Any) -> Mapping[str, Any]:
        return {"login": vars(device)["_secrets"]}


class SilentLog(Good):
    async def setup(self, device: Any) -> None:
        device.log.info(
            "Logging in as %s:%s", device.credentials.username, device.secret("password")
        )


class SilentAddress(Good):
    async def streams(self, device: Any) -> list[Stream]:
        login = f"{device.credentials.username}:{device.credentials.password}"
        return [
            Stream("main", device.url("rtsp", "/live/main")),
            Stream("sub", device.url("rtsp", "/live/sub"), options={"login": login}),
        ]


class Reauth(Good):
    """Cannot be logged in to again."""

    async def steps(self, flow: Any) -> None:
        if flow.source == "reauth":
            raise Abort("not_supported", "Remove it and add it anew.")


class Again(Good):
    """Knows a device by its entry."""

    async def probe(self, device: Any) -> DeviceInfo:
        await super().probe(device)
        return DeviceInfo(unique_id=f"{SERIAL}-{device.entry_id}")


class Picture(Good):
    async def snapshot(self, device: Any) -> Snapshot:
        return Snapshot(b"\xff\xd8 no picture")


class Live(Good):
    """Has a stream that is not there."""

    async def streams(self, device: Any) -> list[Stream]:
        return [
            Stream("main", device.url("rtsp", "/live/main")),
            Stream("sub", device.url("rtsp", "/live/nothing")),
        ]


STATIC: dict[str, type[Integration]] = {
    "declares": Declares,
    "form": Form,
    "editor": Editor,
    "secrets": Secrets,
    "version": Version,
    "labels": Labels,
    "migrates": Migrates,
}
TRIED: list[tuple[str, type[Integration]]] = [
    ("loads", Loads),
    ("faultless", Faultless),
    ("unloads", Unloads),
    ("refused", Refused),
    ("unique", Unique),
    ("returns", Returns),
    ("garbage", Garbage),
    ("silent", SilentDiagnostics),
    ("silent", SilentLog),
    ("silent", SilentAddress),
    ("reauth", Reauth),
    ("again", Again),
    ("picture", Picture),
    ("live", Live),
]


def test_every_rule_has_an_integration_that_breaks_it() -> None:
    assert sorted(rule.id for rule in RULES) == sorted({*STATIC, *(name for name, _ in TRIED)})


async def test_one_that_breaks_no_rule_is_gold() -> None:
    report = await assert_integration_contract(Good, AcmeDevice(serial=SERIAL))
    assert report.grade == "gold"
    assert {result.outcome for result in report.results} == {
        Outcome.PASSED,
        Outcome.NOT_APPLICABLE,
    }


@pytest.mark.parametrize("rule", STATIC)
async def test_a_broken_rule_shows_without_a_device(rule: str) -> None:
    report = await check_integration_contract(STATIC[rule])
    (failed,) = report.failed
    assert failed.rule.id == rule
    assert failed.detail
    assert "Error" not in failed.detail.partition(":")[0] or rule in ("declares", "editor")


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "integration"), TRIED)
async def test_a_broken_rule_shows_with_a_device(rule: str, integration: type[Integration]) -> None:
    report = await check_integration_contract(integration, AcmeDevice(serial=SERIAL))
    assert [result.rule.id for result in report.failed] == [rule], report
    (failed,) = report.failed
    assert failed.detail
    levels = list(Level)
    below = levels.index(failed.rule.level) - 1
    assert report.grade == (levels[below].value if below >= 0 else "none")


async def test_the_assertion_says_which_rule_is_broken_and_how() -> None:
    with pytest.raises(AssertionError) as broken:
        await assert_integration_contract(Version, AcmeDevice(serial=SERIAL))
    assert "✗ silver has a version and is described: it has no version" in str(broken.value)
    assert "Version: bronze" in str(broken.value)


async def test_without_a_device_nothing_is_claimed_that_needs_one() -> None:
    report = await check_integration_contract(Good)
    assert report.grade == "none"
    untried = {result.rule.id for result in report.results if result.outcome is Outcome.UNTRIED}
    assert untried == {rule.id for rule in RULES if rule.needs_device}
