"""Every code can be told to people in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.errors import CameraViewerError, ConnectTimeout, ValidationError
from ucv_bridge import errors  # noqa: F401 - so that its classes are found below
from ucv_bridge.messages import SPANISH, choose_language, sentence, translated_details


def all_errors(
    base: type[CameraViewerError] = CameraViewerError,
) -> Iterator[type[CameraViewerError]]:
    yield base
    for kind in base.__subclasses__():
        if kind.__module__.startswith(("ucv.", "ucv_bridge.")):
            yield from all_errors(kind)


@pytest.mark.parametrize("kind", list(all_errors()))
def test_each_code_has_a_sentence_in_both_languages(kind: type[CameraViewerError]) -> None:
    assert kind.code in SPANISH
    assert SPANISH[kind.code].endswith((".", ")."))


def test_english_is_what_the_error_says_and_spanish_what_its_code_says() -> None:
    error = ConnectTimeout("192.0.2.1 did not answer within 5 s.")
    assert sentence(error, "en") == "192.0.2.1 did not answer within 5 s."
    assert sentence(error, "es") == "La cámara no respondió a tiempo."


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("ES-ar", "es"),
        ("en-GB, es;q=0.9", "en"),
        ("en;q=0.2, es;q=0.8", "es"),
        ("fr, es;q=0.1", "es"),
        ("es;q=0", "en"),
        ("es;q=x, en;q=0.1", "en"),
        ("*", "en"),
    ],
)
def test_the_language_is_the_clients_best_that_we_speak(header: str, language: str) -> None:
    assert choose_language(header) == language


@given(st.text())
def test_no_header_makes_choosing_fail(header: str) -> None:
    assert choose_language(header) in ("en", "es")


def test_details_that_are_no_list_of_faults_stay_as_they_are() -> None:
    for details in ({}, {"errors": "x"}, {"errors": [1, {"key": "a"}, {"message": None}]}):
        error = ValidationError(details=details)
        assert translated_details(error.details, "es") == details
