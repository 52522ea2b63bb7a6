"""what parcels and drugs that wait tell people"""

from alembic import op

revision = '5c0e8d1f72b6'
down_revision = 'a95d27e4c6b1'
branch_labels = None
depends_on = None

CHECK = "template in ('sign_in_code', 'staff_code', 'revisit_booked', 'revisit_reminder', 'revisit_called', 'revisit_called_again', 'revisit_ended', 'revisit_cancelled', 'revisit_declined', 'refund_requested', 'refund_arrived', 'refund_paid_out', 'clinic_waiting', 'prescription_approved', 'prescription_expired', 'drugs_ready', 'drugs_waiting', 'drugs_uncollected', 'delivery_sent', 'delivery_failed', 'prescription_returned', 'review_waiting')"


def upgrade() -> None:
    op.execute("alter table message drop constraint if exists ck_message_template")
    op.create_check_constraint(op.f("ck_message_template"), "message", CHECK, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("alter table message validate constraint ck_message_template")
