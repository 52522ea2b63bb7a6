"""texts of a second call, and of a visit that the doctor gave back"""

from alembic import op

revision = '7d40c3b95e18'
down_revision = '5b2e8d4c7f10'
branch_labels = None
depends_on = None

TEMPLATES = (
    'sign_in_code', 'staff_code', 'revisit_booked', 'revisit_reminder', 'revisit_called', 'revisit_called_again', 'revisit_ended',
    'revisit_cancelled', 'revisit_declined', 'refund_requested', 'refund_arrived', 'refund_paid_out', 'clinic_waiting',
)
OLDER = {'revisit_called_again': 'revisit_called', 'revisit_declined': 'revisit_cancelled'}


def _only(templates: tuple[str, ...]) -> None:
    """In two steps: what stands in the outbox is looked through while messages go on."""
    named = ', '.join(f"'{one}'" for one in templates)
    op.execute("alter table message drop constraint if exists ck_message_template")
    op.create_check_constraint(op.f('ck_message_template'), 'message', f"template in ({named})", postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("alter table message validate constraint ck_message_template")


def upgrade() -> None:
    _only(TEMPLATES)


def downgrade() -> None:
    """An older build can send neither: what is still to be sent ends, and what was sent is called by the nearest older name."""
    for new, old in OLDER.items():
        op.execute(
            f"update message set state = 'failed', failure = 'message.template', lease_until = null "
            f"where template = '{new}' and state in ('due', 'sending')"
        )
        op.execute(f"update message set template = '{old}' where template = '{new}'")
    _only(tuple(one for one in TEMPLATES if one not in OLDER))
