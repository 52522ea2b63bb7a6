"""One case: the fault is set right before its step, what it led to is looked at right behind, and all books at the end."""

from collections import Counter
from typing import Any, Final, cast

from sqlalchemy import text

from api.sentences import OF_KIND, SENTENCES
from models.kernel.errors import DomainError
from models.refund import RefundState
from models.stores import ledger_proof
from tests.auditor import assert_nothing_differs
from tests.faults.drugs import DrugWalk
from tests.faults.hospital import Call, Hospital, Town
from tests.faults.matrix import LATE_S, Asked, Back, Case, Ends, Kept, Stuck, Told, Unsent
from tests.faults.walk import WITH_DRUGS, Path, Walk, opened
from tests.settings import COLUMN_KEY

WALKED: Final = ("revisit", "charge", "refund", "prescription", "delivery", "record_signing")
SHORT_S: Final = 0.5
"""How long the gateways wait where the outside is slow."""
SHORT_WITH_DRUGS_S: Final = 1.5
"""A prescription is written by many requests within one call."""
STATES: Final = {
    **dict.fromkeys((Path.STRAIGHT, Path.COMPLETED, *WITH_DRUGS), "closed"),
    Path.ABSENT: "absent",
    Path.DECLINED: "declined",
}
WENT_WELL: Final = Counter(places=1, settlements=1, encounters=1, orders=1, payments=1, signatures=1, records=1, bills=1)
WITH_DRUGS_PAID: Final = WENT_WELL + Counter(settlements=1, orders=1, payments=1, bills=1, checks=1, signatures=2, prescriptions=1)
GIVEN_BACK: Final = Counter(settlements=1, reversals=1, orders=1, payments=1, refunds=1, bills=1, reds=1)
NEVER_SETTLED: Final = Counter(orders=1, payments=1, refunds=1)
BOOKS: Final = {
    Path.STRAIGHT: WENT_WELL,
    Path.COMPLETED: WENT_WELL,
    Path.CANCELLED: GIVEN_BACK,
    Path.DECLINED: GIVEN_BACK + Counter(encounters=1),
    Path.ABSENT: GIVEN_BACK,
    Path.UNPAID: Counter(orders=1),
    Path.GIVEN_UP: Counter[str](),
    Path.PICKED_UP: WITH_DRUGS_PAID,
    Path.SENT: WITH_DRUGS_PAID + Counter(parcels=1),
    Path.NOT_SENT: WITH_DRUGS_PAID + Counter(reversals=1, refunds=1, reds=1) - Counter(prescriptions=1),
    Path.NOT_WANTED: WENT_WELL + Counter(checks=1, signatures=2),
}
"""What the outside's books hold at the end."""


