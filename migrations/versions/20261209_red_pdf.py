"""the PDF of the red bill that undid another is kept beside that one"""

import sqlalchemy as sa
from alembic import op

revision = "e4a81c6f09d3"
down_revision = "9b47e2d05fa8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invoice", sa.Column("red_file", sa.Text()))
