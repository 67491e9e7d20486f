from __future__ import annotations

import json
from typing import Any

import voluptuous as vol
from hypothesis import given
from hypothesis import strategies as st

from ucv import Integration
from ucv.config import fields
from ucv.flows.conversation import InvalidAnswer
from ucv.flows.entry_form import EntryForm
from ucv.secrets import Redactor

PASSWORD = "hunter2secret"


class Everything(Integration):
    domain = "everything"
    name = "Everything"
    schema = vol.All(
        {
            vol.Optional("url"): fields.Url("rtsp"),
            **fields.CREDENTIALS,
            vol.Optional("number", default=1): vol.All(vol.Coerce(int), vol.Range(min=1)),
            vol.Optional("mode"): vol.In(("a", "b")),
            vol.Optional("parts"): [{vol.Required("name"): str, "token": fields.Secret()}],
        },
        lambda value: value,
    )


def form() -> EntryForm:
    return EntryForm(
        Everything(),
        ["url", "username", "password", "number", "mode", "parts"],
        known={},
        redactor=Redactor(),
    )


# Whatever a client may send, and the secret wherever it could belong, or land by mistake.
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
ADDRESSES = st.sampled_from(
    [
        f"rtsp://viewer:{PASSWORD}@192.0.2.10/live",
        f"rtsp://viewer:{PASSWORD}@/live",
        f"rtsp:/viewer:{PASSWORD}@192.0.2.10/a b",
        f"http://viewer:{PASSWORD}@192.0.2.10",
    ]
)
SECRETS = st.just(PASSWORD) | st.just([PASSWORD]) | st.just({"password": PASSWORD})
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "url": LEAVES | ADDRESSES,
        "number": LEAVES | ADDRESSES,
        "mode": LEAVES | ADDRESSES | st.lists(LEAVES, max_size=2),
        "username": LEAVES,
        "password": LEAVES | SECRETS,
        "parts": LEAVES
        | st.lists(
            st.fixed_dictionaries({"name": LEAVES}, optional={"token": LEAVES | SECRETS}),
            max_size=2,
        ),
        "integration": LEAVES,
    },
)


def errors_of(tried: EntryForm, answer: dict[str, Any]) -> InvalidAnswer | None:
    try:
        tried.take(answer)
    except InvalidAnswer as invalid:
        return invalid
    return None


@given(st.lists(ANSWERS, min_size=1, max_size=3))
def test_no_answer_breaks_a_form_nor_is_a_secret_ever_served(
    answers: list[dict[str, Any]],
) -> None:
    tried = form()
    for answer in answers:
        served: Any = ()
        invalid = errors_of(tried, answer)
        if invalid is not None:
            assert invalid.errors or invalid.error
            served = [invalid.fields, repr(invalid.errors), repr(invalid.error)]
        assert PASSWORD not in json.dumps([tried.fields(), served])


def test_what_was_valid_is_kept_over_answers_that_were_not() -> None:
    tried = form()
    assert errors_of(tried, {"username": "viewer", "password": PASSWORD, "number": 0})
    draft = tried.take({"username": "viewer", "number": "7"})
    assert (draft.data["number"], draft.secrets) == (7, {"password": PASSWORD})


def test_the_core_s_own_keys_cannot_be_smuggled_in() -> None:
    tried = form()
    for key in ("id", "name", "integration", "disabled", "preload"):
        invalid = errors_of(tried, {key: "other"})
        assert invalid is not None, key
        assert [error.key for error in invalid.errors] == [key]
    assert tried.take({}).name == "Everything"


def test_every_secret_is_known_to_the_redactor_before_anything_is_done_with_it() -> None:
    redactor = Redactor()
    tried = EntryForm(Everything(), ["url", "password"], known={}, redactor=redactor)
    tried.take({"url": "rtsp://viewer:from-the-address@192.0.2.10/live"})
    assert errors_of(tried, {"url": "no address", "password": "typed-by-hand"})
    assert redactor.redact("from-the-address typed-by-hand") == "**redacted** **redacted**"
