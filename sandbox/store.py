"""The sandbox's own books: one SQLite file, never our PostgreSQL."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class Store:
    """One SQLite file (WAL, synchronous=NORMAL), opened in the one event-loop thread.

    SQLite refuses any other thread, so a handler that is not `async def` fails at once instead of racing.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, making it and its folder when they are missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._wire = sqlite3.connect(path, isolation_level=None)
        self._wire.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 5000"):
            self._wire.execute(f"PRAGMA {pragma}")

    def script(self, ddl: str) -> None:
        """Run a system's `CREATE TABLE IF NOT EXISTS …`; each system calls it when it is built."""
        self._wire.executescript(ddl)

    def extend(self, table: str, column: str, declaration: str) -> None:
        """Give a table a column that a file of an earlier build lacks; called behind `script`, which leaves a table as it finds it."""
        if column not in {row["name"] for row in self.rows(f"PRAGMA table_info({table})")}:
            self._wire.execute(f"ALTER TABLE {table} ADD COLUMN {column} {declaration}")

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """One transaction, committed at the end and rolled back by any exception. Never await inside: all requests share the connection."""
        self._wire.execute("BEGIN IMMEDIATE")
        try:
            yield self._wire
        except BaseException:
            self._wire.execute("ROLLBACK")
            raise
        self._wire.execute("COMMIT")

    def rows(self, sql: str, *args: object) -> list[sqlite3.Row]:
        """All rows of a query outside a transaction."""
        return self._wire.execute(sql, args).fetchall()

    def row(self, sql: str, *args: object) -> sqlite3.Row | None:
        """The first row of a query outside a transaction, or None."""
        return self._wire.execute(sql, args).fetchone()

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        self._wire.close()
