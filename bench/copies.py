"""Rows of many who are like one that was really made."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def copies(wire: AsyncConnection, table: str, like: UUID | str, changes: Sequence[Mapping[str, object]]) -> None:
    """One more row for each of the changes, which name columns; the others stay as they are in the row with the id `like`."""
    insert = f"""
        insert into {table} select (jsonb_populate_record(r, c)).* from {table} r, jsonb_array_elements(cast(:changes as jsonb)) c
        where r.id = cast(:like as uuid)
    """  # noqa: S608  (the table is named by our own code)
    await wire.execute(text(insert), {"changes": json.dumps([*map(dict, changes)], default=_written), "like": str(like)})


def _written(value: object) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
