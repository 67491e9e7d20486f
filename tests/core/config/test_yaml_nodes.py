"""YAML 1.2 as it is read and written: words, places, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.config import yaml_nodes
from ucv.config.yaml import load_text
from ucv.config.yaml_nodes import (
    BOOL,
    FLOAT,
    INT,
    NULL,
    STR,
    MappingNode,
    ScalarNode,
    YamlSyntax,
    compose,
    plain_value,
    resolve,
)
from ucv.config.yaml_writer import SecretName, dump


@pytest.mark.parametrize(
    ("words", "tag"),
    [
        # YAML 1.2.2, section 10.3.2.
        ("null Null NULL ~", NULL),
        ("true True TRUE false False FALSE", BOOL),
        ("0 0o7 0x3A -19 +1 007", INT),
        ("0. -0.0 .5 +12e03 -2E+05 .inf -.Inf +.INF .NAN .nan 1e3", FLOAT),
        # What YAML 1.1 takes for something else, and what only looks like a number.
        ("yes no on off y N 1_000 0b1 190:20:30 2001-12-14 = 1e 0o8 -0x1 . - + .e1 nUll tRue", STR),
    ],
)
def test_a_word_is_what_yaml_1_2_says(words: str, tag: str) -> None:
    assert {word: resolve(word) for word in words.split()} == dict.fromkeys(words.split(), tag)


@pytest.mark.parametrize(
    ("word", "value"),
    [("0o17", 15), ("0x1F", 31), ("-08", -8), ("-.INF", float("-inf")), ("+1.5e1", 15.0),
     ("~", None), ("FALSE", False), ("True", True), ("1.", 1.0)],
)  # fmt: skip
def test_a_word_has_its_value(word: str, value: object) -> None:
    read = plain_value(ScalarNode(resolve(word), 1, 1, word))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", ["a: !!bool 1", "a: !!null x", "a: !!int 1.5", "a: !!float x"])
def test_what_is_not_what_its_tag_says_is_a_problem(text: str) -> None:
    document = load_text(text, "x")
    assert document.value == {"a": None}
    assert "this is not" in document.problems[0].message


@pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])
def test_each_node_knows_its_place(monkeypatch: pytest.MonkeyPatch, parser: str) -> None:
    import yaml

    monkeypatch.setattr(yaml_nodes, "_Parser", getattr(yaml, parser))
    root = compose("# é\nkey: &a\n  - !secret x\nübung: *a\n".encode())
    assert isinstance(root, MappingNode)
    ((_, listed), (second, alias)) = root.value
    assert (root.line, root.column) == (2, 1)
    assert listed is alias
    (secret,) = listed.value  # type: ignore[attr-defined]
    assert (secret.tag, secret.line, secret.column) == ("!secret", 3, 5)
    assert (second.line, second.column) == (4, 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: [1,\n  2\n\n\n", (2, 4)),
        ("a: 1\nb: 'x\nc: 1\n", (2, 4)),
        ("a: {b: 1\n", (1, 4)),
        ("a: [", (1, 5)),
        ("a:\n  b: 1\n c: 2\n", (3, 2)),
        ("a: 1\n---\nb: 2\n", (2, 1)),
        ("a: *b\n", (1, 4)),
    ],
)
def test_a_fault_is_where_a_person_would_look(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(YamlSyntax) as raised:
        compose(text.encode())
    assert (raised.value.line, raised.value.column) == place


def test_text_that_was_sent_reaches_nothing_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("x: hunter2\n")
    (tmp_path / "part.yaml").write_text("hunter2\n")
    lines = ["!secret x", f"!include {tmp_path}/part.yaml", "!env HOME", "!%69nclude part.yaml",
             "!env NO default"]  # fmt: skip
    for line in lines:
        document = load_text(f"a: {line}\n", "sent")
        assert document.value == {"a": None}, line
        assert [(found.file, found.line) for found in document.problems] == [("sent", 1)]
        assert document.files == set()


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.from_regex(r"[-+]?[0-9]{1,3}[._:xoeE]{0,2}[-+]?[0-9a-f]{0,3}", fullmatch=True)
    | st.sampled_from(["yes", "~", "null", "<<", "=", "0o17", "1e3", ".inf", "!x", "- a", "# a"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc <~01", max_size=5), inner)
    ),
    max_leaves=12,
)  # fmt: skip


@given(_values)
def test_what_is_written_is_read_the_same(value: object) -> None:
    document = load_text(dump({"value": value}), "x")
    assert document.problems == []
    assert document.value == {"value": value}


def test_a_reference_to_a_secret_needs_no_quotes() -> None:
    assert dump({"a": [{"b": SecretName("front_password")}]}) == (
        "a:\n  - b: !secret front_password\n"
    )
