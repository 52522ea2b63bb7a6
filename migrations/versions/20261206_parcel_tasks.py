"""the pharmacy is told of a parcel that waits for it, and told again; what waited before is told soon"""

from alembic import op

revision = "5e0b93d7c4a2"
down_revision = "8d24e6b1c07f"
branch_labels = None
depends_on = None

CHECK = "template in ('sign_in_code', 'staff_code', 'revisit_booked', 'revisit_reminder', 'revisit_called', 'revisit_called_again', 'revisit_ended', 'revisit_cancelled', 'revisit_declined', 'revisit_suspended', 'revisit_rearranged', 'refund_requested', 'refund_arrived', 'refund_paid_out', 'clinic_waiting', 'prescription_approved', 'prescription_expired', 'drugs_ready', 'drugs_waiting', 'drugs_uncollected', 'delivery_sent', 'delivery_failed', 'delivery_waiting', 'prescription_returned', 'review_waiting')"


def upgrade() -> None:
    op.execute("alter table message drop constraint if exists ck_message_template")
    op.create_check_constraint(op.f("ck_message_template"), "message", CHECK, postgresql_not_valid=True)
    op.execute("update delivery set wake_at = now() where state in ('undeliverable', 'returned') and wake_at is null")
    with op.get_context().autocommit_block():
        op.execute("set statement_timeout = 0")
        op.execute("alter table message validate constraint ck_message_template")
        op.execute("reset statement_timeout")
