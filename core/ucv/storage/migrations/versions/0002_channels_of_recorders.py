"""Recorders: which channels and streams are used, and what is known of each camera."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and make room for the id of a channel in that of a camera."""
    op.add_column("entries", sa.Column("profiles", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("entries", sa.Column("channels", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("cameras", sa.Column("firmware", sa.String(length=200)))
    op.add_column("cameras", sa.Column("channel", sa.String(length=32)))
    op.add_column("cameras", sa.Column("online", sa.Boolean()))
    op.add_column("cameras", sa.Column("clock_offset", sa.Float()))
    op.add_column(
        "stream_profiles", sa.Column("bit_rate", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("stream_profiles", sa.Column("audio", sa.String(length=32)))
    # The first release made these columns shorter. SQLite does not look at lengths, and would have
    # to copy the table: dropping the old one takes with it what refers to its rows.
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("cameras", "id", type_=sa.String(length=100))
        op.alter_column("stream_profiles", "camera_id", type_=sa.String(length=100))
