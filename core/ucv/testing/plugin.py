"""The pytest plugin of the test kit: loaded by pytest wherever this package is installed.

It gives fixtures, and adds nothing to tests that do not ask for them. Each test that uses one fails
if it leaves a task or a connection behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
import pytest_asyncio

# pytest loads this module in every project that has UCV installed: the hub itself is imported only
# by tests that want one.
if TYPE_CHECKING:
    from ucv.testing.clock import FakeClock
    from ucv.testing.contract import ContractReport
    from ucv.testing.hub import HubKit, Plugin

#: Starts a hub with some plugins: ``kit = await ucv_hub(Acme)``.
StartHub = Callable[..., Awaitable["HubKit"]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option by which ``ucv plugin check`` learns what became of the contract."""
    group = parser.getgroup("ucv", "Universal Camera Viewer")
    group.addoption(
        "--ucv-report",
        metavar="FILE",
        help="Write the reports of all integration contracts to FILE, as lines of JSON.",
    )


@pytest.fixture(scope="session", autouse=True)
def _ucv_report(request: pytest.FixtureRequest) -> Iterator[None]:
    path: str | None = request.config.getoption("--ucv-report")
    if path is None:
        yield
        return

    from ucv.testing.contract import listen_to_reports  # noqa: PLC0415 - see above

    def write(report: ContractReport) -> None:
        with Path(path).open("ab") as file:
            file.write(orjson.dumps(report.to_json()) + b"\n")

    with listen_to_reports(write):
        yield


@pytest.fixture
def ucv_clock() -> FakeClock:
    """Return a clock that stands still until the test turns it."""
    from ucv.testing.clock import FakeClock  # noqa: PLC0415 - see above

    return FakeClock()


@pytest_asyncio.fixture
async def ucv_no_leaks() -> AsyncIterator[None]:
    """Fail a test that leaves a task running."""
    before = asyncio.all_tasks()
    yield
    # Transports tell their tasks of the end in the next turns of the loop.
    for _ in range(5):
        await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    left.discard(asyncio.current_task())
    if left:
        names = ", ".join(sorted(task.get_name() for task in left))
        pytest.fail(f"tasks were left running: {names}")


@pytest_asyncio.fixture
async def ucv_hub(ucv_no_leaks: None) -> AsyncIterator[StartHub]:
    """Return what starts a hub in memory with the given plugins; it is stopped after the test."""
    from ucv.testing.hub import running_hub  # noqa: PLC0415 - see above

    async with AsyncExitStack() as running:

        async def start(*plugins: Plugin, clock: FakeClock | None = None, yaml: str = "") -> HubKit:
            return await running.enter_async_context(running_hub(*plugins, clock=clock, yaml=yaml))

        yield start
