"""Whom we believe to be the device: what the system's authorities vouch for, or one certificate."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from contextlib import suppress

from aiohttp import ClientConnectorCertificateError, Fingerprint

from ucv.errors import CannotConnect, CertificateUntrusted, ValidationError
from ucv.http.address import Origin

_FINGERPRINT = re.compile(r"(?:[0-9a-f]{2}[:\s]?){31}[0-9a-f]{2}", re.IGNORECASE)


def pinned(fingerprint: str) -> Fingerprint:
    """Return the rule that exactly this certificate is right, whoever vouches for it.

    ``fingerprint`` is its SHA-256, 64 hexadecimal digits, with or without colons. Raises
    `ValidationError`.
    """
    text = fingerprint.strip()
    if not _FINGERPRINT.fullmatch(text):
        raise ValidationError(
            "A fingerprint has 64 hexadecimal digits.", details={"key": "fingerprint"}
        )
    return Fingerprint(bytes.fromhex(re.sub(r"[:\s]", "", text)))


async def untrusted(
    origin: Origin, error: ClientConnectorCertificateError, limit: float
) -> CertificateUntrusted | CannotConnect:
    """Return the error for a certificate that did not stand up to verification.

    Looks at the certificate in a handshake of its own, in which nothing is believed and over which
    nothing is sent; ``limit`` is the time for that, in seconds.
    """
    cause = error.certificate_error
    reason = str(getattr(cause, "verify_message", "") or "it cannot be verified")
    try:
        async with asyncio.timeout(limit):
            certificate = await _shown_certificate(origin)
    except (OSError, TimeoutError, ValueError):
        certificate = None
    if certificate is None:
        return CannotConnect(f"The camera's certificate is not trusted ({reason}).")
    return CertificateUntrusted(fingerprint=hashlib.sha256(certificate).hexdigest(), reason=reason)


async def _shown_certificate(origin: Origin) -> bytes | None:
    """Return the certificate (DER) that a server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection(
        origin.host, origin.port, ssl=context, server_hostname=origin.host
    )
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return tls.getpeercert(binary_form=True)
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
