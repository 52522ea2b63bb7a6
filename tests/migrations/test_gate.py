"""Every revision after the first release changes tables under running visits: what would make them wait, or break a build, is met here."""

import hashlib
import re
from pathlib import Path

import pytest
from alembic.script import Script

from tests.house.rooms import HOUSE
from tests.migrations.revisions import VERSIONS, line, names, objections, sql_of, write

SUMS = Path(__file__).with_name("released.sha256").read_text(encoding="utf-8")
RELEASED = {name: hash for hash, name in (row.split() for row in SUMS.splitlines())}
"""The hash of each revision that some installation has run. A release adds its own: `sha256sum` in `migrations/versions`."""
LATER = [one for one in line() if one.down_revision is not None]

REFUSED = {
    "adding-required-field": "op.add_column('revisit', sa.Column('ward', sa.Text(), nullable=False))",
    "require-concurrent-index-creation": "op.create_index('ix_revisit_reason', 'revisit', ['reason'])",
    "constraint-missing-not-valid": "op.create_check_constraint('ck_revisit_calls', 'revisit', 'calls >= 0')",
    "adding-foreign-key-constraint": "op.create_foreign_key('fk_revisit_note_id', 'revisit', 'revisit_note', ['note_id'], ['id'])",
    "changing-column-type": "op.alter_column('revisit', 'calls', type_=sa.Integer())",
    "adding-not-nullable-field": "op.alter_column('revisit', 'reason', nullable=False)",
    "renaming-column": "op.alter_column('revisit', 'calls', new_column_name='times_called')",
    "ban-drop-column": "op.drop_column('revisit', 'calls')",
    "ban-drop-table": "op.drop_table('chat')",
    "prefer-robust-stmts": """
        with op.get_context().autocommit_block():
            op.create_index('ix_revisit_reason', 'revisit', ['reason'], postgresql_concurrently=True)
        """,
    "ban-concurrent-index-creation-in-transaction": (
        "op.create_index('ix_revisit_reason', 'revisit', ['reason'], postgresql_concurrently=True)"
    ),
}
"""By the rule that refuses it."""

PAGE = (HOUSE / "docs" / "migrations.md").read_text(encoding="utf-8")
LET_THROUGH = dict(re.findall(r"^### ([^\n]+)\n\n```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
"""What the page says how to do it."""


def test_what_is_released_is_never_edited() -> None:
    for name, hash in RELEASED.items():
        assert hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest() == hash, f"{name} is released: write a new revision"


def test_revisions_are_one_line_in_the_order_of_their_days() -> None:
    found = names(line())

    assert found[: len(RELEASED)] == list(RELEASED)
    assert found == sorted(found)
    assert all(re.fullmatch(r"\d{8}_[a-z0-9_]+\.py", name) for name in found)
    assert set(found) == {path.name for path in VERSIONS.glob("*.py")}


@pytest.mark.parametrize("revision", LATER, ids=names(LATER))
def test_no_visit_waits_for_it(revision: Script) -> None:
    assert objections(sql_of(revision)) == []


@pytest.mark.parametrize("rule", REFUSED)
def test_what_would_make_visits_wait_is_refused(tmp_path: Path, rule: str) -> None:
    folder = write(tmp_path, "refused", REFUSED[rule])

    assert rule in {said.split(": ")[0] for said in objections(sql_of(line(folder)[-1], folder))}


@pytest.mark.parametrize("what", LET_THROUGH)
def test_what_makes_nobody_wait_is_let_through(tmp_path: Path, what: str) -> None:
    assert len(LET_THROUGH) >= 5
    folder = write(tmp_path, "let_through", LET_THROUGH[what])

    assert objections(sql_of(line(folder)[-1], folder)) == []
