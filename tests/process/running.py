"""The hospital with its runs: a real worker on a real Temporal over a real database, and people who ask."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import text
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import (
    Client,
    WorkflowContinuedAsNewError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from models.charge import Charge, Order, Reported, Scene
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import known
from models.process import Command
from models.record import SIGNED
from models.revisit import (
    BY_DOCTOR,
    Accept,
    AnswerSurvey,
    CheckIn,
    ChooseSlot,
    Consent,
    Describe,
    End,
    Enter,
    Revisit,
    SelfCheck,
    State,
)
from models.stores.database import Database
from models.stores.live import listening
from models.tables.record import RecordSigningRow
from models.tables.revisit import RUNNING, RevisitRow
from tests.builders import NOTICE, Person, Unit
from tests.process.hospital import Hospital, wish
from tests.process.visit import reported, signature_reported
from worker.wiring import worker
from workflows.runs import Runs, run_id

C = TypeVar("C", bound=Command)
T = TypeVar("T")
HARMLESS = frozenset(
    {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    }
)
"""A message arrived while the run was ending or going on as another, or it was ended by force."""
SOON_S = 60.0
"""Nothing here takes as long; a run that stands still fails its test instead of hanging it."""


class Running(Hospital):
    """One worker; the time is the real one."""

    def __init__(self, database: Database, client: Client) -> None:
        self.runs, self.client = Runs(client), client
        super().__init__(database, now, self.runs)
        self.moved = asyncio.Condition()
        self._open: list[UUID] = []

    @asynccontextmanager
    async def working(self, *, workflow_cache: int) -> AsyncGenerator["Running"]:
        """With a worker, and told of every row that moves."""
        heard = asyncio.Event()
        async with listening(self.database, lambda _: heard.set()), worker(self.client, self.activities, workflow_cache=workflow_cache):
            telling = asyncio.create_task(self._tell(heard))
            yield self
            telling.cancel()

    async def _tell(self, heard: asyncio.Event) -> None:
        while True:
            await heard.wait()
            heard.clear()
            async with self.moved:
                self.moved.notify_all()

    async def opened(
        self, *, person: Person | None = None, unit: Unit | None = None, draft: timedelta | None = None, begun: bool = True
    ) -> "Live":
        """A visit as the API opens it: its row, then its run."""
        policy = await self.opens()
        if draft:
            policy = policy.model_copy(update={"rules": policy.rules.model_copy(update={"draft_s": draft.total_seconds()})})
        whose, where = person or await self.person(), unit or await self.unit(timedelta(minutes=-10))
        visit = Live(self, whose, where, await self.visit(whose, policy))
        self._open.append(visit.id)
        if begun:
            await self.runs.begin("revisit", visit.id, visit.id)
        return visit

    def handle(self, process: str, id: UUID) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(run_id(process, id))

    async def dismiss(self) -> None:
        """Ends what a test left open, rows and runs, so that nothing of it meets the next one."""
        async with self.database.transaction() as db:
            for statement in (
                f"update revisit set state = 'cancelled' where {RUNNING}",
                "update charge set state = 'closed' where state in ('open', 'paid')",
                "update record_signing set state = 'withdrawn' where state = 'signing'",
                "update record_signing set state = 'filed' where state in ('filing', 'stuck')",
                "update inbox set handled_at = now(), outcome = 'late' where handled_at is null",
            ):
                await db.execute(text(statement))
        for visit_id in self._open:
            for process, id in (("revisit", visit_id), ("charge", ids.derived("charge", "revisit", visit_id))):
                try:
                    await self.handle(process, id).terminate("the test is over")
                except RPCError as gone:
                    if gone.status is not RPCStatusCode.NOT_FOUND:
                        raise
        self._open.clear()

    async def failed_tasks(self) -> list[str]:
        """Workflow tasks of any run that failed, but for those that are harmless."""
        failed: list[str] = []
        async for run in self.client.list_workflows():
            async for event in self.client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events():
                cause = event.workflow_task_failed_event_attributes.cause
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED and cause not in HARMLESS:
                    failed.append(f"{run.id}: {event.workflow_task_failed_event_attributes.failure.message}")
        return failed


class Live:
    """A visit whose run walks, and the people around it."""

    def __init__(self, hospital: Running, person: Person, unit: Unit, id: UUID) -> None:
        self.hospital, self.person, self.unit, self.id = hospital, person, unit, id
        self.charge_id = ids.derived("charge", "revisit", id)
        self.run = hospital.handle("revisit", id)
        self.charge_run = hospital.handle("charge", self.charge_id)
        self.record_run: WorkflowHandle[Any, Any] | None = None
        self._walks: dict[State, Callable[[], Awaitable[object]]] = {
            State.CHECKING: lambda: self.until(State.CONSENTING),
            State.CONSENTING: self.consents,
            State.CHOOSING: self.chooses,
            State.DESCRIBING: self.describes,
            State.PAYING: self.pays,
            State.BOOKED: lambda: self.does(CheckIn),
            State.WAITING: lambda: self.does(Accept),
            State.CONSULTING: self.is_seen,
            State.ENDED: self.answers_survey,
        }

    async def state(self) -> State:
        return State((await self.hospital.row(self.id)).state)

    async def to(self, *states: State, before_each: Callable[[State], Awaitable[object]] | None = None) -> "Live":
        """Walked by its people until it is there."""
        while (state := await self.state()) not in states:
            if before_each:
                await before_each(state)
            await self._walks[state]()
        return self

    async def until(self, *states: State) -> RevisitRow:
        """Waits for moves until the row stands there."""
        return await self.when(lambda: self.hospital.row(self.id), lambda row: row.state in states)

    async def when(self, look: Callable[[], Awaitable[T]], fits: Callable[[T], object]) -> T:
        """Looks again whenever something of the visit has moved."""
        async with asyncio.timeout(SOON_S), self.hospital.moved:
            while not fits(seen := await look()):
                await self.hospital.moved.wait()
        return seen

    async def wish(self, kind: type[C], **fields: object) -> C:
        """As the API makes it: with the version of the row that it was made from."""
        by = self.unit.doctor_account_id if kind.model_fields["kind"].default in BY_DOCTOR else self.person.account_id
        return wish(kind, by, **{"seen": (await self.hospital.row(self.id)).version} | fields)

    async def does(self, kind: type[Command], **fields: object) -> Revisit:
        return await self.asks(await self.wish(kind, **fields))

    async def asks(self, command: Command) -> Revisit:
        """The Update, under the command's own id, and its answer."""
        return await asyncio.wait_for((await self.posts(command)).result(), SOON_S)

    async def posts(self, command: Command) -> WorkflowUpdateHandle[Revisit]:
        """The Update taken by the run, and not yet answered."""
        return await self.run.start_update(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            str(command.model_dump()["kind"]),
            command,
            id=str(command.id),
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            result_type=Revisit,
        )

    async def consents(self) -> Revisit:
        await self.does(SelfCheck, symptoms=())
        return await self.does(Consent, text_version=NOTICE.version, text_hash=NOTICE.hash)

    async def choice(self) -> ChooseSlot:
        return await self.wish(ChooseSlot, slot_id=self.unit.slot_ids[0])

    async def chooses(self) -> Revisit:
        return await self.asks(await self.choice())

    async def describes(self) -> Revisit:
        return await self.does(Describe, intake_id=await self.hospital.described(self.id))

    async def orders(self) -> str:
        """Wants to pay; answers the number of the channel order."""
        order = wish(Order, self.person.account_id, scene=Scene.NATIVE)
        answered = self.charge_run.execute_update("order", order, id=str(order.id), result_type=Charge)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        await asyncio.wait_for(answered, SOON_S)  # pyright: ignore[reportUnknownArgumentType]
        return ids.derived("charge_order", order.id).hex

    async def report(self, *, knocks: int = 1) -> Reported:
        """The channel reports something: kept, then knocked for."""
        report = await reported(self.hospital, self.charge_id)
        for _ in range(knocks):
            await self.hospital.runs.knock("charge", self.charge_id, report)
        return report

    async def pays(self) -> RevisitRow:
        self.hospital.wechat_pay.pay(await self.orders())
        await self.report()
        return await self.until(State.BOOKED, State.CANCELLED)

    async def is_seen(self) -> Revisit:
        await self.does(Enter)
        await self.signs_record()
        return await self.does(End)

    async def answers_survey(self) -> Revisit:
        return await self.does(AnswerSurvey, answer_id=await self.hospital.answered(self.id, self.person.account_id))

    async def signs_record(self) -> UUID:
        """Saved, asked for by the doctor, confirmed on their phone, reported: until it is proved. Its process goes on to the HIS."""
        doctor = self.unit.doctor_account_id
        await self.hospital.saved(self.id, doctor)
        record_id = await self.hospital.asked_to_sign(self.id, doctor)
        self.record_run = self.hospital.handle("record", record_id)
        await self.hospital.runs.begin("record", record_id, self.id)

        async def look() -> RecordSigningRow:
            async with self.hospital.database.reading() as db:
                return await db.get_one(RecordSigningRow, record_id)

        asked = await self.when(look, lambda row: row.task_id)
        self.hospital.signature.confirms(known(asked.task_id))
        await self.hospital.runs.knock("record", record_id, await signature_reported(self.hospital, record_id))
        await self.when(look, lambda row: row.state in SIGNED)
        return record_id

    async def renews(self) -> None:
        """Told that a new build is current, it goes on in a new run as soon as nobody waits."""
        old = self.hospital.client.get_workflow_handle(self.run.id, run_id=(await self.run.describe()).run_id)
        await self.run.signal("renew")
        with pytest.raises(WorkflowContinuedAsNewError):
            await asyncio.wait_for(old.result(follow_runs=False), SOON_S)

    async def is_begun_again(self) -> None:
        """Its run, and its charge's, are begun again by force, as if their store had been lost."""
        await self.hospital.runs.begin_again("revisit", self.id, self.id, by_force=True)
        if (await self.hospital.row(self.id)).charge_id:
            await self.hospital.runs.begin_again("charge", self.charge_id, self.id, by_force=True)


async def refused(work: Awaitable[object]) -> str:
    """The code of a refusal, as the API reads it."""
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await work
    return code(failure.value)


def code(answer: object) -> str:
    """Of an answer that may be a refusal; `done` for one that is none."""
    if isinstance(answer, WorkflowUpdateFailedError) and isinstance(answer.cause, ApplicationError):
        return str(answer.cause.type)
    return "done" if not isinstance(answer, BaseException) else type(answer).__name__
