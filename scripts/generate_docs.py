"""Writes the documents that are made from the code: ``python -m scripts.generate_docs``."""

from __future__ import annotations

from pathlib import Path

from scripts.plugin_reference import reference_page
from ucv.config.field_docs import table
from ucv.plugins.integration import Integration
from ucv.plugins.loader import PluginManager

ROOT = Path(__file__).resolve().parents[1]
INTEGRATIONS = ROOT / "docs" / "integrations.md"
REFERENCE = ROOT / "docs" / "plugins" / "reference.md"

_HEAD = """# Integrations

What the built-in integrations understand in a camera's lines in `ucv.yaml`, beside `id`, `name`,
`integration`, `preload` and `disabled` (see [configuration](configuration.md)). The forms of the
page ask for the same. A *secret* goes to the encrypted store and is never shown again.

This page is made from the code by `python -m scripts.generate_docs`.
"""


def integrations_page() -> str:
    """Return the page about the built-in integrations."""
    plugins = PluginManager.load(safe_mode=True)
    try:
        found = [one for _, one in sorted(plugins.integrations.items())]
    finally:
        plugins.close()
    return "\n".join([_HEAD, *map(_section, found)])


def _section(integration: Integration) -> str:
    about = (type(integration).__doc__ or "").strip().split("\n")[0]
    return f"## {integration.name}\n\n{about}\n\n`integration: {integration.domain}`\n\n" + table(
        integration
    )


def main() -> None:
    """Write all of them."""
    INTEGRATIONS.write_text(integrations_page(), encoding="utf-8")
    REFERENCE.write_text(reference_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
