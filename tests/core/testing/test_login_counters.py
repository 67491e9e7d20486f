"""Virtual devices count whoever tries to log in, however that is done and wherever it leads."""

from __future__ import annotations

import aiohttp
import pytest

from ucv.testing import AcmeDevice
from ucv.testing.onvif import OnvifDevice

ENVELOPE = (
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:t="http://www.onvif.org/ver10/device/wsdl"><e:Header>{header}</e:Header>'
    "<e:Body><t:{operation}/></e:Body></e:Envelope>"
)
TOKEN = (
    "<Security><UsernameToken><Username>admin</Username><Password>x</Password>"
    "<Nonce>AAAA</Nonce><Created>2026-01-01T00:00:00Z</Created></UsernameToken></Security>"
)


@pytest.mark.parametrize("operation", ["GetSystemDateAndTime", "GetDeviceInformation"])
@pytest.mark.parametrize(
    ("header", "basic", "logins"),
    [("", False, 0), (TOKEN, False, 1), ("", True, 1), (TOKEN, True, 2)],
    ids=["nothing", "token", "http", "both"],
)
async def test_each_credential_of_a_soap_request_counts(
    operation: str, header: str, basic: bool, logins: int
) -> None:
    headers = {"Authorization": "Basic YWRtaW46d3Jvbmc="} if basic else {}
    async with OnvifDevice() as device, aiohttp.ClientSession() as session:
        url = f"http://{device.host}:{device.http_port}/onvif/device_service"
        body = ENVELOPE.format(header=header, operation=operation)
        async with session.post(url, data=body, headers=headers) as answer:
            await answer.read()
        assert device.logins == logins


async def test_http_requests_count_if_they_carry_credentials() -> None:
    async with AcmeDevice() as device, aiohttp.ClientSession() as session:
        url = f"http://{device.host}:{device.http_port}/api/info"
        async with session.get(url) as answer:
            assert answer.status == 401
        assert device.logins == 0
        async with session.get(url, headers={"Authorization": "Digest nonsense"}) as answer:
            assert answer.status == 401
        assert device.logins == 1
