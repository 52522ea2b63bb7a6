"""a bill is found by the numbers of the red one that undid it"""

from alembic import op
from sqlalchemy import text

revision = "71d5c20b8ea4"
down_revision = "e4a81c6f09d3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("set statement_timeout = 0")
        op.execute("drop index concurrently if exists uq_invoice_red")
        op.create_index(
            "uq_invoice_red",
            "invoice",
            ["red_code", "red_number"],
            unique=True,
            postgresql_where=text("red_number is not null"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.execute("reset statement_timeout")
