"""The virtual Dahua device, asked by aiohttp, curl and libav, which know nothing of our client."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import aiohttp
import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from ucv.testing import FakeClock, until
from ucv.testing.dahua import QUIRKS, DahuaDevice
from ucv.testing.faults import HttpFaults
from ucv.testing.http_message import parse_head

PASSWORD = "camera-secret"
Ask = Callable[[str], Awaitable[tuple[int, str]]]


@asynccontextmanager
async def asking(device: DahuaDevice, password: str = PASSWORD) -> AsyncIterator[Ask]:
    digest = aiohttp.DigestAuthMiddleware("admin", password)
    async with aiohttp.ClientSession(middlewares=[digest]) as session:

        async def ask(target: str) -> tuple[int, str]:
            url = URL(f"{device.http.url}/cgi-bin/{target}", encoded=True)
            async with session.get(url) as response:
                return response.status, await response.text()

        yield ask


async def curl(device: DahuaDevice, target: str, *options: str) -> tuple[str, str]:
    """Return the last status that curl was answered with, and the body."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", "-g", "-m", "10", "-w", "\n%{http_code}", *options,
        f"{device.http.url}/cgi-bin/{target}", stdout=-1,
    )  # fmt: skip
    printed, _ = await process.communicate()
    body, _, status = printed.decode().rpartition("\n")
    return status, body


def values(body: str) -> dict[str, str]:
    """Return the lines of an answer, taken apart at the first equals sign."""
    assert body.endswith("\r\n")
    return dict(line.split("=", 1) for line in body[:-2].split("\r\n"))


async def asked(device: DahuaDevice, *targets: str) -> list[tuple[int, str]]:
    async with device, asking(device) as ask:
        return [await ask(target) for target in targets]


def test_every_quirk_says_in_a_sentence_what_it_does() -> None:
    for name, sentence in QUIRKS.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert re.fullmatch(r".{15,}\.", sentence)


def test_unknown_quirks_are_refused() -> None:
    with pytest.raises(ValueError, match="no-such-quirk"):
        DahuaDevice(quirks=["no-such-quirk"])
    with pytest.raises(ValueError, match="basic-only"):
        DahuaDevice(quirks="basic-only")


@pytest.mark.parametrize("quirk", QUIRKS)
async def test_a_device_with_any_one_quirk_starts_and_lets_its_owner_in(quirk: str) -> None:
    async with DahuaDevice(quirks=[quirk]) as device:
        status, body = await curl(
            device, "magicBox.cgi?action=getSerialNo", "--anyauth", "-u", f"admin:{PASSWORD}"
        )
    assert (status, body) == ("200", "sn=4F0A1B2PAG00001\r\n")


# --- who it is ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("getDeviceType", "type=IPC-HDW5831R-ZE"),
        ("getSerialNo", "sn=S1"),
        ("getSoftwareVersion", "version=2.800.0000016.0.R,build:2020-06-05"),
        ("getMachineName", "name=Yard"),
        ("getVendor", "vendor=Dahua"),
        ("getDeviceClass", "class=IPC"),
        ("getHardwareVersion", "version=1.00"),
        ("getProductDefinition&name=MaxExtraStream", "table.MaxExtraStream=1"),
    ],
)
async def test_it_says_who_it_is(action: str, body: str) -> None:
    device = DahuaDevice("Yard", serial="S1")
    assert await asked(device, f"magicBox.cgi?action={action}") == [(200, f"{body}\r\n")]


@pytest.mark.parametrize(
    ("quirk", "action", "body"),
    [
        ("device-type-generic", "getDeviceType", "type=IP Camera"),
        ("device-type-number", "getDeviceType", "type=31"),
        ("version-with-space", "getSoftwareVersion", "version=1.0 build:2020-06-05"),
        ("vendor-amcrest", "getVendor", "vendor=Amcrest"),
        ("vendor-general", "getVendor", "vendor=General"),
    ],
)
async def test_it_may_say_it_in_other_ways(quirk: str, action: str, body: str) -> None:
    device = DahuaDevice(model="M-1", firmware="1.0", quirks=[quirk])
    (_, found), (_, system) = await asked(
        device, f"magicBox.cgi?action={action}", "magicBox.cgi?action=getSystemInfo"
    )
    assert found == f"{body}\r\n"
    assert values(system)["updateSerial"] == "M-1"


