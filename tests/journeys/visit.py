"""One visit of one patient, walked along the straight way as far as a test wants it."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

import httpx

from stack.seed import DOCTOR
from tests.journeys.people import WITHIN_S, Json, Patient, key, read, until

if TYPE_CHECKING:
    from tests.journeys.hospital import Hospital

CONDITION = "活动后气短较前减轻，偶有咳嗽，规律用药，想复诊。"
STRAIGHT = ("consenting", "choosing", "describing", "paying", "booked", "waiting", "consulting", "entered", "ended", "closed")
SATISFIED = {"overall": 5, "attitude": 5, "clarity": 5, "ease": 4, "solved": True, "remark": "医生讲解很清楚，谢谢。"}
EXITS = frozenset({"refused", "cancelled", "declined", "absent", "suspended", "closed"})


class Visit:
    """`to` walks on; `act` asks for one step and must be granted it, `attempt` asks once and answers what came."""

    def __init__(self, hospital: "Hospital", patient: Patient, id: str) -> None:
        self.hospital, self.patient, self.id = hospital, patient, id
        self.path = f"/v1/revisits/{id}"

    async def to(self, state: str) -> Self:
        """Every step between where it stands and `state`, each by whose turn it is."""
        await self.hospital.stays_open()
        await self.until(*STRAIGHT)
        for _ in range(STRAIGHT.index(state)):
            at = await self.now()
            where = "entered" if at["state"] == "consulting" and at["entered"] else at["state"]
            assert where in STRAIGHT, f"{where}, {at['reason'] or at['refusal']}, on the way to {state}"
            if STRAIGHT.index(where) >= STRAIGHT.index(state):
                break
            await self._step(where)
        return self

    async def _step(self, where: str) -> None:
        match where:
            case "consenting":
                await self.consent()
            case "choosing":
                await self.act("choose-slot", {"slot_id": self.hospital.hall})
            case "describing":
                await self.act("describe", {"text": CONDITION})
            case "paying":
                await self.pay()
                await self.until("booked")
            case "booked":
                await self.act("check-in")
            case "waiting":
                await self.accept()
            case "consulting":
                await self.act("enter")
            case "entered":
                await self.end()
            case _:
                await self.answers_survey()

    # What the screen reads

    async def now(self) -> Json:
        return await self.patient.ask(self.path)

    async def timeline(self) -> Json:
        return await self.patient.ask(f"{self.path}/timeline")

    async def steps(self) -> list[str]:
        """Without its e-bills: they come beside it, whenever the issuer answers."""
        return [one["step"] for one in (await self.timeline())["steps"] if one["process"] != "invoice"]

    async def until(self, *states: str, within_s: float = WITHIN_S) -> Json:
        """Follow the visit until it stands in one of the states."""
        seen = await until(f"the visit to be {states}", self.now, lambda now: now["state"] in {*states, *EXITS}, within_s)
        assert seen["state"] in states, f"{seen['state']}, {seen['reason'] or seen['refusal']}, instead of {states}"
        return seen

    async def billed(self) -> Self:
        """Its e-bill has come, which comes by itself: from then on nothing happens to it without somebody's asking."""
        await until("its e-bill", self.timeline, lambda told: any(one["step"] == "invoice.issue" for one in told["steps"]), WITHIN_S)
        return self

    # What people do

    async def act(self, step: str, body: object = None, **headers: str) -> Json:
        return await self.patient.act(f"{self.path}/{step}", body, headers=headers)

    async def attempt(self, step: str, body: object = None, *, under: str | None = None) -> httpx.Response:
        return await self.patient.post(f"{self.path}/{step}", body, key=under or key())

    async def consent(self) -> None:
        """Self-check without a symptom, and consent to the text in force."""
        await self.act("self-check", {"symptoms": []})
        text = await self.patient.ask("/v1/consent-texts/revisit")
        await self.act("consent", {"text_version": text["version"], "text_hash": text["hash"]})

    async def order(self) -> str:
        """A channel order of the visit's charge: its id."""
        ordered = await self.patient.act(f"/v1/charges/{await self.charge_id()}/orders", {"scene": "native"})
        return str(ordered["charge"]["orders"][-1]["order_id"])

    async def pay(self) -> str:
        """Ordered, and paid on the phone; what follows is the house's."""
        order = await self.order()
        await self.hospital.pay(order)
        return order

    async def charge_id(self) -> str:
        return str((await self.now())["charge_id"])

    async def charge(self) -> Json:
        return await self.patient.ask(f"/v1/charges/{await self.charge_id()}")

    async def accept(self) -> Json:
        return await self.hospital.doctor.act(f"{self.path}/accept")

    async def decline(self, reason: str, note: str | None = None) -> Json:
        """退诊, by the doctor; for a reason of the hospital by 门诊办."""
        by = self.hospital.manager if reason == "hospital" else self.hospital.doctor
        return await by.act(f"{self.path}/decline", {"reason": reason, "note": note})

    async def record(self) -> Json:
        """病历 as its doctor reads it."""
        return await self.hospital.doctor.ask(f"{self.path}/record")

    async def signs_record(self, *states: str, **changed: object) -> Json:
        """病历 saved, asked to be signed and confirmed on the doctor's phone; then followed until it stands there: filed, unless said."""
        read(await self.hospital.doctor.record(self.id, **changed))
        await self.hospital.doctor.act(f"{self.path}/record/sign")
        await self.hospital.confirm(f"doc-{DOCTOR}", self.id)
        return await self.until_record(*(states or ("filed",)))

    async def until_record(self, *states: str) -> Json:
        """Follow the last signing until it stands in one of the states."""
        return await until(f"the record to be {states}", self.record, lambda seen: seen["signing"]["state"] in states)

    async def end(self) -> None:
        """病历, signed, and 结束问诊."""
        await self.signs_record()
        await self.hospital.doctor.act(f"{self.path}/end")
        await self.until("ended")

    async def survey(self) -> Json:
        """满意度调查 as the patient sees it."""
        return await self.patient.ask(f"{self.path}/survey")

    async def answers_survey(self) -> None:
        """Content with everything; the visit closes when nothing else of it is open."""
        version = (await self.survey())["questionnaire"]["version"]
        await self.act("survey", {"version": version, "answers": SATISFIED})
        await self.until("closed")

    # What the outside holds of it

    async def appointments(self) -> list[Json]:
        """Every place that the HIS ever gave to this person, in its books."""
        return [one for one in (await self.hospital.his())["appointments"] if one["patient_id"] == self.patient.card.id]

    async def his_bill(self) -> Json:
        """The bill of this person's last place, and what was settled of it and given back."""
        his = await self.hospital.his()
        place = (await self.appointments())[-1]
        [bill] = [one for one in his["invoices"] if one["appointment_id"] == place["id"]]
        of_it = {name: [one["amount_fen"] for one in his[name] if one["invoice_id"] == bill["id"]] for name in ("settlements", "reversals")}
        return bill | of_it | {"place": place["status"]}

    # Its money

    async def money(self) -> list[Json]:
        """The charges of the timeline."""
        return (await self.timeline())["money"]

    async def refunds(self) -> list[Json]:
        """退费进度, oldest first."""
        return (await self.timeline())["refunds"]

    async def refund(self, state: str = "arrived", *, of: int = 1, within_s: float = WITHIN_S) -> Json:
        """Follow the last of so many refunds until it stands there."""

        async def last() -> Json:
            found = await self.refunds()
            return found[-1] if len(found) == of else {"state": f"{len(found)} refunds"}

        return await until(f"the refund to be {state}", last, lambda one: one["state"] == state, within_s)

    async def given_back(self, cause: str, *, place: str = "cancelled", within_s: float = WITHIN_S) -> Json:
        """All that was paid is back, once, in everybody's books and on the phone."""
        back = await self.refund(within_s=within_s)
        charge, bill = await self.charge(), await self.his_bill()
        fee = charge["amount_fen"]
        assert (back["cause"], back["amount_fen"]) == (cause, fee)
        told = [datetime.fromisoformat(back[at]).replace(microsecond=0) for at in ("requested_at", "accepted_at", "arrived_at")]
        assert told == sorted(told)
        bank = await self.hospital.bank(*(one["order_id"] for one in charge["orders"]))
        assert [(one["status"], one["refund_fen"]) for one in bank["refunds"]] == [("SUCCESS", fee)]
        assert [one["total_fen"] for one in bank["payments"]] == [fee]
        assert (bill["status"], bill["settlements"], bill["reversals"], bill["place"]) == ("cancelled", [fee], [fee], place)
        lines = await self.hospital.manager.ask(f"/v1/charges/{charge['id']}/ledger")
        assert [one["cause"] for one in lines["lines"][::2]] == [
            *("charge.paid", "charge.settled", "refund.cleared", "refund.accepted", "refund.arrived")
        ]
        assert await self.told("SMS_REFUND_ARRIVED") == 1
        return back

    async def told(self, template: str) -> int:
        """How often the phone was sent it, once it was."""

        async def shown() -> list[Json]:
            return await self.hospital.texts(self.patient.card.phone, template)

        return len(await until(f"{template} on the phone", shown, bool))

    async def took_place_once(self) -> None:
        """One place, one payment, one settlement, one encounter, each step and each message once."""
        hospital = self.hospital
        [appointment] = await self.appointments()
        his = await hospital.his()
        [bill] = [one for one in his["invoices"] if one["appointment_id"] == appointment["id"]]
        [settlement] = [one for one in his["settlements"] if one["invoice_id"] == bill["id"]]
        [encounter] = [one for one in his["encounters"] if one["appointment_id"] == appointment["id"]]
        [order] = (await self.charge())["orders"]
        [payment] = (await hospital.bank(order["order_id"]))["payments"]
        assert (appointment["status"], bill["status"], encounter["status"]) == ("fulfilled", "balanced", "finished")
        assert settlement["amount_fen"] == payment["total_fen"] == bill["total_fen"]
        steps = [step for step in await self.steps() if step != "queue.urge"]
        assert len(steps) == len(set(steps)), steps
        ledger = await hospital.manager.ask(f"/v1/charges/{await self.charge_id()}/ledger")
        income = sum(line["amount_fen"] for line in ledger["lines"] if line["account"] == "hospital_income")
        assert (ledger["total_fen"], income) == (0, -payment["total_fen"])
        assert await self.told("SMS_REVISIT_ENDED") == 1
        shown = sorted(text["template_code"] for text in await hospital.texts(self.patient.card.phone))
        assert shown == ["SMS_REVISIT_BOOKED", "SMS_REVISIT_CALLED", "SMS_REVISIT_ENDED", "SMS_SIGN_IN_CODE"]
