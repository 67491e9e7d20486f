"""Each benchmark runs and yields figures; what they are depends on the machine."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # they are run from the checkout, and not installed

from benchmarks.__main__ import BENCHMARKS  # noqa: E402 - found by the line above
from benchmarks.report import Row, markdown  # noqa: E402 - as above
from benchmarks.scale import TINY  # noqa: E402 - as above

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_a_benchmark_yields_finite_figures(name: str) -> None:
    steps: list[str] = []

    rows = BENCHMARKS[name](TINY, steps.append)

    assert rows
    assert steps
    for row in rows:
        assert math.isfinite(row.value), row


def test_the_table_says_what_is_not_met() -> None:
    table = markdown([Row("patience", 3.0, "s", 2.0), Row("speed", 9.0, "m/s", 5.0, most=False)])

    assert "| patience | 3.00 s | ≤ 2.00 s | **no** |" in table
    assert "| speed | 9.00 m/s | ≥ 5.00 m/s | yes |" in table
