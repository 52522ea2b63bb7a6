"""parcels"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


revision = '5b2e8d4c7f10'
down_revision = '9c1f4e7a2d35'
branch_labels = None
depends_on = None

TELL_SCREENS = """
    create or replace function tell_screens() returns trigger language plpgsql as $$
    begin
      if tg_table_name = 'chat' then
        perform pg_notify('live', 'chat:' || new.revisit_id || ':' || new.number);
      elsif tg_table_name in ({by_visit}) then
        perform pg_notify('live', tg_table_name || ':' || new.visit_id || ':' || new.version);
      else
        perform pg_notify('live', tg_table_name || ':' || new.id || ':' || new.version);
      end if;
      return null;
    end $$
    """

RUNNING = "state not in ('signed','cancelled','decided')"


def upgrade() -> None:
    op.create_table('delivery_address',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.LargeBinary(), nullable=False),
    sa.Column('phone', sa.LargeBinary(), nullable=False),
    sa.Column('place', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery_address'))
    )
    op.create_table('delivery',
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('prescription_id', sa.Uuid(), nullable=False),
    sa.Column('attempt', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('address_id', sa.Uuid(), nullable=False),
    sa.Column('carrier', sa.Text(), server_default='sf', nullable=False),
    sa.Column('waybill', sa.Text(), nullable=True),
    sa.Column('polls', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('trouble', sa.Text(), nullable=True),
    sa.Column('decision', sa.Text(), nullable=True),
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
    sa.CheckConstraint("(decision is not null) = (state = 'decided')", name=op.f('ck_delivery_decided')),
    sa.CheckConstraint("decision is null or decision in ('refund', 'resend', 'keep')", name=op.f('ck_delivery_decision')),
    sa.CheckConstraint("state in ('creating', 'created', 'picked_up', 'in_transit', 'out_for_delivery', 'refused', 'returning', 'overdue', 'undeliverable', 'returned', 'signed', 'cancelled', 'decided')", name=op.f('ck_delivery_state')),
    sa.ForeignKeyConstraint(['address_id'], ['delivery_address.id'], name=op.f('fk_delivery_address_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery')),
    sa.UniqueConstraint('prescription_id', 'attempt', name=op.f('uq_delivery_prescription_id_attempt'))
    )
    op.create_index(op.f('ix_delivery_moved_at_id'), 'delivery', ['moved_at', 'id'], unique=False)
    op.create_index('ix_delivery_swept_at', 'delivery', ['swept_at'], unique=False, postgresql_where=sa.text(RUNNING))
    op.create_index(op.f('ix_delivery_visit_id'), 'delivery', ['visit_id'], unique=False)
    op.create_index('uq_delivery_running', 'delivery', ['prescription_id'], unique=True, postgresql_where=sa.text(RUNNING))
    op.create_table('delivery_track',
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('event', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('mark', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('place', sa.LargeBinary(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("mark in ('picked_up', 'transit', 'out', 'failed', 'refused', 'returning', 'delivered', 'other')", name=op.f('ck_delivery_track_mark')),
    sa.ForeignKeyConstraint(['delivery_id'], ['delivery.id'], name=op.f('fk_delivery_track_delivery_id')),
    sa.PrimaryKeyConstraint('delivery_id', 'event', name=op.f('pk_delivery_track'))
    )
    op.execute(TELL_SCREENS.format(by_visit="'refund', 'delivery'"))
    op.execute("create trigger tell_screens after insert or update of version on delivery for each row execute function tell_screens()")


def downgrade() -> None:
    op.drop_table('delivery_track')
    op.drop_index('uq_delivery_running', table_name='delivery', postgresql_where=sa.text(RUNNING))
    op.drop_index(op.f('ix_delivery_visit_id'), table_name='delivery')
    op.drop_index('ix_delivery_swept_at', table_name='delivery', postgresql_where=sa.text(RUNNING))
    op.drop_index(op.f('ix_delivery_moved_at_id'), table_name='delivery')
    op.drop_table('delivery')
    op.drop_table('delivery_address')
    op.execute(TELL_SCREENS.format(by_visit="'refund'"))
