"""what a stopped clinic makes of a visit, tells its patient, and gives money back for"""

from alembic import op
import sqlalchemy as sa

revision = 'a81d0f6c3e52'
down_revision = 'f3a95c27d1b8'
branch_labels = None
depends_on = None

CHECKS = (
    ("revisit", "ck_revisit_state", "state in ('checking', 'refused', 'completing', 'consenting', 'choosing', 'describing', 'paying', 'closing', 'booked', 'waiting', 'consulting', 'ended', 'closed', 'cancelled', 'declined', 'absent', 'suspended')"),
    ("message", "ck_message_template", "template in ('sign_in_code', 'staff_code', 'revisit_booked', 'revisit_reminder', 'revisit_called', 'revisit_called_again', 'revisit_ended', 'revisit_cancelled', 'revisit_declined', 'revisit_suspended', 'revisit_rearranged', 'refund_requested', 'refund_arrived', 'refund_paid_out', 'clinic_waiting', 'prescription_approved', 'prescription_expired', 'drugs_ready', 'drugs_waiting', 'drugs_uncollected', 'delivery_sent', 'delivery_failed', 'prescription_returned', 'review_waiting')"),
    ("refund", "ck_refund_cause", "cause in ('patient', 'absent', 'not_accepted', 'declined', 'suspended', 'unsettled', 'management', 'returned', 'late', 'second', 'unknown_order')"),
)


def upgrade() -> None:
    for table, name, condition in CHECKS:
        op.execute(f"alter table {table} drop constraint if exists {name}")
        op.create_check_constraint(op.f(name), table, condition, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("set statement_timeout = 0")
        for table, name, _ in CHECKS:
            op.execute(f"alter table {table} validate constraint {name}")
        op.execute("drop index concurrently if exists ix_revisit_swept_at")
        op.create_index(
            "ix_revisit_swept_at",
            "revisit",
            ["swept_at"],
            postgresql_concurrently=True,
            if_not_exists=True,
            postgresql_where=sa.text("state not in ('refused','closed','cancelled','declined','absent','suspended')"),
        )
        op.execute("reset statement_timeout")
