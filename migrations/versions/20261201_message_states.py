"""a message that arrived, or did not; and how messages are found"""

import sqlalchemy as sa
from alembic import op

revision = "c95a3e7d20f4"
down_revision = "7b2f94c0d1e8"
branch_labels = None
depends_on = None

CHECK = "state in ('due', 'sending', 'sent', 'delivered', 'undelivered', 'failed')"
INDEXES = (
    ("ix_message_ask_at", ["ask_at"], "state = 'sent'", False),
    ("ix_message_not_there", ["created_at", "id"], "state in ('undelivered','failed')", False),
    ("ix_message_created_at_id", ["created_at", "id"], None, False),
    ("ix_message_phone_bidx_created_at", ["phone_bidx", "created_at"], None, False),
    ("uq_message_resend_of", ["resend_of"], "resend_of is not null", True),
)


def upgrade() -> None:
    op.execute("alter table message drop constraint if exists ck_message_state")
    op.create_check_constraint(op.f("ck_message_state"), "message", CHECK, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("set statement_timeout = 0")
        op.execute("alter table message validate constraint ck_message_state")
        for name, columns, where, unique in INDEXES:
            op.execute(f"drop index concurrently if exists {name}")
            op.create_index(
                op.f(name),
                "message",
                columns,
                unique=unique,
                postgresql_concurrently=True,
                if_not_exists=True,
                postgresql_where=sa.text(where) if where else None,
            )
        op.execute("reset statement_timeout")
