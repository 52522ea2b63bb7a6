"""`python -m worker.books`: proves the books of the database that FUZHEN_DATABASE_URL names.

Exit code 1 and a line for each fault when they are not in order; 2 and a line that says why when they could not be read.
"""

import asyncio
import sys

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from models.kernel.money import yuan
from models.stores import ledger_proof
from models.stores.outage import SUSPECTS, is_outage

UNREAD = 2
"""Exit code: nothing was proved."""


class BooksSettings(BaseSettings):
    """No key and no outside: the books are numbers alone."""

    model_config = SettingsConfigDict(env_prefix="FUZHEN_", frozen=True, hide_input_in_errors=True)
    database_url: SecretStr


async def main() -> int:
    """Prints the faults, or why the books could not be read; the exit code."""
    try:
        settings = BooksSettings()  # pyright: ignore[reportCallIssue]
        engine = create_async_engine(settings.database_url.get_secret_value(), hide_parameters=True)
    except ValidationError:
        return _unread("FUZHEN_DATABASE_URL is not set")
    except (ArgumentError, ModuleNotFoundError):  # its text may hold the password
        return _unread("FUZHEN_DATABASE_URL is no URL of a database: postgresql+asyncpg://user:password@host:port/name")
    try:
        return await _prove(engine)
    except SUSPECTS as away:
        if not is_outage(away):
            raise
        return _unread(f"the database cannot be asked: {type(away).__name__}")
    finally:
        await engine.dispose()


async def _prove(engine: AsyncEngine) -> int:
    async with AsyncSession(engine) as db:
        found = await ledger_proof.faults(db)
    for fault in found:
        sys.stdout.write(f"{fault.check}: {fault.about}: {yuan(fault.expected_fen)} expected, {yuan(fault.found_fen)} found\n")
    sys.stdout.write(f"{len(found)} faults\n" if found else "The books are in order.\n")
    return 1 if found else 0


def _unread(why: str) -> int:
    sys.stderr.write(f"The books could not be read: {why}.\n")
    return UNREAD


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
