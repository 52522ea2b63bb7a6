"""停诊, and whom it met"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = 'f3a95c27d1b8'
down_revision = '5c0e8d1f72b6'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('suspension',
    sa.Column('schedule_id', sa.Text(), nullable=True),
    sa.Column('schedule_version', sa.Text(), nullable=True),
    sa.Column('doctor_id', sa.Text(), nullable=True),
    sa.Column('account_id', sa.Uuid(), nullable=True),
    sa.Column('looks', sa.BigInteger(), server_default='0', nullable=False),
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
    sa.CheckConstraint("(schedule_id is null) <> (doctor_id is null)", name=op.f('ck_suspension_scope')),
    sa.CheckConstraint("state in ('looking', 'clearing', 'done', 'unknown')", name=op.f('ck_suspension_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_suspension'))
    )
    op.create_index(op.f('ix_suspension_created_at_id'), 'suspension', ['created_at', 'id'], unique=False)
    op.create_index('ix_suspension_swept_at', 'suspension', ['swept_at'], unique=False, postgresql_where=sa.text("state not in ('done','unknown')"))
    op.create_table('suspension_visit',
    sa.Column('suspension_id', sa.Uuid(), nullable=False),
    sa.Column('revisit_id', sa.Uuid(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("outcome in ('stopped', 'rearranged', 'left_alone')", name=op.f('ck_suspension_visit_outcome')),
    sa.ForeignKeyConstraint(['revisit_id'], ['revisit.id'], name=op.f('fk_suspension_visit_revisit_id')),
    sa.ForeignKeyConstraint(['suspension_id'], ['suspension.id'], name=op.f('fk_suspension_visit_suspension_id')),
    sa.PrimaryKeyConstraint('suspension_id', 'revisit_id', name=op.f('pk_suspension_visit'))
    )
    op.create_index(op.f('ix_suspension_visit_revisit_id'), 'suspension_visit', ['revisit_id'], unique=False)
    op.add_column('doctor', sa.Column('suspended_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('revisit', sa.Column('rearranged_at', sa.DateTime(timezone=True), nullable=True))