async def test_its_clock_can_be_wrong() -> None:
    device = DahuaDevice(clock=FakeClock(epoch=1_706_702_400.0))
    device.clock_offset = -65.0
    [(_, body)] = await asked(device, "global.cgi?action=getCurrentTime")
    assert body == "result=2024-01-31 11:58:55\r\n"


# --- logging in ---------------------------------------------------------------------------------


async def test_it_asks_before_it_says_whether_a_path_is_there() -> None:
    async with DahuaDevice(serial="S1") as device, aiohttp.ClientSession() as session:
        for path in ("magicBox.cgi?action=getVendor", "nothing.cgi"):
            async with session.get(f"{device.http.url}/cgi-bin/{path}") as response:
                assert response.status == 401
                assert await response.text() == "Error\r\nInvalid Authority!\r\n"
                challenge = response.headers["WWW-Authenticate"]
    assert re.fullmatch(
        r'Digest realm="Login to S1", qop="auth", nonce="\w+", algorithm=MD5', challenge
    )


@pytest.mark.parametrize(
    ("quirk", "challenges"),
    [
        ("basic-only", ['Basic realm="Device_CGI", charset="UTF-8"']),
        ("realm-device-cgi", ['Digest realm="Device_CGI", qop="auth", algorithm=MD5']),
        ("realm-with-comma", ['Digest realm="Login to S1, Dahua", qop="auth", algorithm=MD5']),
        (
            "sha-256",
            [
                'Digest realm="Login to S1", qop="auth", algorithm=MD5',
                'Digest realm="Login to S1", qop="auth", algorithm=SHA-256',
            ],
        ),
        ("md5-sess", ['Digest realm="Login to S1", qop="auth", algorithm=MD5-sess']),
        ("qop-auth-int", ['Digest realm="Login to S1", qop="auth, auth-int", algorithm=MD5']),
        ("no-qop", ['Digest realm="Login to S1"']),
    ],
)
async def test_it_may_ask_in_other_ways(quirk: str, challenges: list[str]) -> None:
    async with (
        DahuaDevice(serial="S1", quirks=[quirk]) as device,
        aiohttp.ClientSession() as session,
        session.get(f"{device.http.url}/cgi-bin/snapshot.cgi") as response,
    ):
        found = response.headers.getall("WWW-Authenticate")
    assert [re.sub(r', nonce="\w+"', "", value) for value in found] == challenges


async def test_a_one_time_nonce_costs_two_exchanges_for_each_call() -> None:
    async with DahuaDevice(quirks=["one-time-nonce"]) as device, asking(device) as ask:
        for _ in range(3):
            assert (await ask("magicBox.cgi?action=getVendor"))[0] == 200
        assert device.http.counters.statuses == {200: 3, 401: 3}
        assert device.http.counters.connections == 6
        assert device.refused == 0


async def authorize(device: DahuaDevice, challenge: str, target: str) -> int:
    """Answer a challenge by hand (RFC 7616); returns the status."""
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))

    def digest(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - what the device asks for

    first = digest(f"admin:{given['realm']}:{PASSWORD}")
    middle = f"{given['nonce']}:00000001:c0ffee:auth"
    proof = digest(f"{first}:{middle}:{digest(f'GET:{target}')}")
    header = (
        f'Digest username="admin", realm="{given["realm"]}", nonce="{given["nonce"]}", '
        f'uri="{target}", qop=auth, nc=00000001, cnonce="c0ffee", response="{proof}"'
    )
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{device.http.url}{target}", headers={"Authorization": header}) as response,
    ):
        return response.status


