from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.secrets import REDACTED, Redactor

PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=40).filter(
    lambda value: value.strip() == value and value not in REDACTED
)


def redactor(*values: str) -> Redactor:
    made = Redactor()
    for value in values:
        made.add(value)
    return made


def test_a_text_without_secrets_is_the_same_object() -> None:
    text = "nothing to hide"
    assert redactor().redact(text) is text


@pytest.mark.parametrize(
    "text",
    [
        "PASS {}",
        "rtsp://viewer:{}@127.0.0.1/live",
        "ValueError: {}: refused",
        "{}",
    ],
)
def test_the_raw_form_is_removed_wherever_it_stands(text: str) -> None:
    assert "p@ss/w:rd" not in redactor("p@ss/w:rd").redact(text.format("p@ss/w:rd"))


@given(PASSWORDS)
def test_escaped_and_encoded_forms_are_removed(password: str) -> None:
    made = redactor(password)
    forms = [
        password,
        quote(password, safe=""),
        quote(password, safe="").lower() if "%" in quote(password, safe="") else password,
        quote(password),
        quote_plus(password),
        repr(password)[1:-1],
        json.dumps(password)[1:-1],
        json.dumps(password, ensure_ascii=False)[1:-1],
    ]
    for form in forms[:2] + forms[3:]:
        assert form not in made.redact(f"<{form}>"), form


@given(PASSWORDS.filter(lambda value: len(value.encode()) >= 8), st.text(max_size=5))
def test_base64_with_a_name_before_it_shows_nothing_that_decodes(password: str, name: str) -> None:
    made = redactor(password)
    name = name.encode("utf-8", "ignore").decode()
    header = base64.b64encode(f"{name}:{password}".encode()).decode()
    shown = made.redact(f"Authorization: Basic {header}")
    assert header not in shown
    assert REDACTED in shown


def test_the_longest_secret_is_removed_first() -> None:
    assert redactor("secret", "secret-and-more").redact("a secret-and-more b") == f"a {REDACTED} b"


def test_a_short_secret_is_removed_where_it_stands_alone() -> None:
    made = redactor("ab1")
    assert made.redact("password=ab1 and cab12") == f"password={REDACTED} and cab12"


def test_what_is_no_secret_any_more_is_shown_again() -> None:
    made = redactor("hunter2secret")
    made.remove("hunter2secret")
    made.remove("hunter2secret")
    assert made.redact("hunter2secret") == "hunter2secret"


def test_the_empty_text_is_no_secret() -> None:
    assert redactor("").redact("abc") == "abc"


def test_secrets_that_overlap_are_removed_as_one() -> None:
    assert redactor("first-second", "second-third").redact("<first-second-third>") == (
        f"<{REDACTED}>"
    )


def test_long_and_short_secrets_are_removed_from_the_same_text() -> None:
    made = redactor("hunter2secret", "ab1")
    assert made.redact("ab1 cab12 hunter2secret ab1") == f"{REDACTED} cab12 {REDACTED} {REDACTED}"


def test_what_another_secret_has_in_common_with_a_forgotten_one_is_still_removed() -> None:
    made = redactor("hunter2", "hunter2secret", "ab1")
    made.remove("hunter2secret")
    assert made.redact("hunter2secret ab1") == f"{REDACTED}secret {REDACTED}"


@given(st.lists(PASSWORDS, min_size=1, max_size=8), st.text(max_size=20))
def test_of_many_secrets_each_is_removed(passwords: list[str], between: str) -> None:
    shown = redactor(*passwords).redact(between.join(passwords)).replace(REDACTED, "")
    assert not any(password in shown for password in passwords)


def test_a_thousand_secrets_cost_little_more_than_one() -> None:
    def spent(secrets: int) -> float:
        made = redactor(*(f"secret-{number:04}-word" for number in range(secrets)))
        began = time.thread_time()
        for _ in range(20):
            made.redact("Setting up camera17 failed, next try in 5 s: it refused secret-00 " * 20)
        return time.thread_time() - began

    assert min(spent(1000) for _ in range(3)) < 5 * min(spent(1) for _ in range(3))
