"""Tables in the documents are made from the schemas, and are not stale."""

from __future__ import annotations

import voluptuous as vol

from scripts.generate_docs import INTEGRATIONS, integrations_page
from ucv import Integration, fields
from ucv.config.field_docs import table


def test_the_page_about_integrations_is_not_stale() -> None:
    assert INTEGRATIONS.read_text(encoding="utf-8") == integrations_page(), (
        "run: python -m scripts.generate_docs"
    )


def test_each_field_is_a_row() -> None:
    class Acme(Integration):
        domain = "acme"
        name = "Acme"
        schema = {
            fields.describe(
                vol.Required("host"), label="Host", help="Name | address."
            ): fields.Host(),
            "password": fields.Secret(),
            vol.Optional("rate", default=5): fields.Seconds(1, 1000000),
            "mode": fields.Select({"a": "First", "b": "Second", 3: "Third"}),
            "low": fields.Integer(minimum=2),
            "own": lambda value: value,
            "streams": vol.All([{"url": fields.Url("http")}], vol.Length(max=2)),
            "place": {vol.Optional("dark", default=True): bool},
        }

    assert table(Acme()).splitlines() == [
        "| Key | Value | Default | |",
        "|---|---|---|---|",
        r"| `host` | host name or IP address | required | Name \| address. |",
        "| `password` | secret |  | Password. |",
        "| `rate` | number, 1 to 1000000 (s) | `5` | Rate. |",
        "| `mode` | `a`, `b` or `3` |  | Mode. |",
        "| `low` | whole number, at least 2 |  | Low. |",
        "| `own` | see description |  | Own. |",
        "| `streams` | list, at most 2 |  | Streams. |",
        "| `streams[].url` | address: `http://` |  | URL. |",
        "| `place` | keys below |  | Place. |",
        "| `place.dark` | true or false | `true` | Dark. |",
    ]


def test_an_integration_without_fields_has_no_table() -> None:
    class Bare(Integration):
        domain = "bare"
        name = "Bare"

    assert table(Bare()) == ""