# With it the first one's refusal gives out another nonce, and so refuses the second.
@pytest.mark.parametrize(
    ("quirks", "statuses"), [((), [200, 200]), (("single-nonce",), [401, 401])]
)
async def test_only_the_nonce_given_out_last_may_count(
    quirks: tuple[str, ...], statuses: list[int]
) -> None:
    target = "/cgi-bin/magicBox.cgi?action=getVendor"
    async with DahuaDevice(quirks=quirks) as device, aiohttp.ClientSession() as session:
        challenges = []
        for _ in range(2):
            async with session.get(f"{device.http.url}{target}") as response:
                challenges.append(response.headers["WWW-Authenticate"])
        # Both were asked for before either is answered, as by requests side by side.
        found = [await authorize(device, challenge, target) for challenge in challenges]
    assert found == statuses


async def test_a_stale_nonce_may_be_told_in_capitals() -> None:
    target = "/cgi-bin/magicBox.cgi?action=getVendor"
    async with (
        DahuaDevice(quirks=["stale-in-capitals"]) as device,
        asking(device) as ask,
        aiohttp.ClientSession() as session,
    ):
        await ask("magicBox.cgi?action=getVendor")
        authorization = device.http.requests[-1].headers["authorization"]
        device.http.guard.expire_nonces()
        headers = {"Authorization": authorization}
        async with session.get(f"{device.http.url}{target}", headers=headers) as response:
            assert response.status == 401
            assert 'stale="TRUE"' in response.headers["WWW-Authenticate"]


async def test_too_many_connections_refuse_the_right_password_for_as_long() -> None:
    async with DahuaDevice(quirks=["connection-limit"]) as device, asking(device) as ask:
        idle = [await asyncio.open_connection(device.host, device.http_port) for _ in range(3)]
        await until(lambda: device.http.counters.open == 3)
        assert await ask("magicBox.cgi?action=getVendor") == (
            401,
            "Error\r\nInvalid Authority!\r\n",
        )
        assert device.http.limited > 0
        assert device.refused == 0
        for _, writer in idle:
            writer.close()
        await until(lambda: device.http.counters.open == 0)
        assert (await ask("magicBox.cgi?action=getVendor"))[0] == 200


async def test_wrong_passwords_lock_http_and_rtsp_together_without_a_word() -> None:
    clock = FakeClock()
    async with (
        DahuaDevice(lock_after=2, clock=clock) as device,
        asking(device, "wrong") as guess,
        asking(device) as ask,
    ):
        for _ in range(2):
            await guess("magicBox.cgi?action=getVendor")
        assert device.refused == 2
        assert device.lock.locked
        assert await ask("magicBox.cgi?action=getVendor") == (
            401,
            "Error\r\nInvalid Authority!\r\n",
        )
        rtsp = device.rtsp.url(device.paths(1)[0]).replace("//", f"//admin:{PASSWORD}@")
        with pytest.raises(av.error.HTTPUnauthorizedError):
            await asyncio.to_thread(av.open, rtsp, timeout=5)
        await clock.advance(1800)
        assert (await ask("magicBox.cgi?action=getVendor"))[0] == 200


async def test_an_account_may_only_look() -> None:
    device = DahuaDevice(quirks=["viewer-account"])
    answers = await asked(
        device,
        "magicBox.cgi?action=getVendor",
        "magicBox.cgi?action=reboot",
        "ptz.cgi?action=start&channel=0&code=Up&arg1=0&arg2=5&arg3=0",
        "configManager.cgi?action=setConfig&MotionDetect%5B0%5D.Enable=false",
        "coaxialControlIO.cgi?action=control&channel=1&info[0].Type=1&info[0].IO=1",
    )
    assert answers == [(200, "vendor=Dahua\r\n")] + [(403, "Authority:check failure.\r\n")] * 4
    assert not device.ptz[1].moving


# --- configuration ------------------------------------------------------------------------------


