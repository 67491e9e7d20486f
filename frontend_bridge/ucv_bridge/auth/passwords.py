"""Passwords as Argon2id hashes (RFC 9106), in the usual PHC form."""

from __future__ import annotations

import asyncio
import os
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ucv.errors import ValidationError

#: Characters a password has at least, and at most.
MIN_LENGTH, MAX_LENGTH = 8, 200

# RFC 9106, section 4, the second recommended option: 64 MiB, 3 passes, 4 lanes.
_MEMORY_KIB, _PASSES, _LANES = 64 * 1024, 3, 4

#: Hashing takes 64 MiB each: more at once would let strangers fill the memory.
_AT_ONCE = 2


def check_password(password: str) -> None:
    """Raise `ValidationError` for a password that is no good."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        message = f"A password has at least {MIN_LENGTH} characters."
        errors = [{"key": "password", "message": message, "suggestion": None}]
        raise ValidationError(message, details={"errors": errors})


class PasswordHasher:
    """Hashes and compares off the event loop, a few at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        async with self._slots:
            return await asyncio.to_thread(_hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Compare a password with a stored hash, in constant time.

        None is the hash of an unknown name: the answer is no, and takes as long as any other.
        """
        if len(password) > MAX_LENGTH:
            return False
        async with self._slots:
            return await asyncio.to_thread(_verify, password, stored or _nobody()) and bool(stored)


def _hash(password: str) -> str:
    derive = Argon2id(
        salt=os.urandom(16), length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return derive.derive_phc_encoded(password.encode())


def _verify(password: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except InvalidKey:
        return False
    return True


@cache
def _nobody() -> str:
    """Return the hash of random bytes that nobody kept."""
    return _hash(os.urandom(16).hex())
