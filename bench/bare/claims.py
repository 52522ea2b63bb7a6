"""Places claimed by the database alone: one row, one UPDATE a person, each a transaction of its own; nobody's name is kept."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, cast

import asyncpg

TAKE = "update bare_slot set remaining = remaining - 1 where id = $1 and remaining > 0"


@dataclass(frozen=True, slots=True)
class Sold:
    """How many people were granted a place, in how many seconds all were answered, and how many places the database says are left."""

    granted: int
    seconds: float
    left: int


async def sold(url: str, *, people: int, places: int, at_once: int) -> Sold:
    """Everybody asks once for the same slot, so many at any time."""
    async with cast(Any, asyncpg).create_pool(url, min_size=at_once, max_size=at_once) as pool:
        await pool.execute("create table if not exists bare_slot (id int primary key, remaining int not null)")
        slot = await pool.fetchval("insert into bare_slot select coalesce(max(id), 0) + 1, $1 from bare_slot returning id", places)
        asking = iter(range(people))
        granted = 0

        async def ask(wire: Any) -> None:
            nonlocal granted
            for _ in asking:
                said = await wire.execute(TAKE, slot)
                granted += said == "UPDATE 1"

        async def hand() -> None:
            async with pool.acquire() as wire:
                await ask(wire)

        began = time.perf_counter()
        await asyncio.gather(*(hand() for _ in range(at_once)))
        seconds = time.perf_counter() - began
        return Sold(granted, seconds, await pool.fetchval("select remaining from bare_slot where id = $1", slot))
