"""`python -m worker.books`: proves the books of the database that FUZHEN_DATABASE_URL names.

Exit code 1 and a line for each fault when they are not in order.
"""

import asyncio
import sys

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from models.kernel.money import yuan
from models.stores import ledger_proof


class BooksSettings(BaseSettings):
    """No key and no outside: the books are numbers alone."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_", frozen=True, hide_input_in_errors=True)
    database_url: SecretStr


async def main() -> int:
    """Prints the faults; the exit code."""
    engine = create_async_engine(BooksSettings().database_url.get_secret_value(), hide_parameters=True)  # pyright: ignore[reportCallIssue]
    try:
        async with AsyncSession(engine) as db:
            found = await ledger_proof.faults(db)
    finally:
        await engine.dispose()
    for fault in found:
        sys.stdout.write(f"{fault.check}: {fault.about}: {yuan(fault.expected_fen)} expected, {yuan(fault.found_fen)} found\n")
    sys.stdout.write(f"{len(found)} faults\n" if found else "The books are in order.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
