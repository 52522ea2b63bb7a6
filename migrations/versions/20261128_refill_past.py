"""a revisit may begin from a past prescription"""

import sqlalchemy as sa
from alembic import op

revision = "e31c7d5a9b40"
down_revision = "f41b0e96a7c3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refill_past",
        sa.Column("patient_id", sa.Uuid(), sa.ForeignKey("patient.id", name=op.f("fk_refill_past_patient_id")), nullable=False),
        sa.Column("told", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("patient_id", name=op.f("pk_refill_past")),
    )
    op.add_column("revisit", sa.Column("past_prescription", sa.Text()))
    op.add_column("revisit", sa.Column("past_prescribed", sa.LargeBinary()))
    op.add_column("revisit", sa.Column("unstable", sa.Boolean()))
    op.add_column("prescription", sa.Column("copied_from", sa.Text()))
