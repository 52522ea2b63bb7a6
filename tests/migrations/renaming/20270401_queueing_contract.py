"""a visit's state waiting is called queueing

Refused while a program lives that was there before the expand: it could not read what the rows say from here on.
"""

from alembic import op

revision = "queueing_contract"
down_revision = "queueing_expand"
branch_labels = None
depends_on = None

STATES = (
    "'checking', 'refused', 'completing', 'consenting', 'choosing', 'describing', 'paying', 'closing', 'booked', 'queueing', "
    "'consulting', 'ended', 'closed', 'cancelled', 'declined', 'absent', 'suspended'"
)
NOBODY_OLDER = """
do $$
declare
  expanded_at timestamptz := obj_description(to_regprocedure('queueing_is_kept_as_waiting()'), 'pg_proc');
  older text;
begin
  select string_agg(distinct 'a worker of build ' || build.id, ', ') into older
    from build join pg_locks on locktype = 'advisory' and mode = 'ShareLock' and granted and classid = x'46555a'::int
      and objid = ('x' || left(build.id, 7))::bit(28)::int
    where build.first_seen_at < expanded_at
      and pg_locks.database = (select oid from pg_database where datname = current_database());
  select concat_ws(', ', older, string_agg(distinct 'a program at ' || coalesce(client_addr::text, 'this machine'), ', ')) into older
    from pg_stat_activity
    where datname = current_database() and application_name = 'fuzhen' and backend_start < expanded_at;
  if older <> '' then
    raise exception 'still there from before the expand: %. Let it go, then run this again', older;
  end if;
end $$
"""


def upgrade() -> None:
    op.execute(NOBODY_OLDER)
    op.execute("drop trigger if exists queueing_is_kept_as_waiting on revisit")  # waits for what is being written, seconds at most
    op.execute("drop trigger if exists queueing_is_kept_as_waiting on timeline")
    op.execute("-- squawk-ignore ban-drop-function\ndrop function if exists queueing_is_kept_as_waiting()")
    with op.get_context().autocommit_block():  # from here on nobody writes the old name, and everybody reads both
        op.execute("update revisit set state = 'queueing' where state = 'waiting'")
        op.execute(
            "alter table revisit drop constraint if exists ck_revisit_state, "
            f"add constraint ck_revisit_state check (state in ({STATES})) not valid"
        )
        op.execute("alter table revisit validate constraint ck_revisit_state")
