"""What the hospital changes about a 就诊单元 after people have booked there: 停诊 of all of it or a part, 替诊, another time, 恢复.

Each change gives the 就诊单元 one new version, and is told by a message with it [4b].
"""

import sqlite3
from collections.abc import Callable, Collection
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from sandbox.his import places, schedules
from sandbox.his.demo.staff import DOCTORS
from sandbox.his.elements import Json
from sandbox.his.hospital import Hospital
from sandbox.his.messages import Messages
from sandbox.his.outcome import Refusal

Change = Literal["stop", "replace", "time-moved", "resume"]
MINUTE_MS = 60_000
_LISTED = """
SELECT unit.*, (SELECT count(*) FROM his_slot WHERE schedule_id = unit.id) AS slots,
    (SELECT count(*) FROM his_slot WHERE schedule_id = unit.id AND stopped = 1) AS stopped,
    (SELECT count(*) FROM his_appointment AS held WHERE held.schedule_id = unit.id AND held.status IN ('pending', 'booked', 'checked-in'))
        AS waiting
FROM his_schedule AS unit WHERE unit.end_ms > ? ORDER BY waiting > 0 DESC, unit.start_ms, unit.id LIMIT ?
"""


class StopIn(BaseModel):
    """Without slots the whole 就诊单元."""

    model_config = ConfigDict(extra="forbid")
    slots: Annotated[list[str], Field(max_length=200)] | None = None


_WHOLE: Final = StopIn()


class ReplaceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    doctor: str


class MoveIn(BaseModel):
    """All of it, so many minutes later, or earlier."""

    model_config = ConfigDict(extra="forbid")
    minutes: Annotated[int, Field(ge=-24 * 60, le=24 * 60)]


