"""Who takes part in the demonstration, and what they do more than once: through public interfaces, and at the outside world's desks."""

import asyncio
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from string import digits
from typing import Any

import httpx

from models.kernel.clock import SHANGHAI
from stack.errors import WalkError
from stack.seed import DOCTOR, PASSWORD, PHONES
from stack.supervisor import Addresses

WAIT_S = 30.0
CODE_PAUSE_MAX_S = 90
LEFT_MIN_S = 20 * 60
"""The demonstrated slot has at least as much left."""


def say(line: str) -> None:
    sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()


@dataclass
class Person:
    """Someone signed in: a browser of its own."""

    http: httpx.AsyncClient
    headers: dict[str, str]

    async def ask(self, path: str, **parameters: str) -> Any:
        return _read(await self.http.get(path, params=parameters, headers=self.headers))

    async def act(self, path: str, body: object = None) -> Any:
        """Each wish under a key of its own, repeated under it until the answer is definite."""
        headers = self.headers | {"Idempotency-Key": uuid.uuid4().hex}
        ends = time.monotonic() + WAIT_S
        while True:
            answer = await self.http.post(path, json={} if body is None else body, headers=headers)
            if answer.status_code not in {202, 503} or time.monotonic() > ends:
                return _read(answer)
            await asyncio.sleep(1)


