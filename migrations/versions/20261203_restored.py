"""When a backup was put back, and what time was lost by it"""

import sqlalchemy as sa
from alembic import op

revision = "5b0c7d19e2f6"
down_revision = "2d8e51f7a0b3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "restored",
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("taken_at", "restored_at", name=op.f("pk_restored")),
    )
