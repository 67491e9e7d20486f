"""Tests on networks of their own, where Linux lets them make one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache

import pytest

from tests.network.lab import NetworkLab, unusable

_unusable = cache(unusable)


@pytest.fixture(autouse=True)
def network_namespaces() -> None:
    """Skip where there can be none."""
    if reason := _unusable():
        pytest.skip(reason)


@pytest.fixture
async def lab() -> AsyncIterator[NetworkLab]:
    """Return a switch without hosts."""
    async with NetworkLab() as lab:
        yield lab