def _read(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise WalkError(f"the walk met {answer.status_code} at {answer.request.method} {answer.request.url.path}: {answer.text[:400]}")
    return answer.json() if answer.content else None


class Walk:
    """The persons of the demonstration and the outside world that they meet."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._http = httpx.AsyncClient(base_url=addresses.api, timeout=20, trust_env=False)
        self._outside = httpx.AsyncClient(base_url=addresses.sandbox, timeout=20, trust_env=False)
        self._told: set[tuple[str, ...]] = set()

    async def aclose(self) -> None:
        await self._http.aclose()
        await self._outside.aclose()

    async def _code(self, phone: str, before: int) -> str:
        """The newest code on the phone, read where a person would read it."""
        texts = await self._until(f"a code on the phone {phone[:3]}****", lambda: self._codes(phone), lambda found: len(found) > before)
        return "".join(char for char in texts[-1].partition("验证码")[2] if char in digits)[:6]

    async def _codes(self, phone: str) -> list[str]:
        return [one for one in await self.texts(phone) if "验证码" in one]

    async def texts(self, phone: str) -> list[str]:
        """What the phone shows, oldest first."""
        found = _read(await self._outside.get(f"/sms/phones/{phone}/messages"))
        return [one["text"] for one in sorted(found, key=lambda one: one["sent_at"])]

    async def _until(self, what: str, look: Callable[[], Any], fits: Callable[[Any], bool]) -> Any:
        """A demonstration watches as a person's screen does: it looks again until it sees what it waits for."""
        ends = time.monotonic() + WAIT_S
        while not fits(seen := await look()):
            if time.monotonic() > ends:
                raise WalkError(f"the walk waited {WAIT_S:.0f} s for {what}")
            await asyncio.sleep(0.1)
        return seen

    async def patient(self, name: str, phone: str) -> tuple[Person, str]:
        """Registered at the hospital with a past visit, signed in and bound; the bound patient's id beside them."""
        card = {"name": name, "phone": phone, "address": "北京市通州区北马厂149号", "encounters": [{"days_ago": 40}]}
        registered = _read(await self._outside.post("/his/desk/patients", json=card))
        person = await self._sign_in("患者", phone, "/v1/account/codes", "/v1/account/sessions", {"phone": phone})
        bound = await person.act("/v1/patients", {"name": name, "id_number": registered["id_number"], "relation": "self"})
        return person, bound["id"]

    async def staff(self, login: str) -> Person:
        secret = {"login": login, "password": PASSWORD}
        return await self._sign_in(login, PHONES[login], "/v1/account/staff/codes", "/v1/account/staff/sessions", secret)

    async def _sign_in(self, name: str, phone: str, codes: str, sessions: str, who: dict[str, str]) -> Person:
        before = len(await self._codes(phone))
        answer = await self._http.post(codes, json=who)
        if answer.status_code == 429:  # one code a minute: who was here a moment ago waits like everybody
            pause = int(answer.headers["Retry-After"])
            if pause > CODE_PAUSE_MAX_S:
                raise WalkError(f"{name} ({phone}) has had all codes of today: begin with another DATA folder, or tomorrow")
            say(f"（{name} 的手机 {phone} 刚收过验证码，{pause} 秒后再发）")
            await asyncio.sleep(pause)
            answer = await self._http.post(codes, json=who)
        _read(answer)
        opened = _read(await self._http.post(sessions, json=who | {"code": await self._code(phone, before)}))
        return Person(self._http, {"Authorization": f"Bearer {opened['token']}"})

    async def until_found(self, what: str, look: Callable[[], Any]) -> Any:
        """What a look at last shows."""
        return await self._until(what, look, bool)

    async def outside(self, path: str, body: object = None) -> Any:
        """Somebody at a desk of the outside world."""
        return _read(await self._outside.post(path, json={} if body is None else body))

    async def at_console(self, path: str, **form: str) -> None:
        """Somebody presses a button of the sandbox's console."""
        answer = await self._outside.post(f"/console/{path}", data=form)
        if not answer.is_redirect:
            raise WalkError(f"the console answered {answer.status_code} at {path}")

    async def seen_outside(self, path: str) -> Any:
        return _read(await self._outside.get(path))

    async def told(self, person: Person, visit: str) -> Any:
        """The timeline as the patient reads it; what is new is printed, wherever it stands: processes side by side commit out of order."""
        story = await person.ask(f"/v1/revisits/{visit}/timeline")
        steps = {(visit, one["at"], one["title"], one["state_text"]): one for one in story["steps"]}
        for step in (one for number, one in steps.items() if number not in self._told):
            at = datetime.fromisoformat(step["at"]).astimezone(SHANGHAI)
            say(f"{at:%H:%M:%S}  {step['title']}{'　' * (9 - len(step['title']))}→ {step['state_text']}")
        self._told |= steps.keys()
        return story["revisit"]

    async def until(self, person: Person, visit: str, *states: str) -> Any:
        async def look() -> Any:
            return await self.told(person, visit)

        seen = await self._until(
            f"the visit to be {' or '.join(states)}", look, lambda now: now["state"] in {*states, "refused", "cancelled"}
        )
        if seen["state"] not in states:
            raise WalkError(f"the visit is {seen['state_text']}: {seen['refusal_text'] or seen['reason']}")
        return seen

    async def open_slot(self, person: Person) -> str:
        """A place at the demo doctor's, now, with enough of its time left."""

        async def look() -> Any:
            found = await person.ask("/v1/slots", doctor_id="doc-wangjianguo")
            return [one for one in found["items"] if _fits(one)]

        return (await self._until("an open slot of today", look, bool))[0]["id"]

    async def booked(self, patient: Person, patient_id: str, slot: str) -> tuple[str, str]:
        """From 发起 to 待报到, paid; answers the visit and its charge."""
        visit: str = (await patient.act(f"/v1/patients/{patient_id}/revisits", {}))["id"]
        text = await patient.ask("/v1/consent-texts/revisit")
        await self.until(patient, visit, "consenting")
        story = "活动后气短较前减轻，偶有咳嗽，规律用药，想复诊。"
        steps: dict[str, Any] = {"self-check": {"symptoms": []}, "consent": {"text_version": text["version"], "text_hash": text["hash"]}}
        for action, body in (steps | {"choose-slot": {"slot_id": slot}, "describe": {"text": story}}).items():
            await patient.act(f"/v1/revisits/{visit}/{action}", body)
            await self.told(patient, visit)
        charge: str = (await self.until(patient, visit, "paying"))["charge_id"]
        await self.pay(charge, patient)
        await self.until(patient, visit, "booked")
        return visit, charge

    async def pay(self, charge: str, person: Person) -> None:
        """The phone scans the code: the bank's side, by the sandbox's cashier."""
        ordered = await person.act(f"/v1/charges/{charge}/orders", {"scene": "native"})
        number = uuid.UUID(ordered["charge"]["orders"][-1]["order_id"]).hex
        _read(await self._outside.post(f"/wechat/cashier/{number}/pay", json={}))

    async def record(self, doctor: Person, visit: str) -> None:
        """病历, with its diagnosis, confirmed on the doctor's phone."""
        history, advice = "慢阻肺病史，规律吸入治疗，症状较前减轻。", "继续原方案吸入治疗，四周后复查肺功能。"
        content = {"complaint": "活动后气短复诊", "history": history, "advice": advice}
        body = {"content": content, "diagnosis_code": "J44.900", "diagnosis_text": "慢性阻塞性肺疾病"}
        _read(await self._http.put(f"/v1/revisits/{visit}/record", json=body, headers=doctor.headers))
        await doctor.act(f"/v1/revisits/{visit}/record/sign")
        await self.confirmed(f"doc-{DOCTOR}")

        async def signed() -> Any:
            return (await doctor.ask(f"/v1/revisits/{visit}/record"))["signed"]

        await self.until_found("the record to be signed", signed)

    async def confirmed(self, staff_id: str) -> None:
        """The signer's phone shows the task; a finger confirms it."""

        async def task() -> Any:
            return await self.seen_outside(f"/signature/phone/tasks?staff_id={staff_id}")

        for one in await self.until_found(f"a task on the phone of {staff_id}", task):
            await self.outside(f"/signature/phone/tasks/{uuid.UUID(one['number']).hex}/confirm")

    async def books(self, manager: Person, charge: str, *, given_back: bool = False) -> bool:
        """Our ledger, the bank and the HIS, to the fen; given back, nothing of it is left with any of them."""
        ours = await manager.ask(f"/v1/charges/{charge}")
        due = 0 if given_back else ours["amount_fen"]
        numbers = {uuid.UUID(one["order_id"]).hex for one in ours["orders"]}
        bank, his = await self.seen_outside("/books/wechat_pay"), await self.seen_outside("/books/his")
        paid = _sum(bank["payments"], "total_fen", lambda one: one["out_trade_no"] in numbers)
        paid -= _sum(bank["refunds"], "refund_fen", lambda one: one["out_trade_no"] in numbers and one["status"] == "SUCCESS")
        bills = {one["invoice_id"] for one in his["settlements"] if one["payment_no"] == uuid.UUID(charge).hex}
        settled = _sum(his["settlements"], "amount_fen", lambda one: one["invoice_id"] in bills)
        settled -= _sum(his["reversals"], "amount_fen", lambda one: one["invoice_id"] in bills)
        legs = (await manager.ask(f"/v1/charges/{charge}/ledger"))["lines"]
        sum_of_legs = _sum(legs, "amount_fen")
        income = -_sum(legs, "amount_fen", lambda one: one["account"] == "hospital_income")
        proof = await manager.ask("/v1/ledger/proof")
        proved = "无误" if proof["proved"] else f"有误 {proof['faults']}"
        told = f"微信支付 {paid}，HIS {settled}，医院收入 {income}，分录合计 {sum_of_legs}；账务核验{proved}"
        say(f"账目核对（分）：{'退费后' if given_back else ''}应收 {due}，{told}")
        return due == paid == settled == income and sum_of_legs == 0 and proof["proved"]


def _sum(rows: list[dict[str, Any]], name: str, which: Callable[[dict[str, Any]], bool] = bool) -> int:
    return sum(one[name] for one in rows if which(one))


def _fits(slot: dict[str, Any]) -> bool:
    """Of a 就诊单元 that is open now and does not close before the visit is over."""
    now = datetime.now().astimezone()
    begins, ends = datetime.fromisoformat(slot["unit_starts_at"]), datetime.fromisoformat(slot["unit_ends_at"])
    return slot["left"] > 0 and slot["state"] == "open" and begins <= now and (ends - now).total_seconds() >= LEFT_MIN_S
