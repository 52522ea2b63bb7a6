"""What a build does with the rows it finds, in this process or, of a copy of the tree, in one of its own.

`python -m tests.migrations.at_work <what> …` with `FUZHEN_DATABASE_URL`; the last line that it writes is a JSON list of what came of each.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine

from activities.steps import Guard
from models.kernel.clock import now
from models.kernel.errors import known
from models.process import command_of
from models.queue import QueueList
from models.revisit import COMMANDS, MOVES, Revisit, State
from models.stores import queue
from models.stores import revisit as revisits
from models.stores.database import Database
from models.stores.reader import Reach
from models.tables.account import AccountRow
from models.tables.directory import DoctorRow, ScheduleRow
from models.tables.process import InboxRow
from models.tables.revisit import RevisitRow
from tests.account.builders import signed_in
from tests.client import Hands, speaking, wiring
from tests.migrations.test_tables import as_the_code_has_them, told
from tests.settings import settings

Json = dict[str, Any]
MANAGER: Final = "management"
"""Whose screens are looked at."""
ON: Final[dict[State, tuple[str, State]]] = {
    State.CHECKING: ("eligibility.check", State.COMPLETING),
    State.COMPLETING: ("eligibility.complete", State.CONSENTING),
    State.CONSENTING: ("consent.consent", State.CHOOSING),
    State.CHOOSING: ("booking.hold", State.DESCRIBING),
    State.DESCRIBING: ("intake.describe", State.PAYING),
    State.PAYING: ("booking.book", State.BOOKED),
    State.CLOSING: ("booking.leave", State.CANCELLED),
    State.BOOKED: ("queue.check_in", State.WAITING),
    State.WAITING: ("queue.accept", State.CONSULTING),
    State.CONSULTING: ("revisit.end", State.ENDED),
    State.ENDED: ("revisit.close", State.CLOSED),
}
"""The next step of each state, and where it leads."""


async def look(database: Database) -> Json:
    """Every visit as this build's screens show it, and the queue as its doctor and its patients see it."""
    async with database.reading() as db:
        visits = list(await db.scalars(select(RevisitRow.id).order_by(RevisitRow.id)))
        found = await db.execute(select(DoctorRow.account_id, ScheduleRow.id).join(ScheduleRow, ScheduleRow.doctor_id == DoctorRow.id))
        account, unit_id = found.one()
        account_id = known(account)
        listed = await queue.rows(db, account_id, unit_id, QueueList.WAITING, None, 500)
        counts = (await queue.unit(db, account_id, unit_id)).counts
        waiting = [(await queue.place(db, one.id, Reach(account_id, everywhere=True))).ahead for one in listed]
        manager = (await db.scalars(select(AccountRow.id).where(AccountRow.login == MANAGER))).one()
    headers = await signed_in(database, Hands(), manager)
    screens: dict[str, Json] = {}
    async with speaking(await wiring(database)) as api:
        for id in visits:
            told = (await api.get(f"/v1/revisits/{id}/timeline", headers=headers)).raise_for_status().json()
            steps = [[step["step"], step["state"], step["state_text"]] for step in told["steps"]]
            shown = told["revisit"]
            screens[str(id)] = {"state": shown["state"], "text": shown["state_text"], "due": shown["due_text"], "steps": steps}
    in_order = [str(one.id) for one in listed]
    return {"screens": screens, "queue": in_order, "ahead": waiting, "counts": {str(which): number for which, number in counts.items()}}


async def go_on(database: Database) -> Json:
    """Every visit by one step under the guard, first by what was kept for it; answers how many went, and whose wish was done."""
    async with database.reading() as db:
        visits = [await revisits.load(db, id) for id in await db.scalars(select(RevisitRow.id))]
        kept = {row.process_id: row for row in await db.scalars(select(InboxRow).where(InboxRow.handled_at.is_(None)))}
    going = [visit for visit in visits if visit.state not in MOVES.ends()]
    for visit in going:
        await _step(database, visit, kept.get(visit.id))
    return {"went": len(going), "done": [str(id) for id in kept]}


async def _step(database: Database, visit: Revisit, kept: InboxRow | None) -> None:
    name, to = ON[visit.state]
    wish = command_of(kept.kind, COMMANDS).model_validate(kept.event) if kept else None
    if wish and visit.state not in wish.allowed_in:
        raise RuntimeError(f"{wish} out of turn in {visit.state}")
    checked_in = {"checked_in_at": now()} if visit.state is State.BOOKED else {}
    async with Guard(database, now, revisits.STORE).step(visit, name, wish).move(to, **checked_in):
        pass


async def end(database: Database) -> Json:
    """Every visit to its end."""
    rounds = 0
    while (await go_on(database))["went"]:
        rounds += 1
    return {"rounds": rounds}


async def tables(database: Database) -> Json:
    """What this build's tables have that the database has not, and the other way round."""
    engine = create_async_engine(database.engine.url)
    async with engine.connect() as wire:
        code, made = await as_the_code_has_them(wire), await told(wire, "public")
    await engine.dispose()
    return {"differs": sorted(map(str, code ^ made))}


WORKS: Final[dict[str, Callable[[Database], Awaitable[Json]]]] = {"look": look, "go_on": go_on, "end": end, "tables": tables}


async def elsewhere(code: Path, url: str, *works: str) -> list[Json]:
    """The same, by the build of that folder."""
    command = [sys.executable, "-m", "tests.migrations.at_work", *works]
    environment = os.environ | {"FUZHEN_DATABASE_URL": url, "PYTHONPATH": ""}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=code, env=environment, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out.splitlines()[-1])


async def main(works: list[str]) -> None:
    database = Database(os.environ["FUZHEN_DATABASE_URL"], settings().vault())
    results = [await WORKS[work](database) for work in works]
    await database.close()
    sys.stdout.write(f"{json.dumps(results)}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
