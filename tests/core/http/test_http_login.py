from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from ucv.errors import AccessDenied, InvalidAuth, ProtocolError
from ucv.http import DeviceHttp, HttpPool
from ucv.lockout import Lockout
from ucv.testing import until

USERNAME = "viewer"
PASSWORD = "hunter2 & ünïcode"


@dataclass(frozen=True)
class Login:
    username: str = USERNAME
    password: str = field(default=PASSWORD, repr=False)


def client(pool: HttpPool, peer: Any, **more: Any) -> DeviceHttp:
    more.setdefault("credentials", Login())
    return pool.client("127.0.0.1", port=peer.port, **more)


async def test_nothing_is_sent_unasked(pool: HttpPool, peer: Any) -> None:
    http = client(pool, peer)
    await http.get_json("/one")
    await http.get_json("/two")
    assert [asked.authorization for asked in peer.asked] == [None, None]


@pytest.mark.parametrize("qop", ["auth", "auth-int,auth", None])
@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"])
async def test_a_digest_is_answered_once_and_then_counted_up(
    pool: HttpPool, peer: Any, algorithm: str, qop: str | None
) -> None:
    guard = peer.protect(offers=(algorithm,), qop=qop)
    http = client(pool, peer)
    for number in range(5):
        await http.get_json(f"/info?number={number}&x=a%2Fb+c")
    assert (guard.bare, guard.refused, guard.good) == (1, 0, 5)
    assert peer.connections == 1
    if qop:
        assert sorted(int(nc, 16) for _, nc in guard.counts) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("one_header", [True, False])
async def test_of_several_challenges_the_best_is_answered(
    pool: HttpPool, peer: Any, one_header: bool
) -> None:
    guard = peer.protect(offers=("Basic", "MD5", "SHA-256"), one_header=one_header)
    await client(pool, peer).get_json("/")
    assert guard.good == 1
    assert "SHA-256" in peer.asked[-1].authorization


async def test_basic_is_used_only_where_nothing_better_is_offered(
    pool: HttpPool, peer: Any
) -> None:
    guard = peer.protect(offers=("Basic",))
    http = client(pool, peer)
    await http.get_json("/one")
    await http.get_json("/two")
    assert (guard.bare, guard.refused, guard.good) == (1, 0, 2)


@pytest.mark.parametrize(
    "target",
    ["/a b", "/a%20b?x=%c3%a9", "/ä?ö", "//x/../y?a[0].b='1'&c=d,e;f", "?q", "/%zz", "/|<>"],
)
async def test_the_digest_is_computed_over_the_target_as_sent(
    pool: HttpPool, peer: Any, target: str
) -> None:
    guard = peer.protect()
    await client(pool, peer).get_json(target, params={"ü": "a b&c", "n": 1})
    assert (guard.refused, guard.good) == (0, 1)


async def test_a_posted_body_arrives_with_the_login(pool: HttpPool, peer: Any) -> None:
    guard = peer.protect()
    answer = await client(pool, peer).post("/set", json={"on": True})
    assert answer.status == 200
    assert [asked.body for asked in peer.asked] == [b'{"on":true}'] * 2
    assert guard.good == 1


@pytest.mark.parametrize("says_stale", [True, False])
@pytest.mark.parametrize("uses", [1, 3])
async def test_a_nonce_that_is_used_up_is_no_refusal(
    pool: HttpPool, peer: Any, uses: int, says_stale: bool
) -> None:
    guard = peer.protect(uses=uses, says_stale=says_stale)
    lockout = Lockout()
    http = client(pool, peer, lockout=lockout)
    for _ in range(12):
        await http.get_json("/")
    assert guard.good == 12
    assert lockout.refusals == 0


async def test_a_device_with_one_time_nonces_is_asked_for_one_each_time(
    pool: HttpPool, peer: Any
) -> None:
    guard = peer.protect(uses=1)
    http = client(pool, peer)
    for _ in range(4):
        await http.get_json("/")
    # One request finds out that the first nonce is not good again; after that, none is wasted.
    assert len(peer.asked) == 2 + 2 + 2 + 2
    assert guard.bare == 3


async def test_many_requests_at_once_get_past_one_time_nonces(pool: HttpPool, peer: Any) -> None:
    guard = peer.protect(uses=1)
    lockout = Lockout()
    http = client(pool, peer, lockout=lockout)
    await asyncio.gather(*(http.get_json(f"/{n}") for n in range(30)))
    assert guard.good == 30
    assert lockout.refusals == 0


async def test_many_requests_at_once_get_past_a_device_that_knows_one_nonce_only(
    pool: HttpPool, peer: Any
) -> None:
    peer.protect(last_nonce_only=True, uses=5)
    http = client(pool, peer)
    await asyncio.gather(*(http.get_json(f"/{n}") for n in range(3)))
    for _ in range(10):
        await asyncio.gather(http.get_json("/a"), http.get_json("/b"))


