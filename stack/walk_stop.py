"""The demonstration of a stopped clinic: a second patient books at another doctor's, the HIS stops that clinic, and everybody sees it."""

from datetime import datetime
from typing import Any

from models.kernel.clock import SHANGHAI
from stack.errors import WalkError
from stack.seed import DOCTOR
from stack.walk import Person, Walk, say

PATIENT_NAME = "李文斌"
LIVE = frozenset({"pending", "booked", "checked-in"})
SHOWN = 3
"""Of the free slots behind the link."""


class Stop:
    """One visit of a patient whose clinic is stopped."""

    def __init__(self, on: Walk, patient: Person, phone: str, manager: Person) -> None:
        self._on, self._patient, self._phone, self._manager = on, patient, phone, manager

    async def walked(self, patient_id: str) -> str:
        """Booked, stopped, given back, told, and free to book anew; answers the charge. The clinic is held again at the end, so that the
        next demonstration finds it."""
        slot = await self._slot()
        say(f"演示：{PATIENT_NAME} 预约{slot['doctor']}，医生停诊")
        visit, charge = await self._on.booked(self._patient, patient_id, slot["id"])
        await self._on.at_console("clinics", id=slot["schedule_id"], act="stop")
        say("          医院在 HIS 中停诊该就诊单元")
        try:
            await self._on.until(self._patient, visit, "suspended")
            await self._on.until_found("the money to be back", lambda: self._arrived(visit))
            say(f"          短信：{await self._text(visit)}")
            again = await self._patient.ask(f"/v1/revisits/{visit}/again")
            near = dict.fromkeys(map(_shown, again["slots"]))
            say(f"          再次预约：{'；'.join([*near][:SHOWN]) or '本科室近期无号'}")
            seen = await self._on.until_found("the stop to be done", lambda: self._progress(slot["schedule_id"]))
            say(f"停诊进展（门诊办）：{seen}")
        finally:
            await self._on.at_console("clinics", id=slot["schedule_id"], act="resume")
        return charge

    async def _slot(self) -> dict[str, Any]:
        """A place of another doctor's in the same department, in a 就诊单元 that nobody else has booked: nobody else is to be stopped."""
        [own, *_] = (await self._patient.ask("/v1/slots", doctor_id=f"doc-{DOCTOR}"))["items"]
        his = await self._on.seen_outside("/books/his")
        booked = {one["schedule_id"] for one in his["appointments"] if one["status"] in LIVE}
        found = await self._patient.ask("/v1/slots", department_id=own["department_id"], limit="100")
        for one in found["items"]:
            to_come = datetime.fromisoformat(one["unit_starts_at"]) > datetime.now().astimezone()
            free = one["left"] > 0 and one["state"] == "open" and one["schedule_id"] not in booked
            if to_come and free and one["doctor_id"] != own["doctor_id"]:
                return one
        raise WalkError("no clinic of another doctor is free to be stopped")

    async def _arrived(self, visit: str) -> bool:
        await self._on.told(self._patient, visit)
        refunds = (await self._patient.ask(f"/v1/revisits/{visit}/timeline"))["refunds"]
        return [one["state"] for one in refunds] == ["arrived"]

    async def _text(self, visit: str) -> str:
        """As the phone shows it; by night it waits for the morning, and stands in the management's log."""

        async def logged() -> Any:
            log = await self._manager.ask("/v1/messages", visit_id=visit)
            return next((one for one in log["items"] if one["template"] == "revisit_suspended"), None)

        message = await self._on.until_found("the message", logged)
        due_at = datetime.fromisoformat(message["due_at"])
        if due_at > datetime.now().astimezone():
            return f"{message['text']}（免打扰时段，{due_at.astimezone(SHANGHAI):%H:%M} 发送）"

        async def received() -> Any:
            return [one for one in await self._on.texts(self._phone) if "停诊" in one]

        return (await self._on.until_found("the message on the phone", received))[0]

    async def _progress(self, schedule_id: str) -> str | None:
        """As the management sees it, once all have gone and their money has arrived."""
        found = (await self._manager.ask("/v1/suspensions"))["items"]
        one = next((one for one in found if one["schedule_id"] == schedule_id), None)
        if one is None or one["state"] != "done" or one["progress"]["arrived"] < one["progress"]["refunded"]:
            return None
        seen = one["progress"]
        words = {"stopped": "停诊", "moved": "已处理", "refunded": "退费", "arrived": "已到账", "told": "已发短信"}
        return f"{one['title']}；{'，'.join(f'{words[name]} {seen[name]} 人' for name in words)}"


def _shown(slot: dict[str, Any]) -> str:
    return f"{datetime.fromisoformat(slot['starts_at']).astimezone(SHANGHAI):%m-%d %H:%M} {slot['doctor']}"