async def test_tables_are_read_whole_by_row_and_by_value() -> None:
    whole, row, value, none = await asked(
        DahuaDevice(),
        "configManager.cgi?action=getConfig&name=Encode",
        "configManager.cgi?action=getConfig&name=Encode[0].MainFormat[0]",
        "configManager.cgi?action=getConfig&name=MotionDetect%5B0%5D.Enable",
        "configManager.cgi?action=getConfig&name=Enc",
    )
    table = values(whole[1])
    assert table["table.Encode[0].MainFormat[0].Video.Compression"] == "H.264"
    assert table["table.Encode[0].MainFormat[0].Video.resolution"] == "640x360"
    assert table["table.Encode[0].ExtraFormat[0].VideoEnable"] == "true"
    # Alternate record modes, and one extra stream more than MaxExtraStream has.
    assert "table.Encode[0].MainFormat[3].Video.FPS" in table
    assert "table.Encode[0].ExtraFormat[1].Video.FPS" in table
    assert values(row[1]).items() <= table.items()
    assert value == (200, "table.MotionDetect[0].Enable=true\r\n")
    assert none == (400, "Error\r\nBad Request!\r\n")


@pytest.mark.parametrize(
    "setting",
    [
        "MotionDetect[0].Enable=false",
        "LeLensMask[0].Enable=true",
        "VideoInDayNight[0][1].Mode=BlackWhite",
        "Lighting[0][0].Mode=Manual",
        "Lighting[0][0].MiddleLight[0].Light=100",
        "Encode[0].ExtraFormat[0].Video.Compression=MJPG",
        "ChannelTitle[0].Name=Yard=1",
    ],
)
async def test_what_is_set_is_read(setting: str) -> None:
    name, _, _ = setting.partition("=")
    written, read = await asked(
        DahuaDevice(),
        "configManager.cgi?action=setConfig&" + setting.replace("[", "%5B").replace("]", "%5D"),
        f"configManager.cgi?action=getConfig&name={name}",
    )
    assert written == (200, "OK\r\n")
    assert read == (200, f"table.{setting}\r\n")


@pytest.mark.parametrize(
    "settings",
    [
        "NoTable[0].Enable=true",
        "MotionDetect[9].Enable=true",
        "MotionDetect[0].Enable=yes",
        "VideoInDayNight[0][1].Mode=Purple",
        "Lighting[0][0].MiddleLight[0].Light=101",
        "Encode[0].MainFormat[0].Video.FPS=many",
        "LeLensMask[0].Enable=true&MotionDetect[0].Enable=yes",
        "",
    ],
)
async def test_a_write_that_fails_says_so_in_its_body_only(settings: str) -> None:
    device = DahuaDevice()
    before = device.store.read("LeLensMask")
    assert await asked(device, f"configManager.cgi?action=setConfig&{settings}") == [
        (200, "Error\r\n")
    ]
    assert device.store.read("LeLensMask") == before
    assert device.store.writes == 0


async def test_writes_may_fail_otherwise_or_succeed_without_a_word() -> None:
    good = "configManager.cgi?action=setConfig&MotionDetect[0].Enable=false"
    bad = "configManager.cgi?action=setConfig&NoTable=1"
    for quirk, target, answer in (
        ("writes-fail", good, (200, "Error\r\n")),
        ("failed-write-400", bad, (400, "Error\r\nBad Request!\r\n")),
        ("empty-success", good, (200, "")),
        ("raw-brackets-refused", good, (400, "Error\r\nBad Request!\r\n")),
    ):
        device = DahuaDevice(quirks=[quirk])
        assert await asked(device, target) == [answer]
        changed = device.store["MotionDetect[0].Enable"] == "false"
        assert changed == (quirk == "empty-success")
        assert len(device.http.written) == changed


