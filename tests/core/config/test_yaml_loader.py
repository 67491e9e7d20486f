"""The YAML loader: tags, places, bounds, and that no fault repeats a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ucv.config import yaml
from ucv.config.problem import Mark
from ucv.config.yaml import Document, ProtectedText, load


def read(folder: Path, text: str | bytes, **environment: str) -> Document:
    file = folder / "ucv.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(file, folder, environment)


def messages(document: Document) -> list[str]:
    return [str(problem) for problem in document.problems]


def test_plain_values_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        "{a: 1, b: 0x10, c: 1.5, d: true, e: yes, f: ~, g: 2020-01-01, h: 0123, i: [x, '1']}",
    )
    assert not document.problems
    assert document.value == {
        "a": 1, "b": 16, "c": 1.5, "d": True, "e": "yes", "f": None, "g": "2020-01-01", "h": 123,
        "i": ["x", "1"],
    }  # fmt: skip


def test_every_value_has_a_place(tmp_path: Path) -> None:
    document = read(tmp_path, "cameras:\n  - name: Front\n    url: x\n")
    assert document.mark(("cameras", 0, "url")) == Mark("ucv.yaml", 3, 5)
    assert document.mark(("cameras", 0, "missing")) == Mark("ucv.yaml", 2, 5)
    assert document.mark(("nothing",)) == Mark("ucv.yaml", 1, 1)


def test_no_file_and_an_empty_file_are_empty(tmp_path: Path) -> None:
    assert load(tmp_path / "ucv.yaml", tmp_path).value is None
    document = read(tmp_path, "# nothing\n")
    assert document.value is None
    assert not document.problems


# --- !secret ----------------------------------------------------------------------------------


def test_a_secret_is_text_as_written(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("number: 0123\nquoted: 'a: b'\n")
    document = read(tmp_path, "a: !secret number\nb: !secret quoted\n")
    assert document.value == {"a": "0123", "b": "a: b"}
    assert isinstance(document.value["a"], ProtectedText)
    assert "0123" not in repr(document.value)


def test_a_secret_is_looked_up_beside_the_file_and_then_above(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("a: outer\nb: outer\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "secrets.yaml").write_text("a: inner\n")
    (tmp_path / "sub" / "part.yaml").write_text("a: !secret a\nb: !secret b\n")
    document = read(tmp_path, "part: !include sub/part.yaml")
    assert document.value == {"part": {"a": "inner", "b": "outer"}}


def test_an_unknown_secret_is_a_problem_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("front_password: hunter2\n")
    document = read(tmp_path, "a: 1\nb: !secret front_pasword\n")
    assert messages(document) == [
        "ucv.yaml, line 2, column 4: b: no such name in secrets.yaml; did you mean front_password?"
    ]


def test_a_missing_secrets_file_is_a_problem_where_it_is_used(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, "b: !secret x\n").problems
    assert (problem.file, problem.line, problem.key) == ("ucv.yaml", 1, "b")
    assert problem.message == "there is no secrets.yaml"


@pytest.mark.parametrize(
    "content",
    [
        "hunter2",
        "x: [hunter2]",
        "x: !secret hunter2",
        "x: !hunter2",
        "x: *hunter2",
        "x: hunter2: a",
        "- hunter2",
        "x: 'hunter2",
        "x: a\nx: hunter2",
        "x: %hunter2",
        "x: @hunter2",
        "x: &hunter2 a\n &hunter2 y: b",
        'x: "\\hunter2"',
    ],
)
def test_a_broken_secrets_file_is_a_problem_that_does_not_repeat_it(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "secrets.yaml").write_text(content)
    document = read(tmp_path, "b: !secret y\nc: !secret y")
    assert any(problem.file == "secrets.yaml" for problem in document.problems)
    assert "hunter2" not in "".join(messages(document))


@pytest.mark.parametrize(
    "value",
    ["*hunter2", "!hunter2", "&hunter2", "%hunter2", "@hunter2", "`hunter2", "hunter2: x",
     "'hunter2", '"\\hunter2"', "!!hunter2 x", "!<hunter2> x", "{hunter2", "[hunter2", "|hunter2"],
)  # fmt: skip
def test_a_password_that_should_be_quoted_is_not_repeated(tmp_path: Path, value: str) -> None:
    document = read(tmp_path, f"cameras:\n  - password: {value}\n    name: x\n")
    assert value == "&hunter2" or document.problems
    assert "hunter2" not in "".join(messages(document))


def test_a_key_that_may_be_an_address_is_not_repeated(tmp_path: Path) -> None:
    document = read(tmp_path, "'rtsp://u:hunter2@cam/x': !secret nothing\n")
    assert document.problems
    assert "hunter2" not in "".join(messages(document))


# --- !env -------------------------------------------------------------------------------------


def test_a_variable_is_text(tmp_path: Path) -> None:
    document = read(tmp_path, "a: !env PORT\nb: !env NO two words\n", PORT="0554")
    assert document.value == {"a": "0554", "b": "two words"}


def test_a_missing_variable_without_default_is_a_problem(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, "a: !env NO\n").problems
    assert (problem.key, problem.message) == ("a", "the environment variable is not set")


# --- !include ---------------------------------------------------------------------------------


def test_an_included_value_stands_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "cameras.yaml").write_text("- name: Front\n- name: Back\n")
    document = read(tmp_path, "cameras: !include cameras.yaml\n")
    assert document.value == {"cameras": [{"name": "Front"}, {"name": "Back"}]}
    assert document.mark(("cameras", 1, "name")) == Mark("cameras.yaml", 2, 3)


def test_a_file_that_includes_itself_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: !include b.yaml\n")
    (tmp_path / "b.yaml").write_text("y: !include a.yaml\n")
    document = read(tmp_path, "a: !include a.yaml\n")
    assert messages(document) == ["b.yaml, line 1, column 4: a.x.y: the file includes itself"]


@pytest.mark.parametrize("name", ["missing.yaml", ".", "", "'a\\0b'", "../missing/x.yaml"])
def test_a_file_that_cannot_be_included_is_a_problem(tmp_path: Path, name: str) -> None:
    document = read(tmp_path, f"a: !include {name}\n")
    assert len(document.problems) == 1
    assert document.value in ({"a": None}, None)


def test_includes_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[]")
    items = "\n".join("- !include a.yaml" for _ in range(yaml.MAX_FILES + 10))
    assert "files are included" in messages(read(tmp_path, items))[0]


# --- structure --------------------------------------------------------------------------------


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd:\n  <<: *a\n  y: *b\n",
    )
    assert not document.problems
    assert document.value["c"] == {"x": 3, "y": 1, "z": 2}
    assert document.value["d"] == {"x": 1, "y": {"y": 2, "z": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "the key is there twice"),
        ("1: a", "a key must be text"),
        ("[a]: b", "a key must be text"),
        ("a: {<<: 1}", "<< takes a mapping"),
        ("a: &a [*a]", "an alias refers to what it is a part of"),
        ("a: !!python/object:os.system x", "unknown tag"),
        ("a: !!binary aGk=", "unknown tag"),
        ("a: !!set {b, c}", "unknown tag"),
        ("a: !!omap [b: c]", "unknown tag"),
        ("a: !!int x", "not a number"),
        ("a: !!int ''", "not a number"),
        (f"a: {'9' * 5000}", "not a number"),
        ("a: b\n---\nc: d", "only one document"),
        ("a: b: c", "a colon cannot stand here"),
        ("a:\n\t- b", "this character cannot stand here"),
        ("a:\n  b: 1\n c: 2", "indentation"),
        ("a: 'x", "not valid YAML"),
        ("a: *b", "anchor that is not there"),
        (b"a: \xff", "must be UTF-8"),
        (b"a: \x01", "characters that YAML does not allow"),
        (f"{'[' * 40}{']' * 40}", "nested too deeply"),
        (f"{'[' * 5000}{']' * 5000}", "nested too deeply"),
        ("%YAML x\n---\na: b", "not valid YAML"),
    ],
)
def test_what_is_not_accepted_is_a_problem_with_a_place(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    (problem, *_) = read(tmp_path, text).problems
    assert message in problem.message
    assert problem.file == "ucv.yaml"


def test_a_syntax_error_names_line_and_column(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, "a: 1\nb: c: d\n").problems
    assert (problem.line, problem.column) == (2, 5)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, b"#" * (yaml.MAX_BYTES + 1)).problems
    assert "larger than" in problem.message


def test_aliases_that_multiply_are_bounded(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 20):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{aliases}]")
    (problem,) = read(tmp_path, "\n".join(lines)).problems
    assert "values" in problem.message


def test_the_number_of_problems_is_bounded(tmp_path: Path) -> None:
    document = read(tmp_path, "\n".join("- !x y" for _ in range(1000)))
    assert len(document.problems) == yaml.MAX_PROBLEMS


# --- noise ------------------------------------------------------------------------------------

_noise = st.text(
    st.sampled_from("abx019-:?[]{}#&*!|>'\"%@`,.~<= \n\t\\\u00e9\u2028\0"), max_size=120
)
_words = st.lists(
    st.sampled_from(
        ["a", "- ", ": ", "\n", "\n  ", "[", "]", "{", "}", ", ", "&a ", "*a", "!secret ", "!env ",
         "!include ", "ucv.yaml", "secrets.yaml", "<<: ", "'", '"', "|\n", ">\n", "---\n", "...\n",
         "%YAML 1.1\n", "%TAG ! x\n", "!!", "!!int ", "!!float ", "1", "0x", "0o", ".inf", "? ",
         "#", "\\"]
    ),
    max_size=60,
).map("".join)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.one_of(_noise, _words).map(str.encode) | st.binary(max_size=200))
def test_no_text_makes_the_loader_raise(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "secrets.yaml").write_bytes(text)
    document = read(tmp_path, text)
    for problem in document.problems:
        assert str(problem)


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc é'\"", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdef", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_plain)
def test_json_is_read_as_json_does(tmp_path: Path, value: object) -> None:
    import json

    document = read(tmp_path, json.dumps(value))
    assert not document.problems
    assert document.value == value