class Trial:
    """A walk, told of each thing on it."""

    def __init__(self, hospital: Hospital, walk: Walk, case: Case) -> None:
        self.hospital, self.walk, self.case, self.spot = hospital, walk, case, case.spot
        self._due = {*[step for step, *_ in case.spot.before], case.spot.step}
        self._since: int | None = None
        self._stood: tuple[object, ...] = ()
        self._looked = False

    async def before(self, name: str) -> None:
        """Whatever is to go wrong at this step is set, once; in the order in which it is to happen."""
        if name not in self._due:
            return
        self._due.remove(name)
        outside = self.hospital.outside
        for step, call, kind, code in self.spot.before:
            if step == name:
                await outside.fault(self.spot.system, call, kind, seconds=LATE_S if kind == "late" else 0, code=code)
        if name == self.spot.step:
            if self.spot.path is Path.ABSENT:  # hours later the token has run out: that answer is not the one to be spoilt
                await self.hospital.lines.his.locks()
            await outside.fault(self.spot.system, self.spot.call, self.case.kind, seconds=self.case.seconds, code=self.case.code)
            self._since, self._stood = len(self.hospital.seen.calls), await self._stands()

    async def behind(self, name: str, refusal: DomainError | None) -> None:
        """What came of it; of words and of reports it is seen at the end only."""
        if self._since is None or self._looked:
            assert refusal is None or self.spot.path is Path.GIVEN_UP, f"{name} was refused, and nothing goes wrong there"
            return
        self._looked = True
        if self.spot.system == "sms" or self.spot.call.startswith("NOTIFY"):
            assert refusal is None
            return
        asked = self.hospital.seen.of(self.spot.method, since=self._since)
        self._says_what_is_under_way(asked)
        await self._became(asked, refusal)

    def _says_what_is_under_way(self, asked: list[Call]) -> None:
        """Each time it is asked; and under one number."""
        expected = (self.spot.under_way,) if self.spot.under_way else ()
        assert {one.under_way for one in asked} == {expected}
        assert len({one.number for one in asked}) == 1

    async def _became(self, asked: list[Call], refusal: DomainError | None) -> None:
        after = self.case.after
        if isinstance(after, Told):
            await self._is_told(after, refusal)
            return
        assert refusal is None
        match after:
            case Asked.AGAIN if self.spot.asked_again_by:
                assert len(self.hospital.seen.of(self.spot.asked_again_by, since=cast(int, self._since))) > 1
            case Asked.AGAIN:
                assert len(asked) > 1
            case Asked.LATER:
                assert await self._one("select state, wake_at is not null, trouble from refund") == ("cleared", True, None)
            case Stuck(trouble, office):
                assert await self._one("select state, trouble, office from refund") == (RefundState.STUCK, trouble, office)
            case Kept(code):
                table = cast(str, self.spot.under_way).partition(" ")[0]
                assert await self._one(f"select refusal from {table}") == (code,)
            case Back(table, state, why):
                column = "trouble" if table in {"delivery", "invoice"} else "reason"
                assert await self._one(f"select {column} from {table} where state = '{state}'") == (why,)
            case Ends(state, why):
                assert await self._one("select state, refusal from revisit") == (state, why)
            case _:
                assert len(asked) == 1

    async def _is_told(self, after: Told, refusal: DomainError | None) -> None:
        """By a code whose sentence says what to do; and the visit stands where it stood."""
        assert refusal is not None
        assert refusal.code == after.code
        assert "请" in SENTENCES.get(refusal.code, OF_KIND[refusal.kind])
        assert await self._stands() == self._stood

    async def _stands(self) -> tuple[object, ...]:
        """Where every row stands, and who holds it."""
        rows = " union all ".join(f"select '{one}', state, version, step from {one}" for one in WALKED)
        async with self.hospital.database.reading() as db:
            return tuple(tuple(row) for row in await db.execute(text(f"{rows} order by 1, 2, 3")))

    async def _one(self, query: str) -> tuple[Any, ...]:
        async with self.hospital.database.reading() as db:
            return tuple((await db.execute(text(query))).one())

    # --- the end

    async def ends_well(self, database_url: str) -> None:
        """It happened, the visit is where it should be, nothing is there twice, and all books agree."""
        assert self._looked
        assert await self.hospital.outside.faults_left() == []
        assert self.walk.state == self._state
        assert self._books() == self._expected
        await self._words()
        assert await self.hospital.unhandled() == 0
        async with self.hospital.database.reading() as db:
            assert await ledger_proof.faults(db) == []
        await assert_nothing_differs(database_url, self.hospital.outside.address, column_keys={"test": COLUMN_KEY})

    @property
    def _unsettled(self) -> bool:
        return self.spot.method == "settle" and isinstance(self.case.after, Kept)

    @property
    def _state(self) -> str:
        if isinstance(self.case.after, Ends):
            return self.case.after.state
        return "cancelled" if self._unsettled else STATES.get(self.spot.path, "cancelled")

    @property
    def _expected(self) -> Counter[str]:
        if isinstance(self.case.after, Ends):
            return Counter()
        unasked = Counter(checks=int(self.spot.method == "check" and self.case.kind == "refused"))
        return NEVER_SETTLED if self._unsettled else BOOKS[self.spot.path] + self._done_anew - unasked

    @property
    def _done_anew(self) -> Counter[str]:
        """A prescription that came back to its doctor was reviewed and signed anew; what its pharmacist had signed counts there too."""
        after = self.case.after
        if not isinstance(after, Back) or after.table != "prescription":
            return Counter()
        both = Counter(checks=1, signatures=2)
        return {"returned": both, "drafting": Counter[str](), "queued": Counter[str]()}[after.state]

    def _books(self) -> Counter[str]:
        rows = self.hospital.outside.rows
        there = Counter(
            places=sum(one["status"] not in {"cancelled", "noshow"} for one in rows("his_appointment")),
            settlements=len(rows("his_settlement")),
            reversals=len(rows("his_reversal")),
            encounters=sum(one["class"] == "VR" for one in rows("his_encounter")),
            orders=len(rows("wechat_order")),
            payments=len(rows("wechat_payment")),
            refunds=len(rows("wechat_refund")),
            records=len(rows("his_composition")),
            bills=sum(one["bus_no"] is not None for one in rows("invoice_bill")),
            reds=sum(one["undoes"] is not None for one in rows("invoice_bill")),
            checks=len(rows("review_check")),
            signatures=sum(one["state"] == "SIGNED" for one in rows("signature_task")),
            prescriptions=len({one["number"] for one in rows("his_prescription_line") if one["status"] == "completed"} & self._ours),
            parcels=sum(one["cancelled_at"] is None for one in rows("logistics_order")),
        )
        return +there

    @property
    def _ours(self) -> set[str]:
        """Numbers of prescriptions that came from us."""
        return {one["number"] for one in self.hospital.outside.rows("his_prescription") if one["ours"]}

    async def _words(self) -> None:
        """Each message once on its phone; but for one that nobody could tell of, which is repeated once, marked and counted."""
        texts = Counter(one["out_id"] for one in self.hospital.outside.rows("sms_message"))
        async with self.hospital.database.reading() as db:
            messages = (await db.execute(text("select id, state, failure, repeated, template from message"))).all()
        failed = [one.failure for one in messages if one.state == "failed"]
        assert failed == ([self.case.after.code] if isinstance(self.case.after, Unsent) else [])
        repeated = [one for one in messages if one.repeated]
        assert len(repeated) == (1 if self._lands_unseen else 0)
        for one in messages:
            often = 2 if one.repeated and self.case.kind != "refused" else 0 if one.state == "failed" else 1
            assert texts[one.id.hex] == often, one.template

    @property
    def _lands_unseen(self) -> bool:
        """Asked for, the carrier knows of no such text yet, or never will."""
        return self.spot.method == "send" and (
            self.case.kind in {"slow", "late"} or (self.case.after is Asked.AGAIN and bool(self.case.code))
        )


async def tried(town: Town, case: Case) -> None:
    """The visit is walked to its end, and everything is looked at."""
    short_s = SHORT_WITH_DRUGS_S if case.spot.path in WITH_DRUGS else SHORT_S
    limits = {"limit_s": short_s, "pull_limit_s": short_s} if case.kind == "slow" else {}
    async with town.morning(**limits) as (hospital, database_url):
        walk = await opened(hospital, town, case.spot.path, DrugWalk if case.spot.path in WITH_DRUGS else Walk)
        trial = Trial(hospital, walk, case)
        await walk.goes(trial.before, trial.behind)
        await trial.ends_well(database_url)