@pytest.mark.parametrize(
    ("quirks", "lines"),
    [
        ((), ["Height=360", "Width=640", "resolution=640x360"]),
        (("resolution-names",), ["resolution=1080P"]),
    ],
)
async def test_sizes_are_numbers_or_names(quirks: tuple[str, ...], lines: list[str]) -> None:
    [(_, body)] = await asked(
        DahuaDevice(quirks=quirks, codec="h265"),
        "configManager.cgi?action=getConfig&name=Encode[0].MainFormat[0].Video",
    )
    found = [line.rpartition(".Video.")[2] for line in body.split("\r\n")]
    assert [line for line in found if re.match("Height|Width|resolution", line)] == lines
    assert "Compression=H.265" in found


async def test_ntsc_and_other_tables_are_told() -> None:
    names = ("VideoStandard", "Lighting", "Lighting_V2", "Encode[0].ExtraFormat[0]")
    targets = [f"configManager.cgi?action=getConfig&name={name}" for name in names]
    device = DahuaDevice(quirks=["ntsc", "lighting-v2", "extra-stream-off", "mjpeg-extra-stream"])
    standard, old, new, extra = await asked(device, *targets)
    assert standard[1] == "table.VideoStandard=NTSC\r\n"
    assert old[0] == 400
    assert values(new[1])["table.Lighting_V2[0][0][1].LightType"] == "WhiteLight"
    assert values(extra[1])["table.Encode[0].ExtraFormat[0].VideoEnable"] == "false"
    assert values(extra[1])["table.Encode[0].ExtraFormat[0].Video.Compression"] == "MJPG"


@pytest.mark.parametrize(
    ("quirks", "channels", "prefix"),
    [
        ((), 1, "caps."),
        (("caps-with-index",), 1, "caps[0]."),
        ((), 2, "caps[0]."),
    ],
    ids=["camera", "camera with an index", "recorder"],
)
async def test_encoder_caps_have_an_index_or_none(
    quirks: tuple[str, ...], channels: int, prefix: str
) -> None:
    [(_, body)] = await asked(
        DahuaDevice(channels=channels, quirks=quirks), "encode.cgi?action=getConfigCaps&channel=1"
    )
    assert f"{prefix}MainFormat[0].Video.ResolutionTypes" in values(body)


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, "Error\r\nBad Request!\r\n"),
        (403, "Authority:check failure.\r\n"),
        (500, "Error\r\nInternal Error\r\n"),
        (501, "Error\r\nNot Implemented!\r\n"),
    ],
)
async def test_any_command_can_be_made_to_fail(status: int, body: str) -> None:
    device = DahuaDevice()
    device.http.failures = {"magicBox.cgi?action=getVendor": status, "ptz.cgi": status}
    failed, other, moved = await asked(
        device,
        "magicBox.cgi?action=getVendor",
        "magicBox.cgi?action=getSerialNo",
        "ptz.cgi?action=getStatus&channel=0",
    )
    assert failed == moved == (status, body)
    assert other[0] == 200


async def test_unknown_commands_are_bad_requests_and_unknown_paths_not_found() -> None:
    action, none, path = await asked(
        DahuaDevice(), "magicBox.cgi?action=dance", "magicBox.cgi", "nothing.cgi"
    )
    assert action == none == (400, "Error\r\nBad Request!\r\n")
    assert path[0] == 404


_COMMANDS = (
    "configManager.cgi?action=getConfig", "configManager.cgi?action=setConfig",
    "encode.cgi?action=getConfigCaps", "snapshot.cgi?", "mjpg/video.cgi?",
    "LogicDeviceManager.cgi?action=getCameraState", "magicBox.cgi?action=getProductDefinition",
    "eventManager.cgi?action=attach", "eventManager.cgi?action=getEventIndexes",
    "ptz.cgi?action=start", "ptz.cgi?action=stop", "coaxialControlIO.cgi?action=control",
)  # fmt: skip
_PARAMETERS = (
    "name", "channel", "subtype", "uniqueChannels[0]", "codes", "heartbeat", "code", "arg1", "arg2",
    "arg3", "info[0].Type", "info[0].IO", "MotionDetect[0].Enable", "RTSP.Port",
)  # fmt: skip
_VALUES = st.sampled_from(
    ("0", "1", "-1", "300", "Up", "LeftUp", "PositionABS", "SetPreset", "[All]", "[", "true", "²")
) | st.text(max_size=20)


