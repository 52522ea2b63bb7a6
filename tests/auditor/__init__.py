"""The auditor: it reads the outside's own books and our PostgreSQL, shares no code with either, and says to the fen and to the message what
differs.

`await assert_nothing_differs(database_url, sandbox_url)` in a test; `python -m tests.auditor` in a terminal.
"""

from tests.auditor.audit import assert_nothing_differs, audit
from tests.auditor.finding import Finding, Kind

__all__ = ["Finding", "Kind", "assert_nothing_differs", "audit"]