class Clinics:
    """The door of the hospital's own scheduling office."""

    def __init__(self, hospital: Hospital, messages: Messages) -> None:
        self._hospital, self._messages = hospital, messages

    def mount(self, router: APIRouter) -> None:
        """The calls."""
        router.add_api_route("/schedules/{id}/stop", self.stop, methods=["POST"])
        router.add_api_route("/schedules/{id}/resume", self.resume, methods=["POST"])
        router.add_api_route("/schedules/{id}/replace", self.replace, methods=["POST"])
        router.add_api_route("/schedules/{id}/move", self.move, methods=["POST"])
        router.add_api_route("/schedules/{id}/tell-again", self.tell_again, methods=["POST"])
        router.add_api_route("/slots/{id}/stop", self.stop_slot, methods=["POST"])
        router.add_api_route("/doctors/{id}/stop", self.stop_doctor, methods=["POST"])

    async def stop_slot(self, id: str) -> Json:
        """停诊 of one slot; stopped already answers the same versions again."""
        row = self._hospital.store.row("SELECT schedule_id FROM his_slot WHERE id = ?", id)
        if row is None:
            raise Refusal("not-found")
        told = await self.stop(row["schedule_id"], StopIn(slots=[id]))
        slot = self._hospital.store.rows("SELECT version FROM his_slot WHERE id = ?", id)[0]
        return told | {"slot": id, "slot_version": str(slot["version"])}

    async def stop(self, id: str, wish: StopIn = _WHOLE) -> Json:
        """停诊, whole or in part; what is stopped already changes nothing and is not told again."""
        return self.stop_unit(id, wish.slots)

    def stop_unit(self, id: str, slots: Collection[str] | None = None) -> Json:
        """The same for the console."""
        cancelled: list[str] = []

        def change(db: sqlite3.Connection, now_ms: int) -> bool:
            of_it = [row["id"] for row in db.execute("SELECT id FROM his_slot WHERE schedule_id = ?", (id,))]
            if unknown := set(slots or ()) - set(of_it):
                raise Refusal("invalid", "slots", f"not of this 就诊单元: {sorted(unknown)[0]}")
            wanted = [slot for slot in of_it if slots is None or slot in slots]
            done = [places.stop(db, slot, now_ms) for slot in wanted]
            cancelled.extend(one for ended in done if ended for one in ended)
            return any(ended is not None for ended in done)

        return self._change(id, "stop", change) | {"cancelled": cancelled}

    async def stop_doctor(self, id: str) -> Json:
        """停诊 of a doctor: each 就诊单元 of theirs that is not over."""
        now_ms = self._hospital.now_ms()
        units = self._hospital.store.rows("SELECT id FROM his_schedule WHERE practitioner_id = ? AND end_ms > ?", id, now_ms)
        if not units:
            raise Refusal("not-found")
        return {"schedules": [self.stop_unit(unit["id"]) for unit in units]}

    async def resume(self, id: str) -> Json:
        """恢复: its places can be booked again. Whoever was cancelled stays so."""
        return self.resume_unit(id)

    def resume_unit(self, id: str) -> Json:
        """The same for the console."""

        def change(db: sqlite3.Connection, now_ms: int) -> bool:
            resumed = "UPDATE his_slot SET stopped = 0, version = version + 1, updated_ms = ? WHERE schedule_id = ? AND stopped = 1"
            return db.execute(resumed, (now_ms, id)).rowcount > 0

        return self._change(id, "resume", change)

    async def replace(self, id: str, wish: ReplaceIn) -> Json:
        """替诊: another doctor sees the same people at the same time. Refused when that doctor has a 就诊单元 then."""

        def change(db: sqlite3.Connection, now_ms: int) -> bool:
            doctor = next((one for one in DOCTORS if one.id == wish.doctor), None)
            if doctor is None:
                raise Refusal("invalid", "doctor", "no such Practitioner")
            try:
                changed = "UPDATE his_schedule SET practitioner_id = ?, doctor_name = ? WHERE id = ? AND practitioner_id <> ?"
                return db.execute(changed, (doctor.id, doctor.name, id, doctor.id)).rowcount > 0
            except sqlite3.IntegrityError:
                raise Refusal("invalid", "doctor", "has a 就诊单元 of their own at that time") from None

        return self._change(id, "replace", change)

    async def move(self, id: str, wish: MoveIn) -> Json:
        """Another time on the same day."""
        return self.move_unit(id, wish.minutes)

    def move_unit(self, id: str, minutes: int) -> Json:
        """The same for the console."""

        def change(db: sqlite3.Connection, now_ms: int) -> bool:
            by = minutes * MINUTE_MS
            db.execute("UPDATE his_schedule SET start_ms = start_ms + ?, end_ms = end_ms + ? WHERE id = ?", (by, by, id))
            moved = "UPDATE his_slot SET start_ms = start_ms + ?, end_ms = end_ms + ?, version = version + 1, updated_ms = ? "
            db.execute(moved + "WHERE schedule_id = ?", (by, by, now_ms, id))
            return by != 0

        return self._change(id, "time-moved", change)

    def listed(self, limit: int) -> list[sqlite3.Row]:
        """就诊单元 that are not over, those that people wait for first."""
        return self._hospital.store.rows(_LISTED, self._hospital.now_ms(), limit)

    async def tell_again(self, id: str) -> Json:
        """The messages about a 就诊单元 once more, whatever became of them."""
        return {"messages": self._messages.again(id)}

    def _change(self, id: str, event: Change, change: Callable[[sqlite3.Connection, int], bool]) -> Json:
        now_ms = self._hospital.now_ms()
        with self._hospital.store.transaction() as db:
            if db.execute("SELECT 1 FROM his_schedule WHERE id = ?", (id,)).fetchone() is None:
                raise Refusal("not-found")
            changed = change(db, now_ms)
            if changed:
                db.execute("UPDATE his_schedule SET version = version + 1, updated_ms = ? WHERE id = ?", (now_ms, id))
            unit: Any = db.execute("SELECT * FROM his_schedule WHERE id = ?", (id,)).fetchone()
            if changed:
                self._messages.enqueue(db, event, id, [schedules.schedule(unit)])
        self._messages.wake()
        return {"schedule": id, "schedule_version": str(unit["version"]), "changed": changed}
