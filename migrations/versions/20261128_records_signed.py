"""every signature is of a prescription or of a record, and found by it"""

from alembic import op

revision = 'f41b0e96a7c3'
down_revision = 'e3a17c52d904'
branch_labels = None
depends_on = None

CONSTRAINTS = {
    "fk_signature_record_id": "foreign key (record_id) references record_signing (id)",
    "ck_signature_document": "check (num_nonnulls(prescription_id, record_id) = 1 and num_nonnulls(prescription_id, content_id) in (0, 2))",
}


def upgrade() -> None:
    for name, what in CONSTRAINTS.items():
        op.execute(f"alter table signature drop constraint if exists {name}, add constraint {name} {what} not valid")
    with op.get_context().autocommit_block():
        for name in CONSTRAINTS:
            op.execute(f"alter table signature validate constraint {name}")
        op.execute("set statement_timeout = 0")
        op.execute("drop index concurrently if exists ix_signature_record_id")
        op.create_index(op.f("ix_signature_record_id"), "signature", ["record_id"], postgresql_concurrently=True, if_not_exists=True)
        op.execute("reset statement_timeout")
