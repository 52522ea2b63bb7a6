"""a visit's charges, payments and refunds are found by index"""

from alembic import op

revision = 'd90b6a3f5c18'
down_revision = 'c4d1e6b08a27'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("set statement_timeout = 0")
        for table in ("charge", "payment", "refund"):
            op.execute(f"drop index concurrently if exists ix_{table}_visit_id")
            op.create_index(op.f(f"ix_{table}_visit_id"), table, ["visit_id"], postgresql_concurrently=True, if_not_exists=True)
        op.execute("reset statement_timeout")