@settings(max_examples=200, deadline=None)
@given(
    command=st.sampled_from(_COMMANDS), asked=st.dictionaries(st.sampled_from(_PARAMETERS), _VALUES)
)
def test_no_question_is_too_much_for_it(command: str, asked: dict[str, str]) -> None:
    device = DahuaDevice(channels=2, clock=FakeClock())
    device.http.guard.scheme = "none"
    target = f"/cgi-bin/{command}&{urlencode(asked)}"
    request = parse_head(f"GET {target} HTTP/1.1\r\nHost: x".encode())
    answer = asyncio.run(device.http.answer(request, HttpFaults()))
    assert answer.status in (200, 400)


# --- restarts -----------------------------------------------------------------------------------


async def test_it_answers_restarts_and_comes_back() -> None:
    clock = FakeClock()
    async with DahuaDevice(clock=clock) as device, asking(device) as ask:
        device.start_event("VideoMotion")
        assert await ask("magicBox.cgi?action=reboot") == (200, "OK\r\n")
        await until(lambda: device.rebooted == 1)
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask("magicBox.cgi?action=getVendor")
        await clock.advance(device.reboot_seconds)
        assert (await ask("magicBox.cgi?action=getVendor"))[0] == 200
        assert device.events.active("VideoMotion") == []


async def test_a_device_whose_plug_is_pulled_while_it_restarts_comes_back_at_once() -> None:
    async with DahuaDevice() as device:
        port = device.http_port
        device.reboot()
        await device.stop()
        await device.start()
        assert device.http_port == port
        async with asking(device) as ask:
            assert (await ask("magicBox.cgi?action=getVendor"))[0] == 200


async def test_asking_for_audio_is_counted_and_restarts_some() -> None:
    async with DahuaDevice() as device, asking(device) as ask:
        assert device.audio_requests == 0
        assert (await ask("audio.cgi?action=getAudio&channel=1"))[0] == 501
        assert (device.audio_requests > 0, device.rebooted) == (True, 0)
    async with DahuaDevice(quirks=["audio-reboots"]) as device, asking(device) as ask:
        with pytest.raises(aiohttp.ClientError):
            await ask("audio.cgi?action=getAudio&channel=1")
        assert device.rebooted == 1


# --- light and siren ----------------------------------------------------------------------------


async def test_the_siren_and_the_white_light_end_by_themselves() -> None:
    clock = FakeClock()
    control = "coaxialControlIO.cgi?action=control&channel=1&info[0].Type={}&info[0].IO={}"
    status = "coaxialControlIO.cgi?action=getStatus&channel=1"
    async with DahuaDevice(clock=clock) as device, asking(device) as ask:
        assert await ask(control.format(2, 1)) == (200, "OK\r\n")
        assert await ask(status) == (
            200,
            "status.status.Speaker=On\r\nstatus.status.WhiteLight=Off\r\n",
        )
        await clock.advance(9.9)
        assert device.coaxial.on(1, "Speaker")
        await clock.advance(0.1)
        assert not device.coaxial.on(1, "Speaker")
        await ask(control.format(1, 1))
        assert device.coaxial.on(1, "WhiteLight")
        await ask(control.format(1, 2))
        assert not device.coaxial.on(1, "WhiteLight")
        assert (await ask(control.format(3, 1)))[1] == "Error\r\n"
        assert (await ask(control.format(1, 1).replace("channel=1", "channel=2")))[0] == 400
    assert await asked(DahuaDevice(quirks=["no-coaxial-control"]), status) == [
        (501, "Error\r\nNot Implemented!\r\n")
    ]
