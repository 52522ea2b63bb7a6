"""prescription"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = 'b7a2f0d94c11'
down_revision = '7d40c3b95e18'
branch_labels = None
depends_on = None

TELL_SCREENS = """
    create or replace function tell_screens() returns trigger language plpgsql as $$
    begin
      if tg_table_name = 'chat' then
        perform pg_notify('live', 'chat:' || new.revisit_id || ':' || new.number);
      elsif tg_table_name in ('refund', 'delivery', 'prescription') then
        perform pg_notify('live', tg_table_name || ':' || new.visit_id || ':' || new.version);
      else
        perform pg_notify('live', tg_table_name || ':' || new.id || ':' || new.version);
      end if;
      return null;
    end $$
    """


def upgrade() -> None:
    op.create_table('prescription',
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('content_id', sa.Uuid(), nullable=False),
    sa.Column('round', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('queued_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('pharmacist_id', sa.Uuid(), nullable=True),
    sa.Column('held_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('remark', sa.Text(), nullable=True),
    sa.Column('note_id', sa.Uuid(), nullable=True),
    sa.Column('task_id', sa.Uuid(), nullable=True),
    sa.Column('way', sa.Text(), nullable=True),
    sa.Column('address_id', sa.Uuid(), nullable=True),
    sa.Column('charge_id', sa.Uuid(), nullable=True),
    sa.Column('delivery_id', sa.Uuid(), nullable=True),
    sa.Column('invoice_id', sa.Text(), nullable=True),
    sa.Column('amount_fen', sa.BigInteger(), nullable=True),
    sa.Column('valid_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('pickup_code', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
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
    sa.CheckConstraint("remark in ('indication', 'dose', 'interaction', 'duplicate', 'contraindicated', 'other')", name=op.f('ck_prescription_remark')),
    sa.CheckConstraint("state in ('drafting', 'checking', 'signing', 'queued', 'questioned', 'returned', 'countersigning', 'pricing', 'choosing', 'paying', 'closing', 'at_hospital', 'dispensing', 'ready', 'shipping', 'completed', 'withdrawn', 'cancelled', 'expired')", name=op.f('ck_prescription_state')),
    sa.CheckConstraint("way in ('pickup', 'parcel', 'at_hospital')", name=op.f('ck_prescription_way')),
    sa.ForeignKeyConstraint(['visit_id'], ['revisit.id'], name=op.f('fk_prescription_visit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_prescription'))
    )
    op.create_index('ix_prescription_queue', 'prescription', ['queued_at', 'id'], unique=False, postgresql_where=sa.text("state = 'queued'"))
    op.create_index('ix_prescription_swept_at', 'prescription', ['swept_at'], unique=False, postgresql_where=sa.text("state not in ('completed','withdrawn','cancelled','expired')"))
    op.create_index(op.f('ix_prescription_visit_id'), 'prescription', ['visit_id'], unique=False)
    op.create_table('prescription_content',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('prescription_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('level', sa.Text(), nullable=True),
    sa.Column('findings', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("level in ('ok', 'inform', 'restrict', 'deny', 'failed')", name=op.f('ck_prescription_content_level')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_prescription_content'))
    )
    op.create_index(op.f('ix_prescription_content_prescription_id'), 'prescription_content', ['prescription_id'], unique=False)
    op.create_table('prescription_note',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('prescription_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_prescription_note'))
    )
    op.create_index(op.f('ix_prescription_note_prescription_id'), 'prescription_note', ['prescription_id'], unique=False)
    op.create_table('signature',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('prescription_id', sa.Uuid(), nullable=False),
    sa.Column('content_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('side', sa.Text(), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=False),
    sa.Column('signature', sa.LargeBinary(), nullable=True),
    sa.Column('signed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("side in ('doctor', 'pharmacist')", name=op.f('ck_signature_side')),
    sa.ForeignKeyConstraint(['content_id'], ['prescription_content.id'], name=op.f('fk_signature_content_id')),
    sa.ForeignKeyConstraint(['prescription_id'], ['prescription.id'], name=op.f('fk_signature_prescription_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signature'))
    )
    op.create_index(op.f('ix_signature_prescription_id'), 'signature', ['prescription_id'], unique=False)
    op.create_table('drug',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('drug', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_drug'))
    )
    op.create_index(op.f('ix_drug_name'), 'drug', ['name'], unique=False)
    op.add_column('revisit', sa.Column('waits', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('account', sa.Column('staff_id', sa.Text(), nullable=True))
    op.execute("update account set staff_id = doctor.id from doctor where doctor.account_id = account.id")
    op.execute(TELL_SCREENS)
    op.execute(
        "create trigger tell_screens after insert or update of version on prescription for each row execute function tell_screens()"
    )
