"""what becomes of a message once the carrier has it, and which one it is sent again for"""

import sqlalchemy as sa
from alembic import op

revision = "7b2f94c0d1e8"
down_revision = "a81d0f6c3e52"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("ask_at", sa.DateTime(timezone=True)))
    op.add_column("message", sa.Column("asks", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("message", sa.Column("reported_at", sa.DateTime(timezone=True)))
    op.add_column("message", sa.Column("resend_of", sa.Uuid()))