async def test_an_algorithm_that_never_works_is_tried_once(pool: HttpPool, peer: Any) -> None:
    guard = peer.protect(offers=("SHA-256", "MD5"), broken=("SHA-256",), uses=2, one_header=True)
    http = client(pool, peer)
    for _ in range(7):
        await http.get_json("/")
    assert guard.refused == 1
    assert guard.good == 7


async def test_a_wrong_password_is_refused_twice_and_then_not_sent_again(
    pool: HttpPool, peer: Any
) -> None:
    guard = peer.protect()
    told: list[int] = []
    lockout = Lockout(on_refused=lambda: told.append(lockout.refusals))
    http = client(pool, peer, credentials=Login(password="wrong"), lockout=lockout)
    for _ in range(10):
        with pytest.raises(InvalidAuth) as caught:
            await http.get_json("/")
        assert "wrong" not in str(caught.value)
    assert guard.refused == 2
    assert len(peer.asked) == 4
    assert told == [1, 2]


async def test_a_wrong_password_is_refused_twice_however_many_ask_at_once(
    pool: HttpPool, peer: Any
) -> None:
    guard = peer.protect()
    http = client(pool, peer, credentials=Login(password="wrong"))
    results = await asyncio.gather(
        *(http.get_json(f"/{n}") for n in range(20)), return_exceptions=True
    )
    assert {type(result) for result in results} == {InvalidAuth}
    assert guard.refused == 2


async def test_a_lockout_is_shared_by_all_that_log_in_to_the_device(
    pool: HttpPool, peer: Any
) -> None:
    guard = peer.protect()
    lockout = Lockout()
    for _ in range(3):
        http = client(pool, peer, credentials=Login(password="wrong"), lockout=lockout)
        with pytest.raises(InvalidAuth):
            await http.get_json("/")
    assert guard.refused == 2


async def test_after_a_reset_the_credentials_are_sent_again(pool: HttpPool, peer: Any) -> None:
    guard = peer.protect()
    lockout = Lockout()
    lockout.refused(2)
    http = client(pool, peer, lockout=lockout)
    with pytest.raises(InvalidAuth):
        await http.get_json("/")
    assert peer.asked == []
    lockout.reset()
    await http.get_json("/")
    assert guard.good == 1


async def test_a_success_forgets_single_refusals_but_does_not_open_a_lockout() -> None:
    lockout = Lockout()
    lockout.refused()
    lockout.accepted()
    lockout.refused()
    assert not lockout.closed
    lockout.refused()
    lockout.accepted()
    assert lockout.closed


@pytest.mark.parametrize("offers", [("MD5",), ("SHA-256", "MD5"), ("MD5", "Basic")])
async def test_a_changed_password_is_noticed_at_once(
    pool: HttpPool, peer: Any, offers: tuple[str, ...]
) -> None:
    guard = peer.protect(offers=offers)
    lockout = Lockout()
    http = client(pool, peer, lockout=lockout)
    for _ in range(3):
        await http.get_json("/")
    guard.password = "changed"
    for _ in range(3):
        with pytest.raises(InvalidAuth):
            await http.get_json("/")
    assert guard.refused == 2  # one with the old nonce, one that answered the new one
    assert lockout.closed


async def test_a_changed_password_is_not_sent_often_enough_to_lock_the_account(
    pool: HttpPool, peer: Any
) -> None:
    guard = peer.protect()
    http = client(pool, peer)
    for _ in range(3):
        await http.get_json("/")
    guard.password = "changed"
    results = await asyncio.gather(
        *(http.get_json(f"/{n}") for n in range(50)), return_exceptions=True
    )
    assert {type(result) for result in results} == {InvalidAuth}
    assert guard.refused == 2


async def test_a_changed_password_is_noticed_with_basic_and_with_one_time_nonces(
    pool: HttpPool, peer: Any
) -> None:
    for switches in ({"offers": ("Basic",)}, {"uses": 1}):
        guard = peer.protect(**switches)
        http = client(pool, peer)
        for _ in range(3):
            await http.get_json("/")
        before, guard.password = guard.refused, "changed"
        for _ in range(5):
            with pytest.raises(InvalidAuth):
                await http.get_json("/")
        assert guard.refused - before == 2


async def test_a_device_that_moves_from_basic_to_digest_is_followed(
    pool: HttpPool, peer: Any
) -> None:
    peer.protect(offers=("Basic",))
    http = client(pool, peer)
    await http.get_json("/")
    guard = peer.protect(offers=("MD5",))
    await http.get_json("/")
    assert guard.good == 1


