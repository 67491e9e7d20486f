"""Secrets by owner and name, encrypted at rest, known to the redactor while they are in use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from cryptography.fernet import InvalidToken

from ucv.errors import SecretsError
from ucv.secrets.keys import KeyRing
from ucv.secrets.redaction import Redactor

#: Longest secret, in characters.
MAX_LENGTH = 4096


class SecretRows(Protocol):
    """Where ciphertexts are kept."""

    async def all(self) -> dict[tuple[str, str], bytes]:
        """Return every ciphertext by (owner, name)."""

    async def get(self, owner: str, name: str) -> bytes | None:
        """Return one, or None."""

    async def set(self, ciphertexts: Mapping[tuple[str, str], bytes]) -> object:
        """Insert or replace some by (owner, name), all or none."""

    async def delete(self, owner: str, name: str | None = None) -> object:
        """Forget one, or all of an owner's."""

    async def replace_all(self, change: Callable[[bytes], bytes]) -> int:
        """Rewrite all in one transaction, or none; returns how many."""


class SecretStore:
    """Encrypts on the way in and decrypts on the way out; raises `SecretsError`, `StorageError`."""

    def __init__(self, rows: SecretRows, keys: KeyRing, redactor: Redactor) -> None:
        self._rows = rows
        self._keys = keys
        self._redactor = redactor

    async def get(self, owner: str, name: str) -> str | None:
        """Return a secret, or None."""
        ciphertext = await self._rows.get(owner, name)
        return None if ciphertext is None else await asyncio.to_thread(self._decrypt, ciphertext)

    async def set(self, owner: str, name: str, value: str) -> None:
        """Store a secret."""
        await self.set_all({(owner, name): value})

    async def set_all(self, values: Mapping[tuple[str, str], str]) -> None:
        """Store secrets by (owner, name), all in one transaction."""
        for value in values.values():
            if len(value) > MAX_LENGTH:
                raise SecretsError(f"A secret has at most {MAX_LENGTH} characters.")
            self._redactor.add(value)
        encrypted = await asyncio.to_thread(
            lambda: {key: self._encrypt(value) for key, value in values.items()}
        )
        await self._rows.set(encrypted)

    async def delete(self, owner: str, name: str) -> None:
        """Forget a secret; the redactor goes on removing it, for old texts may still hold it."""
        await self._rows.delete(owner, name)

    async def delete_owner(self, owner: str) -> None:
        """Forget all secrets of an owner."""
        await self._rows.delete(owner)

    async def all_values(self) -> dict[tuple[str, str], str]:
        """Return all secrets by (owner, name); the redactor knows them from then on.

        Raises `SecretsError` when the key is not the one they were encrypted with; then no new
        key is made.
        """
        rows = await self._rows.all()
        if rows and not self._keys.exists:
            raise SecretsError(
                "The key of the secrets store is missing, and there are secrets: put secret.key "
                "back into .storage, or remove the database to begin anew."
            )
        values = await asyncio.to_thread(
            lambda: {key: self._decrypt(row) for key, row in rows.items()}
        )
        for value in values.values():
            self._redactor.add(value)
        return values

    async def rotate(self) -> int:
        """Make a new key and re-encrypt everything with it, in one transaction; returns how many.

        Works beside a running hub, which reads the new key at its next use.
        """
        fernet = await asyncio.to_thread(self._keys.rotate)
        try:
            return await self._rows.replace_all(fernet.rotate)
        except InvalidToken:
            raise SecretsError(
                "A stored secret does not fit the key; nothing was changed."
            ) from None

    def _encrypt(self, value: str) -> bytes:
        return self._keys.current().encrypt(value.encode())

    def _decrypt(self, ciphertext: bytes) -> str:
        try:
            return self._keys.current().decrypt(ciphertext).decode()
        except InvalidToken:
            raise SecretsError("A stored secret does not fit the key.") from None
