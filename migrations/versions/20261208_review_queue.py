"""pharmacists are told of all that waits for review at once: how many, and how long the oldest has"""

from alembic import op

revision = "9b47e2d05fa8"
down_revision = "c3d1f86a0e57"
branch_labels = None
depends_on = None

CHECK = "template in ('sign_in_code', 'staff_code', 'revisit_booked', 'revisit_reminder', 'revisit_called', 'revisit_called_again', 'revisit_ended', 'revisit_cancelled', 'revisit_declined', 'revisit_suspended', 'revisit_rearranged', 'refund_requested', 'refund_arrived', 'refund_paid_out', 'clinic_waiting', 'prescription_approved', 'prescription_expired', 'drugs_ready', 'drugs_waiting', 'drugs_uncollected', 'delivery_sent', 'delivery_failed', 'delivery_waiting', 'prescription_returned', 'review_waiting', 'review_queue')"


def upgrade() -> None:
    op.execute("alter table message drop constraint if exists ck_message_template")
    op.create_check_constraint(op.f("ck_message_template"), "message", CHECK, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("set statement_timeout = 0")
        op.execute("alter table message validate constraint ck_message_template")
        op.execute("reset statement_timeout")
