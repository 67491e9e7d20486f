"""The keys that secrets are encrypted with: from a file, the environment, or a passphrase."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ucv.errors import SecretsError

#: Keys kept in the file: the one in use, and the one before it, so that what a running hub
#: encrypted in the moment of a rotation is not lost.
_KEPT = 2


class KeyRing:
    """Keys of one installation, the first one encrypting.

    ``UCV_SECRET_KEY`` in the environment (one Fernet key, or several separated by commas, the
    newest first) comes first, then ``UCV_SECRET_PASSPHRASE`` (stretched by Argon2id, RFC 9106, with
    salts in ``secret.salt``), then ``secret.key``, which is made on first use, mode 0600.
    """

    def __init__(self, storage: Path, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._given = environment.get("UCV_SECRET_KEY")
        self._passphrase = environment.get("UCV_SECRET_PASSPHRASE")
        self._file = storage / ("secret.salt" if self._passphrase else "secret.key")
        self._stamp: tuple[int, int] | None = None
        self._fernet: MultiFernet | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a key already."""
        return bool(self._given) or self._file.exists()

    def current(self) -> MultiFernet:
        """Return the keys as they are now, made on first use; another process may rotate them.

        Reads a file and may stretch a passphrase: call it off the event loop. Raises
        `SecretsError`.
        """
        try:
            if self._given:
                return self._fernet or self._remember(self._given.split(","), None)
            if not self._file.exists():
                self._create()
            stamp = self._stat()
            if self._fernet is None or stamp != self._stamp:
                return self._remember(self._file.read_text("ascii").split(), stamp)
            return self._fernet
        except (OSError, ValueError) as error:
            raise SecretsError(f"The key of the secrets store is not usable: {error}") from error

    def rotate(self) -> MultiFernet:
        """Put a new key in front, and return the keys. Call it off the event loop.

        Raises `SecretsError`. With keys from the environment nothing changes: whoever sets them
        puts the new one first.
        """
        current = self.current()
        if self._given:
            return current
        try:
            old = self._file.read_text("ascii").split()
            self._write([self._new(), *old][:_KEPT])
        except OSError as error:
            raise SecretsError(f"The key cannot be written: {error}") from error
        return self.current()

    def _remember(self, lines: list[str], stamp: tuple[int, int] | None) -> MultiFernet:
        keys = [
            self._stretch(line) if self._passphrase and not self._given else line.strip()
            for line in lines
            if line.strip()
        ]
        if not keys:
            raise ValueError("it is empty")
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._stamp = stamp
        return self._fernet

    def _stretch(self, salt: str) -> str:
        derive = Argon2id(
            salt=base64.urlsafe_b64decode(salt),
            length=32,
            iterations=3,
            lanes=4,
            memory_cost=64 * 1024,
        )
        return base64.urlsafe_b64encode(derive.derive((self._passphrase or "").encode())).decode(
            "ascii"
        )

    def _new(self) -> str:
        if self._passphrase:
            return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode("ascii")
        return Fernet.generate_key().decode("ascii")

    def _create(self) -> None:
        temporary = self._write_temporary([self._new()])
        try:
            # Two processes may start at once: one of them makes the key, both use it.
            os.link(temporary, self._file)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()

    def _write(self, lines: list[str]) -> None:
        self._write_temporary(lines).replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write_temporary(self, lines: list[str]) -> Path:
        path = self._file.with_name(f"{self._file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        return path

    def _stat(self) -> tuple[int, int]:
        stat = self._file.stat()
        return stat.st_ino, stat.st_mtime_ns