async def test_a_request_that_waits_for_an_event_does_not_hold_up_others(
    pool: HttpPool, peer: Any
) -> None:
    peer.protect()
    event = asyncio.Event()

    async def answer(asked: Any) -> Any:
        if asked.target == "/events":
            await event.wait()
        return 200, b"{}"

    peer.answer = answer
    http = client(pool, peer)
    await http.get_json("/")
    waiting = asyncio.create_task(http.get_json("/events"))
    await until(lambda: peer.busy == 1)
    await http.get_json("/snap", timeout=1)
    event.set()
    await waiting


async def test_a_first_request_that_waits_for_an_event_holds_up_others_for_a_moment_only(
    pool: HttpPool, peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.lockout.TURN_LIMIT", 0.05)
    guard = peer.protect()
    event = asyncio.Event()

    async def answer(asked: Any) -> Any:
        if asked.target == "/events":
            await event.wait()
        return 200, b"{}"

    peer.answer = answer
    http = client(pool, peer)
    waiting = asyncio.create_task(http.get_json("/events"))
    await until(lambda: guard.good == 1)
    await http.get_json("/snap", timeout=1)
    event.set()
    await waiting


async def test_a_cancelled_request_does_not_keep_its_turn(pool: HttpPool, peer: Any) -> None:
    guard = peer.protect()
    peer.answer = lambda asked: asyncio.Event().wait()
    http = client(pool, peer)
    waiting = asyncio.create_task(http.get_json("/"))
    await until(lambda: guard.good == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    peer.answer = lambda asked: (200, b"{}")
    await http.get_json("/", timeout=1)


async def test_without_credentials_a_challenge_is_an_error(pool: HttpPool, peer: Any) -> None:
    peer.protect()
    with pytest.raises(InvalidAuth, match="asks for a user name"):
        await client(pool, peer, credentials=None).get_json("/")
    assert len(peer.asked) == 1


@pytest.mark.parametrize("header", ["Negotiate", 'Digest realm="x"', "", "Digest algorithm=X"])
async def test_a_challenge_that_cannot_be_answered_refuses_nothing(
    pool: HttpPool, peer: Any, header: str
) -> None:
    peer.answer = lambda asked: (401, b"", {"WWW-Authenticate": header})
    lockout = Lockout()
    http = client(pool, peer, lockout=lockout)
    for _ in range(3):
        with pytest.raises(InvalidAuth):
            await http.get_json("/")
    assert len(peer.asked) == 3
    assert lockout.refusals == 0


async def test_a_realm_that_is_no_text_is_put_up_with(pool: HttpPool, peer: Any) -> None:
    head = b'HTTP/1.1 401 X\r\nWWW-Authenticate: Digest realm="\xb3\xff", nonce="n"\r\n'
    peer.answer = lambda asked: (
        (200, b"[1]") if asked.authorization else head + b"Content-Length: 0\r\n\r\n"
    )
    assert await client(pool, peer).get_json("/") == [1]


async def test_missing_rights_are_no_wrong_password(pool: HttpPool, peer: Any) -> None:
    guard = peer.protect()
    peer.answer = lambda asked: (403, b"no")
    lockout = Lockout()
    http = client(pool, peer, lockout=lockout)
    for _ in range(5):
        with pytest.raises(AccessDenied):
            await http.get_json("/")
    assert lockout.refusals == 0
    assert guard.refused == 0


async def test_a_lack_of_rights_does_not_make_a_refusal_forgotten(
    pool: HttpPool, peer: Any
) -> None:
    peer.protect()
    peer.answer = lambda asked: (403, b"the account is locked")
    lockout = Lockout()
    lockout.refused()
    with pytest.raises(AccessDenied):
        await client(pool, peer, lockout=lockout).get_json("/")
    assert lockout.refusals == 1


async def test_a_login_of_the_callers_own_is_sent_as_it_is(pool: HttpPool, peer: Any) -> None:
    http = client(pool, peer)
    peer.answer = lambda asked: (401 if asked.target == "/old" else 200, b"{}")
    await http.request("GET", "/", headers={"Authorization": "Bearer token"})
    assert peer.asked[0].authorization == "Bearer token"
    with pytest.raises(InvalidAuth):
        await http.request("GET", "/old", headers={"authorization": "Bearer old"})
    assert [asked.authorization for asked in peer.asked] == ["Bearer token", "Bearer old"]


async def test_no_password_is_shown(pool: HttpPool, peer: Any) -> None:
    guard = peer.protect()
    http = client(pool, peer)
    await http.get_json("/")
    assert PASSWORD not in repr(vars(http)) + repr(http)
    guard.offers = ("Basic",)
    peer.guard = None
    peer.answer = lambda asked: (500, b"secret body")
    with pytest.raises(ProtocolError) as caught:
        await http.get_json("/x?password=topsecret")
    assert "secret" not in f"{caught.value}{caught.value.details}{caught.value.__cause__}"
