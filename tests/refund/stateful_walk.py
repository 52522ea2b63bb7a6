"""The usual way of a visit and its money, and the way to the end of everything, in the stateful test."""

from typing import Any
from uuid import UUID

from models.charge import Order, Scene
from models.process import Alarm
from models.refund import GIVEN_BACK_AT_THE_HIS, Retry, Withdraw
from models.revisit import Decline, DeclineReason, End, Enter
from tests.process.hospital import wish
from tests.refund.stateful_acts import WEBHOOK, Acts, pick
from tests.refund.stateful_books import ENDS, at_an_end
from tests.refund.stateful_desk import AnyDesk, asks_nobody, serve
from tests.refund.stateful_outside import REFUND_S

STEPS_MAX = 300
DAY_S = 24 * 3600


class Walk(Acts):
    """What would come next."""

    async def leaves(self, how: str | None) -> None:
        """The first visit, in one of the ways in which people leave."""
        match how:
            case "cancel":
                await self.the_patient(0, "cancel")
            case "decline":
                await self.the_doctor(0, "decline")
            case "absent" if self.books.visits[0]["state"] == "booked":
                await self.clock.passes(DAY_S)
                for _ in ("reminded", "absent"):
                    await self.rings(await self.hospital.desk("revisit", self.books.visits[0]["id"]))
            case _:
                pass

    async def usually(self, which: int, steps: int) -> None:
        """What its people would do next with a visit, and the processes with it."""
        for _ in range(steps):
            visit = self.books.visits[which % len(self.books.visits)]
            charge = next(row for row in self.books.charges if row["visit_id"] == visit["id"])
            if charge["state"] not in ENDS["charge"]:
                await self._is_paid(charge)
            elif visit["state"] in ENDS["revisit"]:
                await self.gives_back(which)
            else:
                await self._is_seen(which, visit)
            await self.look()

    async def _is_paid(self, charge: dict[str, Any]) -> None:
        """Ordered; paid and told; asked for; settled."""
        desk = await self.hospital.desk("charge", charge["id"])
        ours = {row["id"].hex for row in self.books.orders if row["charge_id"] == charge["id"]}
        if asks_nobody(desk):
            await serve(desk)
        elif waiting := await self.hospital.waiting(desk.id):
            await serve(desk, waiting[-1])
        elif payable := [number for number in self.payable if number in ours]:
            await self.outside.tries_to_pay(payable[0])
            await self.the_bank_tells(0, "good")
        else:
            await self.asks(desk, wish(Order, self.town.patient, scene=Scene.NATIVE))

    async def _is_seen(self, which: int, visit: dict[str, Any]) -> None:
        match visit["state"]:
            case "booked":
                await self.the_patient(which, "check_in")
            case "waiting":
                await self.the_doctor(which, "accept")
            case "consulting":
                await (self.the_doctor(which, "end") if visit["entered_at"] else self.the_patient(which, "enter"))
            case _:
                await self.goes_on("revisit", which)

    async def gives_back(self, which: int, status: str = "SUCCESS") -> None:
        """The next step of a refund, which the bank ends in that way. When it is stuck it waits for a person."""
        refund = pick(self.running("refund"), which)
        if refund is None:
            return
        desk = await self.hospital.desk("refund", refund["id"])
        if desk.now.state == "accepted":
            await self.outside.ends_refund(refund["number"], status)
        if asks_nobody(desk):
            await serve(desk)
        elif desk.now.state != "stuck":
            await self.rings(desk)

    async def ends(self) -> None:
        """Everything is well again, the bank has told all it has to tell; time passes, and a person finishes what is stuck."""
        await self.outside.mends()
        self.hospital.fate.mends()
        await self.hospital.hand_time_is_up()
        await self.clock.passes(max(REFUND_S, 300))
        for _ in range(STEPS_MAX):
            await self._tells_all()
            await self.the_relay_comes()
            await self.look()
            running = [(process, row) for process, row in self.books.rows() if self._runs(process, row)]
            if not running and not [one for one in self.books.inbox if one["handled_at"] is None] and self._all_is_told:
                break
            for process, row in running:
                await self._finishes(await self.hospital.desk(process, row["id"]))
        at_an_end(self.books, self._untouched())

    def _untouched(self) -> set[UUID]:
        """Visits to which nothing has happened, and their charges: they may stand."""
        ordered = {row["charge_id"] for row in self.books.orders}
        paying = {row["id"] for row in self.books.visits if row["state"] == "paying"}
        still = [row for row in self.books.charges if row["version"] == 0 and row["id"] not in ordered and row["visit_id"] in paying]
        return {one for row in still for one in (row["id"], row["visit_id"])}

    def _runs(self, process: str, row: dict[str, Any]) -> bool:
        return row["state"] not in ENDS[process] and row["id"] not in self._untouched()

    @property
    def _all_is_told(self) -> bool:
        return {one.id for one in self.outside.letters()} <= self.delivered

    async def _tells_all(self) -> None:
        for letter in self.outside.letters():
            if letter.id not in self.delivered:
                answer = await self.api.post(WEBHOOK, content=letter.body, headers=self.outside.sign(letter.body))
                assert answer.status_code == 204
                self.delivered.add(letter.id)

    async def _finishes(self, desk: AnyDesk) -> None:
        """What its people, or time alone, do with it."""
        if desk.now.under_way:
            await serve(desk, desk.now.under_way)
        elif asks_nobody(desk):
            await serve(desk)
        elif desk.now.state == "stuck":
            await self._unsticks(desk)
        elif desk.now.state == "consulting":
            await self._takes_place(desk)
        elif self._is_next(desk):
            await self.rings(desk)

    def _is_next(self, desk: AnyDesk) -> bool:
        """Whether no other row wants to be woken earlier: time passes for all."""
        times = [row["wake_at"] for process, row in self.books.rows() if self._runs(process, row) and row["wake_at"]]
        return desk.now.wake_at is not None and desk.now.wake_at <= min(times)

    async def _takes_place(self, desk: AnyDesk) -> None:
        if not getattr(desk.now, "entered", False):
            await serve(desk, wish(Enter, self.town.patient))
        await self.hospital.recorded(desk.id, self.town.doctor)
        if await serve(desk, wish(End, self.town.doctor)) != "done":  # a window gave its money back, and the HIS cancelled it
            await serve(desk, wish(Decline, self.town.doctor, reason=DeclineReason.OTHER))

    async def _unsticks(self, desk: AnyDesk) -> None:
        refund = await self.hospital.refund(desk.id)
        there = next((one for one in self.outside.rows("wechat_refund") if one["out_refund_no"] == refund.number), None)
        status = there["status"] if there else None
        if there and status == "ABNORMAL":
            await self.outside.sends_another_way(refund.number, there["refund_id"])
        if status in {"ABNORMAL", "PROCESSING"}:
            await (serve(desk, Alarm()) if refund.wake_at and refund.wake_at <= self.clock() else self.rings(desk))
        elif refund.trouble == GIVEN_BACK_AT_THE_HIS or (refund.cause == "management" and not refund.cleared_at):
            await serve(desk, wish(Withdraw, self.town.finance))
        else:
            await serve(desk, wish(Retry, self.town.finance))
