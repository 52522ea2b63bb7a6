"""A file that an earlier build made is taken over as it is."""

from pathlib import Path

from sandbox.store import Store


def test_a_column_that_an_older_file_lacks_is_added_once(tmp_path: Path) -> None:
    first = Store(tmp_path / "sandbox.sqlite")
    first.script("CREATE TABLE notify (id TEXT PRIMARY KEY)")
    with first.transaction() as db:
        db.execute("INSERT INTO notify VALUES ('n1')")
    first.close()

    for _ in range(2):
        store = Store(tmp_path / "sandbox.sqlite")
        store.script("CREATE TABLE IF NOT EXISTS notify (id TEXT PRIMARY KEY)")
        store.extend("notify", "refund", "TEXT")
        assert [dict(row) for row in store.rows("SELECT * FROM notify")] == [{"id": "n1", "refund": None}]
        store.close()
