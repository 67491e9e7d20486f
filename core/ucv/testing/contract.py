"""The contract between the hub and an integration, checked against a device made of software.

::

    async def test_acme_keeps_the_contract():
        await assert_integration_contract(Acme, AcmeDevice())
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from ucv.config.schema import keys_of
from ucv.plugins.integration import Integration
from ucv.testing.contract_rules import RULES, Case, Level, NotApplicable, Rule


class ContractDevice(Protocol):
    """What the contract needs of a virtual device; `AcmeDevice` is one."""

    @property
    def host(self) -> str:
        """Its address."""

    @property
    def username(self) -> str:
        """Its account's name, empty if it has none."""

    @property
    def password(self) -> str:
        """Its account's password."""

    @property
    def refused(self) -> int:
        """How many requests with wrong credentials it has had, by all its protocols."""

    def set_password(self, new: str) -> None:
        """Change the password."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Stop listening and cut all connections."""


class Outcome(StrEnum):
    """What became of a rule."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"
    """There is nothing to check."""
    UNTRIED = "untried"
    """There is no device to check it with."""


@dataclass(frozen=True, slots=True)
class Result:
    """One rule and its outcome; ``detail`` says why it failed or was not checked."""

    rule: Rule
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ContractReport:
    """All rules with their outcomes, in their order."""

    integration: str
    results: tuple[Result, ...]

    @property
    def failed(self) -> list[Result]:
        """The rules that are broken."""
        return [result for result in self.results if result.outcome is Outcome.FAILED]

    @property
    def grade(self) -> str:
        """The highest level of which, and below which, every rule is kept; "none" for no level."""
        unproven = (Outcome.FAILED, Outcome.UNTRIED)
        broken = {result.rule.level for result in self.results if result.outcome in unproven}
        grade = "none"
        for level in Level:
            if level in broken:
                break
            grade = level.value
        return grade

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "integration": self.integration,
            "grade": self.grade,
            "results": [
                {
                    "id": result.rule.id,
                    "level": result.rule.level,
                    "title": result.rule.title,
                    "outcome": result.outcome,
                    "detail": result.detail,
                }
                for result in self.results
            ],
        }

    def __str__(self) -> str:
        marks = {Outcome.PASSED: "✓", Outcome.FAILED: "✗"}
        lines = [f"{self.integration}: {self.grade}"]
        for result in self.results:
            detail = f": {result.detail}" if result.detail else ""
            mark = marks.get(result.outcome, "-")
            lines.append(f"  {mark} {result.rule.level:6} {result.rule.title}{detail}")
        return "\n".join(lines)


_listeners: list[Callable[[ContractReport], object]] = []


@contextmanager
def listen_to_reports(listener: Callable[[ContractReport], object]) -> Iterator[None]:
    """Call ``listener`` with the report of every contract that is checked meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


async def check_integration_contract(
    integration: type[Integration],
    device: ContractDevice | None = None,
    config: Mapping[str, Any] | None = None,
) -> ContractReport:
    """Check all rules; without a device, those that can do without.

    ``device`` is not started yet. ``config`` is an entry's configuration for it; made from the
    device's ``host``, ``http_port``, ``rtsp_port``, ``username`` and ``password`` if not given.
    """
    results = []
    for rule in RULES:
        if rule.needs_device and device is None:
            result = Result(rule, Outcome.UNTRIED, "no device to try it with")
        else:
            result = await _checked(rule, integration, device, config)
        results.append(result)
    report = ContractReport(integration.__name__, tuple(results))
    for listener in _listeners:
        listener(report)
    return report


async def assert_integration_contract(
    integration: type[Integration],
    device: ContractDevice,
    config: Mapping[str, Any] | None = None,
) -> ContractReport:
    """Do what `check_integration_contract` does; raises `AssertionError` if a rule is broken."""
    report = await check_integration_contract(integration, device, config)
    if report.failed:
        raise AssertionError(f"The integration breaks its contract.\n{report}")
    return report


async def _checked(
    rule: Rule,
    integration: type[Integration],
    device: ContractDevice | None,
    config: Mapping[str, Any] | None,
) -> Result:
    password = device.password if device is not None else ""
    try:
        if device is None:
            await rule.check(Case(integration, None, {}))
        else:
            await device.start()
            try:
                given = config_of(integration, device) if config is None else config
                await rule.check(Case(integration, device, given))
            finally:
                await device.stop()
                device.set_password(password)
    except NotApplicable as reason:
        return Result(rule, Outcome.NOT_APPLICABLE, str(reason))
    except AssertionError as error:
        return Result(rule, Outcome.FAILED, str(error))
    except Exception as error:  # whatever goes wrong is the rule's outcome, not the end of all
        return Result(rule, Outcome.FAILED, f"{type(error).__name__}: {error}")
    return Result(rule, Outcome.PASSED)


def config_of(integration: type[Integration], device: ContractDevice) -> dict[str, Any]:
    """Return what the schema asks for and the device has an attribute of the same name for."""
    return {
        key: value for key in keys_of(integration.schema) if (value := getattr(device, key, None))
    }
