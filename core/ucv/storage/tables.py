"""The tables. Data that follows an integration's schema is JSON; no column holds a plain secret."""

from __future__ import annotations

import sqlalchemy as sa

#: Names by convention, so that migrations can name every constraint.
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("integration", sa.String(64), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("secrets", sa.JSON, nullable=False),
    sa.Column("preload", sa.Boolean, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("unique_id", sa.String(200)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("profiles", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("channels", sa.JSON, nullable=False, server_default="[]"),
)

cameras = sa.Table(
    "cameras",
    metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column(
        "entry_id", sa.ForeignKey("entries.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("integration", sa.String(64), nullable=False),
    sa.Column("unique_id", sa.String(200)),
    sa.Column("manufacturer", sa.String(200)),
    sa.Column("model", sa.String(200)),
    sa.Column("serial", sa.String(200)),
    sa.Column("mac", sa.String(32)),
    sa.Column("firmware", sa.String(200)),
    sa.Column("channel", sa.String(32)),
    sa.Column("online", sa.Boolean),
    sa.Column("clock_offset", sa.Float),
    sa.Column("capabilities", sa.JSON, nullable=False),
    sa.Column("preload", sa.Boolean, nullable=False),
)

stream_profiles = sa.Table(
    "stream_profiles",
    metadata,
    sa.Column("camera_id", sa.ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("role", sa.String(64), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("codec", sa.String(32)),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("frame_rate", sa.Float, nullable=False),
    sa.Column("bit_rate", sa.Integer, nullable=False, server_default="0"),
    sa.Column("audio", sa.String(32)),
)

#: ``owner`` is an entry's id; not a foreign key, because a secret is written before its entry.
secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("owner", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False, unique=True),
    sa.Column("password_hash", sa.String(300), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("last_used_at", sa.Float),
    sa.Column("revoked_at", sa.Float),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id_hash", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False, index=True),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("target", sa.String(200), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("outcome", sa.String(64), nullable=False),
)

#: Devices that were found on the network; ``data`` is a `ucv.discovery.store.DeviceRecord`.
found_devices = sa.Table(
    "found_devices",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("last_seen", sa.Float, nullable=False, index=True),
    sa.Column("data", sa.JSON, nullable=False),
)

#: Scans that ended, with their results.
scans = sa.Table(
    "scans",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("started", sa.Float, nullable=False, index=True),
    sa.Column("data", sa.JSON, nullable=False),
)
