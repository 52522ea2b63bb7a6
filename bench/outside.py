"""A hospital in this process whose outside answers at once: real rows, runs and activities, and parties in memory."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from models.kernel.clock import now
from models.kernel.errors import known
from models.process import Command
from models.revisit import BY_DOCTOR, Accept, CheckIn, Revisit, State
from models.stores.database import Database
from models.stores.live import listening
from models.tables.revisit import RevisitRow
from stack.data import DataFolder
from stack.ports import free_ports
from stack.postgres import PostgreSQL
from stack.programs import program
from stack.temporal import embedded_temporal
from tests.builders import Person, Unit
from tests.process.hospital import wish
from tests.process.running import SOON_S, C, Live, Running, T
from tests.settings import settings
from worker.build import Builds
from worker.logs import configure
from worker.relay import Loop, Relay, as_the_only_one
from worker.wiring import POOL, worker

WORKFLOWS_KEPT = 1000
"""In memory, as many as the SDK keeps by itself."""
RELAY_PAUSE_S = 0.5


class Prompt(Running):
    """One worker in this process. Each visit hears of its own row alone."""

    def __init__(self, database: Database, client: Client) -> None:
        super().__init__(database, client)
        self.listeners: dict[UUID, asyncio.Event] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """With the worker, and the relay for what a short cut has lost on a busy machine."""
        stop = asyncio.Event()
        relay = Relay(self.database, self.client, self.runs, self.strays, Builds(self.database, self.client), now)
        async with listening(self.database, self._hear), worker(self.client, self.activities, workflow_cache=WORKFLOWS_KEPT):
            relaying = asyncio.create_task(as_the_only_one(self.database, Loop.RELAY, relay.knock_due, RELAY_PAUSE_S, stop))
            try:
                yield
            finally:
                stop.set()
                await relaying

    def _hear(self, payload: str) -> None:
        _, id, _ = payload.split(":")
        if listener := self.listeners.get(UUID(id)):
            listener.set()

    async def visits(self, unit: Unit, count: int) -> list["Walked"]:
        """Rows as the API opens them; none has begun."""
        made: list[Walked] = []
        for _ in range(count):
            opened = await self.opened(unit=unit, begun=False)
            made.append(Walked(self, opened.person, unit, opened.id))
        return made


class Walked(Live):
    """A visit walked by the calls that the API makes for it: one Update a wish, with the version that was read."""

    def __init__(self, hospital: Prompt, person: Person, unit: Unit, id: UUID) -> None:
        super().__init__(hospital, person, unit, id)
        self._listeners = hospital.listeners
        self._seen = 0

    async def wish(self, kind: type[C], **fields: object) -> C:
        """Made from the last answer: the API's own read is measured where the API is."""
        by = self.unit.doctor_account_id if kind.model_fields["kind"].default in BY_DOCTOR else self.person.account_id
        return wish(kind, by, **{"seen": self._seen} | fields)

    async def asks(self, command: Command) -> Revisit:
        kind = str(command.model_dump()["kind"])
        asked = self.run.execute_update(kind, command, id=str(command.id), result_type=Revisit)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        answer: Revisit = await asyncio.wait_for(asked, SOON_S)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        self._seen = answer.version
        return answer

    async def until(self, *states: State) -> RevisitRow:
        row = await super().until(*states)
        self._seen = row.version
        return row

    async def when(self, look: Callable[[], Awaitable[T]], fits: Callable[[T], object]) -> T:
        moves = self._listeners[self.id]
        async with asyncio.timeout(SOON_S):
            while True:
                moves.clear()
                if fits(seen := await look()):
                    return seen
                await moves.wait()

    async def pays(self) -> RevisitRow:
        channel, number = self.hospital.wechat_pay, await self.orders()
        channel.pay(number)
        channel.orders[number].transaction_id = f"42{self.id.int % 10**26:026d}"  # its own repeat where many pay at once
        await self.report()
        return await self.until(State.BOOKED)

    async def walk(self) -> str:
        """From the begin of its run to the end of both; its id."""
        self._listeners[self.id] = asyncio.Event()
        await self.hospital.runs.begin("revisit", self.id, self.id)
        await self.until(State.CONSENTING)
        await self.consents()
        await self.chooses()
        await self.describes()
        await self.pays()
        await self.does(CheckIn)
        await self.does(Accept)
        await self.is_seen()
        await self.answers_survey()
        await asyncio.gather(self.run.result(), self.charge_run.result(), known(self.record_run).result())
        del self._listeners[self.id]
        return str(self.id)


@asynccontextmanager
async def prompt_hospital(folder: Path) -> AsyncGenerator[Prompt]:
    """On a Temporal and a PostgreSQL of its own that keep what they are told, both gone when this is left; its log is a file."""
    data = DataFolder(folder / "prompt")
    with data.held():
        postgres = PostgreSQL(data, free_ports(1)[0])
        await postgres.start()
        try:
            told = {"FUZHEN_DATABASE_URL": postgres.url}
            await program("Migrations", data.log("migrations"), ["alembic", "upgrade", "head"], told).run()
            log = data.log("worker").open("w", encoding="utf-8")  # loggers keep it as long as this process lives
            with contextlib.redirect_stdout(log):
                configure("worker")
            async with embedded_temporal(folder / "temporal") as address:
                client = await Client.connect(address, data_converter=pydantic_data_converter)
                database = Database(postgres.url, settings().vault(), pool=POOL)
                try:
                    yield Prompt(database, client)
                finally:
                    await database.close()
        finally:
            await postgres.stop()
