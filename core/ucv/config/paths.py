"""Where things are in a configuration directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ConfigDirectory:
    """A configuration directory; ``path`` need not exist yet.

    People own everything but ``.storage``, which belongs to the hub.
    """

    path: Path

    @property
    def yaml(self) -> Path:
        """The configuration file."""
        return self.path / "ucv.yaml"

    @property
    def custom_integrations(self) -> Path:
        """Plugins of this installation: a file or a package each."""
        return self.path / "custom_integrations"

    @property
    def storage(self) -> Path:
        """What the hub keeps for itself."""
        return self.path / ".storage"

    @property
    def database(self) -> Path:
        """The SQLite database, unless the configuration names another."""
        return self.storage / "ucv.db"

    @property
    def secret_key(self) -> Path:
        """The key of the secrets store."""
        return self.storage / "secret.key"

    def prepare(self) -> None:
        """Make the directory and its ``.storage``, which only the owner may enter (0700).

        Raises `OSError`. Harmless when both exist; a wider mode of ``.storage`` is narrowed.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.storage.mkdir(mode=0o700, exist_ok=True)
        if self.storage.stat().st_mode & 0o077:
            self.storage.chmod(0o700)


#: What a file looked like: change time in nanoseconds, size in bytes, inode; None if not there.
Look = tuple[int, int, int] | None


def look(file: Path) -> Look:
    """Return what a file looks like; reads nothing of it."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
