import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media.digest import MAX_REFUSALS, Authorizer, parse_challenges

DAHUA = (
    'Digest realm="Login to 4K0325FPAG8E1B3", qop="auth", nonce="1234567890", opaque="abc"',
    'Basic realm="Device_CGI"',
)


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def fields(header: str) -> dict[str, str]:
    (challenge,) = parse_challenges([header])
    return dict(challenge.parameters)


def authorizer(username: str = "admin", *secret: str) -> Authorizer:
    return Authorizer(username, *(secret or ("p@ss/w:rd",)), make_cnonce=lambda: "c0ffee")


# --- reading challenges -----------------------------------------------------------------------


def test_commas_in_a_quoted_realm_do_not_end_it() -> None:
    (challenge,) = parse_challenges(['Digest realm="Door, front, left", nonce="n,1"'])
    assert challenge.realm == "Door, front, left"
    assert challenge.parameters["nonce"] == "n,1"


def test_several_challenges_come_in_one_header_or_in_several() -> None:
    one = parse_challenges(['Basic realm="a", Digest realm="b", nonce="1", Negotiate'])
    several = parse_challenges(['Basic realm="a"', 'Digest realm="b", nonce="1"', "Negotiate"])
    assert one == several
    assert [c.scheme for c in one] == ["basic", "digest", "negotiate"]


def test_missing_commas_spaces_and_quotes_are_put_up_with() -> None:
    (challenge,) = parse_challenges(['digest REALM = "a" nonce=abc,, stale=TRUE, opaque="open'])
    assert challenge.parameters == {"realm": "a", "nonce": "abc", "stale": "TRUE", "opaque": "open"}
    assert challenge.stale


def test_the_scheme_and_the_names_have_any_case() -> None:
    (challenge,) = parse_challenges(['DIGEST Realm="x", NONCE="1", Algorithm=sha-256'])
    assert challenge.algorithm == "SHA-256"
    assert challenge.realm == "x"


def test_an_escaped_quote_does_not_end_the_realm_and_stays_as_it_came() -> None:
    (challenge,) = parse_challenges([r'Digest realm="a \"b\" c", nonce="1"'])
    assert challenge.realm == r"a \"b\" c"


@given(st.lists(st.text(max_size=300), max_size=4))
def test_no_header_breaks_the_parser(values: list[str]) -> None:
    parse_challenges(values)


@given(
    st.lists(
        st.text('Digest realm=nonce",;\\ MD5-sess qop auth-int stale true Basic\t', max_size=200),
        max_size=4,
    ),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_whatever_is_asked_the_answer_is_one_header_line(
    values: list[str], username: str, password: str
) -> None:
    auth = Authorizer(username, password)
    if auth.challenge(values):
        header = auth.header("DESCRIBE", "rtsp://camera/")
        assert header is not None
        assert not set(header) & set("\r\n\0")


def test_a_header_made_to_be_slow_is_read_fast() -> None:
    hostile = 'Digest realm="' + '\\"' * 8000 + "\\" + 'a="' * 2000
    assert len(parse_challenges([hostile] * 20)) >= 20


# --- answering --------------------------------------------------------------------------------


def test_the_example_of_rfc_2617_comes_out() -> None:
    auth = Authorizer("Mufasa", "Circle Of Life", make_cnonce=lambda: "0a4f113b")
    assert auth.challenge(
        [
            'Digest realm="testrealm@host.com", qop="auth,auth-int", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        ]
    )
    answer = fields(auth.header("GET", "/dir/index.html") or "")
    assert answer["response"] == "6629fae49393a05397450978507c4ef1"
    assert answer["opaque"] == "5ccc069c403ebaf9f0171e9517f40e41"
    assert answer["qop"] == "auth"
    assert answer["nc"] == "00000001"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    ],
)
def test_the_examples_of_rfc_7616_come_out(algorithm: str, response: str) -> None:
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    auth = Authorizer("Mufasa", "Circle of Life", make_cnonce=lambda: cnonce)
    assert auth.challenge(
        [
            f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
            'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
        ]
    )
    assert fields(auth.header("GET", "/dir/index.html") or "")["response"] == response


def test_without_qop_the_answer_is_that_of_rfc_2069() -> None:
    auth = authorizer()
    assert auth.challenge(['Digest realm="IP Camera(C2183)", nonce="abc", stale="FALSE"'])
    answer = fields(auth.header("DESCRIBE", "rtsp://cam/a?b=c") or "")
    secret = md5("admin:IP Camera(C2183):p@ss/w:rd")
    assert answer["response"] == md5(f"{secret}:abc:{md5('DESCRIBE:rtsp://cam/a?b=c')}")
    assert answer["uri"] == "rtsp://cam/a?b=c"
    assert not {"qop", "nc", "cnonce", "algorithm", "opaque"} & set(answer)


def test_sess_hashes_the_nonces_into_the_secret() -> None:
    auth = authorizer()
    assert auth.challenge(['Digest realm="r", nonce="n", algorithm=MD5-sess, qop=auth'])
    answer = fields(auth.header("OPTIONS", "*") or "")
    secret = md5(f"{md5('admin:r:p@ss/w:rd')}:n:c0ffee")
    assert answer["response"] == md5(f"{secret}:n:00000001:c0ffee:auth:{md5('OPTIONS:*')}")
    assert answer["algorithm"] == "MD5-sess"


def test_auth_int_alone_is_answered_for_an_empty_body() -> None:
    auth = authorizer()
    assert auth.challenge(['Digest realm="r", nonce="n", qop="auth-int"'])
    answer = fields(auth.header("PLAY", "u") or "")
    target = md5(f"PLAY:u:{md5('')}")
    secret = md5("admin:r:p@ss/w:rd")
    assert answer["response"] == md5(f"{secret}:n:00000001:c0ffee:auth-int:{target}")


