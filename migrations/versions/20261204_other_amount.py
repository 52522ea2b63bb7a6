"""money of another amount than its charge asked for"""

from alembic import op

revision = "c41f7b9a06d8"
down_revision = "5b0c7d19e2f6"
branch_labels = None
depends_on = None

CHECKS = (
    ("payment", "ck_payment_unwanted", "unwanted is null or unwanted in ('late', 'second', 'other_amount', 'unknown_order')"),
    (
        "refund",
        "ck_refund_cause",
        "cause in ('patient', 'absent', 'not_accepted', 'declined', 'suspended', 'unsettled', 'management', 'returned',"
        " 'late', 'second', 'other_amount', 'unknown_order')",
    ),
)


def upgrade() -> None:
    for table, name, condition in CHECKS:
        op.execute(f"alter table {table} drop constraint if exists {name}")
        op.create_check_constraint(op.f(name), table, condition, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("set statement_timeout = 0")
        for table, name, _ in CHECKS:
            op.execute(f"alter table {table} validate constraint {name}")
        op.execute("reset statement_timeout")
