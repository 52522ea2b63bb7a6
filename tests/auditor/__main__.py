"""`python -m tests.auditor --database-url … --sandbox-url …`: prints what differs; ends with 1 when something does."""

import argparse
import asyncio
import sys

from tests.auditor.audit import audit
from tests.auditor.finding import told


def main() -> int:
    """Without `--quiet`, what is under way is not judged."""
    wishes = argparse.ArgumentParser(prog="python -m tests.auditor", description="What differs between our books and the outside's.")
    wishes.add_argument("--database-url", required=True)
    wishes.add_argument("--sandbox-url", required=True)
    wishes.add_argument("--quiet", action="store_true", help="every process should have ended")
    wishes.add_argument("--standing", action="append", default=[], metavar="PROCESS.STATE", help="may stand all the same; may be repeated")
    wishes.add_argument("--column-key", action="append", default=[], metavar="ID=HEX", help="opens what is sealed; may be repeated")
    wish = wishes.parse_args()
    keys = dict(one.split("=", 1) for one in wish.column_key)
    findings = asyncio.run(audit(wish.database_url, wish.sandbox_url, quiet=wish.quiet, standing=wish.standing, column_keys=keys))
    sys.stdout.write(f"{told(findings)}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
