"""what prescriptions tell people, and why money goes back"""

from alembic import op

revision = 'c4d1e6b08a27'
down_revision = 'b7a2f0d94c11'
branch_labels = None
depends_on = None

CHECKS = (
    ("message", "ck_message_template", "template in ('sign_in_code', 'staff_code', 'revisit_booked', 'revisit_reminder', 'revisit_called', 'revisit_called_again', 'revisit_ended', 'revisit_cancelled', 'revisit_declined', 'refund_requested', 'refund_arrived', 'refund_paid_out', 'clinic_waiting', 'prescription_approved', 'prescription_expired', 'drugs_ready', 'prescription_returned', 'review_waiting')"),
    ("refund", "ck_refund_cause", "cause in ('patient', 'absent', 'not_accepted', 'declined', 'unsettled', 'management', 'returned', 'late', 'second', 'unknown_order')"),
)


def upgrade() -> None:
    for table, name, condition in CHECKS:
        op.execute(f"alter table {table} drop constraint if exists {name}")
        op.create_check_constraint(op.f(name), table, condition, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        for table, name, _ in CHECKS:
            op.execute(f"alter table {table} validate constraint {name}")