def test_basic_carries_any_characters() -> None:
    auth = authorizer("jürgen", 'p@ss/w:rd "ü"')
    assert auth.challenge(['Basic realm="x"'])
    header = auth.header("DESCRIBE", "u") or ""
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == 'jürgen:p@ss/w:rd "ü"'


def test_nothing_is_sent_before_it_is_asked_for() -> None:
    assert authorizer().header("DESCRIBE", "u") is None


def test_digest_is_preferred_to_basic_and_sha_256_to_md5() -> None:
    auth = authorizer()
    assert auth.challenge(
        [
            'Basic realm="x"',
            'Digest realm="x", nonce="1"',
            'Digest realm="x", nonce="2", algorithm=SHA-256',
        ]
    )
    answer = fields(auth.header("DESCRIBE", "u") or "")
    assert (answer["algorithm"], answer["nonce"]) == ("SHA-256", "2")


def test_what_cannot_be_answered_is_refused() -> None:
    auth = authorizer()
    assert not auth.challenge(["Negotiate", 'Digest realm="x", nonce="1", algorithm=SHA3-512'])
    assert not auth.challenge([])
    assert not auth.challenge(['Digest realm="no nonce"'])
    assert auth.refusals == 0


def test_the_counter_grows_while_the_nonce_is_used_again() -> None:
    auth = authorizer()
    auth.challenge([DAHUA[0]])
    counts = [fields(auth.header("OPTIONS", "*") or "")["nc"] for _ in range(3)]
    assert counts == ["00000001", "00000002", "00000003"]


def test_a_user_name_with_a_line_end_cannot_break_the_header() -> None:
    auth = authorizer("a\r\nX: y", "p")
    auth.challenge([DAHUA[0]])
    assert "username*=UTF-8''a%0D%0AX%3A%20y" in (auth.header("OPTIONS", "*") or "")


def test_the_repr_shows_no_credentials() -> None:
    auth = authorizer("bob", "hunter2")
    auth.challenge(DAHUA)
    auth.header("OPTIONS", "*")
    assert "hunter2" not in repr(auth)


# --- counting refusals ------------------------------------------------------------------------


def test_a_fresh_challenge_after_credentials_is_a_refusal() -> None:
    auth = authorizer()
    assert auth.challenge(DAHUA)
    auth.header("DESCRIBE", "u")
    assert not auth.challenge(DAHUA)
    assert auth.refusals == 1
    assert auth.header("DESCRIBE", "u") is None


def test_a_stale_nonce_is_renewed_and_no_refusal() -> None:
    auth = authorizer()
    auth.challenge(DAHUA)
    auth.header("DESCRIBE", "u")
    assert auth.challenge(['Digest realm="x", nonce="2", stale=TRUE'])
    assert fields(auth.header("DESCRIBE", "u") or "")["nonce"] == "2"
    assert auth.refusals == 0


def test_a_server_that_calls_every_nonce_stale_is_not_believed_for_ever() -> None:
    auth = authorizer()
    stale = ['Digest realm="x", nonce="2", stale=true']
    tries = 0
    while auth.challenge(stale):
        auth.header("DESCRIBE", "u")
        tries += 1
        assert tries < 10


def test_a_used_nonce_that_is_refused_without_stale_gets_one_more_try() -> None:
    auth = authorizer()
    auth.challenge(DAHUA)
    auth.header("DESCRIBE", "u")
    auth.accepted()
    auth.header("SETUP", "u")
    assert auth.challenge(['Digest realm="x", nonce="2"'])
    assert fields(auth.header("SETUP", "u") or "")["nonce"] == "2"
    auth.accepted()
    assert auth.refusals == 0
    assert auth.header("PLAY", "u") is None, "each nonce is good for one request here"


def test_the_other_algorithm_is_tried_once_and_then_kept() -> None:
    both = ['Digest realm="x", nonce="1", algorithm=SHA-256', 'Digest realm="x", nonce="1"']
    auth = authorizer()
    assert auth.challenge(both)
    auth.header("DESCRIBE", "u")
    assert auth.challenge(both)
    assert "algorithm" not in fields(auth.header("DESCRIBE", "u") or "")
    auth.accepted()
    assert auth.challenge(both)
    assert "algorithm" not in fields(auth.header("DESCRIBE", "u") or "")


def test_a_refused_digest_is_never_followed_by_basic() -> None:
    auth = authorizer()
    auth.challenge(DAHUA)
    auth.header("DESCRIBE", "u")
    assert not auth.challenge(DAHUA)
    auth = authorizer()
    auth.challenge(['Digest realm="x", nonce="1", algorithm=SHA-256', 'Basic realm="x"'])
    auth.header("DESCRIBE", "u")
    assert not auth.challenge(['Digest realm="x", nonce="1", algorithm=SHA-256', 'Basic realm="x"'])


@given(st.lists(st.sampled_from(["md5", "both", "basic", "stale"]), max_size=30))
def test_no_server_gets_a_third_refused_try(answers: list[str]) -> None:
    challenges = {
        "md5": ['Digest realm="x", nonce="1"'],
        "both": ['Digest realm="x", nonce="1", algorithm=SHA-256', 'Digest realm="x", nonce="1"'],
        "basic": ['Basic realm="x"'],
        "stale": ['Digest realm="x", nonce="1", stale=true'],
    }
    auth = authorizer()
    refused = 0
    sent = False
    for answer in answers:
        refused += sent and answer != "stale"
        sent = auth.challenge(challenges[answer]) and auth.header("DESCRIBE", "u") is not None
        assert not (sent and refused >= MAX_REFUSALS)
