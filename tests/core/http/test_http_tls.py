from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ucv.errors import CannotConnect, CertificateUntrusted, ProtocolError, ValidationError
from ucv.http import HttpPool
from ucv.streams.source import Credentials
from ucv.testing import FakeClock

LOGIN = Credentials("viewer", "hunter2 & ünïcode")


class Certificate:
    """A certificate that vouches for itself."""

    def __init__(self, folder: Path, *, address: str = "127.0.0.1", days: int = 30) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        self.path = folder / "certificate.pem"
        self.path.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.fingerprint = made.fingerprint(hashes.SHA256()).hex()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.path)

    def vouching(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.path))


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate(tmp_path)


async def test_a_certificate_nobody_vouches_for_is_shown_to_be_trusted(
    pool: HttpPool, tls_peer: Any, certificate: Certificate
) -> None:
    await tls_peer.start(certificate.server)
    http = pool.client("127.0.0.1", port=tls_peer.port, tls=True, credentials=LOGIN)
    with pytest.raises(CertificateUntrusted) as caught:
        await http.get_json("/")
    assert caught.value.fingerprint == certificate.fingerprint
    assert "self" in caught.value.details["reason"]
    assert tls_peer.asked == []


async def test_a_trusted_fingerprint_lets_that_certificate_in(
    pool: HttpPool, tls_peer: Any, certificate: Certificate
) -> None:
    await tls_peer.start(certificate.server)
    guard = tls_peer.protect()
    spelled = ":".join(certificate.fingerprint[i : i + 2] for i in range(0, 64, 2)).upper()
    for fingerprint in (certificate.fingerprint, spelled):
        http = pool.client(
            "127.0.0.1",
            port=tls_peer.port,
            tls=True,
            fingerprint=fingerprint,
            credentials=LOGIN,
        )
        await http.get_json("/")
        await http.get_json("/")
    assert guard.good == 4
    assert tls_peer.connections == 2


async def test_another_certificate_than_the_trusted_one_is_refused(
    pool: HttpPool, tls_peer: Any, certificate: Certificate
) -> None:
    await tls_peer.start(certificate.server)
    http = pool.client("127.0.0.1", port=tls_peer.port, tls=True, fingerprint="ab" * 32)
    with pytest.raises(CertificateUntrusted) as caught:
        await http.get_json("/")
    assert caught.value.fingerprint == certificate.fingerprint
    assert tls_peer.asked == []


async def test_a_certificate_that_an_authority_vouches_for_is_trusted(
    clock: FakeClock, tls_peer: Any, certificate: Certificate
) -> None:
    await tls_peer.start(certificate.server)
    pool = HttpPool(clock, tls=certificate.vouching())
    await pool.client("127.0.0.1", port=tls_peer.port, tls=True).get_json("/")
    await pool.close()


@pytest.mark.parametrize(
    ("switches", "reason"),
    [({"address": "127.0.0.2"}, "IP address mismatch"), ({"days": -1}, "expired")],
)
async def test_a_certificate_must_be_of_this_device_and_in_time(
    clock: FakeClock, tls_peer: Any, tmp_path: Path, switches: Any, reason: str
) -> None:
    certificate = Certificate(tmp_path, **switches)
    await tls_peer.start(certificate.server)
    pool = HttpPool(clock, tls=certificate.vouching())
    with pytest.raises(CertificateUntrusted) as caught:
        await pool.client("127.0.0.1", port=tls_peer.port, tls=True).get_json("/")
    assert reason in caught.value.details["reason"]
    assert caught.value.fingerprint == certificate.fingerprint
    await pool.close()


async def test_a_device_that_does_not_speak_tls_cannot_be_reached(pool: HttpPool) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        http = pool.client("127.0.0.1", port=server.sockets[0].getsockname()[1], tls=True)
        with pytest.raises(CannotConnect, match="TLS"):
            await http.get_json("/", timeout=2)


async def test_a_redirection_to_https_is_followed_with_a_login_of_its_own(
    pool: HttpPool, peer: Any, tls_peer: Any, certificate: Certificate
) -> None:
    await tls_peer.start(certificate.server)
    plain, secure = peer.protect(realm="plain"), tls_peer.protect(realm="secure")
    plain.offers = ("Basic",)
    place = f"https://127.0.0.1:{tls_peer.port}"
    peer.answer = lambda asked: (301, b"", {"Location": f"{place}{asked.target}"})
    http = pool.client(
        "127.0.0.1", port=peer.port, fingerprint=certificate.fingerprint, credentials=LOGIN
    )
    await http.post("/a", b"body")
    await http.get_json("/b")
    assert (plain.good, secure.good) == (1, 2)
    assert "Digest" in tls_peer.asked[1].authorization
    # A device that wants HTTPS is spoken to in HTTPS from then on.
    assert [asked.target for asked in peer.asked] == ["/a", "/a"]
    assert tls_peer.asked[-1].target == "/b"


async def test_a_redirection_to_https_does_not_skip_verification(
    pool: HttpPool, peer: Any, tls_peer: Any, certificate: Certificate
) -> None:
    await tls_peer.start(certificate.server)
    place = f"https://127.0.0.1:{tls_peer.port}/"
    peer.answer = lambda asked: (301, b"", {"Location": place})
    with pytest.raises(CertificateUntrusted):
        await pool.client("127.0.0.1", port=peer.port).get_json("/")


async def test_a_redirection_from_https_to_http_is_refused(
    pool: HttpPool, peer: Any, tls_peer: Any, certificate: Certificate
) -> None:
    await tls_peer.start(certificate.server)
    place = f"http://127.0.0.1:{peer.port}/"
    tls_peer.answer = lambda asked: (301, b"", {"Location": place})
    http = pool.client(
        "127.0.0.1", port=tls_peer.port, tls=True, fingerprint=certificate.fingerprint
    )
    with pytest.raises(ProtocolError):
        await http.get_json("/")
    assert peer.asked == []


@pytest.mark.parametrize("fingerprint", ["ab", "zz" * 32, "ab" * 20, "ab" * 33, "a:b" * 32])
async def test_what_is_no_fingerprint_is_refused(pool: HttpPool, fingerprint: str) -> None:
    with pytest.raises(ValidationError):
        pool.client("127.0.0.1", tls=True, fingerprint=fingerprint)
