"""a visit's state waiting will be called queueing: rows may say either name, and say the old one until the contract

From here on a build may use the new name. What it writes is kept under the old one, so every build, older or newer, can read every row,
and the older one can be put back at any time.
"""

from alembic import op

revision = "queueing_expand"
down_revision = "the newest"
branch_labels = None
depends_on = None

STATES = (
    "'checking', 'refused', 'completing', 'consenting', 'choosing', 'describing', 'paying', 'closing', 'booked', 'queueing', "
    "'consulting', 'ended', 'closed', 'cancelled', 'declined', 'absent', 'suspended'"
)
KEPT = """
create or replace function queueing_is_kept_as_waiting() returns trigger language plpgsql as $$
begin
  if tg_table_name = 'revisit' then
    new.state := 'waiting';
  else
    new.before := case new.before when 'queueing' then 'waiting' else new.before end;
    new.after := case new.after when 'queueing' then 'waiting' else new.after end;
  end if;
  return new;
end $$
"""
SINCE = """
do $$ begin
  execute format('comment on function queueing_is_kept_as_waiting() is %L', clock_timestamp());
end $$
"""


def upgrade() -> None:
    op.execute(
        "alter table revisit drop constraint if exists ck_revisit_state, "
        f"add constraint ck_revisit_state check (state in ({STATES}) or state = 'waiting') not valid"
    )
    op.execute(KEPT)
    op.execute(
        "create or replace trigger queueing_is_kept_as_waiting before insert or update of state on revisit "
        "for each row when (new.state = 'queueing') execute function queueing_is_kept_as_waiting()"
    )
    op.execute(
        "create or replace trigger queueing_is_kept_as_waiting before insert on timeline "
        "for each row when (new.process = 'revisit' and 'queueing' in (new.before, new.after)) "
        "execute function queueing_is_kept_as_waiting()"
    )
    op.execute(SINCE)
    with op.get_context().autocommit_block():
        op.execute("alter table revisit validate constraint ck_revisit_state")
