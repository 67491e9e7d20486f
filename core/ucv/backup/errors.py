"""What can be wrong with a backup."""

from __future__ import annotations

from ucv.errors import ServiceError


class BackupDamaged(ServiceError):
    """The backup is damaged."""

    code = "BACKUP_DAMAGED"
    http_status = 422


class BackupTooNew(ServiceError):
    """The backup was made by a newer version of UCV; update UCV first."""

    code = "BACKUP_TOO_NEW"
    http_status = 422


class WrongPassphrase(ServiceError):
    """The passphrase is not the one the backup was made with."""

    code = "WRONG_PASSPHRASE"
    http_status = 403
