"""How virtual devices judge credentials: by the RFC's own example, and whatever comes."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.testing.http_auth import HttpGuard, Verdict
from ucv.testing.http_message import Request
from ucv.testing.rtsp_auth import parameters

# RFC 7616, section 3.9.1.
_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
_RESPONSES = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}


def asking(authorization: str, target: str = "/dir/index.html") -> Request:
    headers = {"authorization": authorization}
    return Request("GET", target, target, {}, "HTTP/1.1", headers)


def example(name: str, **changes: str) -> str:
    values = {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": name,
        "nonce": _NONCE,
        "nc": "00000001",
        "cnonce": _CNONCE,
        "qop": "auth",
        "response": _RESPONSES[name],
        **changes,
    }
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in values.items())


@pytest.fixture
def guard() -> HttpGuard:
    return HttpGuard("digest", "Mufasa", "Circle of Life", "http-auth@example.org")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_the_example_of_the_rfc_is_right_though_its_nonce_is_not_ours(
    guard: HttpGuard, algorithm: str
) -> None:
    assert guard.judge(asking(example(algorithm))) == (Verdict.STALE, "nonce")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"username": "Scar"}, "user name"),
        ({"realm": "elsewhere"}, "realm"),
        ({"uri": "/dir"}, "uri"),
        ({"algorithm": "SHA-512"}, "algorithm"),
        ({"qop": "auth-int"}, "qop"),
        ({"nc": "1"}, "nonce count"),
        ({"cnonce": ""}, "nonce count"),
        ({"response": "0" * 32}, "response"),
        ({"nc": "00000002"}, "response"),
    ],
)
def test_what_is_wrong_is_said(guard: HttpGuard, changes: dict[str, str], reason: str) -> None:
    assert guard.judge(asking(example("MD5", **changes))) == (Verdict.REFUSED, reason)


def test_the_target_counts_as_it_was_sent(guard: HttpGuard) -> None:
    verdict, reason = guard.judge(asking(example("MD5"), "/dir/index%2Ehtml"))
    assert (verdict, reason) == (Verdict.REFUSED, "uri")


def test_basic_is_refused_where_digest_is_asked_for(guard: HttpGuard) -> None:
    pair = base64.b64encode(b"Mufasa:Circle of Life").decode()
    assert guard.judge(asking(f"Basic {pair}")) == (Verdict.REFUSED, "scheme")
    guard.scheme = "both"
    assert guard.judge(asking(f"Basic {pair}"))[0] is Verdict.ACCEPTED


def test_each_algorithm_is_asked_for_with_a_nonce_of_its_own(guard: HttpGuard) -> None:
    challenges = [parameters(text) for text in guard.challenges()]
    assert [challenge["algorithm"] for challenge in challenges] == ["MD5", "SHA-256"]
    assert len({challenge["nonce"] for challenge in challenges}) == 2


def test_without_qop_there_is_no_count() -> None:
    guard = HttpGuard("digest", "u", "p", algorithms=("MD5",), qop=())
    assert parameters(guard.challenges()[0]).keys() == {"realm", "nonce"}


def test_one_nonce_does_not_serve_two_algorithms(guard: HttpGuard) -> None:
    md5, _ = (parameters(text) for text in guard.challenges())
    asked = asking(example("SHA-256", nonce=md5["nonce"]))
    assert guard.judge(asked) == (Verdict.REFUSED, "algorithm")


def test_a_realm_with_quotes_is_quoted_and_understood() -> None:
    guard = HttpGuard("digest", "u", "p", 'the "old\\new" one')
    assert parameters(guard.challenges()[0])["realm"] == 'the "old\\new" one'


def test_an_unknown_algorithm_is_no_configuration() -> None:
    with pytest.raises(ValueError, match="SHA-1"):
        HttpGuard(algorithms=("SHA-1",))
    with pytest.raises(ValueError, match="cnonce"):
        HttpGuard(algorithms=("MD5-sess",), qop=())


def test_no_password_is_in_a_repr(guard: HttpGuard) -> None:
    assert "Circle" not in repr(guard)


@given(st.text(st.characters(max_codepoint=255)))
def test_nothing_but_the_password_is_accepted(header: str) -> None:
    guard = HttpGuard("both", "u", "a password that nobody guesses")
    guard.challenges()
    for scheme in ("Digest ", "Basic ", ""):
        assert guard.judge(asking(scheme + header))[0] is Verdict.REFUSED
