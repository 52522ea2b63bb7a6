"""when it was seen that the HIS had cancelled a place of ours for its own reasons"""

from alembic import op
import sqlalchemy as sa

revision = "8d24e6b1c07f"
down_revision = "c41f7b9a06d8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("booking", sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))
