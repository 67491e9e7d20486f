"""Copies of a whole installation in one file each, unreadable without their passphrase."""

from ucv.backup.creation import Created, Found, create_backup, list_backups
from ucv.backup.errors import BackupDamaged, BackupTooNew, WrongPassphrase
from ucv.backup.exchange import refuse_interrupted
from ucv.backup.restoring import Restored, restore_backup

__all__ = [
    "BackupDamaged",
    "BackupTooNew",
    "Created",
    "Found",
    "Restored",
    "WrongPassphrase",
    "create_backup",
    "list_backups",
    "refuse_interrupted",
    "restore_backup",
]
