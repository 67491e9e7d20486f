"""The JSON login of the virtual Dahua device, done by hand."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from ucv.testing.dahua import DahuaDevice

PASSWORD = "camera-secret"
CHALLENGE, BAD_PASSWORD, SESSION_GONE, NO_METHOD = 268632079, 268632085, 287637504, 268894210


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest().upper()  # noqa: S324 - what the device asks for


@pytest.fixture
async def device() -> AsyncIterator[DahuaDevice]:
    async with DahuaDevice(serial="S1", lock_after=3) as running:
        yield running


async def call(
    device: DahuaDevice, path: str, method: str, params: Any = None, session: str | None = None
) -> dict[str, Any]:
    body = {"method": method, "params": params, "id": 7, "session": session}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{device.http.url}{path}", json=body) as response,
    ):
        assert response.status == 200
        answer: dict[str, Any] = await response.json()
        assert answer["id"] == 7
        return answer


async def log_in(device: DahuaDevice, password: str = PASSWORD) -> dict[str, Any]:
    first = await call(device, "/RPC2_Login", "global.login", {"userName": "admin"})
    assert (first["error"]["code"], first["result"]) == (CHALLENGE, False)
    given = first["params"]
    assert given["realm"] == "Login to S1"
    inner = md5(f"admin:{given['realm']}:{password}")
    params = {"userName": "admin", "password": md5(f"admin:{given['random']}:{inner}")}
    return await call(device, "/RPC2_Login", "global.login", params, first["session"])


async def test_one_who_knows_the_password_may_ask(device: DahuaDevice) -> None:
    session = (await log_in(device))["session"]
    answer = await call(device, "/RPC2", "magicBox.getSerialNo", session=session)
    assert (answer["result"], answer["params"]) == (True, {"sn": "S1"})
    unknown = await call(device, "/RPC2", "magicBox.dance", session=session)
    assert unknown["error"]["code"] == NO_METHOD
    assert (await call(device, "/RPC2", "global.logout", session=session))["result"]
    gone = await call(device, "/RPC2", "magicBox.getSerialNo", session=session)
    assert gone["error"]["code"] == SESSION_GONE


async def test_wrong_passwords_are_counted_with_those_of_the_cgi(device: DahuaDevice) -> None:
    left = []
    for _ in range(3):
        answer = await log_in(device, "wrong")
        assert answer["error"]["code"] == BAD_PASSWORD
        left.append(answer["params"]["remainLockTimes"])
    assert left == [2, 1, 0]
    assert (device.refused, device.lock.locked) == (3, True)
    assert (await log_in(device))["error"]["code"] == BAD_PASSWORD
    assert device.refused == 3
    device.lock.open()
    assert (await log_in(device))["result"]


async def test_a_challenge_is_answered_once(device: DahuaDevice) -> None:
    answer = await log_in(device)
    again = await call(device, "/RPC2_Login", "global.login", {}, answer["session"])
    assert again["error"]["code"] == CHALLENGE
    assert again["session"] != answer["session"]


async def test_a_restart_ends_sessions(device: DahuaDevice) -> None:
    session = (await log_in(device))["session"]
    device.reboot()
    await device.stop()
    await device.start()
    gone = await call(device, "/RPC2", "global.keepAlive", session=session)
    assert gone["error"]["code"] == SESSION_GONE


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"method": 5, "params": [], "session": {}}'])
async def test_what_is_no_question_gets_an_error(device: DahuaDevice, body: bytes) -> None:
    for path, code in (("/RPC2", SESSION_GONE), ("/RPC2_Login", NO_METHOD)):
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{device.http.url}{path}", data=body) as response,
        ):
            assert (await response.json())["error"]["code"] == code
