"""Writes plain values as YAML 1.2 that people like to read."""

from __future__ import annotations

from typing import Any

import yaml

from ucv.config.yaml_nodes import STR, resolve

#: Longest line before text is folded, in characters: no address is ever.
_WIDTH = 10_000
_REFERENCE = "!secret"


class SecretName(str):
    """Written as ``!secret NAME``; letters, digits and _ only."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Indents lists, repeats what is there twice, and quotes what either YAML takes for no text."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def choose_scalar_style(self) -> str:
        # What has a tag needs no quotes to be text.
        tagged = isinstance(self.event, yaml.ScalarEvent) and self.event.tag == _REFERENCE
        return "" if tagged else super().choose_scalar_style()


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # YAML 1.1, the library's, knows fewer numbers: 1e3 and 0o17 are text there.
    style = None if resolve(text) == STR else "'"
    if not text.isprintable():
        style = '"'  # in which line breaks of all kinds are escaped
    return dumper.represent_scalar(STR, text, style=style)


def _secret(dumper: yaml.SafeDumper, name: SecretName) -> yaml.ScalarNode:
    return dumper.represent_scalar(_REFERENCE, str(name))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(SecretName, _secret)


def dump(value: Any) -> str:
    """Return mappings, lists and scalars as YAML; keys keep their order."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=_WIDTH,
    )
