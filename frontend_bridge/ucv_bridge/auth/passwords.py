"""Passwords as Argon2id hashes (RFC 9106), made and checked off the event loop."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ucv.errors import RateLimited

#: Shortest and longest password, in characters.
MIN_LENGTH, MAX_LENGTH = 8, 256

# RFC 9106, section 4, second recommended option (for memory-constrained environments), but with one
# lane: with several, OpenSSL 4.0 works in threads, and two hashes at a time wait for each other for
# ever.
_ITERATIONS, _LANES, _MEMORY_KIB = 3, 1, 64 * 1024
_SALT, _HASH = 16, 32

#: Hashes that may wait while one, in 64 MiB, is made.
_WAITING = 16

#: What is checked when there is no account of that name, so that the answer takes as long. It has
#: the parameters above, and fits no password.
_NOBODY = (
    f"$argon2id$v=19$m={_MEMORY_KIB},t={_ITERATIONS},p={_LANES}"
    "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)


class PasswordHasher:
    """Makes and checks hashes, one at a time."""

    def __init__(self) -> None:
        self._busy = asyncio.Lock()
        self._pending = 0

    async def hash(self, password: str) -> str:
        """Return a new hash in the PHC string format; raises `RateLimited` when overloaded."""
        async with self._slot():
            return await asyncio.to_thread(hash_password, password)

    async def verify(self, password: str, encoded: str | None) -> bool:
        """Say whether the password fits; takes as long without a hash, and is then False.

        Raises `RateLimited` when overloaded.
        """
        async with self._slot():
            fits = await asyncio.to_thread(_verify, password, encoded or _NOBODY)
        return fits and encoded is not None

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._pending > _WAITING:
            raise RateLimited(retry_after=5)
        self._pending += 1
        try:
            async with self._busy:
                yield
        finally:
            self._pending -= 1


def hash_password(password: str) -> str:
    """Return a new hash in the PHC string format; takes about 0.2 s and 64 MiB."""
    kdf = Argon2id(
        salt=os.urandom(_SALT),
        length=_HASH,
        iterations=_ITERATIONS,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(_bytes(password))


def _verify(password: str, encoded: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(_bytes(password), encoded)
    except InvalidKey:
        return False
    return True


def _bytes(password: str) -> bytes:
    # The same password typed on another system may come in another form of Unicode.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
