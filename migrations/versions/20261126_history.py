"""history"""

from alembic import op
import sqlalchemy as sa


revision = '9c1f4e7a2d35'
down_revision = '3c88311040e2'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('history',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('workflow_id', sa.Text(), nullable=False),
    sa.Column('process', sa.Text(), nullable=False),
    sa.Column('process_id', sa.Uuid(), nullable=False),
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('found_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('tried_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lost_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('events', sa.BigInteger(), nullable=True),
    sa.Column('bytes', sa.BigInteger(), nullable=True),
    sa.Column('file', sa.Text(), nullable=True),
    sa.CheckConstraint("status in ('COMPLETED', 'CONTINUED_AS_NEW', 'TERMINATED', 'FAILED', 'CANCELED', 'TIMED_OUT')", name=op.f('ck_history_status')),
    sa.CheckConstraint("num_nonnulls(archived_at, events, bytes, file) in (0, 4)", name=op.f('ck_history_archived')),
    sa.CheckConstraint("num_nonnulls(archived_at, lost_at) < 2", name=op.f('ck_history_lost')),
    sa.PrimaryKeyConstraint('run_id', name=op.f('pk_history'))
    )
    op.create_index(op.f('ix_history_visit_id'), 'history', ['visit_id'], unique=False)
    op.create_index(op.f('ix_history_ended_at'), 'history', ['ended_at'], unique=False)
    op.create_index('ix_history_waits', 'history', ['tried_at'], unique=False, postgresql_where=sa.text('archived_at is null and lost_at is null'))


def downgrade() -> None:
    op.drop_index('ix_history_waits', table_name='history', postgresql_where=sa.text('archived_at is null and lost_at is null'))
    op.drop_index(op.f('ix_history_ended_at'), table_name='history')
    op.drop_index(op.f('ix_history_visit_id'), table_name='history')
    op.drop_table('history')
