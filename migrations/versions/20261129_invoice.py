"""e-bills"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = 'a95d27e4c6b1'
down_revision = 'e31c7d5a9b40'
branch_labels = None
depends_on = None

RUNNING = "state not in ('issued','void')"
STANDS = "number is not null and reversed_at is null"


def upgrade() -> None:
    op.create_table('invoice',
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('charge_id', sa.Uuid(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('fund_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('account_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('cash_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('code', sa.Text(), nullable=True),
    sa.Column('number', sa.Text(), nullable=True),
    sa.Column('check_code', sa.Text(), nullable=True),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('qr', sa.LargeBinary(), nullable=True),
    sa.Column('picture', sa.LargeBinary(), nullable=True),
    sa.Column('file', sa.Text(), nullable=True),
    sa.Column('red_code', sa.Text(), nullable=True),
    sa.Column('red_number', sa.Text(), nullable=True),
    sa.Column('red_check_code', sa.Text(), nullable=True),
    sa.Column('reversed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('trouble', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('wake_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('step', sa.Text(), nullable=True),
    sa.Column('step_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('under_way', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('request', sa.Text(), nullable=True),
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('moved_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('swept_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state in ('issuing', 'reversing', 'fetching', 'refused', 'issued', 'void')", name=op.f('ck_invoice_state')),
    sa.CheckConstraint('fund_fen >= 0 and account_fen >= 0 and cash_fen >= 0', name=op.f('ck_invoice_amounts')),
    sa.CheckConstraint('number is null or fund_fen + account_fen + cash_fen > 0', name=op.f('ck_invoice_billed')),
    sa.CheckConstraint('(number is null) = (issued_at is null) and (reversed_at is null) = (red_number is null)', name=op.f('ck_invoice_numbers')),
    sa.CheckConstraint('reversed_at is null or number is not null', name=op.f('ck_invoice_reversed')),
    sa.CheckConstraint("state not in ('issued', 'fetching') or number is not null", name=op.f('ck_invoice_issued')),
    sa.ForeignKeyConstraint(['charge_id'], ['charge.id'], name=op.f('fk_invoice_charge_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invoice')),
    sa.UniqueConstraint('charge_id', 'sequence', name=op.f('uq_invoice_charge_id_sequence')),
    sa.UniqueConstraint('code', 'number', name=op.f('uq_invoice_code_number'))
    )
    op.create_index(op.f('ix_invoice_moved_at_id'), 'invoice', ['moved_at', 'id'], unique=False)
    op.create_index('ix_invoice_swept_at', 'invoice', ['swept_at'], unique=False, postgresql_where=sa.text(RUNNING))
    op.create_index(op.f('ix_invoice_visit_id'), 'invoice', ['visit_id'], unique=False)
    op.create_index('uq_invoice_running', 'invoice', ['charge_id'], unique=True, postgresql_where=sa.text(RUNNING))
    op.create_index('uq_invoice_stands', 'invoice', ['charge_id'], unique=True, postgresql_where=sa.text(STANDS))


def downgrade() -> None:
    op.drop_table('invoice')
