"""a parcel has no end of its own that is called cancelled: what is taken back before pickup is decided by a person"""

from alembic import op
import sqlalchemy as sa

revision = "c3d1f86a0e57"
down_revision = "5e0b93d7c4a2"
branch_labels = None
depends_on = None

CHECK = "state in ('creating', 'created', 'picked_up', 'in_transit', 'out_for_delivery', 'refused', 'returning', 'overdue', 'undeliverable', 'returned', 'signed', 'decided')"
RUNNING = sa.text("state not in ('signed','decided')")
INDEXES = (("uq_delivery_running", "prescription_id", True), ("ix_delivery_swept_at", "swept_at", False))


def upgrade() -> None:
    op.execute("alter table delivery drop constraint if exists ck_delivery_state")
    op.create_check_constraint(op.f("ck_delivery_state"), "delivery", CHECK, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("set statement_timeout = 0")
        op.execute("alter table delivery validate constraint ck_delivery_state")
        for name, column, unique in INDEXES:  # beside the old one, which holds until then
            op.execute(f"drop index concurrently if exists {name}_new")
            op.create_index(
                f"{name}_new",
                "delivery",
                [column],
                unique=unique,
                postgresql_concurrently=True,
                if_not_exists=True,
                postgresql_where=RUNNING,
            )
            op.execute(f"drop index concurrently if exists {name}")
            op.execute(f"-- squawk-ignore renaming-object\nalter index {name}_new rename to {name}")  # no statement names it
        op.execute("reset statement_timeout")
