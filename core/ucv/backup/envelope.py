"""What makes a backup unreadable without its passphrase, and every change of it noticed.

The passphrase is stretched by scrypt (RFC 7914) to a key that wraps a random one, which encrypts
everything else with AES-256-GCM (NIST SP 800-38D). A file is a sequence of chunks, each with its
own tag; the nonce holds the file's number, the chunk's number, and whether it is the last one, so
that chunks can be neither cut off, nor repeated, nor moved to another place or file.
"""

from __future__ import annotations

import base64
import binascii
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ucv.backup.errors import BackupDamaged, WrongPassphrase
from ucv.errors import ValidationError

#: Bytes of plain text in each chunk but the last, and of the tag behind it.
CHUNK = 1024 * 1024
TAG = 16
#: Characters of a passphrase.
MIN_PASSPHRASE = 8
MAX_PASSPHRASE = 1024

#: What scrypt costs for new backups: 128 MiB and about half a second.
SCRYPT_COST = 2**17
#: What is accepted from a file: it must not decide to use all memory.
_COSTS = frozenset(2**power for power in range(10, 19))
_BLOCK_SIZE = 8
_KEY = 32
_SALT = 16
_NONCE = 12
_LABEL = b"ucv backup key"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """The key of one backup as it stands in its manifest: of no use without the passphrase."""

    cost: int
    salt: bytes
    nonce: bytes
    ciphertext: bytes

    def to_json(self) -> dict[str, Any]:
        """Return plain values; bytes in Base64."""
        return {
            "cost": self.cost,
            "salt": base64.b64encode(self.salt).decode("ascii"),
            "nonce": base64.b64encode(self.nonce).decode("ascii"),
            "ciphertext": base64.b64encode(self.ciphertext).decode("ascii"),
        }

    @classmethod
    def from_json(cls, value: object) -> WrappedKey:
        """Take what `to_json` returned; raises `ValueError`."""
        if not isinstance(value, dict):
            raise ValueError("the key is missing")
        cost = value.get("cost")
        if isinstance(cost, bool) or not isinstance(cost, int) or cost not in _COSTS:
            raise ValueError("the key's cost is out of range")
        return cls(
            cost,
            _bytes(value.get("salt"), _SALT),
            _bytes(value.get("nonce"), _NONCE),
            _bytes(value.get("ciphertext"), _KEY + TAG),
        )


class Envelope:
    """Encrypts and decrypts the files of one backup; made by `seal` or `unseal`."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def seal(cls, passphrase: str) -> tuple[Envelope, WrappedKey]:
        """Make a new key and wrap it. Takes half a second of work and 128 MiB.

        Raises `ValidationError` for a passphrase that is too short or too long.
        """
        if not MIN_PASSPHRASE <= len(passphrase) <= MAX_PASSPHRASE:
            raise ValidationError(
                f"A passphrase has {MIN_PASSPHRASE} to {MAX_PASSPHRASE} characters."
            )
        key, salt, nonce = os.urandom(_KEY), os.urandom(_SALT), os.urandom(_NONCE)
        wrapping = AESGCM(_stretch(passphrase, salt, SCRYPT_COST))
        return cls(key), WrappedKey(SCRYPT_COST, salt, nonce, wrapping.encrypt(nonce, key, _LABEL))

    @classmethod
    def unseal(cls, wrapped: WrappedKey, passphrase: str) -> Envelope:
        """Unwrap the key of a backup; raises `WrongPassphrase`."""
        wrapping = AESGCM(_stretch(passphrase, wrapped.salt, wrapped.cost))
        try:
            return cls(wrapping.decrypt(wrapped.nonce, wrapped.ciphertext, _LABEL))
        except InvalidTag:
            raise WrongPassphrase from None

    def encrypted(self, source: IO[bytes], number: int, name: str) -> Iterator[bytes]:
        """Yield the chunks of a file, encrypted; ``number`` counts the backup's files from 1."""
        label = name.encode()
        chunk, index = source.read(CHUNK), 0
        while True:
            following = source.read(CHUNK)
            nonce = _nonce(number, index, last=not following)
            yield self._cipher.encrypt(nonce, chunk, label)
            if not following:
                return
            chunk, index = following, index + 1

    def decrypted(self, source: IO[bytes], number: int, name: str) -> Iterator[bytes]:
        """Yield the plain chunks of a file; raises `BackupDamaged` at the first wrong one."""
        label = name.encode()
        chunk, index = source.read(CHUNK + TAG), 0
        while True:
            following = source.read(CHUNK + TAG)
            nonce = _nonce(number, index, last=not following)
            try:
                yield self._cipher.decrypt(nonce, chunk, label)
            except (InvalidTag, ValueError):
                raise BackupDamaged(f"The backup is damaged: {name} was changed.") from None
            if not following:
                return
            chunk, index = following, index + 1

    def signature(self, text: bytes) -> bytes:
        """Return what proves that a manifest is as it was written (GMAC)."""
        return self._cipher.encrypt(_nonce(0, 0, last=True), b"", text)

    def check(self, text: bytes, signature: bytes) -> None:
        """Raise `BackupDamaged` unless the signature is of this manifest."""
        try:
            self._cipher.decrypt(_nonce(0, 0, last=True), signature, text)
        except (InvalidTag, ValueError):
            raise BackupDamaged("The backup is damaged: its manifest was changed.") from None


def encrypted_size(size: int) -> int:
    """Return how many bytes a file of that size becomes."""
    return size + TAG * max(1, -(-size // CHUNK))


def _nonce(number: int, index: int, *, last: bool) -> bytes:
    return number.to_bytes(4, "big") + index.to_bytes(7, "big") + bytes([last])


def _stretch(passphrase: str, salt: bytes, cost: int) -> bytes:
    # The same characters can be typed in more than one way, depending on the keyboard.
    text = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    return Scrypt(salt=salt, length=_KEY, n=cost, r=_BLOCK_SIZE, p=1).derive(text)


def _bytes(value: object, length: int) -> bytes:
    if not isinstance(value, str) or len(value) > 4 * length:
        raise ValueError("the key is not readable")
    try:
        found = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("the key is not readable") from None
    if len(found) != length:
        raise ValueError("the key has the wrong length")
    return found
