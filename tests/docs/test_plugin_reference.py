"""The pages for plugin authors name all that is there, and nothing that is not."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import ucv
from scripts.generate_docs import REFERENCE
from scripts.plugin_reference import reference_page
from ucv.plugins.capabilities import CAPABILITY_OF
from ucv.testing import __all__ as kit_names
from ucv.testing.contract_rules import RULES
from ucv.testing.faults import HttpFaults
from ucv.testing.rtsp_server import Faults

PAGES = sorted(REFERENCE.parent.glob("*.md"))
RULES_PAGE = REFERENCE.parent / "rules.md"


def test_the_reference_is_not_stale() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference_page(), (
        "run: python -m scripts.generate_docs"
    )


def test_everything_a_plugin_can_import_is_in_the_reference() -> None:
    page = REFERENCE.read_text()
    # These have pages and sections of their own.
    names = set(ucv.__all__) - {"__version__", "events", "fields", "hookimpl"}
    missing = {name for name in names | set(kit_names) if not re.search(rf"\b{name}\b", page)}
    assert not missing


def test_every_method_of_a_capability_and_every_fault_is_in_the_reference() -> None:
    page = REFERENCE.read_text()
    for method in CAPABILITY_OF:
        assert f"{method}(device" in page
    for kind in (HttpFaults, Faults):
        for one in fields(kind):
            assert one.name.startswith("_") or f"`{one.name}`" in page, one.name


def test_no_machine_shows_in_the_reference() -> None:
    assert not re.search(
        r"0x[0-9a-f]{6}|/tmp/|/home/|<function|<object|<factory>", reference_page()
    )


def test_each_rule_of_the_contract_is_explained_in_the_rules_and_no_other() -> None:
    linked = re.findall(r"\[`(\w+)`\]\(reference\.md#contract-(\w+)\)", RULES_PAGE.read_text())
    assert all(shown == target for shown, target in linked)
    assert {target for _, target in linked} == {rule.id for rule in RULES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_pages_lead_to_a_heading(page: Path) -> None:
    for file, anchor in re.findall(r"\]\(([\w./-]*)#([^)]+)\)", page.read_text()):
        target = (page.parent / file) if file else page
        assert anchor in anchors(target.read_text()), f"{file}#{anchor}"


def anchors(text: str) -> set[str]:
    """Return where links within a page can lead to."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return {*plain, *re.findall(r'<a id="([^"]+)">', text)}
