"""The worked example, tried with a camera made of software."""

from acme import Acme

from ucv.testing import AcmeDevice, assert_integration_contract


async def test_acme_keeps_the_contract():
    await assert_integration_contract(Acme, AcmeDevice())
