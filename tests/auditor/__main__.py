"""`python -m tests.auditor --data … --database-url … --sandbox-url …`: prints what differs.

It ends with 1 when something differs, and with 2 when nothing was looked at: it has no column key, or our database or the outside is away.

No secret has to stand in the command line, which every account of the machine may read: the column key comes from the stack's folder or
from `FUZHEN_COLUMN_KEYS`, the database's password from `PGPASSWORD`.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.auditor.audit import audit
from tests.auditor.finding import told
from tests.auditor.wire import AwayError

KEYS = "FUZHEN_COLUMN_KEYS"
NOT_LOOKED = 2


def main() -> int:
    """Without `--quiet`, what is under way is not judged. That nothing is looked at is said in a sentence, and ends with 2."""
    wishes = argparse.ArgumentParser(prog="python -m tests.auditor", description="What differs between our books and the outside's.")
    wishes.add_argument("--database-url", required=True, help="its password may stand in PGPASSWORD instead")
    wishes.add_argument("--sandbox-url", required=True)
    wishes.add_argument("--data", type=Path, help=f"the stack's folder, with its column key and its files; without it, {KEYS} has the keys")
    wishes.add_argument("--files", type=Path, help="the folder of files, where it is not that of --data; without either none is looked for")
    wishes.add_argument("--quiet", action="store_true", help="every process should have ended")
    wishes.add_argument("--standing", action="append", default=[], metavar="PROCESS.STATE", help="may stand all the same; may be repeated")
    wish = wishes.parse_args()
    try:
        keys = _keys(wish.data)
    except (OSError, ValueError) as fault:
        sys.stderr.write(f"{fault}\n")
        return NOT_LOOKED
    files = wish.files or (wish.data / "files" if wish.data else None)
    how: dict[str, Any] = {"quiet": wish.quiet, "standing": wish.standing, "column_keys": keys, "files_dir": files}
    try:
        findings = asyncio.run(audit(wish.database_url, wish.sandbox_url, **how))
    except AwayError as fault:
        sys.stderr.write(f"{fault}\n")
        return NOT_LOOKED
    sys.stdout.write(f"{told(findings)}\n")
    return 1 if findings else 0


def _keys(data: Path | None) -> dict[str, str]:
    """In hexadecimal, by id. Raises OSError or ValueError, each with a sentence, when there are none."""
    if data is not None:
        kept = data / "secrets" / "column-key"
        try:
            return {"k1": kept.read_text(encoding="utf-8").strip()}
        except OSError as fault:
            raise OSError(f"The column key cannot be read: {kept}: {fault.strerror}. Is {data} the folder of a stack?") from fault
    if not (given := os.environ.get(KEYS)):
        raise ValueError(f"No column key, so nothing that is sealed can be opened: give the stack's folder with --data, or set {KEYS}.")
    try:
        keys = dict(json.loads(given))
    except (ValueError, TypeError):
        keys = {}
    if not keys or not all(_is_key(one) for one in keys.values()):
        raise ValueError(f'{KEYS} must be keys of 16 bytes in hexadecimal, by id: {{"k1": "…"}}.')
    return keys


def _is_key(given: object) -> bool:
    try:
        return isinstance(given, str) and len(bytes.fromhex(given)) == 16
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
